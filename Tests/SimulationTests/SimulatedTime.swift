import MeterModel
import Notifications
import Synchronization

/// Time that goes by when the simulation says so, backwards too: the clock of the process and what waits for it.
final class SimulatedTime: WallClock, Pausing {
    private struct State {
        var now: Instant
        /// Ascending by `id`.
        var sleepers: [(id: Int, until: Instant, wake: CheckedContinuation<Void, Never>)] = []
        var nextID = 0
        var cancelled: Set<Int> = []
    }

    private let state: Mutex<State>

    init(_ now: Instant) { state = Mutex(State(now: now)) }

    func now() -> Instant { state.withLock { $0.now } }

    func pause(until instant: Instant) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.cancelled.remove(id) != nil || state.now >= instant { return true }
                    state.sleepers.append((id, instant, continuation))
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

    func advance(_ milliseconds: Int64) {
        let woken = state.withLock { state in
            state.now.milliseconds += milliseconds
            let now = state.now
            let due = state.sleepers.filter { $0.until <= now }
            state.sleepers.removeAll { $0.until <= now }
            return due.map(\.wake)
        }
        for continuation in woken { continuation.resume() }
    }
}
