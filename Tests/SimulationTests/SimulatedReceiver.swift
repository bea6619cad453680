import FleetSimulator
import MeterModel
import Notifications
import Synchronization

/// The other end of a push channel: takes, refuses, hangs, or takes without its answer getting through.
final class SimulatedReceiver: Courier {
    /// What it does with most of what comes.
    enum Mood: CaseIterable {
        case healthy
        case busy
        case broken
        case silent
        /// It takes what comes, and half of its answers get lost.
        case forgetful
    }

    private struct State {
        var random: SeededGenerator
        var mood = Mood.healthy
        var takenCounts: [String: Int] = [:]
        var bodies: [String: [UInt8]] = [:]
        var changedBodies: Set<String> = []
    }

    private let time: SimulatedTime
    private let state: Mutex<State>

    init(seed: UInt64, time: SimulatedTime) {
        self.time = time
        state = Mutex(State(random: SeededGenerator(seed: seed)))
    }

    var mood: Mood {
        get { state.withLock { $0.mood } }
        set { state.withLock { $0.mood = newValue } }
    }

    /// How often it took each message, by id.
    var takenCounts: [String: Int] { state.withLock { $0.takenCounts } }

    /// Messages that came with one id and several bodies.
    var changedBodies: Set<String> { state.withLock { $0.changedBodies } }

    func deliver(_ message: PushMessage, to channel: ChannelConfiguration) async -> Answer {
        let (answer, delay) = state.withLock { state -> (Answer, Int64) in
            if state.bodies.updateValue(message.body, forKey: message.id).map({ $0 != message.body }) ?? false {
                state.changedBodies.insert(message.id)
            }
            let chance = state.random.below(10)
            func take() { state.takenCounts[message.id, default: 0] += 1 }
            switch state.mood {
            case .busy where chance < 8: return (.responded(status: 503, retryAfterMilliseconds: 700, snippet: ""), 5)
            case .broken where chance < 8: return (.unreachable("connection refused"), 1)
            case .silent where chance < 8: return (.timedOut, channel.timeoutMilliseconds)
            case .forgetful:
                take()
                return chance < 5 ? (.timedOut, channel.timeoutMilliseconds) : (Self.taken, 20)
            case .healthy, .busy, .broken, .silent:
                take()
                return (Self.taken, Int64(chance))
            }
        }
        let end = Instant(milliseconds: time.now().milliseconds + delay)
        while time.now() < end, !Task.isCancelled { try? await time.pause(until: end) }
        return Task.isCancelled ? .timedOut : answer
    }

    private static let taken = Answer.responded(status: 200, retryAfterMilliseconds: nil, snippet: "ok")
}
