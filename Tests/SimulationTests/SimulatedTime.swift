import MeterModel
import Notifications
import Synchronization

/// Time that goes by when the simulation says so, and a clock that is set now and then, backwards too.
///
/// Invariant: who waits, waits for time that goes by, whatever the clock is set to, and looks at it again now and then:
/// as `SystemPause` does.
final class SimulatedTime: WallClock, Pausing {
    private struct State {
        var now: Instant
        /// Milliseconds since the beginning.
        var elapsed: Int64 = 0
        /// Ascending by `id`.
        var sleepers: [(id: Int, until: Int64, wake: CheckedContinuation<Void, Never>)] = []
        var nextID = 0
        var cancelled: Set<Int> = []
    }

    /// The longest wait in one go, in milliseconds.
    private static let maximumPause: Int64 = 60_000

    private let state: Mutex<State>

    init(_ now: Instant) { state = Mutex(State(now: now)) }

    func now() -> Instant { state.withLock { $0.now } }

    /// Milliseconds that went by since the beginning.
    var elapsed: Int64 { state.withLock { $0.elapsed } }

    func pause(until instant: Instant) async throws {
        try await pause(for: min(instant.milliseconds - now().milliseconds, SimulatedTime.maximumPause))
    }

    /// Waits until so much time went by.
    func pause(for milliseconds: Int64) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.cancelled.remove(id) != nil || milliseconds <= 0 { return true }
                    state.sleepers.append((id, state.elapsed + milliseconds, continuation))
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let sleeper = state.withLock { state -> CheckedContinuation<Void, Never>? in
                guard let i = state.sleepers.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.sleepers.remove(at: i).wake
            }
            sleeper?.resume()
        }
        try Task.checkCancellation()
    }

    /// Lets time go by.
    func advance(_ milliseconds: Int64) {
        let woken = state.withLock { state in
            state.now.milliseconds += milliseconds
            state.elapsed += milliseconds
            let elapsed = state.elapsed
            let due = state.sleepers.filter { $0.until <= elapsed }
            state.sleepers.removeAll { $0.until <= elapsed }
            return due.map(\.wake)
        }
        for continuation in woken { continuation.resume() }
    }

    /// Sets the clock.
    func jump(_ milliseconds: Int64) { state.withLock { $0.now.milliseconds += milliseconds } }
}
