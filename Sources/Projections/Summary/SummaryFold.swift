import Billing
import EventStorage
import MeterModel

/// Sums up series whose standing readings never fall, without keeping their readings.
///
/// What such a series used between two midnights is the difference of its register there. So of readings in order
/// nothing needs doing but at midnights and gaps. A reading that came late can only split an interval: its neighbours
/// are looked for among the last readings of its series, and the parts put in the place of the interval. Where that
/// takes too much memory, or readings come too late, they are kept for a second pass, which finds their neighbours as
/// the readings come again. A series that does anything else is `unsettled`: it is left to the exact fold, and what it
/// had added up to is taken back.
///
/// Invariants: `fronts`, `notes` have an element for each series taken in; of a settled series `recent` has the last
/// readings, in order of time; a series is changed by one thread at a time; what a series adds to the parts follows
/// from its own readings, in the log's order, and the terms alone, so that it can be told again and taken back.
final class SummaryFold {
    enum Status: UInt8 {
        case fresh
        case settled
        case unsettled
    }

    /// What is known of a series beside its front.
    struct Note {
        var status = Status.fresh
        var terms: UInt32
        /// The group of energy; that of volume is the next.
        var group: UInt32
        var day: Int32 = 0
        /// The first standing reading's time.
        var firstAt: Int64 = 0
        /// The register's value where the present day began for the series.
        var dayValue: Int64 = 0
        /// Late readings so far, and how many there may be before the series is left to the exact fold.
        var lateCount = 0
        var lateLimit = SummaryFold.lateLimit
        /// Those of `lates` that wait for their neighbours.
        var waiting = 0..<0
    }

    /// Late readings that are kept of a series, and how many of all, but for those of one batch.
    private static let lateLimit = 2000
    static let totalLateLimit = 4_000_000

    /// Readings of each series that are kept in one pass, as a power of two: more than a day has of them, usually.
    private static let recentBits: UInt32 = 7
    /// Series of which so many are kept, 256 MiB in all; of more there is a second pass.
    private static let recentSeriesLimit = 1 << 17

    /// How many passes are made.
    enum Passes {
        case one
        case two
    }

    let passes: Passes
    private(set) var terms: [SummaryTerms]
    private(set) var zones: [ZoneRules]
    private(set) var fronts: UnsafeMutablePointer<SeriesFront>
    private(set) var notes: UnsafeMutablePointer<Note>
    private(set) var recent: RecentReadings
    private(set) var count = 0
    private var capacity = 1024
    private(set) var groups = SummaryGroups()
    /// In the second pass: all late readings of settled series, by series and time.
    private var lates: ContiguousArray<LateReading> = []

    init(_ table: SummaryTermsTable, passes: Passes) {
        self.passes = passes
        recent =
            passes == .one
            ? RecentReadings(seriesCount: SummaryFold.recentSeriesLimit, capacityBits: SummaryFold.recentBits)
            : RecentReadings(seriesCount: 0, capacityBits: nil)
        terms = table.terms
        zones = table.zones
        fronts = .allocate(capacity: capacity)
        notes = .allocate(capacity: capacity)
    }

    deinit {
        fronts.deallocate()
        notes.deallocate()
        recent.deallocate()
    }

    /// Whether there is room for another series.
    var hasRoom: Bool { passes == .two || count < SummaryFold.recentSeriesLimit }

    /// Takes in terms that follow those it knows.
    func learn(_ table: SummaryTermsTable) {
        guard table.terms.count > terms.count else { return }
        terms = table.terms
        zones = table.zones
    }

    /// The group of a register's energy, and behind it that of volume.
    func groupIndex(register: UInt32, _ terms: SummaryTerms) -> Int {
        let energy = SummaryGroup(register: register, utility: terms.utility, dimension: .energy, zone: terms.zone)
        var volume = energy
        volume.dimension = .volume
        let index = groups.index(of: energy)
        let next = groups.index(of: volume)
        precondition(next == index + 1, "the groups of a register do not follow each other")
        return index
    }

