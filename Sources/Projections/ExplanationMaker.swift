import Billing
import MeterModel
import ReadModel

/// Makes an explanation from what is folded of one device. The figures are worked out anew, line by line, from the
/// standing readings and the published tariffs; what the fold has booked is only put beside them.
struct ExplanationMaker {
    let fold: Fold
    let device: DeviceFold
    /// What events said that the fold does not keep.
    let remarks: EventRemarks
    private let versions: [ObjectIdentifier: PricedVersion]

    /// A version of a tariff that the device has.
    private struct PricedVersion {
        var tariff: String
        var version: TariffVersion
    }

    init(_ fold: Fold, _ device: DeviceFold, _ remarks: EventRemarks) {
        self.fold = fold
        self.device = device
        self.remarks = remarks
        var versions: [ObjectIdentifier: PricedVersion] = [:]
        for assignment in device.assignments {
            guard let published = fold.tariffs[ByteName(assignment.tariff)] else { continue }
            for (version, priced) in zip(published.event.versions, published.rates.versions) {
                versions[ObjectIdentifier(priced.rates)] = PricedVersion(tariff: assignment.tariff, version: version)
            }
        }
        self.versions = versions
    }

    private var schedule: RateSchedule { device.schedule }

    func make() -> Explanation {
        var explanation = Explanation(
            device: device.name,
            account: device.declaration.account,
            register: device.billingSeries.map { fold.registers[Int($0)].text },
            unit: device.declaration.dimension?.shownUnit,
            zone: device.zone,
            gapAfterMilliseconds: device.declaration.gapAfter,
            clock: fold.clock(of: device).map(Instant.init(milliseconds:)),
            asOf: fold.asOf,
            currency: device.currency,
            hasBalance: device.hasBalance
        )
        explanation.otherRegisters = device.series.filter { $0 != device.billingSeries }
            .map { fold.registers[Int($0)] }.sorted().map(\.text)
        if let billed = device.billingSeries {
            let series = ExplainedSeries(
                fold.series[Int(billed)],
                zone: device.zone,
                unit: explanation.unit,
                gapAfter: device.declaration.gapAfter,
                remarks: remarks
            )
            (explanation.intervals, explanation.notices) = series.explain()
        }
        explanation.days = days(explanation.intervals)
        guard device.hasBalance else { return explanation }
        explanation.total = explanation.selected
        explanation.booked = Explanation.Booked(charges: device.charges.exact(), paid: device.money.total)
        return explanation
    }

    // MARK: Days

    private func days(_ intervals: [ExplainedInterval]) -> [ExplainedDay] {
        var days: [Int: ExplainedDay] = [:]
        for (i, interval) in intervals.enumerated() {
            cut(interval, i) { day, use in days[day, default: ExplainedDay(day: day)].uses.append(use) }
        }
        for day in device.charges.standingDays ?? 0...0 {
            if let standing = standing(day) { days[day, default: ExplainedDay(day: day)].standing = standing }
        }
        for payment in payments() {
            let day = device.zone.day(at: payment.at.milliseconds)
            days[day, default: ExplainedDay(day: day)].payments.append(payment)
        }
        var ascending = days.values.sorted { $0.day < $1.day }
        var count = TierCount()
        for i in ascending.indices {
            let quantity = ascending[i].quantity
            if device.zone.start(ofDay: ascending[i].day) >= schedule.countsFrom {
                count.enter(ascending[i].date)
                ascending[i].tier = tier(ascending[i], count)
                count.add(quantity)
            }
            ascending[i].tax = tax(ascending[i])
        }
        return ascending
    }

    /// The version in force on a local day.
    private func version(onDay day: Int) -> PricedVersion? {
        schedule.rates(at: device.zone.start(ofDay: day)).flatMap { versions[ObjectIdentifier($0)] }
    }

    /// Cuts an interval where days begin and prices change (semantics, section 4).
    private func cut(_ explained: ExplainedInterval, _ index: Int, _ body: (Int, ExplainedUse) -> Void) {
        let interval = MeteredInterval(
            start: explained.start.milliseconds,
            end: explained.end.milliseconds,
            quantity: explained.quantityMilli
        )
        var at = interval.start
        var counted: Int64 = 0
        while at < interval.end {
            let day = device.zone.day(at: at)
            let period = schedule.period(at: at)
            let stop = min(interval.end, device.zone.start(ofDay: day + 1), period.until)
            let upTo = interval.quantity(upTo: stop)
            body(
                day,
                ExplainedUse(
                    interval: index,
                    start: Instant(milliseconds: at),
                    end: Instant(milliseconds: stop),
                    countedBeforeMilli: counted,
                    countedAfterMilli: upTo,
                    isEstimated: explained.isEstimated,
                    pricing: pricing(at, period: period.index, quantity: upTo - counted)
                )
            )
            counted = upTo
            at = stop
        }
    }

