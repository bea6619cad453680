import Billing
import MeterModel

/// Everything folded from the readings of one series, and what of it stands.
///
/// Invariants: `instants` has a record of every instant at which more than one value came, a correction or void was
/// told, or an exchange meets the stream; all other readings are in `register.entries` (or `intervals`) alone. `kind`
/// is decided by the first accepted reading and never changes; of the other kind is kept only that and when it came.
final class SeriesFold {
    enum Kind: UInt8 {
        case undecided = 0
        case register = 1
        case interval = 2
    }

    /// A correction or a void: what stands at an instant whatever is received.
    struct Ruling {
        /// Nil: the reading is set aside.
        var value: Int64?
        var position: UInt64
    }

    struct InstantRecord {
        var candidates = ReadingCandidates()
        var ruling: Ruling?
    }

    /// What most series of a register have nothing of.
    private final class Seldom {
        var intervals: IntervalSeries
        var instants: [Int64: InstantRecord] = [:]
        /// The values set aside as of the other kind, at most so many an instant or interval as are kept of this one.
        var mixed: [IntervalSeries.Key: Set<Int64>] = [:]
        var firstMixed: (at: Int64, position: UInt64)?

        init(_ rooms: EntryRooms) { intervals = IntervalSeries(in: rooms) }
    }

    private(set) var kind = Kind.undecided
    private(set) var register: RegisterSeries
    /// Nil: there was nothing of it.
    private var seldom: Seldom?
    /// Readings received, distinct by time and value, and the others.
    private(set) var distinctCount = 0
    private(set) var duplicateCount = 0

    /// What must be written anew: buckets that overlap the span, and the anomalies.
    var dirtySpan: (start: Int64, end: Int64)?
    var anomaliesAreDirty = false
    /// Of the month of the latest interval; nil where a change since lay before its end.
    private var keptSum: KeptMonthSum?
    /// All rows must go and come again: zone or gap changed.
    var isWhollyDirty = false
    /// Whether rows may stand that must go before the span is written.
    var hasStaleRows = false
    var isWritten = false
    var isQueued = false

    /// - Parameter packed: where its packed entries lie, with those of other series.
    init(_ packed: PackedChunks = PackedChunks()) { register = RegisterSeries(packed) }

    var segments: MeterSegments { register.segments }
    var intervals: IntervalSeries { seldom?.intervals ?? IntervalSeries(in: register.entries.rooms) }
    var instants: [Int64: InstantRecord] { seldom?.instants ?? [:] }
    var firstMixed: (at: Int64, position: UInt64)? { seldom?.firstMixed }
    /// Of the month of the latest interval, if what it sums up to is known.
    var monthSum: MonthSum? { keptSum?.sum }

    private func withSeldom() -> Seldom {
        if let seldom { return seldom }
        let made = Seldom(register.entries.rooms)
        seldom = made
        return made
    }

    // MARK: Readings

    func receive(_ reading: ReadingRecord, position: UInt64, _ change: inout IntervalChange) {
        decideKind(reading.traits.isInterval, &change)
        guard (kind == .interval) == reading.traits.isInterval else { return setAside(reading, position, &change) }
        if kind == .interval {
            let isNew = withSeldom().intervals.receive(
                reading,
                position: position,
                segments: register.segments,
                &change
            )
            count(isNew: isNew)
            return
        }
        receiveOutOfOrder(reading, position, &change)
    }

    /// How many of the readings follow in order so that rule 1 alone decides about them, and what they make; the next,
    /// if there is one, goes through `receive`.
    @inline(__always)
    func calmRun(_ readings: UnsafeBufferPointer<ReadingRecord>) -> CalmRun {
        guard seldom?.instants.isEmpty ?? true,
            kind == .register || (kind == .undecided && !readings[0].traits.isInterval)
        else {
            return CalmRun()
        }
        return register.calmRun(readings)
    }

    /// Appends the readings that a run speaks of, which was just made of them.
    func append(_ run: CalmRun, of readings: UnsafeBufferPointer<ReadingRecord>, positions: RunPositions) {
        kind = .register
        register.append(run, of: readings, positions: positions)
        distinctCount += run.count
        guard run.hasIntervals else { return }
        forgetSum(from: run.start)
        dirtySpan = dirtySpan.map { (min($0.start, run.start), max($0.end, run.end)) } ?? (run.start, run.end)
    }

    /// The kind of the first accepted reading decides.
    func decideKind(_ isInterval: Bool, _ change: inout IntervalChange) {
        guard kind == .undecided else { return }
        kind = isInterval ? .interval : .register
        guard isInterval, !register.entries.isEmpty else { return }
        // What corrections and exchanges had made of a register counts for nothing in a series of intervals.
        register.dropEntries(&change)
    }

