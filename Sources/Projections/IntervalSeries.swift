import Billing
import MeterModel

/// The interval readings of one series: amounts over `(start, end]` as they came, overlaps set aside.
///
/// Invariants: `entries` ascends by start, of equal start the longer first, each (start, end) once; `stands` is what
/// going through them in that order decides: one that overlaps the last that stands does not (semantics, section 3).
struct IntervalSeries {
    struct Entry: BitwiseCopyable {
        var start: Int64
        var end: Int64
        /// mWh or mL before the multiplier.
        var value: Int64
        var position: UInt64
        var quality: UInt8
        var stands: Bool
    }

    struct Key: Hashable {
        var start: Int64
        var end: Int64
    }

    private(set) var entries: GapArray<Entry>
    /// Of those intervals alone for which more than one value was received.
    private(set) var contested: [Key: ReadingCandidates] = [:]

    /// - Parameter rooms: where they lie, with those of other series.
    init(in rooms: EntryRooms) { entries = GapArray(in: rooms) }

    private func lowerBound(_ start: Int64, _ end: Int64) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            let entry = entries[middle]
            if entry.start < start || (entry.start == start && entry.end > end) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    /// Takes an interval reading in.
    ///
    /// - Returns: false for a duplicate.
    mutating func receive(
        _ reading: ReadingRecord,
        position: UInt64,
        segments: MeterSegments,
        _ change: inout IntervalChange
    ) -> Bool {
        let start = reading.at - reading.span
        let i = lowerBound(start, reading.at)
        if i < entries.count, entries[i].start == start, entries[i].end == reading.at {
            return receiveAgain(i, reading, position: position, segments: segments, &change)
        }
        var entry = Entry(
            start: start,
            end: reading.at,
            value: reading.value,
            position: position,
            quality: reading.traits.quality.rawValue,
            stands: true
        )
        if i == entries.count {
            let last = lastStanding(before: i)
            entry.stands = last.map { start >= entries[$0].end } ?? true
            entries.append(entry)
            if !entry.stands {
                change.touchesAnomalies = true
            } else if let interval = interval(entry, segments) {
                change.setAppended(interval)
            } else {
                change.touchesAnomalies = true
            }
            return true
        }
        entries.insert(entry, at: i)
        settle(inserted: i, segments: segments, &change)
        return true
    }

    private mutating func receiveAgain(
        _ i: Int,
        _ reading: ReadingRecord,
        position: UInt64,
        segments: MeterSegments,
        _ change: inout IntervalChange
    ) -> Bool {
        let entry = entries[i]
        let quality = reading.traits.quality
        if entry.value == reading.value, quality.rawValue <= entry.quality { return false }
        let key = Key(start: entry.start, end: entry.end)
        var candidates = contested[key] ?? ReadingCandidates()
        if candidates.values.isEmpty {
            _ = candidates.receive(
                value: entry.value,
                quality: Quality(rawValue: entry.quality) ?? .measured,
                position: entry.position
            )
        }
        let isNew = candidates.receive(value: reading.value, quality: quality, position: position)
        if candidates.values.count > 1 {
            contested[key] = candidates
            change.touchesAnomalies = true
        }
        guard let standing = candidates.standing else { return isNew }
        let former = entry.stands ? interval(entry, segments) : nil
        entries[i].value = standing.value
        entries[i].position = standing.position
        entries[i].quality = standing.quality.rawValue
        let now = entry.stands ? interval(entries[i], segments) : nil
        if former != now {
            if let former { change.removed.append(former) }
            if let now { change.added.append(now) }
            change.trim(reachesEnd: !hasInterval(after: i, segments))
        }
        return isNew
    }

    private func lastStanding(before i: Int) -> Int? {
        var j = i - 1
        while j >= 0, !entries[j].stands { j -= 1 }
        return j >= 0 ? j : nil
    }

    /// Whether any entry after `i` gives an interval.
    private func hasInterval(after i: Int, _ segments: MeterSegments) -> Bool {
        var j = i + 1
        while j < entries.count {
            if entries[j].stands, interval(entries[j], segments) != nil { return true }
            j += 1
        }
        return false
    }

