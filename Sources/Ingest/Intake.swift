package import Admission
package import EventStorage
package import MeterModel
package import Telegrams

/// Takes chunks of input to the log: decodes, admits, batches, appends; what is refused goes to quarantine.
///
/// Invariants: every line handed in is in the log, in `pending`, or in quarantine; order of arrival is kept within a
/// device and around every event that is no reading; after `flush` nothing is pending and everything before is durable.
/// When an append or the quarantine fails, the intake is over: `admission` is then ahead of the log.
package final class Intake {
    /// Readings that are gathered before they are appended, where no more are asked for: so many that with those of
    /// another chunk they still go into one block mostly, and cost one sync.
    package static let maximumBatchCount = 57_344

    /// What is gathered beyond that is this part of what came before: memory, and waiting for the first and the last
    /// batch, stay small beside the rest.
    private static let batchesSoFar = 32

    /// What to do with a batch as it was logged: positions follow each other from the one given.
    package typealias Logged = (_ batch: EventBatch, _ first: Position, _ recordedAt: Instant, SeriesDirectory) throws
        -> Void

    private let writer: any BatchAppending
    private let side: SideAppender
    private let clock: any WallClock
    private let largestBlockCount: Int
    /// Readings that are gathered now before they are appended.
    private var batchCount = Intake.maximumBatchCount
    private let quarantine: any RefusedLineKeeping
    /// Who brings the input, as the log will say.
    var recordedBy: String {
        willSet { precondition(pending.isEmpty || newValue == recordedBy, "what is pending is another's") }
    }
    var logged: Logged
    package private(set) var admission: Admission
    private(set) var pending = EventBatch()
    /// Room for what is pending next, while what was pending is being appended.
    private var spare = EventBatch()
    /// The last position that the log has given.
    private(set) var head: Position
    /// How long the last append took.
    private(set) var appendDuration = Duration.zero
    private(set) var refused: [RefusedLine] = []
    private var recordedAt = Instant(milliseconds: Int64.min)
    package private(set) var summary = IntakeSummary()

    /// - Parameters:
    ///   - writer: the log.
    ///   - admission: knows all that the log holds.
    ///   - clock: says when a batch is recorded.
    ///   - quarantine: keeps what is refused.
    ///   - recordedBy: who brings the input, as the log will say.
    ///   - largestBlockCount: how many blocks of readings are gathered at most before they are appended, once so many
    ///     came that it is a small part of them; at first it is one.
    ///   - logged: called after each append.
    package init(
        writer: any BatchAppending,
        admission: Admission,
        clock: any WallClock,
        quarantine: any RefusedLineKeeping,
        recordedBy: String,
        largestBlockCount: Int = 1,
        logged: @escaping Logged
    ) {
        precondition(largestBlockCount > 0, "batches of nothing")
        self.writer = writer
        self.largestBlockCount = largestBlockCount
        side = SideAppender(writer)
        head = writer.head
        self.admission = admission
        self.clock = clock
        self.quarantine = quarantine
        self.recordedBy = recordedBy
        self.logged = logged
    }

    /// To be called before each input: what the numbers of names mean begins anew.
    package func beginInput() { admission.forgetNames() }

    /// Takes in what was decoded of a chunk.
    ///
    /// - Parameters:
    ///   - decoded: lines as the decoder read them.
    ///   - chunk: the bytes that the batch's offsets count in.
    ///   - names: what the drafts' numbers mean.
    ///   - defaults: what came with the input.
    ///   - source: the input's name for the quarantine.
    /// - Throws: `RecordLogError`, `QuarantineError`, and what `logged` throws.
    package func take(
        _ decoded: DecodedBatch,
        chunk: UnsafeRawBufferPointer,
        names: TelegramNames,
        defaults: AdmissionDefaults,
        source: String
    ) throws {
        admit(decoded, names: names, defaults: defaults)
        try keepRefused(chunk, source)
        if isFull {
            try append()
            let share = summary.accepted / Intake.batchesSoFar / EventStorageLimits.maximumReadingsPerBlock
            // Blocks are to be full.
            let moreBlocks = min(largestBlockCount, max(1, share)) - 1
            batchCount = Intake.maximumBatchCount + moreBlocks * EventStorageLimits.maximumReadingsPerBlock
        }
    }

    /// Whether what is pending should be appended before more is taken in.
    var isFull: Bool { pending.count >= batchCount }

    /// Admits what was decoded: the accepted into `pending`, the others, in order of lines, into `refused`.
    func admit(_ decoded: DecodedBatch, names: TelegramNames, defaults: AdmissionDefaults) {
        summary.ignoredFieldCount += decoded.ignoredFieldCount
        summary.missingValueCount += decoded.missingValueCount
        let now = max(recordedAt, clock.now())
        refused.removeAll(keepingCapacity: true)
        refused.append(contentsOf: decoded.refusals)
        decoded.readings.withUnsafeBufferPointer { drafts in
            func admitReadings(_ range: Range<Int>) {
                if !range.isEmpty { admit(UnsafeBufferPointer(rebasing: drafts[range]), names, defaults, now) }
            }
            var next = 0
            for event in decoded.events {
                admitReadings(next..<event.readingIndex)
                next = event.readingIndex
                admit(event, defaults, now)
            }
            admitReadings(next..<drafts.count)
        }
        refused.sort { $0.line < $1.line }
        for line in refused { summary.reasons[line.refusal.code, default: 0] += 1 }
    }

    private func admit(_ event: DecodedEvent, _ defaults: AdmissionDefaults, _ now: Instant) {
        do throws(Refusal) {
            let filled = try admission.admit(event.event, defaults: defaults, recordedAt: now)
            pending.events.append((pending.readings.count, filled))
        } catch {
            refused.append(
                RefusedLine(
                    line: event.line,
                    refusal: error,
                    rawOffset: event.rawOffset,
                    rawByteCount: event.rawByteCount
                )
            )
        }
    }

    private func admit(
        _ run: UnsafeBufferPointer<ReadingDraft>,
        _ names: TelegramNames,
        _ defaults: AdmissionDefaults,
        _ now: Instant
    ) {
        admission.admit(run, names: names, defaults: defaults, recordedAt: now, into: &pending.readings) { i, refusal in
            refused.append(
                RefusedLine(
                    line: run[i].line,
                    refusal: refusal,
                    rawOffset: Int(run[i].rawOffset),
                    rawByteCount: Int(run[i].rawByteCount)
                )
            )
        }
    }

    /// Keeps the lines refused last.
    func keepRefused(_ chunk: UnsafeRawBufferPointer, _ source: String) throws {
        for line in refused {
            let range = line.rawOffset..<line.rawOffset + line.rawByteCount
            try quarantine.add(
                source: source,
                line: line.line,
                refusal: line.refusal,
                raw: UnsafeRawBufferPointer(rebasing: chunk[range])
            )
        }
    }

    /// Takes in one event made by a command.
    ///
    /// - Returns: its position.
    /// - Throws: `Refusal`, and as `take`.
    package func take(_ event: MeterEvent) throws -> Position {
        try append()
        try admit([event])
        try append()
        return head
    }

    /// Takes in events made by a command, all or none.
    ///
    /// - Throws: `Refusal`, and as `take`.
    package func take(_ events: [MeterEvent]) throws {
        try append()
        try admit(events)
        try append()
    }

    /// Admits events into `pending`, all or none.
    func admit(_ events: [MeterEvent]) throws(Refusal) {
        let now = max(recordedAt, clock.now())
        // One event alone changes nothing unless it is accepted: nothing to go back to, and no copy.
        let before = events.count > 1 ? admission : nil
        let countBefore = pending.events.count
        do throws(Refusal) {
            for event in events {
                let filled = try admission.admit(event, defaults: .none, recordedAt: now)
                pending.events.append((pending.readings.count, filled))
            }
        } catch {
            if let before { admission = before }
            pending.events.removeLast(pending.events.count - countBefore)
            throw error
        }
    }

    /// Makes everything taken in durable, the quarantine too.
    package func flush() throws {
        try append()
        try writer.settle()
        try quarantine.sync()
    }

    /// Gives back the memory in which readings are gathered; nothing is pending.
    package func giveBackMemory() {
        precondition(pending.isEmpty, "readings that are not appended")
        (pending, spare) = (EventBatch(), EventBatch())
    }

    /// Makes the quarantine alone durable.
    func syncQuarantine() throws { try quarantine.sync() }

    /// The quarantine file, once a line was put into it.
    package var quarantinePath: String? { quarantine.path }

    // MARK: Appending

    func append() throws {
        try endAppend()
        if pending.isEmpty { return }
        var portion = detach()
        let (positions, duration) = try portion.append(to: writer)
        try note(&portion, positions, duration)
    }

    /// Begins to append what is pending while more is taken in; `endAppend` is to follow.
    ///
    /// - Throws: as `endAppend`, which it calls where one is begun already.
    func beginAppend() throws {
        try endAppend()
        if !pending.isEmpty { side.begin(detach()) }
    }

    /// Whether an append was begun and not ended.
    var isAppending: Bool { side.isUnderWay }

    /// Whether one was begun for which `endAppend` does not wait.
    var isAppendOver: Bool { side.isOver }

    /// Waits for the append that was begun, if one was: then its batch is durable, and `logged` has it.
    ///
    /// - Throws: `RecordLogError`, and what `logged` throws.
    func endAppend() throws {
        guard side.isUnderWay else { return }
        var (portion, positions, duration) = try side.end()
        try note(&portion, positions, duration)
    }

    /// Waits until nothing is being appended, whatever becomes of it.
    func abandonAppend() { side.abandon() }

    private func detach() -> SideAppender.Portion {
        recordedAt = max(recordedAt, clock.now())
        defer {
            pending = spare
            spare = EventBatch()
        }
        return SideAppender.Portion(
            batch: pending,
            recordedAt: recordedAt,
            recordedBy: recordedBy,
            directory: admission.directory
        )
    }

    private func note(
        _ portion: inout SideAppender.Portion,
        _ positions: ClosedRange<UInt64>,
        _ duration: Duration
    ) throws {
        appendDuration = duration
        summary.accepted += positions.count
        summary.firstPosition = summary.firstPosition ?? Position(positions.lowerBound)
        summary.lastPosition = Position(positions.upperBound)
        head = Position(positions.upperBound)
        try logged(portion.batch, Position(positions.lowerBound), portion.recordedAt, portion.directory)
        swap(&spare, &portion.batch)
        spare.readings.removeAll(keepingCapacity: true)
        spare.events.removeAll(keepingCapacity: true)
    }
}