    private func setAside(_ reading: ReadingRecord, _ position: UInt64, _ change: inout IntervalChange) {
        let key = IntervalSeries.Key(start: reading.at - reading.span, end: reading.at)
        let seldom = withSeldom()
        let hasRoom = seldom.mixed[key, default: []].count < ReadingCandidates.maximumValueCount
        let isNew = hasRoom && seldom.mixed[key, default: []].insert(reading.value).inserted
        count(isNew: isNew)
        if seldom.firstMixed == nil {
            seldom.firstMixed = (reading.at, position)
            change.touchesAnomalies = true
        }
    }

    private func count(isNew: Bool) {
        if isNew { distinctCount += 1 } else { duplicateCount += 1 }
    }

    private func receiveOutOfOrder(_ reading: ReadingRecord, _ position: UInt64, _ change: inout IntervalChange) {
        let quality = reading.traits.quality
        if seldom?.instants[reading.at] == nil, register.segments.exchange(at: reading.at) == nil {
            guard let i = register.index(at: reading.at) else {
                distinctCount += 1
                if register.appendInOrder(reading, position: position, &change) { return }
                register.insert(at: reading.at, value: reading.value, position: position, quality: quality, &change)
                return
            }
            let entry = register.entries[i]
            if entry.value == reading.value {
                if quality > entry.quality { register.entries[i].quality = quality }
                duplicateCount += 1
                return
            }
        }
        var record = record(at: reading.at)
        let former = record.candidates.standing?.position
        let isNew = record.candidates.receive(value: reading.value, quality: quality, position: position)
        count(isNew: isNew)
        withSeldom().instants[reading.at] = record
        if isNew || record.candidates.standing?.position != former { change.touchesAnomalies = true }
        settle(at: reading.at, record, &change)
    }

    /// The record of an instant: the one there is, else a new one that holds what already stands there.
    private func record(at instant: Int64) -> InstantRecord {
        if let record = seldom?.instants[instant] { return record }
        var record = InstantRecord()
        if let i = register.index(at: instant) {
            let entry = register.entries[i]
            _ = record.candidates.receive(value: entry.value, quality: entry.quality, position: entry.position)
        }
        return record
    }

    /// Makes stand at an instant what its record says.
    private func settle(at instant: Int64, _ record: InstantRecord, _ change: inout IntervalChange) {
        guard register.segments.exchange(at: instant) == nil else { return }
        let standing: (value: Int64, position: UInt64, quality: Quality)?
        if let ruling = record.ruling {
            standing = ruling.value.map { ($0, ruling.position, .verified) }
        } else {
            standing = record.candidates.standing.map { ($0.value, $0.position, $0.quality) }
        }
        switch (register.index(at: instant), standing) {
        case (nil, nil): break
        case (let i?, nil): register.remove(i, &change)
        case (nil, let new?):
            register.insert(at: instant, value: new.value, position: new.position, quality: new.quality, &change)
        case (let i?, let new?):
            let entry = register.entries[i]
            if entry.value != new.value || entry.position != new.position {
                register.replace(i, value: new.value, position: new.position, quality: new.quality, &change)
            }
        }
    }

    // MARK: Corrections, exchanges, declarations

    /// `ReadingCorrected` (a value) or `ReadingVoided` (nil): holds against what comes later too.
    func rule(at instant: Int64, value: Int64?, position: UInt64, _ change: inout IntervalChange) {
        guard kind != .interval else { return }
        var record = record(at: instant)
        change.touchesAnomalies = change.touchesAnomalies || record.candidates.values.count > 1
        record.ruling = Ruling(value: value, position: position)
        withSeldom().instants[instant] = record
        settle(at: instant, record, &change)
    }

    func exchange(_ exchange: MeterSegments.Exchange, _ change: inout IntervalChange) {
        if kind == .interval {
            reconsiderIntervals(&change) { $0.insert(exchange) }
            return
        }
        let record = record(at: exchange.at)
        if !record.candidates.values.isEmpty || record.ruling != nil { withSeldom().instants[exchange.at] = record }
        register.exchange(exchange, &change)
        change.touchesAnomalies = true
    }

    /// An exchange that does not count yet is known all the same: multipliers may be meant for its segment.
    func noteLaterExchange(at instant: Int64, _ change: inout IntervalChange) {
        changeSegments(&change) { $0.noteLaterExchange(at: instant) }
    }

    /// Changes multipliers, moduli or the greatest rate, and decides everything again.
    func changeSegments(_ change: inout IntervalChange, _ mutate: (inout MeterSegments) -> Void) {
        change.touchesAnomalies = true
        if kind == .interval {
            reconsiderIntervals(&change, mutate)
        } else {
            register.reconsider(&change) { mutate(&$0.segments) }
        }
    }

    private func reconsiderIntervals(_ change: inout IntervalChange, _ mutate: (inout MeterSegments) -> Void) {
        intervals.forEachInterval(from: Int64.min, to: Int64.max, register.segments) { change.removed.append($0) }
        mutate(&register.segments)
        intervals.forEachInterval(from: Int64.min, to: Int64.max, register.segments) { change.added.append($0) }
        change.trim(reachesEnd: true)
        change.touchesAnomalies = true
    }

