package import EventStorage
package import MeterModel

/// Where an intake's batches go: the log, or nowhere in a dry run.
package protocol BatchAppending: AnyObject {
    /// The last position given.
    var head: Position { get }

    /// Gives a batch its positions; it may be put in another order, as the log does.
    ///
    /// - Returns: the positions of the batch's records.
    func append(
        _ batch: inout EventBatch,
        recordedAt: Instant,
        recordedBy: String,
        directory: SeriesDirectory
    ) throws -> ClosedRange<UInt64>

    /// Waits until all that was appended is durable.
    ///
    /// - Throws: what keeps it from being so.
    func settle() throws
}

extension BatchAppending {
    package func settle() throws {}
}

extension EventLogWriter: BatchAppending {}

/// Where an intake's refused lines go.
package protocol RefusedLineKeeping: AnyObject {
    /// The file in which they are, once a line was kept in one.
    var path: String? { get }

    /// Keeps a line.
    ///
    /// - Parameters:
    ///   - source: the input's name, `-` for stdin.
    ///   - line: its number, from 1.
    ///   - refusal: why it was refused.
    ///   - raw: the line's bytes, without the line end.
    /// - Throws: what keeps the line from being kept; the input must not go on then.
    func add(source: String, line: UInt64, refusal: Refusal, raw: UnsafeRawBufferPointer) throws

    /// Makes all lines so far as safe as they will be.
    func sync() throws
}

/// Counts positions on from a head and writes nothing: what a dry run appends to.
package final class UnwrittenBatches: BatchAppending {
    package private(set) var head: Position

    package init(after head: Position) { self.head = head }

    package func append(
        _ batch: inout EventBatch,
        recordedAt: Instant,
        recordedBy: String,
        directory: SeriesDirectory
    ) throws -> ClosedRange<UInt64> {
        let first = head.rawValue + 1
        head = head.advanced(by: batch.count)
        return first...head.rawValue
    }
}

/// Remembers the first refused lines, to be shown; nothing is written.
package final class ShownRefusals: RefusedLineKeeping {
    /// A line that was refused, and why.
    package struct Line: Sendable {
        package var source: String
        package var line: UInt64
        package var refusal: Refusal
    }

    /// Lines that are remembered; of the others only the reasons are counted, by the intake.
    package static let maximumCount = 100

    package private(set) var lines: [Line] = []
    package var path: String? { nil }

    package init() {}

    package func add(source: String, line: UInt64, refusal: Refusal, raw: UnsafeRawBufferPointer) throws {
        if lines.count < ShownRefusals.maximumCount {
            lines.append(Line(source: source, line: line, refusal: refusal))
        }
    }

    package func sync() throws {}
}
