package import EventStorage
import Foundation
package import MeterModel

/// Appends batches on a thread of its own, while who hands them in gathers the next: what one batch waits for its sync
/// costs nobody else time.
///
/// Invariants: batches are appended in the order in which they were handed in, one at a time; each gets the positions
/// that were promised, and what `logged` does with one comes before the next is appended. After a failure nothing more
/// is appended, and every call throws it.
// Safety: what both threads touch is behind `condition`; writer, `logged` and `directory` are the thread's own until
// `settle` returns, `known` is the caller's.
package final class AheadAppender: BatchAppending, @unchecked Sendable {
    private struct Portion {
        var batch: EventBatch
        var recordedAt: Instant
        var recordedBy: String
        var news: DirectoryNews
    }

    private let writer: any BatchAppending
    private let logged: Intake.Logged
    private let condition = NSCondition()
    private var waiting: Portion?
    private var spare = EventBatch()
    private var isAppending = false
    private var isOver = false
    private var failure: (any Error)?
    private var promised: Position
    /// What the log's batches so far have defined.
    private var directory: SeriesDirectory
    /// What the batches handed in so far have defined.
    private var known: (devices: Int, registers: Int, series: Int)

    /// Begins to wait for batches.
    ///
    /// - Parameters:
    ///   - writer: the log; nobody else uses it before `finish`.
    ///   - directory: what the log has defined.
    ///   - logged: called on the thread after each append.
    /// - Returns: what takes the batches; `finish` ends it.
    package static func start(
        _ writer: any BatchAppending,
        directory: SeriesDirectory,
        logged: @escaping Intake.Logged
    ) -> AheadAppender {
        let appender = AheadAppender(writer, directory, logged)
        let thread = Thread { appender.run() }
        thread.name = "appending"
        thread.stackSize = 4 << 20
        thread.start()
        return appender
    }

    private init(_ writer: any BatchAppending, _ directory: SeriesDirectory, _ logged: @escaping Intake.Logged) {
        self.writer = writer
        self.directory = directory
        self.logged = logged
        promised = writer.head
        known = (directory.deviceCount, directory.registers.count, directory.seriesCount)
    }

    /// The last position promised; durable once `settle` has returned.
    package var head: Position { condition.withLock { promised } }

    /// Hands a batch in once the one before is appended; it is empty afterwards.
    package func append(
        _ batch: inout EventBatch,
        recordedAt: Instant,
        recordedBy: String,
        directory: SeriesDirectory
    ) throws -> ClosedRange<UInt64> {
        precondition(!batch.isEmpty, "an empty batch")
        let news = DirectoryNews(in: directory, since: known)
        known = (directory.deviceCount, directory.registers.count, directory.seriesCount)
        return try condition.withLock {
            while isAppending || waiting != nil, failure == nil { condition.wait() }
            if let failure { throw failure }
            let first = promised.rawValue + 1
            promised = promised.advanced(by: batch.count)
            swap(&spare, &batch)
            waiting = Portion(batch: spare, recordedAt: recordedAt, recordedBy: recordedBy, news: news)
            spare = EventBatch()
            condition.broadcast()
            return first...promised.rawValue
        }
    }

    package func settle() throws {
        try condition.withLock {
            while isAppending || waiting != nil, failure == nil { condition.wait() }
            if let failure { throw failure }
        }
    }

    /// Gives back the memory in which readings wait; none do.
    package func giveBackMemory() { condition.withLock { spare = EventBatch() } }

    /// Ends the thread once all is appended that was handed in, or nothing more can be.
    package func finish() {
        condition.withLock {
            while isAppending || (waiting != nil && failure == nil) { condition.wait() }
            isOver = true
            condition.broadcast()
        }
    }

    // MARK: The thread

    private func run() {
        while var portion = next() {
            var fault: (any Error)?
            do { try append(&portion) } catch { fault = error }
            portion.batch.readings.removeAll(keepingCapacity: true)
            portion.batch.events.removeAll(keepingCapacity: true)
            condition.withLock {
                // Moved, for memory that two had would be copied by whoever fills it.
                swap(&spare, &portion.batch)
                failure = failure ?? fault
                isAppending = false
                condition.broadcast()
            }
        }
    }

    private func next() -> Portion? {
        condition.withLock {
            while waiting == nil, !isOver, failure == nil { condition.wait() }
            guard failure == nil, let next = waiting else { return nil }
            waiting = nil
            isAppending = true
            return next
        }
    }

    private func append(_ portion: inout Portion) throws {
        portion.news.enter(into: &directory)
        let positions = try writer.append(
            &portion.batch,
            recordedAt: portion.recordedAt,
            recordedBy: portion.recordedBy,
            directory: directory
        )
        try logged(portion.batch, Position(positions.lowerBound), portion.recordedAt, directory)
    }
}
