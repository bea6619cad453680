package import MeterModel

/// What one device pays per unit, over all time: the versions of its assigned tariffs laid end to end.
///
/// Invariants: `starts` ascends from `Int64.min`; `prices[k]` holds from `starts[k]` to `starts[k + 1]`, nil where nothing
/// is charged; every switch is a local midnight, so that a local day has one price.
package struct RateSchedule: Sendable {
    private var starts: [Int64] = [Int64.min]
    /// 10^-6 of the currency's unit per kWh or m3.
    private var prices: [Int64?] = [nil]

    /// Money units (10^-16) in one mWh or mL at a price of 10^-6 a kWh or m3.
    private static let unitsPerMicroMilli: Int128 = 10_000

    /// The schedule of a device to which nothing is assigned.
    package static let none = RateSchedule()

    private init() {}

    /// - Parameters:
    ///   - assignments: ascending by `from`, each `from` once; nil stands for "everything" and comes first.
    ///   - zone: the device's zone, whose midnights are the switches.
    package init(assignments: [(from: LocalDate?, tariff: TariffPublished)], zone: ZoneRules) {
        for (i, assignment) in assignments.enumerated() {
            let begin = assignment.from.map { zone.start(ofDay: Int($0.dayNumber)) } ?? Int64.min
            let end =
                i + 1 < assignments.count ? assignments[i + 1].from.map { zone.start(ofDay: Int($0.dayNumber)) } : nil
            append(from: begin, price: nil)
            for version in assignment.tariff.versions {
                let start = max(begin, zone.start(ofDay: Int(version.from.dayNumber)))
                if let end, start >= end { break }
                append(from: start, price: RateSchedule.micro(version.defaultPrice))
            }
        }
    }

    private mutating func append(from start: Int64, price: Int64?) {
        if starts.last == start {
            prices[prices.count - 1] = price
        } else if prices.last != price {
            starts.append(start)
            prices.append(price)
        }
    }

    /// - Precondition: a price has at most 6 fraction digits and is at most 100,000, as admission sees to.
    private static func micro(_ price: ExactDecimal) -> Int64 {
        guard let micro = price.scaled(by: 6), micro <= 100_000_000_000 else {
            preconditionFailure("a tariff with the price \(price) was admitted")
        }
        return Int64(micro)
    }

    private func window(at instant: Int64) -> Int {
        var low = 0
        var high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= instant { low = middle } else { high = middle }
        }
        return low
    }

    /// The price in force at an instant, in 10^-6 a unit; nil where nothing is charged.
    package func priceMicro(at instant: Int64) -> Int64? { prices[window(at: instant)] }

    /// The amount of a quantity (mWh or mL) at a price in 10^-6 a unit.
    @inline(__always)
    package static func amount(quantity: Int128, priceMicro: Int64) -> Money {
        Money(units: quantity * Int128(priceMicro) * unitsPerMicroMilli)
    }

    /// What an interval costs: its quantity cut at the switches (semantics, section 4), each part at its price.
    package func charge(_ interval: MeteredInterval) -> Money {
        var k = window(at: interval.start)
        // The common case: no switch inside.
        if k + 1 == starts.count || starts[k + 1] >= interval.end {
            guard let price = prices[k] else { return .zero }
            return RateSchedule.amount(quantity: Int128(interval.quantity), priceMicro: price)
        }
        var total = Money.zero
        var counted: Int64 = 0
        while true {
            let last = k + 1 == starts.count || starts[k + 1] >= interval.end
            let upTo = last ? interval.quantity : interval.quantity(upTo: starts[k + 1])
            if let price = prices[k] {
                total += RateSchedule.amount(quantity: Int128(upTo - counted), priceMicro: price)
            }
            if last { return total }
            counted = upTo
            k += 1
        }
    }

    /// The first switch after an instant, if one comes.
    package func nextSwitch(after instant: Int64) -> Int64? {
        let k = window(at: instant)
        return k + 1 < starts.count ? starts[k + 1] : nil
    }
}
