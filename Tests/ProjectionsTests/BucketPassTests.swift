import Billing
import MeterModel
import Testing
import TimeZones

@testable import Projections

/// Buckets as a pass writes them.
private struct Gathered: BucketSink {
    var hours: [Int64: Bucket] = [:]
    var days: [LocalDate: Bucket] = [:]
    var months: [LocalDate: Bucket] = [:]
    var isTwice = false

    mutating func hour(_ bucket: Bucket) {
        isTwice = isTwice || hours.updateValue(bucket, forKey: bucket.start) != nil
    }

    mutating func day(_ bucket: Bucket, _ day: LocalDate) {
        isTwice = isTwice || days.updateValue(bucket, forKey: day) != nil
    }

    mutating func month(_ bucket: Bucket, _ month: LocalDate) {
        isTwice = isTwice || months.updateValue(bucket, forKey: month) != nil
    }

    mutating func usage(_ usage: DayUsage) {}
}

extension Bucket: Equatable {
    static func == (a: Bucket, b: Bucket) -> Bool {
        a.start == b.start && a.end == b.end && a.quantity == b.quantity && a.estimated == b.estimated
            && a.covered == b.covered
    }
}

@Suite("Buckets")
struct BucketPassTests {
    private static let days = ["2024-03-31", "2024-10-27", "2024-04-07", "2018-11-04", "2018-02-18", "2011-12-30"]

    @Test("are what cutting at every boundary gives", arguments: 0..<60 as Range<UInt64>)
    func bruteForce(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        let zone = try #require(testZones.rules(of: random.pick(FleetHistory.zones)))
        let intervals = try randomIntervals(&random)
        let first = try #require(intervals.first?.start)
        let last = try #require(intervals.last?.end)
        let from = random.int(first...(last - 1))
        let span = random.oneIn(2) ? (start: first, end: last) : (start: from, end: random.int((from + 1)...last))
        var pass = newPass(over: span, zone)
        var hourless = newPass(over: span, zone, cutsHours: false)
        for interval in intervals where interval.end > pass.months.lowerBound {
            pass.take(interval)
            hourless.take(interval)
        }
        pass.finish()
        hourless.finish()
        #expect(!pass.sink.isTwice)
        #expect(hourless.sink.hours.isEmpty)
        #expect(hourless.sink.days == pass.sink.days && hourless.sink.months == pass.sink.months)
        for (start, bucket) in pass.sink.hours {
            #expect(zone.hourStart(at: start) == start)
            #expect(zone.nextHour(after: start) == bucket.end)
            #expect(bucket == filled(bucket, intervals))
        }
        for (date, bucket) in pass.sink.days {
            #expect(bucket.start == zone.start(ofDay: Int(date.dayNumber)))
            #expect(bucket.end == zone.start(ofDay: Int(date.dayNumber) + 1))
            #expect(bucket == filled(bucket, intervals))
        }
        for (date, bucket) in pass.sink.months {
            #expect(bucket.start == zone.start(ofDay: Int(date.dayNumber)))
            #expect(bucket == filled(bucket, intervals))
        }
        checkNoneMissing(pass.sink, span, zone, intervals)
    }

    @Test("go on from a month's sum as if they had seen all of it", arguments: 0..<200 as Range<UInt64>)
    func resumption(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        let zone = try #require(testZones.rules(of: random.pick(FleetHistory.zones)))
        let intervals = try randomIntervals(&random)
        let end = try #require(intervals.last?.end)
        var sum: MonthSum?
        var next = 0
        while next < intervals.count {
            let upTo = next + Int(random.int(1...Int64(intervals.count - next)))
            let span = (start: intervals[next].start, end: intervals[upTo - 1].end)
            var pass = newPass(over: span, zone)
            if let sum { pass.resume(sum, span: span) }
            let known = intervals[..<upTo].filter { $0.end > pass.wantedFrom }
            for interval in known { pass.take(interval) }
            sum = pass.monthSum()
            pass.finish()
            #expect(!pass.sink.isTwice, "seed \(seed)")
            let all = Array(intervals[..<upTo])
            for bucket in Array(pass.sink.hours.values) + pass.sink.days.values + pass.sink.months.values {
                #expect(bucket == filled(bucket, all), "seed \(seed)")
            }
            checkNoneMissing(pass.sink, span, zone, all)
            #expect(sum?.countedUpTo == intervals[upTo - 1].end)
            next = upTo
        }
        #expect(sum?.countedUpTo == end)
    }

    private func newPass(
        over span: (start: Int64, end: Int64),
        _ zone: ZoneRules,
        cutsHours: Bool = true
    ) -> BucketPass<Gathered> {
        BucketPass(
            span: span,
            ledgerDays: nil,
            zone: zone,
            schedule: nil,
            gapAfter: 6 * Milliseconds.hour,
            cutsHours: cutsHours,
            sink: Gathered()
        )
    }

    /// Twelve intervals at most, around a day that is out of the ordinary in some zone.
    private func randomIntervals(_ random: inout TestRandom) throws -> [MeteredInterval] {
        let centre = Int64(try #require(LocalDate(random.pick(BucketPassTests.days))).dayNumber) * Milliseconds.day
        var intervals: [MeteredInterval] = []
        var at = centre - random.int(0...(2 * Milliseconds.day))
        for _ in 0..<12 {
            let start = random.oneIn(4) ? at + random.int(1...30_000_000) : at
            at = start + random.pick([900_000, 3_600_000, 7_200_001, 40_000_000, 90_000_000])
            if random.oneIn(3) { at -= at % Milliseconds.hour }
            guard at > start else {
                at = start
                continue
            }
            intervals.append(MeteredInterval(start: start, end: at, quantity: random.int(0...10_000_000)))
        }
        return intervals
    }

    /// What intervals put into a bucket, each by its own cuts.
    private func filled(_ bucket: Bucket, _ intervals: [MeteredInterval]) -> Bucket {
        var filled = Bucket(start: bucket.start, end: bucket.end)
        for interval in intervals where interval.start < bucket.end && interval.end > bucket.start {
            let from = max(interval.start, bucket.start)
            let to = min(interval.end, bucket.end)
            filled.add(
                interval.quantity(upTo: to) - interval.quantity(upTo: from),
                isEstimated: interval.end - interval.start > 6 * Milliseconds.hour,
                milliseconds: to - from
            )
        }
        return filled
    }

    /// Every bucket that meets the span and an interval is written.
    private func checkNoneMissing(
        _ sink: Gathered,
        _ span: (start: Int64, end: Int64),
        _ zone: ZoneRules,
        _ intervals: [MeteredInterval]
    ) {
        for interval in intervals where interval.start < span.end && interval.end > span.start {
            var at = max(interval.start, span.start)
            let end = min(interval.end, span.end)
            while at < end {
                let day = LocalDate(dayNumber: Int32(zone.day(at: at)))
                #expect(sink.hours[zone.hourStart(at: at)] != nil)
                #expect(sink.days[day] != nil)
                #expect(sink.months[day.firstOfMonth] != nil)
                at = zone.nextHour(after: at)
            }
        }
    }
}
