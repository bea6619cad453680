package import Admission
package import EventStorage
package import MeterModel
package import Telegrams

/// Takes chunks of input to the log: decodes, admits, batches, appends; what is refused goes to quarantine.
///
/// Invariants: every line handed in is in the log, in `pending`, or in quarantine; order of arrival is kept within a device
/// and around every event that is no reading; after `flush` nothing is pending and everything before is durable. When an
/// append or the quarantine fails, the intake is over: `admission` is then ahead of the log.
package final class Intake {
    /// Readings that are gathered before they are appended.
    package static let maximumBatchCount = 65_536

    /// What to do with a batch as it was logged: positions follow each other from the one given.
    package typealias Logged = (_ batch: EventBatch, _ first: Position, _ recordedAt: Instant, SeriesDirectory) throws -> Void

    private let writer: EventLogWriter
    private let clock: any WallClock
    private let quarantine: Quarantine
    private let recordedBy: String
    private let logged: Logged
    private var admission: Admission
    private var names = TelegramNames()
    private var decoded = DecodedBatch()
    private var pending = EventBatch()
    private var refused: [RefusedLine] = []
    private var recordedAt = Instant(milliseconds: Int64.min)
    package private(set) var summary = IntakeSummary()

    /// - Parameters:
    ///   - admission: knows all that the log holds.
    ///   - recordedBy: who brings the input, as the log will say.
    ///   - logged: called after each append.
    package init(
        writer: EventLogWriter,
        admission: Admission,
        clock: any WallClock,
        quarantine: Quarantine,
        recordedBy: String,
        logged: @escaping Logged
    ) {
        self.writer = writer
        self.admission = admission
        self.clock = clock
        self.quarantine = quarantine
        self.recordedBy = recordedBy
        self.logged = logged
    }

    /// Takes in the whole lines of a chunk.
    ///
    /// - Parameters:
    ///   - isLast: whether nothing follows, so that a last line without a line end counts.
    ///   - source: the input's name for the quarantine.
    /// - Returns: how many bytes were taken; the rest is to be given again with more.
    /// - Throws: `RecordLogError`, `QuarantineError`, and what `logged` throws.
    package func take<Decoder: TelegramDecoder>(
        _ chunk: UnsafeRawBufferPointer,
        isLast: Bool,
        decoder: inout Decoder,
        defaults: AdmissionDefaults,
        source: String
    ) throws -> Int {
        decoded.removeAll(keepingCapacity: true)
        let count = decoder.decode(chunk, isLast: isLast, names: &names, into: &decoded)
        summary.ignoredFieldCount += decoded.ignoredFieldCount
        summary.missingValueCount += decoded.missingValueCount
        let now = max(recordedAt, clock.now())
        refused.removeAll(keepingCapacity: true)
        refused.append(contentsOf: decoded.refusals)
        var next = 0
        for event in decoded.events {
            admitReadings(next..<event.readingIndex, defaults, now)
            next = event.readingIndex
            do throws(Refusal) {
                let filled = try admission.admit(event.event, defaults: defaults, recordedAt: now)
                pending.events.append((pending.readings.count, filled))
            } catch {
                refused.append(
                    RefusedLine(
                        line: event.line, refusal: error, rawOffset: event.rawOffset, rawByteCount: event.rawByteCount))
            }
        }
        admitReadings(next..<decoded.readings.count, defaults, now)
        try keepRefused(chunk, source)
        if pending.count >= Intake.maximumBatchCount { try append() }
        return count
    }

    private func admitReadings(_ range: Range<Int>, _ defaults: AdmissionDefaults, _ now: Instant) {
        if range.isEmpty { return }
        decoded.readings.withUnsafeBufferPointer { drafts in
            let run = UnsafeBufferPointer(rebasing: drafts[range])
            admission.admit(
                run, names: names, defaults: defaults, recordedAt: now, into: &pending.readings
            ) { i, refusal in
                refused.append(
                    RefusedLine(
                        line: run[i].line, refusal: refusal, rawOffset: Int(run[i].rawOffset),
                        rawByteCount: Int(run[i].rawByteCount)))
            }
        }
    }

    private func keepRefused(_ chunk: UnsafeRawBufferPointer, _ source: String) throws {
        if refused.isEmpty { return }
        refused.sort { $0.line < $1.line }
        for line in refused {
            summary.reasons[line.refusal.code, default: 0] += 1
            let range = line.rawOffset..<line.rawOffset + line.rawByteCount
            try quarantine.add(
                source: source, line: line.line, refusal: line.refusal, raw: UnsafeRawBufferPointer(rebasing: chunk[range]))
        }
    }

    /// Keeps in quarantine that an input ended with a fault of its own, such as a truncated archive.
    package func refuse(_ refusal: Refusal, line: UInt64, source: String) throws {
        summary.reasons[refusal.code, default: 0] += 1
        try quarantine.add(source: source, line: line, refusal: refusal, raw: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Takes in one event made by a command.
    ///
    /// - Returns: its position.
    /// - Throws: `Refusal`, and as `take`.
    package func take(_ event: MeterEvent) throws -> Position {
        try append()
        let now = max(recordedAt, clock.now())
        pending.events.append((0, try admission.admit(event, defaults: .none, recordedAt: now)))
        try append()
        return writer.head
    }

    /// Makes everything taken in durable, the quarantine too.
    package func flush() throws {
        try append()
        try quarantine.sync()
    }

    /// Whether anything waits to be appended.
    package var hasPending: Bool { !pending.isEmpty }

    private func append() throws {
        if pending.isEmpty { return }
        recordedAt = max(recordedAt, clock.now())
        let positions = try writer.append(
            &pending, recordedAt: recordedAt, recordedBy: recordedBy, directory: admission.directory)
        summary.accepted += positions.count
        summary.firstPosition = summary.firstPosition ?? Position(positions.lowerBound)
        summary.lastPosition = Position(positions.upperBound)
        try logged(pending, Position(positions.lowerBound), recordedAt, admission.directory)
        pending.readings.removeAll(keepingCapacity: true)
        pending.events.removeAll(keepingCapacity: true)
    }
}
