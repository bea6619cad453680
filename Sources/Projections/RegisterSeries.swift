import Billing
import MeterModel

/// The standing register readings of one series on their time line, walked into baselines and intervals.
///
/// Invariants: `entries` ascends by (at, role); every status is what a walk from the first entry would decide now, so
/// that any order of arrival ends in the same entries; `irregular` holds the instants of all entries whose status is
/// not plain, ascending. The rules are those of semantics, section 3.
struct RegisterSeries {
    var entries: SeriesEntries
    var segments = MeterSegments()
    var irregular: [Int64] = []
    /// Scratch of a walk: the baselines of the current run, and what was decided so far.
    var stack: ContiguousArray<Int> = []
    var decided: ContiguousArray<EntryStatus> = []

    /// How far back or ahead a drop is compared, in milliseconds.
    static let window: Int64 = 48 * Milliseconds.hour

    /// - Parameter packed: where its packed entries lie, with those of other series.
    init(_ packed: PackedChunks = PackedChunks()) { entries = SeriesEntries(packed) }

    /// The index at which an entry with (at, role) stands or would stand.
    func lowerBound(at instant: Int64, role: EntryRole = .reading) -> Int {
        var (low, high) = entries.bounds(at: instant)
        while low < high {
            let middle = (low + high) / 2
            let entry = entries[middle]
            if entry.at < instant || (entry.at == instant && entry.role.rawValue < role.rawValue) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    /// The index of the stream's entry at an instant, if one stands there.
    func index(at instant: Int64) -> Int? {
        let i = lowerBound(at: instant)
        return i < entries.count && entries[i].at == instant && entries[i].role == .reading ? i : nil
    }

    /// Gives back the memory that only the readings of late needed.
    mutating func compact() {
        entries.compact()
        guard stack.capacity > 0 || decided.capacity > 0 else { return }
        stack = []
        decided = []
    }

    // MARK: Changes

    /// How many of the readings are each later than all before, so that rule 1 alone decides about them, and what they
    /// make. (It changes nothing; were it not `mutating`, who holds the series in an object would copy it first.)
    @inline(__always)
    mutating func calmRun(_ readings: UnsafeBufferPointer<ReadingRecord>) -> CalmRun {
        guard let last = entries.last else {
            guard let first = readings.first, !first.traits.isInterval else { return CalmRun() }
            return calmRun(readings, after: (first.at, first.value), CalmRun(count: 1, start: first.at))
        }
        guard last.status.isBaseline, last.role != .exchangeFinal else { return CalmRun() }
        return calmRun(readings, after: (last.at, last.value), CalmRun(start: last.at))
    }

    @inline(__always)
    private func calmRun(
        _ readings: UnsafeBufferPointer<ReadingRecord>,
        after last: (at: Int64, value: Int64),
        _ begun: CalmRun
    ) -> CalmRun {
        var run = begun
        var last = last
        let segment = segments.segment(at: last.at)
        // A wrap is taken back where the register returns within 48 h: then the walk must look again.
        let calmAfter = irregular.last.map { $0 + RegisterSeries.window } ?? Int64.min
        while run.count < readings.count {
            let reading = readings[run.count]
            let delta = reading.value &- last.value
            guard reading.at > last.at, reading.at > calmAfter, reading.value >= last.value,
                !reading.traits.isInterval, reading.at - last.at <= maximumIntervalMilliseconds,
                let quantity = segments.quantity(delta: delta, segment: segment),
                !segments.exceedsMaxRate(delta: delta, elapsed: reading.at - last.at)
            else { break }
            let (sum, overflows) = run.quantity.addingReportingOverflow(quantity)
            if overflows { break }
            run.quantity = sum
            run.count += 1
            last = (reading.at, reading.value)
        }
        run.end = last.at
        return run
    }

    /// Appends the readings that a run speaks of, which was just made of them.
    @inline(__always)
    mutating func append(
        _ run: CalmRun,
        of readings: UnsafeBufferPointer<ReadingRecord>,
        positions: RunPositions
    ) {
        let beginsSeries = entries.isEmpty
        entries.append(count: run.count) { i in
            SeriesEntry(
                at: readings[i].at,
                value: readings[i].value,
                position: positions[i],
                quality: readings[i].traits.quality,
                status: beginsSeries && i == 0 ? .first : .interval
            )
        }
    }

    /// Appends one reading, if rule 1 alone decides about it.
    mutating func appendInOrder(_ reading: ReadingRecord, position: UInt64, _ change: inout IntervalChange) -> Bool {
        withUnsafePointer(to: reading) { pointer in
            let readings = UnsafeBufferPointer(start: pointer, count: 1)
            let run = calmRun(readings)
            guard run.count == 1 else { return false }
            append(run, of: readings, positions: RunPositions(from: position))
            if let interval = run.interval { change.setAppended(interval) }
            return true
        }
    }

    /// Hands over the intervals of the last entries, in order: those that end at the last `count`.
    @inline(__always)
    func forEachInterval(ofLast count: Int, _ body: (MeteredInterval) -> Void) {
        var i = max(1, entries.count - count)
        while i < entries.count {
            if let interval = interval(from: entries[i - 1], to: entries[i]) { body(interval) }
            i += 1
        }
    }

    /// Puts a reading at an instant where none stands.
    mutating func insert(
        at instant: Int64,
        value: Int64,
        position: UInt64,
        quality: Quality,
        _ change: inout IntervalChange
    ) {
        let i = lowerBound(at: instant)
        let entry = SeriesEntry(at: instant, value: value, position: position, quality: quality)
        if splitInPlace(i, entry, &change) { return }
        entries.insert(entry, at: i)
        rewalk(after: .inserted(i), around: instant, &change)
    }

    /// Gives the entry at index `i` another value and position.
    mutating func replace(
        _ i: Int,
        value: Int64,
        position: UInt64,
        quality: Quality,
        _ change: inout IntervalChange
    ) {
        let old = entries[i]
        let new = SeriesEntry(at: old.at, value: value, position: position, quality: quality, status: old.status)
        if old.value == value {
            entries[i] = new
            change.touchesAnomalies = change.touchesAnomalies || !old.status.isPlain
            return
        }
        entries[i] = new
        rewalk(after: .replaced(i, old), around: old.at, &change)
    }

    mutating func remove(_ i: Int, _ change: inout IntervalChange) {
        let old = entries[i]
        entries.remove(at: i)
        rewalk(after: .removed(i, old), around: old.at, &change)
    }

    /// Changes segments, or whatever else bears on the whole series, and walks it all again.
    mutating func reconsider(_ change: inout IntervalChange, _ mutate: (inout RegisterSeries) -> Void) {
        collect(after: nil, through: entries.count - 1, into: &change.removed)
        mutate(&self)
        rewalk(after: nil, around: nil, &change)
    }

    /// Forgets every entry.
    mutating func dropEntries(_ change: inout IntervalChange) {
        reconsider(&change) { $0.entries.removeAll() }
    }

    /// Cuts at an exchange: the stream's entry at that instant goes, the old meter's last and the new one's first come.
    mutating func exchange(_ exchange: MeterSegments.Exchange, _ change: inout IntervalChange) {
        reconsider(&change) { series in
            var i = series.lowerBound(at: exchange.at)
            while i < series.entries.count, series.entries[i].at == exchange.at { series.entries.remove(at: i) }
            i = series.lowerBound(at: exchange.at)
            let position = exchange.position
            series.entries.insert(
                SeriesEntry(at: exchange.at, value: exchange.finalValue, position: position, role: .exchangeFinal),
                at: i
            )
            series.entries.insert(
                SeriesEntry(at: exchange.at, value: exchange.initialValue, position: position, role: .exchangeInitial),
                at: i + 1
            )
            series.segments.insert(exchange)
        }
    }

    // MARK: Intervals

    /// The interval that ends at a baseline, given the baseline before it; nil where it gives none.
    @inline(__always)
    func interval(from before: SeriesEntry, to entry: SeriesEntry) -> MeteredInterval? {
        guard entry.status.hasInterval else { return nil }
        let segment = segments.segment(at: before.at)
        let delta =
            entry.status == .wrap
            ? segments.wrapDelta(from: before.value, to: entry.value, segment: segment) ?? 0
            : entry.value - before.value
        return segments.quantity(delta: delta, segment: segment)
            .map { MeteredInterval(start: before.at, end: entry.at, quantity: $0) }
    }

    /// The index of the last baseline at or before `i`, if there is one.
    func baseline(upTo i: Int) -> Int? {
        var i = i
        while i >= 0 {
            if entries[i].status.isBaseline { return i }
            i -= 1
        }
        return nil
    }

    /// Hands over the intervals that overlap `(start, end)`, in order.
    @inline(__always)
    func forEachInterval(from start: Int64, to end: Int64, _ body: (MeteredInterval) -> Void) {
        guard !entries.isEmpty else { return }
        var before = entries[baseline(upTo: lowerBound(at: start + 1) - 1) ?? 0]
        var i = lowerBound(at: before.at, role: before.role) + 1
        while i < entries.count, before.at < end {
            let entry = entries[i]
            if entry.status.isBaseline {
                if let interval = interval(from: before, to: entry), interval.end > start { body(interval) }
                before = entry
            }
            i += 1
        }
    }

    func collect(after start: Int?, through end: Int, into intervals: inout [MeteredInterval]) {
        var before = start.map { entries[$0] }
        var i = (start ?? -1) + 1
        while i <= end {
            let entry = entries[i]
            if entry.status.isBaseline {
                if let before, let interval = interval(from: before, to: entry) { intervals.append(interval) }
                before = entry
            }
            i += 1
        }
    }
}