    private func pricing(_ instant: Int64, period: Int, quantity: Int64) -> ExplainedUse.Pricing {
        guard device.hasBalance else { return .uncharged(.noTariff) }
        guard let rates = schedule.rates(at: instant), let version = versions[ObjectIdentifier(rates)] else {
            return .uncharged(instant < schedule.countsFrom ? .beforeAssignment : .beforeFirstVersion)
        }
        let named = rates.periods[period]
        return .priced(
            ExplainedUse.PricedAt(
                tariff: version.tariff,
                from: version.version.from,
                period: named.name,
                price: ExactDecimal(Int128(named.priceMicro), fractionDigits: 6),
                amount: ExplanationMaker.amount(quantity: Int128(quantity), priceMicro: Int128(named.priceMicro))
            )
        )
    }

    /// What a quantity costs, as it changes the balance.
    private static func amount(quantity: Int128, priceMicro: Int128) -> Money {
        Money(units: -quantity * priceMicro * 10_000)
    }

    // MARK: Charges by the day

    private func standing(_ day: Int) -> ExplainedStanding? {
        guard device.charges.standingDays?.contains(day) == true, device.zone.dayCount(day...day) > 0,
            let version = version(onDay: day), let charge = version.version.standingCharge, charge > .zero,
            let amount = Money(charge)
        else { return nil }
        return ExplainedStanding(tariff: version.tariff, from: version.version.from, amount: -amount)
    }

    /// The quantity since the month and since the year began.
    private struct TierCount {
        private var month = Int32.min
        private var year = Int.min
        private(set) var inMonth: Int128 = 0
        private(set) var inYear: Int128 = 0

        mutating func enter(_ date: LocalDate) {
            if date.firstOfMonth.dayNumber != month { inMonth = 0 }
            if date.civil.year != year { inYear = 0 }
            month = date.firstOfMonth.dayNumber
            year = date.civil.year
        }

        mutating func add(_ quantity: Int128) {
            inMonth += quantity
            inYear += quantity
        }
    }

    private func tier(_ day: ExplainedDay, _ count: TierCount) -> ExplainedTier? {
        guard let version = version(onDay: day.day), let tiers = version.version.tiers, day.quantity > 0
        else { return nil }
        let before = tiers.period == .month ? count.inMonth : count.inYear
        var explained = ExplainedTier(
            tariff: version.tariff,
            from: version.version.from,
            period: tiers.period,
            countBeforeMilli: before,
            countAfterMilli: before + day.quantity,
            steps: []
        )
        var low: Int128 = 0
        var above: ExactDecimal?
        for step in tiers.steps {
            defer { above = step.upTo }
            let high = step.upTo.flatMap { $0.scaled(by: 6) } ?? Int128.max
            let quantity = min(high, explained.countAfterMilli) - max(low, before)
            low = high
            guard quantity > 0 else { continue }
            let amount = ExplanationMaker.amount(quantity: quantity, priceMicro: step.add.scaled(by: 6) ?? 0)
            explained.steps.append(
                ExplainedTier.Step(
                    above: above,
                    upTo: step.upTo,
                    quantityMilli: quantity,
                    add: step.add,
                    amount: amount
                )
            )
        }
        return explained
    }

    private func tax(_ day: ExplainedDay) -> ExplainedTax? {
        guard let percent = version(onDay: day.day)?.version.tax, percent > .zero,
            let hundredths = percent.scaled(by: 2)
        else { return nil }
        let totals = day.totals
        let base = totals.energy + totals.tier + totals.standing
        guard base != .zero else { return nil }
        // Charges have at most 12 fraction digits, so that this divides.
        return ExplainedTax(percent: percent, base: base, amount: Money(units: base.units / 10_000 * hundredths))
    }

    // MARK: Money

    private func payments() -> [ExplainedPayment] {
        device.money.entries.map { key, entry in
            let told = remarks.payments[key]
            return ExplainedPayment(
                kind: key.kind,
                provider: key.provider.text,
                reference: key.reference.text,
                of: told?.of,
                at: Instant(milliseconds: entry.at),
                position: told?.position,
                reason: told?.reason,
                amount: entry.amount
            )
        }.sorted { a, b in
            (a.at, a.position ?? .origin, a.kind.rawValue, a.reference)
                < (b.at, b.position ?? .origin, b.kind.rawValue, b.reference)
        }
    }
}
