import Billing
import MeterModel
import ReadModel

/// The ledger lines of a run of local days: energy by period, tiers, standing charge, tax, and money (semantics,
/// section 6).
///
/// What it needs of the past is the quantity counted in the tier period before the first day.
struct LedgerDays {
    let charges: DeviceCharges
    /// By local day.
    let usages: [Int: DayUsage]
    /// Counted in the first day's piece before it.
    let countBefore: Int128

    private var schedule: RateSchedule { charges.schedule }

    /// The lines of what is charged, days ascending; lines of nothing are left out.
    func chargeLines(_ days: ClosedRange<Int>) -> [LedgerLine] {
        var lines: [LedgerLine] = []
        var count = TierCount()
        for day in interestingDays(days) {
            let start = schedule.zone.start(ofDay: day)
            guard let rates = schedule.rates(at: start) else { continue }
            let usage = usages[day]?.quantities ?? []
            var untaxed: Int128 = 0
            for (i, quantity) in usage.enumerated() {
                let period = rates.periods[i]
                let cost = quantity * Int128(period.priceMicro)
                untaxed += cost
                lines.append(
                    LedgerLine(
                        day: LocalDate(dayNumber: Int32(day)),
                        kind: .energy,
                        period: period.name,
                        quantityMilli: quantity,
                        price: ExactDecimal(Int128(period.priceMicro), fractionDigits: 6),
                        amount: amount(-cost)
                    )
                )
            }
            if rates.tierPeriod != nil {
                let before = count.before(day, first: days.lowerBound, start: start, self)
                let quantity = usage.reduce(0, +)
                let cost = rates.tierCost(before + quantity) - rates.tierCost(before)
                count.add(quantity)
                untaxed += cost
                lines.append(LedgerLine(day: LocalDate(dayNumber: Int32(day)), kind: .tier, amount: amount(-cost)))
            }
            if rates.standingMicro > 0, charges.standingDays?.contains(day) == true,
                schedule.zone.dayCount(day...day) > 0
            {
                let cost = Int128(rates.standingMicro) * 1_000_000
                untaxed += cost
                lines.append(LedgerLine(day: LocalDate(dayNumber: Int32(day)), kind: .standing, amount: amount(-cost)))
            }
            if rates.taxTenThousandths > 0 {
                let tax = Money(units: -untaxed * Int128(rates.taxTenThousandths))
                lines.append(LedgerLine(day: LocalDate(dayNumber: Int32(day)), kind: .tax, amount: tax))
            }
        }
        return lines.filter { !$0.isNothing }
    }

    /// Days with usage or a standing charge, ascending.
    private func interestingDays(_ days: ClosedRange<Int>) -> [Int] {
        var wanted = Set(usages.keys)
        if schedule.hasStandingCharge, let standing = charges.standingDays, standing.overlaps(days) {
            wanted.formUnion(standing.clamped(to: days))
        }
        return wanted.sorted()
    }

    /// 10^-12 as money.
    private func amount(_ units: Int128) -> Money { Money(units: units * 10_000) }

    /// The quantity counted in the tier period so far, from day to day.
    private struct TierCount {
        private var pieceStart: Int64?
        private var count: Int128 = 0

        mutating func before(_ day: Int, first: Int, start: Int64, _ ledger: LedgerDays) -> Int128 {
            let schedule = ledger.schedule
            let month = LocalDate(dayNumber: Int32(day)).firstOfMonth
            let piece = max(
                schedule.zone.start(ofDay: Int(month.dayNumber)),
                schedule.windows[schedule.window(at: start)].start
            )
            if piece != pieceStart {
                count = ledger.charges.tiers.countBefore(pieceAt: piece, schedule)
                // Only the first day's piece may have begun before the days at hand.
                if piece < schedule.zone.start(ofDay: first) { count += ledger.countBefore }
                pieceStart = piece
            }
            return count
        }

        mutating func add(_ quantity: Int128) { count += quantity }
    }
}