    // MARK: What stands

    /// The `readAt` (interval: `end`) of the latest standing reading, held ones and exchanges too.
    var latestAt: Int64? { kind == .interval ? intervals.latest?.end : register.entries.last?.at }

    /// Hands over the intervals that overlap `(start, end)`, in order.
    @inline(__always)
    func forEachInterval(from start: Int64, to end: Int64, _ body: (MeteredInterval) -> Void) {
        if kind == .interval {
            intervals.forEachInterval(from: start, to: end, register.segments, body)
        } else {
            register.forEachInterval(from: start, to: end, body)
        }
    }

    /// Notes what a change makes to be written anew.
    func noteDirty(_ change: IntervalChange) {
        if change.touchesAnomalies { anomaliesAreDirty = true }
        if !change.removed.isEmpty, isWritten { hasStaleRows = true }
        guard let span = change.span else { return }
        forgetSum(from: span.start)
        dirtySpan = dirtySpan.map { (min($0.start, span.start), max($0.end, span.end)) } ?? span
    }

    /// Keeps the sum of the month of the latest interval, for the next pass over what comes behind it.
    ///
    /// `sum`: of the series as it stands.
    func remember(_ sum: MonthSum?) { keptSum = sum.flatMap { KeptMonthSum($0) } }

    /// Gives back the memory that only the readings of late needed.
    func compact() { register.compact() }

    private func forgetSum(from start: Int64) {
        if let sum = keptSum, start < sum.countedUpTo { keptSum = nil }
    }
}

extension SeriesFold {
    /// The first standing reading's `readAt` (interval: `start`); an exchange acts as a reading.
    var earliestAt: Int64? {
        if kind == .interval { return intervals.earliest?.start }
        return register.entries.firstAt
    }

    /// The latest standing reading: its `readAt` (interval: `end`) and value.
    var latestReading: (at: Int64, value: Int64)? {
        if kind == .interval { return intervals.latest.map { ($0.end, $0.value) } }
        return register.entries.last.map { ($0.at, $0.value) }
    }
}

// MARK: Snapshots

extension SeriesFold {
    /// Writes what is folded of the series.
    func write(to out: SnapshotWriter) throws(SnapshotFault) {
        guard dirtySpan == nil, !anomaliesAreDirty, !isWhollyDirty, !hasStaleRows, !isQueued else {
            throw SnapshotFault("rows of a series are still to be written")
        }
        out.byte(kind.rawValue)
        out.flag(isWritten)
        out.count(distinctCount)
        out.count(duplicateCount)
        register.write(to: out)
        intervals.write(to: out)
        out.count(instants.count)
        for (instant, record) in instants.sorted(by: { $0.key < $1.key }) {
            out.zigzag(instant)
            record.candidates.write(to: out)
            out.optional(record.ruling) { ruling in
                out.optional(ruling.value, out.zigzag)
                out.varint(ruling.position)
            }
        }
        let mixed = seldom?.mixed ?? [:]
        out.count(mixed.count)
        for (key, values) in mixed.sorted(by: { $0.key < $1.key }) {
            out.zigzag(key.start)
            out.zigzag(key.end)
            out.count(values.count)
            for value in values.sorted() { out.zigzag(value) }
        }
        out.optional(firstMixed) { first in
            out.zigzag(first.at)
            out.varint(first.position)
        }
    }

    /// Takes in what `write` wrote, in a series of which nothing is folded yet.
    func read(from reader: SnapshotReader) throws(SnapshotFault) {
        guard let kind = Kind(rawValue: try reader.byte()) else { throw reader.malformed("a kind of series") }
        self.kind = kind
        isWritten = try reader.flag()
        distinctCount = Int(truncatingIfNeeded: try reader.varint())
        duplicateCount = Int(truncatingIfNeeded: try reader.varint())
        try register.read(from: reader)
        var intervals = IntervalSeries(in: register.entries.rooms)
        try intervals.read(from: reader)
        if !intervals.entries.isEmpty { withSeldom().intervals = intervals }
        for _ in 0..<(try reader.count()) {
            let instant = try reader.zigzag()
            var record = InstantRecord(candidates: try ReadingCandidates(from: reader))
            if try reader.flag() {
                let value = try reader.optional(reader.zigzag)
                record.ruling = Ruling(value: value, position: try reader.varint())
            }
            withSeldom().instants[instant] = record
        }
        for _ in 0..<(try reader.count()) {
            let key = IntervalSeries.Key(start: try reader.zigzag(), end: try reader.zigzag())
            var values: Set<Int64> = []
            for _ in 0..<(try reader.count()) { values.insert(try reader.zigzag()) }
            withSeldom().mixed[key] = values
        }
        if try reader.flag() { withSeldom().firstMixed = (try reader.zigzag(), try reader.varint()) }
    }
}
