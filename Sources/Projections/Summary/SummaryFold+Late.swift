import Billing
import CPrefetch
import EventStorage
import MeterModel

extension SummaryFold {
    /// Puts a reading that came late between its neighbours among the last readings of its series.
    func takeLate(_ series: UInt32, _ reading: RecentReadings.Reading, into part: SummaryPart) {
        let count = fronts[Int(series)].count
        let known = min(count, UInt32(recent.capacity))
        // Readings from `count - back` on are later than it.
        var back: UInt32 = 0
        for ahead in stride(from: 1, to: SummaryFold.readingsAhead, by: 4) { fetch(series, count &- ahead) }
        while back < known, recent[series, count - back - 1].at > reading.at {
            back += 1
            if back % 4 == 0 { fetch(series, count &- back &- SummaryFold.readingsAhead) }
        }
        guard back < known || known == count else {
            part.missCount += 1
            return unsettle(series)
        }
        let after = recent[series, count - back]
        let note = notes + Int(series)
        let terms = terms[Int(note.pointee.terms)]
        let second = MeteredInterval(start: reading.at, end: after.at, quantity: after.value &- reading.value)
        guard back < known else {
            // Before the first.
            guard counts(second, terms) else { return unsettle(series) }
            note.pointee.firstAt = reading.at
            part.groups[Int(note.pointee.group)]
                .add(second, sign: 1, gapAfter: terms.gapAfter, zone: zones[terms.zone])
            return insert(series, reading, back: back)
        }
        let before = recent[series, count - back - 1]
        if before.at == reading.at {
            if before.value != reading.value { unsettle(series) }
            return
        }
        let first = MeteredInterval(start: before.at, end: reading.at, quantity: reading.value &- before.value)
        guard counts(first, terms), counts(second, terms) else { return unsettle(series) }
        let whole = MeteredInterval(start: before.at, end: after.at, quantity: after.value - before.value)
        replace(whole, by: [first, second], terms, &part.groups[Int(note.pointee.group)])
        insert(series, reading, back: back)
    }

    /// How many readings back they are fetched while neighbours are looked for, four at once: each four lie elsewhere.
    private static let readingsAhead: UInt32 = 32

    private func fetch(_ series: UInt32, _ n: UInt32) { meterfold_prefetch(recent.address(of: series, n)) }

    private func insert(_ series: UInt32, _ reading: RecentReadings.Reading, back: UInt32) {
        let front = fronts + Int(series)
        let count = front.pointee.count
        // The oldest goes where there is no room.
        guard back < UInt32(recent.capacity) else {
            front.pointee.count &+= 1
            return
        }
        for i in 0..<back { recent[series, count - i] = recent[series, count - i - 1] }
        recent[series, count - back] = reading
        front.pointee.count &+= 1
    }

    /// Puts the parts of an interval in its place.
    func replace(
        _ whole: MeteredInterval,
        by parts: [MeteredInterval],
        _ terms: SummaryTerms,
        _ days: inout SummaryDays
    ) {
        let zone = zones[terms.zone]
        // What lies within a day counts there however it is split.
        let isCut = zone.day(at: whole.start) != zone.day(at: whole.end - 1)
        guard isCut || whole.end - whole.start > terms.gapAfter else { return }
        days.add(whole, sign: -1, gapAfter: terms.gapAfter, zone: zone)
        for part in parts { days.add(part, sign: 1, gapAfter: terms.gapAfter, zone: zone) }
    }
}
