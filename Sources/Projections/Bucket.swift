import Billing
import MeterModel

/// What intervals put into one hour, day or month (semantics, section 4).
struct Bucket {
    /// UTC milliseconds, half-open.
    var start: Int64
    var end: Int64
    /// mWh or mL.
    var quantity: Int128 = 0
    var estimated: Int128 = 0
    /// How much of the bucket intervals cover, in milliseconds.
    var covered: Int64 = 0

    init(start: Int64, end: Int64) {
        self.start = start
        self.end = end
    }

    var isComplete: Bool { covered == end - start }

    @inline(__always)
    mutating func add(_ part: Int64, isEstimated: Bool, milliseconds: Int64) {
        quantity += Int128(part)
        if isEstimated { estimated += Int128(part) }
        covered += milliseconds
    }
}

/// The rows that a pass over intervals may write.
protocol BucketSink {
    mutating func hour(_ bucket: Bucket)
    mutating func day(_ bucket: Bucket, _ day: LocalDate)
    mutating func month(_ bucket: Bucket, _ month: LocalDate)
}

/// Cuts the intervals around a span of time into the hours, days and months that overlap it.
///
/// Hours are cut only where the span touches them, days likewise; months are summed whole. So what a change costs follows
/// the span, and a month's length.
struct BucketPass<Sink: BucketSink> {
    let zone: ZoneRules
    let gapAfter: Int64
    let hours: Range<Int64>
    let days: Range<Int64>
    let months: Range<Int64>
    private let cutsHours: Bool
    private var hour: Bucket?
    private var day: (bucket: Bucket, date: LocalDate)?
    private var month: (bucket: Bucket, date: LocalDate)?
    var sink: Sink

    /// - Parameters:
    ///   - span: the instants between which quantities changed; a bucket that only ends or begins there is not touched.
    ///   - cutsHours: false where hours are not kept.
    init(span: (start: Int64, end: Int64), zone: ZoneRules, gapAfter: Int64, cutsHours: Bool, sink: Sink) {
        self.zone = zone
        self.gapAfter = gapAfter
        self.cutsHours = cutsHours
        self.sink = sink
        hours = zone.hourStart(at: span.start)..<zone.nextHour(after: span.end - 1)
        let firstDay = zone.day(at: span.start)
        let lastDay = zone.day(at: span.end - 1)
        days = zone.start(ofDay: firstDay)..<zone.start(ofDay: lastDay + 1)
        let firstMonth = LocalDate(dayNumber: Int32(firstDay)).firstOfMonth
        let nextMonth = LocalDate(dayNumber: Int32(lastDay)).firstOfNextMonth
        months = zone.start(ofDay: Int(firstMonth.dayNumber))..<zone.start(ofDay: Int(nextMonth.dayNumber))
    }

    mutating func take(_ interval: MeteredInterval) {
        let isEstimated = interval.end - interval.start > gapAfter
        var at = max(interval.start, months.lowerBound)
        let limit = min(interval.end, months.upperBound)
        var counted = at == interval.start ? 0 : interval.quantity(upTo: at)
        while at < limit {
            let cut = turn(to: at, limit)
            let upTo = interval.quantity(upTo: cut)
            let part = upTo - counted
            month?.bucket.add(part, isEstimated: isEstimated, milliseconds: cut - at)
            if days.contains(at) { day?.bucket.add(part, isEstimated: isEstimated, milliseconds: cut - at) }
            if cutsHours, hours.contains(at) { hour?.add(part, isEstimated: isEstimated, milliseconds: cut - at) }
            counted = upTo
            at = cut
        }
    }

    /// Writes what is still open. To be called once, at the end.
    mutating func finish() {
        if let hour { sink.hour(hour) }
        if let day { sink.day(day.bucket, day.date) }
        if let month { sink.month(month.bucket, month.date) }
        hour = nil
        day = nil
        month = nil
    }

    /// Opens the buckets in which `at` lies and closes those before it.
    ///
    /// - Returns: the next cut, at most `limit`.
    @inline(__always)
    private mutating func turn(to at: Int64, _ limit: Int64) -> Int64 {
        if month.map({ at >= $0.bucket.end }) ?? true { turnMonth(to: at) }
        var cut = min(limit, month?.bucket.end ?? limit)
        if days.contains(at) {
            if day.map({ at >= $0.bucket.end }) ?? true { turnDay(to: at) }
            cut = min(cut, day?.bucket.end ?? cut)
        } else if at < days.lowerBound {
            cut = min(cut, days.lowerBound)
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
        if let day { sink.day(day.bucket, day.date) }
        let number = zone.day(at: at)
        day = (
            Bucket(start: zone.start(ofDay: number), end: zone.start(ofDay: number + 1)),
            LocalDate(dayNumber: Int32(number))
        )
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