    /// Takes a series in that is first in the log.
    func append(_ series: NewSeries, terms index: UInt32) {
        if count == capacity { grow() }
        let group = groupIndex(register: series.register, terms[Int(index)])
        (fronts + count).initialize(to: SeriesFront(series: UInt32(count), device: series.device))
        (notes + count).initialize(
            to: Note(
                status: terms[Int(index)].isExact ? .unsettled : .fresh,
                terms: index,
                group: UInt32(group)
            )
        )
        count += 1
    }

    /// Takes in a series as another fold did.
    func append(like series: Int, of other: SummaryFold) {
        let group = other.groups.groups[Int(other.notes[series].group)]
        append(
            NewSeries(device: other.fronts[series].device, register: group.register),
            terms: other.notes[series].terms
        )
        notes[count - 1].lateLimit = other.notes[series].lateLimit
    }

    private func grow() {
        let (grownFronts, grownNotes) = (
            UnsafeMutablePointer<SeriesFront>.allocate(capacity: capacity * 2),
            UnsafeMutablePointer<Note>.allocate(capacity: capacity * 2)
        )
        grownFronts.moveInitialize(from: fronts, count: count)
        grownNotes.moveInitialize(from: notes, count: count)
        fronts.deallocate()
        notes.deallocate()
        (fronts, notes) = (grownFronts, grownNotes)
        capacity *= 2
    }

    func beginSegment() {
        for i in 0..<count { fronts[i].beginSegment() }
    }

    // MARK: First pass

    /// Takes a reading in that is not calm.
    func take(_ series: UInt32, at instant: Int64, value: Int64, _ traits: ReadingTraits, into part: SummaryPart) {
        let note = notes + Int(series)
        let front = fronts + Int(series)
        if note.pointee.status == .unsettled { return }
        if traits.isInterval { return unsettle(series) }
        if note.pointee.status == .fresh {
            begin(series, at: instant, value: value, traits)
            return
        }
        if instant <= front.pointee.at {
            if instant < front.pointee.at, passes == .one {
                takeLate(series, RecentReadings.Reading(at: instant, value: value), into: part)
            } else if instant < front.pointee.at {
                if !part.hasLateRoom { note.pointee.lateLimit = note.pointee.lateCount }
                guard note.pointee.lateCount < note.pointee.lateLimit else { return unsettle(series) }
                note.pointee.lateCount += 1
                part.lates.append(LateReading(series: series, at: instant, value: value))
            } else if value != front.pointee.value {
                unsettle(series)
            }
            return
        }
        let terms = terms[Int(note.pointee.terms)]
        let interval = MeteredInterval(
            start: front.pointee.at,
            end: instant,
            quantity: value &- front.pointee.value
        )
        guard counts(interval, terms) else { return unsettle(series) }
        if instant > front.pointee.limit || interval.end - interval.start > terms.gapAfter {
            turnDays(interval, from: front.pointee.value, note, front, terms, &part.groups[Int(note.pointee.group)])
        }
        front.pointee.moveOn(to: instant, value, recent, series)
    }

    func unsettle(_ series: UInt32) {
        notes[Int(series)].status = .unsettled
        fronts[Int(series)].reach = 0
    }

    /// Leaves the series of some devices to the exact fold, once all passes are made: what they added up to still
    /// follows from their readings.
    func unsettle(ofDevices devices: Set<UInt32>) {
        guard !devices.isEmpty else { return }
        for series in 0..<UInt32(count) where devices.contains(fronts[Int(series)].device) { unsettle(series) }
    }

