import EventStorage
import MeterModel
import Synchronization
import Threading

/// Appends one batch on a thread of its own, while whoever handed it in gathers the next.
///
/// Unlike `AheadAppender` it promises no position: what becomes of a batch is asked for before the next is begun.
///
/// Invariants: the writer, `portion` and `outcome` are the thread's from `begin` until `end` returns, and the owner's
/// at other times; `isUnderWay` is the owner's.
// Safety: as the invariants say; `thread` hands memory from one thread to the other.
final class SideAppender: @unchecked Sendable {
    /// A batch, and with what it is to be appended.
    struct Portion {
        var batch: EventBatch
        var recordedAt: Instant
        var recordedBy: String
        /// As it was when the batch was whole; who goes on with a copy of it pays for the copy.
        var directory: SeriesDirectory

        /// Appends the batch, which is left as it was logged.
        ///
        /// - Returns: the positions of its records, and how long that took.
        /// - Throws: what the log throws.
        mutating func append(
            to writer: any BatchAppending
        ) throws -> (positions: ClosedRange<UInt64>, duration: Duration) {
            let start = ContinuousClock.now
            let positions = try writer.append(
                &batch,
                recordedAt: recordedAt,
                recordedBy: recordedBy,
                directory: directory
            )
            return (positions, ContinuousClock.now - start)
        }
    }

    private let writer: any BatchAppending
    private let thread = SideThread(name: "appending")
    private var portion: Portion?
    private var outcome: Result<(positions: ClosedRange<UInt64>, duration: Duration), any Error>?
    private let isDone = Atomic<Bool>(false)
    private(set) var isUnderWay = false

    /// - Parameter writer: the log; nobody else uses it while a batch is under way.
    init(_ writer: any BatchAppending) { self.writer = writer }

    /// Whether a batch is under way and `end` need not wait.
    var isOver: Bool { isUnderWay && isDone.load(ordering: .acquiring) }

    /// - Precondition: none is under way.
    func begin(_ portion: Portion) {
        precondition(!isUnderWay, "two batches at once")
        isUnderWay = true
        isDone.store(false, ordering: .relaxed)
        thread.hold()
        self.portion = portion
        thread.perform { [self] in append() }
    }

    private func append() {
        outcome = Result {
            guard var portion = self.portion else { preconditionFailure("no batch to append") }
            // It is sorted in place.
            self.portion = nil
            defer { self.portion = portion }
            return try portion.append(to: writer)
        }
        isDone.store(true, ordering: .releasing)
    }

    /// Waits for the batch under way.
    ///
    /// - Returns: the batch as it was logged, its positions, and how long that took.
    /// - Throws: what the log threw.
    /// - Precondition: one is under way.
    func end() throws -> (portion: Portion, positions: ClosedRange<UInt64>, duration: Duration) {
        precondition(isUnderWay, "no batch to wait for")
        thread.hold()
        defer {
            portion = nil
            outcome = nil
            isUnderWay = false
            thread.release()
        }
        guard let portion, let outcome else { preconditionFailure("a batch without an outcome") }
        let (positions, duration) = try outcome.get()
        return (portion, positions, duration)
    }

    /// Waits until the log is nobody's any more, whatever becomes of the batch.
    func abandon() {
        if isUnderWay { _ = try? end() }
    }
}
