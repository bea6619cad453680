import Access
import Ingest
import MeterModel
import Synchronization

/// A body on its way through the intake: hands bytes over as fast as they are taken in, and waits for the end.
final class BodySession: SessionFollowing {
    /// Bytes that may wait in the intake.
    static let maximumUnconsumedByteCount = 1 << 20

    private struct State {
        /// Nil once all that came of it is known.
        var session: LineSession?
        var unconsumed = 0
        var end: (SessionSummary, SessionFault?)?
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let intake: IntakeThread
    private let state = Mutex(State())

    init(_ intake: IntakeThread, terms: SessionTerms, principal: Principal) {
        self.intake = intake
        let session = LineSession(terms, principal: principal, follower: self)
        state.withLock { $0.session = session }
    }

    /// Hands in bytes, once there is room for them.
    ///
    /// - Returns: false where no more are wanted, the session having ended.
    func take(_ bytes: [UInt8]) async -> Bool {
        await wait { $0.unconsumed < BodySession.maximumUnconsumedByteCount || $0.end != nil }
        if !intake.hasRoom {
            await withCheckedContinuation { continuation in intake.whenRoom { continuation.resume() } }
        }
        let session = state.withLock { state in
            guard state.end == nil else { return LineSession?.none }
            state.unconsumed += bytes.count
            return state.session
        }
        guard let session else { return false }
        intake.take(bytes, isLast: false, from: session)
        return true
    }

    /// Waits until everything handed in is durable or refused.
    ///
    /// - Parameter isWhole: whether the input has come to its end; if not, an unfinished line is not taken in.
    /// - Returns: what came of it, and why it ended where that was before its input did.
    func finish(isWhole: Bool = true) async -> (SessionSummary, SessionFault?) {
        if let session = state.withLock({ $0.session }) {
            if isWhole { intake.take([], isLast: true, from: session) } else { intake.end(session, nil) }
        }
        await wait { $0.end != nil }
        return state.withLock { state in
            // Each holds the other until here.
            state.session = nil
            return state.end ?? (SessionSummary(), nil)
        }
    }

    private func wait(until isDone: @escaping (borrowing State) -> Bool) async {
        while !state.withLock({ isDone($0) }) {
            await withCheckedContinuation { continuation in
                let isNow = state.withLock { state in
                    if isDone(state) { return true }
                    state.waiter = continuation
                    return false
                }
                if isNow { continuation.resume() }
            }
        }
    }

    private func wake(_ change: (inout State) -> Void) {
        let waiter = state.withLock { state in
            change(&state)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    func consumed(byteCount: Int) { wake { $0.unconsumed -= byteCount } }

    func reply(_ bytes: [UInt8]) {}

    func ended(_ summary: SessionSummary, _ fault: SessionFault?) { wake { $0.end = (summary, fault) } }
}