    private func begin(_ series: UInt32, at instant: Int64, value: Int64, _ traits: ReadingTraits) {
        let note = notes + Int(series)
        let front = fronts + Int(series)
        let terms = terms[Int(note.pointee.terms)]
        let zone = zones[terms.zone]
        let day = zone.day(at: instant)
        if traits.unit.dimension == .volume { note.pointee.group += 1 }
        note.pointee.status = .settled
        note.pointee.firstAt = instant
        note.pointee.day = Int32(day)
        note.pointee.dayValue = value
        front.pointee.moveOn(to: instant, value, recent, series)
        front.pointee.limit = zone.start(ofDay: day + 1)
        front.pointee.reach = terms.maxRate == nil ? UInt32(clamping: max(0, terms.gapAfter)) : 0
    }

    /// Whether rules 1 and 4 of semantics, section 3, make of two readings that follow each other this interval.
    func counts(_ interval: MeteredInterval, _ terms: SummaryTerms) -> Bool {
        let elapsed = interval.end &- interval.start
        guard interval.quantity >= 0, interval.quantity <= maximumMilliValue, elapsed > 0,
            elapsed <= maximumIntervalMilliseconds
        else { return false }
        guard let maxRate = terms.maxRate else { return true }
        return Int128(interval.quantity) * Int128(Milliseconds.hour) <= Int128(maxRate) * Int128(elapsed)
    }

    /// Ends the days that end within an interval or at its start, and notes what of it is estimated.
    private func turnDays(
        _ interval: MeteredInterval,
        from value: Int64,
        _ note: UnsafeMutablePointer<Note>,
        _ front: UnsafeMutablePointer<SeriesFront>,
        _ terms: SummaryTerms,
        _ days: inout SummaryDays
    ) {
        let isEstimated = interval.end - interval.start > terms.gapAfter
        let zone = zones[terms.zone]
        var day = Int(note.pointee.day)
        var estimated = value
        while interval.end > front.pointee.limit {
            let midnight = front.pointee.limit
            let then = midnight <= interval.start ? value : value + interval.quantity(upTo: midnight)
            days.add(then - note.pointee.dayValue, on: day)
            if isEstimated { days.addEstimated(then - estimated, on: day) }
            estimated = then
            note.pointee.dayValue = then
            day += 1
            front.pointee.limit = zone.start(ofDay: day + 1)
        }
        if isEstimated { days.addEstimated(value + interval.quantity - estimated, on: day) }
        note.pointee.day = Int32(day)
    }

    /// Ends the first pass: the last day of each settled series, and whose neighbours are to be found.
    ///
    /// - Parameters:
    ///   - parts: what was added up; their late readings are taken out.
    ///   - part: takes the last days.
    /// - Returns: whether there are late readings of settled series, so that a second pass is needed.
    func endFirstPass(_ parts: [SummaryPart], into part: SummaryPart) -> Bool {
        for series in 0..<count where notes[series].status == .settled {
            let value = fronts[series].value - notes[series].dayValue
            part.groups[Int(notes[series].group)].add(value, on: Int(notes[series].day))
        }
        lates.removeAll()
        for part in parts {
            lates.append(contentsOf: part.lates.filter { notes[Int($0.series)].status == .settled })
            part.lates.removeAll()
        }
        lates.sort { ($0.series, $0.at) < ($1.series, $1.at) }
        var start = 0
        while start < lates.count {
            var end = start + 1
            while end < lates.count, lates[end].series == lates[start].series { end += 1 }
            notes[Int(lates[start].series)].waiting = start..<end
            start = end
        }
        return !lates.isEmpty
    }

    // MARK: Rows

