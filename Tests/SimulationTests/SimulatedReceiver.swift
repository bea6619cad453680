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
        /// Those whose sender knows that they were taken, since it began.
        var answered: Set<String> = []
        var repeated: Set<String> = []
    }

    private let time: SimulatedTime
    private let witness: SimulatedWitness
    private let state: Mutex<State>

    init(seed: UInt64, time: SimulatedTime, witness: SimulatedWitness) {
        self.time = time
        self.witness = witness
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

    /// Messages that came again though their sender knew, or the log does, that nothing more is to be told.
    var repeated: Set<String> { state.withLock { $0.repeated } }

    /// The sender is another process now.
    func meetAnother() { state.withLock { $0.answered = [] } }

    func deliver(_ message: PushMessage, to channel: ChannelConfiguration) async -> Answer {
        let isSettled = witness.isSettled(message.id)
        let (answer, delay) = state.withLock { state -> (Answer, Int64) in
            if isSettled || state.answered.contains(message.id) { state.repeated.insert(message.id) }
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
        try? await time.pause(for: delay)
        if Task.isCancelled { return .timedOut }
        if case .responded(status: 200, _, _) = answer { state.withLock { _ = $0.answered.insert(message.id) } }
        return answer
    }

    private static let taken = Answer.responded(status: 200, retryAfterMilliseconds: nil, snippet: "ok")
}
