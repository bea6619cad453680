package import MeterModel

/// The rates of one tariff version, made ready to be looked up by local clock and by quantity (semantics, section 5).
///
/// Invariants: `periodOfMinute` has one period for each minute of a week from Monday 00:00; `minutesToChange[m]` is how
/// many minutes later another period begins, or the whole week where none does; `priceMinutes[m]` sums the prices of
/// the first m minutes of the week; the default period is the last of `periods`.
package final class VersionRates: Sendable {
    /// A time-of-use price.
    package struct Period: Hashable, Sendable {
        package var name: String
        /// 10^-6 of the currency's unit per kWh or m3.
        package var priceMicro: Int64
    }

    /// A step and what it adds to the price.
    package struct TierStep: Hashable, Sendable {
        /// mWh or mL since the tier period began, contained in the step; nil for the last.
        var upTo: Int128?
        var addMicro: Int64
    }

    package let periods: [Period]
    let periodOfMinute: [UInt8]
    let minutesToChange: [UInt16]
    /// 10^-6 of the currency's unit per kWh or m3, times minutes: 10,081 sums.
    private let priceMinutes: [Int64]
    /// How often in a week another period begins.
    let changesPerWeek: Int
    package let tierPeriod: TariffTiers.Period?
    let steps: [TierStep]
    /// 10^-6 of the currency's unit a day.
    package let standingMicro: Int64
    /// 10^-4 of the charge: 13 % is 1300.
    package let taxTenThousandths: Int64
    let lowestMicro: Int64
    let highestMicro: Int64
    /// What a unit of quantity costs at most, in whatever tier, tax included: money units.
    var highestUnits: Int128 { taxed(Int128(highestMicro) + Int128(steps.map(\.addMicro).max() ?? 0)) }
    /// Whether one period holds at all times.
    package let isUniform: Bool

    static let minutesPerWeek = 7 * 24 * 60

    /// - Precondition: the version was admitted, so that prices, bounds and percents are in range.
    package init(_ version: TariffVersion) {
        periods =
            version.periods.map { Period(name: $0.name, priceMicro: VersionRates.micro($0.price)) }
            + [Period(name: "default", priceMicro: VersionRates.micro(version.defaultPrice))]
        periodOfMinute = VersionRates.week(version.periods)
        isUniform = periodOfMinute.allSatisfy { [periodOfMinute] in $0 == periodOfMinute[0] }
        minutesToChange = VersionRates.distances(periodOfMinute, isUniform: isUniform)
        priceMinutes = periodOfMinute.reduce(into: [0]) { [periods] sums, period in
            sums.append(sums[sums.count - 1] + periods[Int(period)].priceMicro)
        }
        changesPerWeek = periodOfMinute.indices.count { [periodOfMinute] in
            periodOfMinute[$0] != periodOfMinute[($0 + 1) % VersionRates.minutesPerWeek]
        }
        tierPeriod = version.tiers?.period
        steps =
            version.tiers?.steps.map { step in
                TierStep(upTo: step.upTo.flatMap { $0.scaled(by: 6) }, addMicro: VersionRates.micro(step.add))
            } ?? []
        standingMicro = version.standingCharge.map(VersionRates.micro) ?? 0
        taxTenThousandths = version.tax.flatMap { $0.scaled(by: 2) }.map(Int64.init) ?? 0
        let used = periods.indices.filter { [periodOfMinute] in periodOfMinute.contains(UInt8($0)) }
        lowestMicro = used.map { [periods] in periods[$0].priceMicro }.min() ?? 0
        highestMicro = used.map { [periods] in periods[$0].priceMicro }.max() ?? 0
    }

    private static func micro(_ price: ExactDecimal) -> Int64 {
        guard let micro = price.scaled(by: 6), micro >= 0, micro <= 100_000_000_000 else {
            preconditionFailure("a tariff with the price \(price) was admitted")
        }
        return Int64(micro)
    }

    /// The period of each minute of the week: of overlapping windows the period listed first holds.
    private static func week(_ periods: [TariffPeriod]) -> [UInt8] {
        var week = [UInt8](repeating: UInt8(periods.count), count: minutesPerWeek)
        for (index, period) in periods.enumerated().reversed() {
            for window in period.windows {
                for day in 0..<7 where window.weekdays >> day & 1 == 1 {
                    let start = day * 1440 + window.fromMinute
                    // A window whose end is not after its beginning runs into the next day.
                    let end = day * 1440 + window.toMinute + (window.toMinute <= window.fromMinute ? 1440 : 0)
                    for minute in start..<end { week[minute % minutesPerWeek] = UInt8(index) }
                }
            }
        }
        return week
    }

    private static func distances(_ week: [UInt8], isUniform: Bool) -> [UInt16] {
        var distances = [UInt16](repeating: UInt16(minutesPerWeek), count: minutesPerWeek)
        guard !isUniform else { return distances }
        var distance = 0
        // Twice around, backwards: the second round knows what comes after the week's end.
        for minute in (0..<2 * minutesPerWeek).reversed() {
            let m = minute % minutesPerWeek
            distance = week[m] == week[(m + 1) % minutesPerWeek] ? distance + 1 : 1
            if minute < minutesPerWeek { distances[m] = UInt16(min(distance, minutesPerWeek)) }
        }
        return distances
    }

    /// Where a minute of the local clock lies: the Mondays before it since some Monday, and the minute of its week.
    static func placeInWeek(ofMinute minute: Int64) -> (weeks: Int64, minute: Int) {
        // Day 0 of the epoch was a Thursday.
        let (weeks, rest) = floorDivide(minute + 3 * 1440, Int64(minutesPerWeek))
        return (weeks, Int(rest))
    }

    /// The sum of the prices over all milliseconds of the local clock from some Monday on to `local`, in 10^-6 of the
    /// currency's unit per kWh or m3, times milliseconds: differences of it count.
    func priceMilliseconds(upTo local: Int64) -> Int128 {
        let (minutes, rest) = floorDivide(local, Milliseconds.minute)
        let (weeks, minute) = VersionRates.placeInWeek(ofMinute: minutes)
        let sum = Int128(weeks) * Int128(priceMinutes[VersionRates.minutesPerWeek]) + Int128(priceMinutes[minute])
        let price = periods[Int(periodOfMinute[minute])].priceMicro
        return sum * Int128(Milliseconds.minute) + Int128(price) * Int128(rest)
    }

    /// What the first `quantity` units (mWh or mL) of a tier period cost at the steps' added prices, tax apart, in
    /// 10^-12 of the currency's unit. A step contains its upper bound.
    package func tierCost(_ quantity: Int128) -> Int128 {
        var cost: Int128 = 0
        var from: Int128 = 0
        for step in steps {
            let to = step.upTo.map { min($0, quantity) } ?? quantity
            if to > from {
                cost += (to - from) * Int128(step.addMicro)
                from = to
            }
            if from >= quantity { break }
        }
        return cost
    }

    /// An amount of 10^-12 with tax, in money units of 10^-16.
    @inline(__always)
    func taxed(_ amount: Int128) -> Int128 { amount * Int128(10_000 + taxTenThousandths) }
}
