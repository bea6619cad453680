import Billing
import MeterModel

/// Cuts the intervals around a span of time into the hours, days and months that overlap it, and of a billed series the
/// days by the periods of their tariff.
///
/// Hours are cut only where the span touches them, days likewise; months are summed whole, or on from the sum that an
/// earlier pass ended with. So what a change costs follows the span, and at most a month's length.
struct BucketPass<Sink: BucketSink> {
    let zone: ZoneRules
    let gapAfter: Int64
    let hours: Range<Int64>
    let days: Range<Int64>
    let months: Range<Int64>
    /// The quantity charged in the tier period's piece before `days` begin.
    private(set) var countBeforeDays: Int128 = 0
    private let cutsHours: Bool
    private let schedule: RateSchedule?
    private let pieceStart: Int64
    private var hour: Bucket?
    private var day: (bucket: Bucket, date: LocalDate)?
    private var month: (bucket: Bucket, date: LocalDate)?
    /// The end of the last interval that is in a month; what ends before is not counted again.
    private var countedUpTo = Int64.min
    private var usage: DayUsage?
    private var period: (index: Int, until: Int64) = (0, Int64.min)
    private var stretch = Stretch()
    var sink: Sink

    /// Time between two cuts, in which all that lies goes into the same buckets, and what was taken of it since the
    /// last that was cut and is in none yet: not estimated, and not counted before.
    private struct Stretch {
        var start = Int64.max
        var end = Int64.min
        var quantity: Int64 = 0
        /// In milliseconds.
        var covered: Int64 = 0
    }

    /// `span`: the instants between which quantities changed; a bucket that only ends or begins there is not touched.
    /// `ledgerDays`: further local days whose usage is wanted.
    /// `schedule`: of a billed series, its rates.
    /// `cutsHours`: false where hours are not kept.
    init(
        span: (start: Int64, end: Int64),
        ledgerDays: (first: Int, last: Int)?,
        zone: ZoneRules,
        schedule: RateSchedule?,
        gapAfter: Int64,
        cutsHours: Bool,
        sink: Sink
    ) {
        self.zone = zone
        self.schedule = schedule
        self.gapAfter = gapAfter
        self.cutsHours = cutsHours
        self.sink = sink
        hours = zone.hourStart(at: span.start)..<zone.nextHour(after: span.end - 1)
        let firstDay = min(zone.day(at: span.start), ledgerDays?.first ?? Int.max)
        let lastDay = max(zone.day(at: span.end - 1), ledgerDays?.last ?? Int.min)
        days = zone.start(ofDay: firstDay)..<zone.start(ofDay: lastDay + 1)
        let firstMonth = LocalDate(dayNumber: Int32(firstDay)).firstOfMonth
        let nextMonth = LocalDate(dayNumber: Int32(lastDay)).firstOfNextMonth
        months = zone.start(ofDay: Int(firstMonth.dayNumber))..<zone.start(ofDay: Int(nextMonth.dayNumber))
        let firstInstant = days.lowerBound
        let windowStart = schedule.map { $0.windows[$0.window(at: firstInstant)].start } ?? Int64.max
        pieceStart = max(months.lowerBound, windowStart)
    }

    /// Goes on from the sum of a month, if this pass can: it begins behind all that the sum counts, and of what came
    /// before it needs nothing else.
    ///
    /// `span`: what this pass was made with.
    /// - Precondition: no interval was taken yet, and the sum is that of the series as it stands.
    mutating func resume(_ sum: MonthSum, span: (start: Int64, end: Int64)) {
        guard span.start >= sum.countedUpTo, days.lowerBound >= sum.bucket.start, schedule?.hasTiers != true else {
            return
        }
        month = (sum.bucket, sum.month)
        countedUpTo = sum.countedUpTo
    }

    /// From where on intervals are wanted.
    var wantedFrom: Int64 { countedUpTo == Int64.min ? months.lowerBound : days.lowerBound }

    /// The sum of the last month so far, of all that was taken.
    mutating func monthSum() -> MonthSum? {
        closeStretch()
        return month.map { MonthSum(bucket: $0.bucket, month: $0.date, countedUpTo: countedUpTo) }
    }

    @inline(__always)
    mutating func take(_ interval: MeteredInterval) {
        // Most lie whole between two cuts, behind one another.
        if interval.start >= stretch.start, interval.end <= stretch.end, interval.start >= countedUpTo,
            interval.end - interval.start <= gapAfter
        {
            let (quantity, overflows) = stretch.quantity.addingReportingOverflow(interval.quantity)
            if !overflows {
                stretch.quantity = quantity
                stretch.covered += interval.end - interval.start
                countedUpTo = interval.end
                return
            }
        }
        cutUp(interval)
    }