    /// Adds how many rows the settled series have of each day, and how many of these are complete; their intervals
    /// follow each other without a hole.
    ///
    /// - Parameters:
    ///   - some: the series, by number.
    ///   - lastAt: the time of each series' latest reading.
    ///   - part: takes them.
    func addRows(of some: Range<Int>, lastAt: [Int64], into part: SummaryPart) {
        for series in some where notes[series].status == .settled && lastAt[series] > notes[series].firstAt {
            let zone = zones[terms[Int(notes[series].terms)].zone]
            let (from, to) = (notes[series].firstAt, lastAt[series])
            let (firstDay, lastDay) = (zone.day(at: from), zone.day(at: to - 1))
            let firstWhole = zone.start(ofDay: firstDay) == from ? firstDay : firstDay + 1
            let endWhole = zone.day(at: to)
            let complete = firstWhole..<max(firstWhole, min(endWhole, lastDay + 1))
            let group = Int(notes[series].group)
            if zone.dayCount(firstDay...lastDay) == lastDay - firstDay + 1 {
                part.groups[group].addRows(firstDay..<lastDay + 1, complete: complete)
                continue
            }
            // A day that a zone skips is no day.
            for day in firstDay...lastDay where zone.start(ofDay: day) < zone.start(ofDay: day + 1) {
                part.groups[group].addRows(day..<day + 1, complete: complete.clamped(to: day..<day + 1))
            }
        }
    }

    /// The time of each series' latest reading, after the first pass.
    var lastReadAt: [Int64] { (0..<count).map { fronts[$0].at } }

    /// The series that the exact fold is left with.
    var unsettled: [UInt32] { (0..<UInt32(count)).filter { notes[Int($0)].status == .unsettled } }
}

// MARK: Second pass

extension SummaryFold {
    /// Begins the second pass, in which the readings come again.
    func beginSecondPass() {
        beginSegment()
        for i in 0..<count {
            fronts[i].at = Int64.min
            fronts[i].reach = 0
            fronts[i].limit = Int64.max
        }
    }

    /// Takes a reading in that is not calm.
    func takeAgain(_ series: UInt32, at instant: Int64, value: Int64, into part: SummaryPart) {
        let front = fronts + Int(series)
        if notes[Int(series)].status == .unsettled || instant <= front.pointee.at { return }
        let waiting = notes[Int(series)].waiting
        var end = waiting.lowerBound
        while end < waiting.upperBound, lates[end].at <= instant { end += 1 }
        if end > waiting.lowerBound {
            notes[Int(series)].waiting = end..<waiting.upperBound
            guard split(series, lates[waiting.lowerBound..<end], upTo: instant, value, into: part) else {
                return unsettle(series)
            }
        }
        front.pointee.at = instant
        front.pointee.value = value
        front.pointee.reach = UInt32.max
        front.pointee.limit = end < waiting.upperBound ? lates[end].at - 1 : Int64.max
    }

    /// Puts late readings between a series' front and the reading that follows it: false where they do not fit.
    private func split(
        _ series: UInt32,
        _ lates: ArraySlice<LateReading>,
        upTo instant: Int64,
        _ value: Int64,
        into part: SummaryPart
    ) -> Bool {
        let note = notes + Int(series)
        let front = fronts[Int(series)]
        let terms = terms[Int(note.pointee.terms)]
        let zone = zones[terms.zone]
        let isFirst = front.at == Int64.min
        var before: (at: Int64, value: Int64)? = isFirst ? nil : (front.at, front.value)
        var parts: [MeteredInterval] = []
        for next in lates.map({ (at: $0.at, value: $0.value) }) + [(at: instant, value: value)] {
            if let before {
                if next.at == before.at {
                    guard next.value == before.value else { return false }
                    continue
                }
                let interval = MeteredInterval(start: before.at, end: next.at, quantity: next.value &- before.value)
                guard counts(interval, terms) else { return false }
                parts.append(interval)
            }
            before = next
        }
        let group = Int(note.pointee.group)
        if isFirst {
            note.pointee.firstAt = min(note.pointee.firstAt, lates.first?.at ?? instant)
            for interval in parts {
                part.groups[group].add(interval, sign: 1, gapAfter: terms.gapAfter, zone: zone)
            }
            return true
        }
        guard parts.count > 1 else { return true }
        let whole = MeteredInterval(start: front.at, end: instant, quantity: value - front.value)
        replace(whole, by: parts, terms, &part.groups[group])
        return true
    }
}
