import Billing
import MeterModel

/// When a balance that falls along added intervals reaches a level: in a straight line over each part of section 4, the
/// instant rounded up to the full second (semantics, section 7).
struct CrossingInstant {
    var schedule: RateSchedule
    var zone: ZoneRules

    /// - Parameters:
    ///   - level: below `balance`.
    ///   - balance: before the first of the intervals.
    ///   - intervals: ascending, later than all there was.
    /// - Returns: nil where the intervals do not bring the balance down to the level.
    func reached(_ level: Money, from balance: Money, along intervals: [MeteredInterval]) -> Int64? {
        var balance = balance
        for interval in intervals {
            let charge = schedule.charge(interval)
            if balance - charge > level {
                balance -= charge
                continue
            }
            var start = interval.start
            var counted: Int64 = 0
            while start < interval.end {
                let end = nextCut(after: start, upTo: interval.end)
                let upTo = interval.quantity(upTo: end)
                let part = schedule.charge(MeteredInterval(start: start, end: end, quantity: upTo - counted))
                if balance - part <= level {
                    return CrossingInstant.interpolate(start, end, drop: part, toLevel: balance - level)
                }
                balance -= part
                counted = upTo
                start = end
            }
        }
        return nil
    }

    /// Every hour, day and month begins where a local clock reads a full hour or a day begins.
    private func nextCut(after instant: Int64, upTo end: Int64) -> Int64 {
        var cut = min(end, zone.nextHour(after: instant))
        cut = min(cut, zone.start(ofDay: zone.day(at: instant) + 1))
        if let next = schedule.nextSwitch(after: instant) { cut = min(cut, next) }
        return cut
    }

    private static func interpolate(_ start: Int64, _ end: Int64, drop: Money, toLevel distance: Money) -> Int64 {
        guard drop.units > 0, distance.units > 0 else { return roundedUpToSecond(start, isExact: true) }
        let (milliseconds, rest) = scaled(distance.units, Int128(end - start), dividedBy: drop.units)
        return roundedUpToSecond(start + Int64(milliseconds), isExact: rest == 0)
    }

    /// `a * b / c` with its remainder, for `a <= c`; scaled down where the product would outgrow 128 bits.
    private static func scaled(_ a: Int128, _ b: Int128, dividedBy c: Int128) -> (Int128, Int128) {
        let (product, overflow) = a.multipliedReportingOverflow(by: b)
        if !overflow {
            let (quotient, remainder) = product.quotientAndRemainder(dividingBy: c)
            return (quotient, remainder)
        }
        let full = a.magnitude.multipliedFullWidth(by: b.magnitude)
        let (quotient, remainder) = c.magnitude.dividingFullWidth(full)
        return (Int128(quotient), Int128(remainder))
    }

    private static func roundedUpToSecond(_ milliseconds: Int64, isExact: Bool) -> Int64 {
        let (seconds, rest) = floorDivide(milliseconds, Milliseconds.second)
        return (rest == 0 && isExact ? seconds : seconds + 1) * Milliseconds.second
    }
}