    /// Cuts an interval at the ends of the buckets that it meets.
    private mutating func cutUp(_ interval: MeteredInterval) {
        closeStretch()
        let isEstimated = interval.end - interval.start > gapAfter
        let isCounted = interval.end <= countedUpTo
        countedUpTo = max(countedUpTo, interval.end)
        var at = max(interval.start, months.lowerBound)
        let limit = min(interval.end, months.upperBound)
        var counted = at == interval.start ? 0 : interval.quantity(upTo: at)
        while at < limit {
            stretch.start = at
            stretch.end = turn(to: at)
            let cut = min(limit, stretch.end)
            let upTo = interval.quantity(upTo: cut)
            add(upTo - counted, isEstimated: isEstimated, milliseconds: cut - at, isCounted: isCounted)
            counted = upTo
            at = cut
        }
    }

    /// Puts a part of an interval into the buckets that are open, all of which hold the stretch.
    ///
    /// `isCounted`: whether the month has it already.
    @inline(__always)
    private mutating func add(_ part: Int64, isEstimated: Bool, milliseconds: Int64, isCounted: Bool) {
        let at = stretch.start
        if !isCounted { month?.bucket.add(part, isEstimated: isEstimated, milliseconds: milliseconds) }
        if days.contains(at) {
            day?.bucket.add(part, isEstimated: isEstimated, milliseconds: milliseconds)
            usage?.quantities[period.index] += Int128(part)
        } else if at >= pieceStart, at < days.lowerBound {
            countBeforeDays += Int128(part)
        }
        if cutsHours, hours.contains(at) { hour?.add(part, isEstimated: isEstimated, milliseconds: milliseconds) }
    }

    /// Puts what was taken between two cuts into the buckets.
    @inline(__always)
    private mutating func closeStretch() {
        if stretch.covered > 0 {
            add(stretch.quantity, isEstimated: false, milliseconds: stretch.covered, isCounted: false)
        }
        stretch = Stretch()
    }

    /// Writes what is still open. To be called once, at the end.
    mutating func finish() {
        closeStretch()
        if let hour { sink.hour(hour) }
        closeDay()
        if let month { sink.month(month.bucket, month.date) }
        hour = nil
        month = nil
    }

    /// Opens the buckets in which `at` lies and closes those before it.
    ///
    /// - Returns: the next cut.
    @inline(__always)
    private mutating func turn(to at: Int64) -> Int64 {
        if month.map({ at >= $0.bucket.end }) ?? true { turnMonth(to: at) }
        var cut = month?.bucket.end ?? at
        if days.contains(at) {
            if day.map({ at >= $0.bucket.end }) ?? true { turnDay(to: at) }
            cut = min(cut, day?.bucket.end ?? cut)
            if usage != nil {
                if at >= period.until, let schedule { period = schedule.period(at: at) }
                cut = min(cut, period.until)
            }
        } else if at < days.lowerBound {
            cut = min(cut, at < pieceStart ? min(pieceStart, days.lowerBound) : days.lowerBound)
        }
        guard cutsHours else { return cut }
        if hours.contains(at) {
            if hour.map({ at >= $0.end }) ?? true { turnHour(to: at) }
            cut = min(cut, hour?.end ?? cut)
        } else if at < hours.lowerBound {
            cut = min(cut, hours.lowerBound)
        }
        return cut
    }

    private mutating func turnHour(to at: Int64) {
        if let hour { sink.hour(hour) }
        // Most hours follow the one before.
        let start = hour.map { $0.end == at ? at : zone.hourStart(at: at) } ?? zone.hourStart(at: at)
        hour = Bucket(start: start, end: zone.nextHour(after: start))
    }

    private mutating func turnDay(to at: Int64) {
        closeDay()
        let number = zone.day(at: at)
        day = (
            Bucket(start: zone.start(ofDay: number), end: zone.start(ofDay: number + 1)),
            LocalDate(dayNumber: Int32(number))
        )
        guard let rates = schedule?.rates(at: at) else { return }
        usage = DayUsage(day: number, quantities: Array(repeating: 0, count: rates.periods.count))
        period.until = Int64.min
    }

    private mutating func closeDay() {
        if let day { sink.day(day.bucket, day.date) }
        if let usage { sink.usage(usage) }
        day = nil
        usage = nil
    }

    private mutating func turnMonth(to at: Int64) {
        if let month { sink.month(month.bucket, month.date) }
        let first = LocalDate(dayNumber: Int32(zone.day(at: at))).firstOfMonth
        month = (
            Bucket(
                start: zone.start(ofDay: Int(first.dayNumber)),
                end: zone.start(ofDay: Int(first.firstOfNextMonth.dayNumber))
            ),
            first
        )
    }
}
