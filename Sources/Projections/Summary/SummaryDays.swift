import Billing
import MeterModel

/// What series that are summed up together used on local days.
///
/// Invariant: `days[i]` is day `first + i`; days outside have nothing.
struct SummaryDays {
    struct Day {
        /// mWh or mL.
        var quantity: Int128 = 0
        var estimated: Int128 = 0
        /// How many series have a row of the day, and how many of these rows are complete.
        var series = 0
        var complete = 0
    }

    private(set) var first = 0
    private(set) var days: ContiguousArray<Day> = []

    /// The day with a number, to be changed.
    @inline(__always)
    private mutating func index(of day: Int) -> Int {
        let i = day - first
        if i >= 0, i < days.count { return i }
        return extend(to: day)
    }

    private mutating func extend(to day: Int) -> Int {
        if days.isEmpty { first = day }
        if day < first {
            days.insert(contentsOf: repeatElement(Day(), count: first - day), at: 0)
            first = day
        }
        if day - first >= days.count {
            days.append(contentsOf: repeatElement(Day(), count: day - first + 1 - days.count))
        }
        return day - first
    }

    @inline(__always)
    mutating func add(_ quantity: Int64, on day: Int) { days[index(of: day)].quantity += Int128(quantity) }

    mutating func addEstimated(_ quantity: Int64, on day: Int) { days[index(of: day)].estimated += Int128(quantity) }

    /// Adds what a series has in its rows.
    mutating func add(_ bucket: Bucket, on day: Int) {
        let i = index(of: day)
        days[i].quantity += bucket.quantity
        days[i].estimated += bucket.estimated
        days[i].series += 1
        days[i].complete += bucket.isComplete ? 1 : 0
    }

    mutating func addRows(_ rows: Range<Int>, complete: Range<Int>) {
        for day in rows { days[index(of: day)].series += 1 }
        for day in complete { days[index(of: day)].complete += 1 }
    }

    /// Adds an interval cut at midnights, or takes it back.
    mutating func add(_ interval: MeteredInterval, sign: Int64, gapAfter: Int64, zone: ZoneRules) {
        let isEstimated = interval.end - interval.start > gapAfter
        var at = interval.start
        var counted: Int64 = 0
        while at < interval.end {
            let day = zone.day(at: at)
            let cut = min(interval.end, zone.start(ofDay: day + 1))
            let upTo = interval.quantity(upTo: cut)
            add(sign * (upTo - counted), on: day)
            if isEstimated { addEstimated(sign * (upTo - counted), on: day) }
            counted = upTo
            at = cut
        }
    }

    /// Adds the days of others, or takes them back.
    mutating func add(_ other: SummaryDays, sign: Int) {
        for (i, day) in other.days.enumerated() {
            let j = index(of: other.first + i)
            days[j].quantity += Int128(sign) * day.quantity
            days[j].estimated += Int128(sign) * day.estimated
            days[j].series += sign * day.series
            days[j].complete += sign * day.complete
        }
    }
}
