import Billing
import MeterModel

/// A balance on its way down along added intervals: in a straight line over each part of section 4, and by each newly
/// due standing charge at its midnight (semantics, section 7).
struct CrossingLine {
    struct Drop {
        var at: Int64
        var amount: Money
    }

    let schedule: RateSchedule
    /// The counts before the first of the intervals.
    var tiers: TierCounts
    /// Ascending.
    var drops: [Drop]

    /// When the balance reaches a level, rounded up to the full second; nil where it does not.
    ///
    /// `balance`: before the first of the intervals.
    /// `intervals`: ascending, later than all there was, not empty.
    mutating func reaches(_ level: Money, from balance: Money, along intervals: [MeteredInterval]) -> Int64? {
        var balance = balance
        var next = 0
        let start = intervals.first?.start ?? 0
        /// Takes off what is due up to an instant.
        func drop(upTo instant: Int64, _ balance: inout Money) -> Int64? {
            while next < drops.count, max(drops[next].at, start) <= instant {
                balance -= drops[next].amount
                next += 1
                if balance <= level { return CrossingLine.fullSecond(max(drops[next - 1].at, start), isExact: true) }
            }
            return nil
        }
        for interval in intervals {
            var at = interval.start
            var counted: Int64 = 0
            while at < interval.end {
                if let reached = drop(upTo: at, &balance) { return reached }
                let end = nextCut(after: at, upTo: interval.end)
                let upTo = interval.quantity(upTo: end)
                let charge = charge(MeteredInterval(start: at, end: end, quantity: upTo - counted))
                if charge > .zero, balance - charge <= level {
                    return CrossingLine.interpolate(at, end, drop: charge, toLevel: balance - level)
                }
                balance -= charge
                counted = upTo
                at = end
            }
        }
        return drop(upTo: Int64.max, &balance)
    }

    /// A part lies in one period, one window and one month.
    private mutating func charge(_ part: MeteredInterval) -> Money {
        let before = tiers.total
        if schedule.hasTiers { tiers.add(part, sign: 1, schedule) }
        return schedule.exactCharge(part) + (tiers.total - before)
    }

    private func nextCut(after instant: Int64, upTo end: Int64) -> Int64 {
        let zone = schedule.zone
        var cut = min(end, zone.nextHour(after: instant))
        cut = min(cut, zone.start(ofDay: zone.day(at: instant) + 1))
        return min(cut, schedule.period(at: instant).until)
    }

    private static func interpolate(_ start: Int64, _ end: Int64, drop: Money, toLevel distance: Money) -> Int64 {
        guard distance.units > 0 else { return fullSecond(start, isExact: true) }
        let full = distance.units.magnitude.multipliedFullWidth(by: Int128(end - start).magnitude)
        let (milliseconds, rest) = drop.units.magnitude.dividingFullWidth(full)
        return fullSecond(start + Int64(milliseconds), isExact: rest == 0)
    }

    private static func fullSecond(_ milliseconds: Int64, isExact: Bool) -> Int64 {
        let (seconds, rest) = floorDivide(milliseconds, Milliseconds.second)
        return (rest == 0 && isExact ? seconds : seconds + 1) * Milliseconds.second
    }
}
