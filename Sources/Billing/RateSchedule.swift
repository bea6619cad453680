package import MeterModel

/// What a device pays, over all time: the versions of its assigned tariffs laid end to end. Devices with the same
/// assignments in one zone may share it.
///
/// Invariants: `windows` ascends, the first begins at `Int64.min`; window k holds until window k + 1 begins; rates are
/// nil where nothing is charged; every switch between windows is a local midnight, so that a local day has one version.
package final class RateSchedule: Sendable {
    /// A stretch with one tariff version, until the next window begins.
    package struct Window: Sendable {
        /// UTC milliseconds.
        package var start: Int64
        package var rates: VersionRates?
    }

    package let windows: [Window]
    package let zone: ZoneRules
    /// The instant of first assignment: from then on quantities count for tiers. `Int64.min`: everything.
    package let countsFrom: Int64
    /// The local day of first assignment; nil where it is "everything" or nothing is assigned.
    package let firstDay: Int?
    /// Whether any window prices by time of use, by tiers, or by the day.
    package let hasPeriods: Bool
    package let hasTiers: Bool
    package let hasStandingCharge: Bool
    /// What a unit of quantity (mWh or mL) costs at most, whenever and in whatever tier, tax included: money units.
    package let highestUnits: Int128

    /// The schedule of a device to which nothing is assigned.
    package static let none = RateSchedule(assignments: [], zone: .utc)

    /// A tariff with its versions' rates, made once for all devices that have it.
    package struct Tariff: Sendable {
        package var versions: [(from: LocalDate, rates: VersionRates)]

        package init(_ published: TariffPublished) {
            versions = published.versions.map { ($0.from, VersionRates($0)) }
        }
    }

    /// - Parameters:
    ///   - assignments: ascending by `from`, each `from` once; nil stands for "everything" and comes first.
    ///   - zone: the device's zone, whose midnights are the switches.
    package init(assignments: [(from: LocalDate?, tariff: Tariff)], zone: ZoneRules) {
        self.zone = zone
        var windows = [Window(start: Int64.min, rates: nil)]
        func append(_ window: Window) {
            if windows[windows.count - 1].start == window.start {
                windows[windows.count - 1].rates = window.rates
            } else {
                windows.append(window)
            }
        }
        func start(of date: LocalDate?) -> Int64 { date.map { zone.start(ofDay: Int($0.dayNumber)) } ?? Int64.min }
        for (i, assignment) in assignments.enumerated() {
            let begin = start(of: assignment.from)
            let end = i + 1 < assignments.count ? assignments[i + 1].from.map { start(of: $0) } : nil
            append(Window(start: begin, rates: nil))
            for version in assignment.tariff.versions {
                let start = max(begin, start(of: version.from))
                if let end, start >= end { break }
                append(Window(start: start, rates: version.rates))
            }
        }
        let rates = windows.compactMap(\.rates)
        self.windows = windows
        countsFrom = assignments.isEmpty ? Int64.max : start(of: assignments[0].from)
        firstDay = assignments.first?.from.map { Int($0.dayNumber) }
        hasPeriods = rates.contains { !$0.isUniform }
        hasTiers = rates.contains { $0.tierPeriod != nil }
        hasStandingCharge = rates.contains { $0.standingMicro > 0 }
        highestUnits = rates.map(\.highestUnits).max() ?? 0
    }

    /// The index of the window in which an instant lies.
    package func window(at instant: Int64) -> Int {
        var low = 0
        var high = windows.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if windows[middle].start <= instant { low = middle } else { high = middle }
        }
        return low
    }

    /// The rates in force at an instant; nil where nothing is charged.
    package func rates(at instant: Int64) -> VersionRates? { windows[window(at: instant)].rates }

    @inline(__always)
    func end(ofWindow k: Int) -> Int64 { k + 1 < windows.count ? windows[k + 1].start : Int64.max }

    // MARK: Time of use

    /// The period in force at an instant, as an index of its rates' `periods`, and the first instant after it at which
    /// another period or window begins (`Int64.max`: never).
    package func period(at instant: Int64) -> (index: Int, until: Int64) {
        let k = window(at: instant)
        let windowEnd = end(ofWindow: k)
        guard let rates = windows[k].rates else { return (0, windowEnd) }
        if rates.isUniform { return (Int(rates.periodOfMinute[0]), windowEnd) }
        return RateSchedule.period(rates, zone, at: instant, upTo: windowEnd)
    }

    /// What the local clock reads decides: a skipped hour has no length, a repeated one counts twice.
    private static func period(
        _ rates: VersionRates,
        _ zone: ZoneRules,
        at instant: Int64,
        upTo limit: Int64
    ) -> (index: Int, until: Int64) {
        var from = instant
        let index = Int(rates.periodOfMinute[minuteOfWeek(from, zone)])
        while true {
            let transition = zone.nextTransition(after: from)
            let intoMinute = floorDivide(from + zone.offset(at: from), Milliseconds.minute).remainder
            let distance = Int64(rates.minutesToChange[minuteOfWeek(from, zone)])
            let change = from - intoMinute + distance * Milliseconds.minute
            if change < transition { return (index, min(change, limit)) }
            if transition >= limit { return (index, limit) }
            from = transition
            if Int(rates.periodOfMinute[minuteOfWeek(from, zone)]) != index { return (index, from) }
        }
    }

    private static func minuteOfWeek(_ instant: Int64, _ zone: ZoneRules) -> Int {
        let minutes = floorDivide(instant + zone.offset(at: instant), Milliseconds.minute).quotient
        return VersionRates.placeInWeek(ofMinute: minutes).minute
    }

    // MARK: Charges by quantity

    /// Intervals longer than this that meet different prices are bounded first, and worked out where it matters.
    package static let wideMilliseconds: Int64 = 8 * Milliseconds.day

    /// What an interval's quantity costs by time of use, tax included: exactly, or within bounds (tiers apart).
    package func charge(_ interval: MeteredInterval) -> ChargeBounds {
        var k = window(at: interval.start)
        if end(ofWindow: k) >= interval.end {
            guard let rates = windows[k].rates else { return .zero }
            return charge(interval, from: interval.start, to: interval.end, interval.quantity, rates)
        }
        var total = ChargeBounds.zero
        var counted: Int64 = 0
        var start = interval.start
        while start < interval.end {
            let stop = min(end(ofWindow: k), interval.end)
            let upTo = interval.quantity(upTo: stop)
            if let rates = windows[k].rates { total += charge(interval, from: start, to: stop, upTo - counted, rates) }
            counted = upTo
            start = stop
            k += 1
        }
        return total
    }

    /// What a quantity costs, tax included (tiers apart), where one price holds all over its interval: money units, and
    /// the same for the whole as for its parts together. Nil where several prices may hold.
    @inline(__always)
    func uniformCharge(_ interval: MeteredInterval) -> Int128? {
        let k = window(at: interval.start)
        guard end(ofWindow: k) >= interval.end else { return nil }
        guard let rates = windows[k].rates else { return 0 }
        guard rates.lowestMicro == rates.highestMicro else { return nil }
        return rates.taxed(Int128(interval.quantity) * Int128(rates.lowestMicro))
    }

    @inline(__always)
    private func charge(
        _ interval: MeteredInterval,
        from start: Int64,
        to end: Int64,
        _ quantity: Int64,
        _ rates: VersionRates
    ) -> ChargeBounds {
        if rates.lowestMicro == rates.highestMicro {
            return ChargeBounds(exactly: rates.taxed(Int128(quantity) * Int128(rates.lowestMicro)))
        }
        if end - start > RateSchedule.wideMilliseconds {
            return wideBounds(interval, from: start, to: end, quantity, rates)
        }
        return ChargeBounds(exactly: exactUnits(interval, from: start, to: end, rates))
    }

    /// Bounds of what a stretch with many prices costs, as close as the rounding at its cuts allows.
    ///
    /// Unrounded, the quantity in each price goes by its share of the time. A cut moves less than one unit of quantity
    /// from one price to the next, so n parts cost at most n + 1 units at the highest price more or less.
    private func wideBounds(
        _ interval: MeteredInterval,
        from start: Int64,
        to end: Int64,
        _ quantity: Int64,
        _ rates: VersionRates
    ) -> ChargeBounds {
        var priceTime: Int128 = 0
        var transitionCount = 0
        var at = start
        while at < end {
            let stop = min(zone.nextTransition(after: at), end)
            let offset = zone.offset(at: at)
            priceTime += rates.priceMilliseconds(upTo: stop + offset) - rates.priceMilliseconds(upTo: at + offset)
            transitionCount += 1
            at = stop
        }
        let weeks = Int((end - start) / (7 * Milliseconds.day)) + 1
        let partCount = rates.changesPerWeek * (weeks + transitionCount) + transitionCount
        let slack = Int128(partCount + 1) * Int128(rates.highestMicro)
        let cost = Int128(interval.quantity) * priceTime / Int128(interval.end - interval.start)
        let low = max(cost - slack, Int128(quantity) * Int128(rates.lowestMicro))
        let high = min(cost + 1 + slack, Int128(quantity) * Int128(rates.highestMicro))
        return ChargeBounds(low: Money(units: rates.taxed(low)), high: Money(units: rates.taxed(high)))
    }

    /// What an interval's quantity costs by time of use, tax included (tiers apart), worked out cut by cut.
    package func exactCharge(_ interval: MeteredInterval) -> Money {
        var units: Int128 = 0
        var start = interval.start
        var k = window(at: start)
        while start < interval.end {
            let stop = min(end(ofWindow: k), interval.end)
            if let rates = windows[k].rates { units += exactUnits(interval, from: start, to: stop, rates) }
            start = stop
            k += 1
        }
        return Money(units: units)
    }

    private func exactUnits(_ interval: MeteredInterval, from start: Int64, to end: Int64, _ rates: VersionRates)
        -> Int128
    {
        var cost: Int128 = 0
        var at = start
        var counted = start == interval.start ? 0 : interval.quantity(upTo: start)
        while at < end {
            let (index, until) = RateSchedule.period(rates, zone, at: at, upTo: end)
            let upTo = interval.quantity(upTo: min(until, end))
            cost += Int128(upTo - counted) * Int128(rates.periods[index].priceMicro)
            counted = upTo
            at = until
        }
        return rates.taxed(cost)
    }

    // MARK: Standing charges

    /// The standing charges of local days `first...last`, tax included.
    package func standingCharges(_ days: ClosedRange<Int>) -> Money {
        guard hasStandingCharge else { return .zero }
        var units: Int128 = 0
        for (k, window) in windows.enumerated() {
            guard let rates = window.rates, rates.standingMicro > 0 else { continue }
            let from = window.start == Int64.min ? days.lowerBound : max(days.lowerBound, zone.day(at: window.start))
            let windowEnd = end(ofWindow: k)
            let through = windowEnd == Int64.max ? days.upperBound : min(days.upperBound, zone.day(at: windowEnd) - 1)
            guard from <= through else { continue }
            let count = Int128(zone.dayCount(from...through))
            units += rates.taxed(Int128(rates.standingMicro) * 1_000_000) * count
        }
        return Money(units: units)
    }
}

/// An amount known exactly, or between bounds.
package struct ChargeBounds: Hashable, Sendable {
    package var low: Money
    package var high: Money

    package static let zero = ChargeBounds(low: .zero, high: .zero)

    @inlinable
    package init(low: Money, high: Money) {
        self.low = low
        self.high = high
    }

    @inline(__always)
    init(exactly units: Int128) {
        low = Money(units: units)
        high = low
    }

    package var isExact: Bool { low == high }

    @inlinable
    package static func += (a: inout ChargeBounds, b: ChargeBounds) {
        a.low += b.low
        a.high += b.high
    }

    @inlinable
    package static func -= (a: inout ChargeBounds, b: ChargeBounds) {
        a.low -= b.low
        a.high -= b.high
    }
}
