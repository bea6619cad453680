internal import Dispatch
internal import Foundation

/// A thread of its own for one piece of work at a time, beside whoever prepares the next.
///
/// It begins with the first piece, at the priority of the thread that brings it, and ends with this object.
///
/// Invariants: from `hold` until `perform` or `release` no piece is under way, so that the caller may touch what pieces
/// touch; one caller holds it at a time.
// Safety: `hasBegun` is touched while it is held alone; the semaphores hand the piece from one thread to the other.
package final class SideThread: @unchecked Sendable {
    // Safety: `piece` is the bringer's until `ready` is signalled, and the thread's until `idle` is.
    private final class Handover: @unchecked Sendable {
        let ready = DispatchSemaphore(value: 0)
        let idle = DispatchSemaphore(value: 0)
        var piece: (() -> Void)?
    }

    /// Bytes of stack.
    private static let stackByteCount = 8 << 20

    private let name: String
    private let handover = Handover()
    private var hasBegun = false

    /// - Parameter name: of the thread, for whoever looks at the process.
    package init(name: String) {
        self.name = name
        handover.idle.signal()
    }

    deinit {
        // No piece waits: it would keep whoever owns this.
        if hasBegun { handover.ready.signal() }
    }

    /// Waits for the piece under way; `perform` or `release` is to follow.
    package func hold() { handover.idle.wait() }

    /// Ends what `hold` began.
    package func release() { handover.idle.signal() }

    /// Waits for the piece under way.
    package func wait() {
        hold()
        release()
    }

    /// Has a piece of work done, and ends what `hold` began.
    package func perform(_ piece: @escaping () -> Void) {
        handover.piece = piece
        if !hasBegun { begin() }
        handover.ready.signal()
    }

    private func begin() {
        hasBegun = true
        let thread = Thread { [handover] in SideThread.run(handover) }
        thread.name = name
        thread.stackSize = SideThread.stackByteCount
        thread.start()
    }

    private static func run(_ handover: Handover) {
        while true {
            handover.ready.wait()
            // What a piece keeps must be let go before the next may be brought.
            guard takeAndDo(handover) else { return }
            handover.idle.signal()
        }
    }

    private static func takeAndDo(_ handover: Handover) -> Bool {
        guard let piece = handover.piece else { return false }
        handover.piece = nil
        piece()
        return true
    }
}