    /// Decides again from an insertion on, until everything is as it was.
    private mutating func settle(inserted i: Int, segments: MeterSegments, _ change: inout IntervalChange) {
        var end = lastStanding(before: i).map { entries[$0].end } ?? Int64.min
        var j = i
        while j < entries.count {
            var entry = entries[j]
            let stands = entry.start >= end
            let formerly = j == i ? false : entry.stands
            if formerly, let former = interval(entry, segments) { change.removed.append(former) }
            entry.stands = stands
            entries[j] = entry
            if stands {
                end = entry.end
                if let now = interval(entry, segments) {
                    change.added.append(now)
                } else {
                    change.touchesAnomalies = true
                }
            }
            if stands != formerly || !stands { change.touchesAnomalies = change.touchesAnomalies || j != i || !stands }
            if j > i, stands, formerly { break }
            j += 1
        }
        change.trim(reachesEnd: !hasInterval(after: j, segments))
    }

    /// The interval of an entry; nil where the multiplier takes it beyond 10^15.
    func interval(_ entry: Entry, _ segments: MeterSegments) -> MeteredInterval? {
        segments.quantity(delta: entry.value, segment: segments.segment(at: entry.start))
            .map { MeteredInterval(start: entry.start, end: entry.end, quantity: $0) }
    }

    /// The last entry that stands: the one that ends last.
    var latest: Entry? { lastStanding(before: entries.count).map { entries[$0] } }

    /// The first entry that stands.
    var earliest: Entry? {
        // Nothing stands before the first, so it always does.
        entries.isEmpty ? nil : entries[0]
    }

    /// Hands over the intervals that overlap `(start, end)`, in order.
    func forEachInterval(
        from start: Int64,
        to end: Int64,
        _ segments: MeterSegments,
        _ body: (MeteredInterval) -> Void
    ) {
        var i = lowerBound(start, Int64.max)
        if let before = lastStanding(before: i) { i = before }
        while i < entries.count, entries[i].start < end {
            let entry = entries[i]
            if entry.stands, entry.end > start, let interval = interval(entry, segments) { body(interval) }
            i += 1
        }
    }
}

// MARK: Snapshots

extension IntervalSeries.Key: Comparable {
    static func < (a: IntervalSeries.Key, b: IntervalSeries.Key) -> Bool { (a.start, a.end) < (b.start, b.end) }
}

extension IntervalSeries {
    func write(to out: SnapshotWriter) {
        out.count(entries.count)
        // An interval begins where the one before it ends, as a rule, and is as long.
        var before = Entry(start: 0, end: 0, value: 0, position: 0, quality: 0, stands: false)
        for i in 0..<entries.count {
            let entry = entries[i]
            out.zigzag(entry.start &- before.end)
            out.zigzag((entry.end &- entry.start) &- (before.end &- before.start))
            out.zigzag(entry.value)
            out.zigzag(Int64(bitPattern: entry.position &- before.position))
            out.byte(entry.quality << 1 | (entry.stands ? 1 : 0))
            before = entry
        }
        out.count(contested.count)
        for (key, candidates) in contested.sorted(by: { $0.key < $1.key }) {
            out.zigzag(key.start)
            out.zigzag(key.end)
            candidates.write(to: out)
        }
    }

    /// Takes in what `write` wrote, where nothing is yet.
    mutating func read(from reader: SnapshotReader) throws(SnapshotFault) {
        let count = try reader.count()
        entries.reserve(count)
        var entry = Entry(start: 0, end: 0, value: 0, position: 0, quality: 0, stands: false)
        for _ in 0..<count {
            let length = entry.end &- entry.start
            entry.start = entry.end &+ (try reader.zigzag())
            entry.end = entry.start &+ length &+ (try reader.zigzag())
            entry.value = try reader.zigzag()
            entry.position &+= UInt64(bitPattern: try reader.zigzag())
            let bits = try reader.byte()
            (entry.quality, entry.stands) = (bits >> 1, bits & 1 == 1)
            entries.append(entry)
        }
        for _ in 0..<(try reader.count()) {
            let key = Key(start: try reader.zigzag(), end: try reader.zigzag())
            contested[key] = try ReadingCandidates(from: reader)
        }
    }
}
