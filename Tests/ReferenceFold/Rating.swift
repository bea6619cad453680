/// A piece of an interval between two neighbouring cuts (section 4), with what it costs (section 5).
struct Part: Sendable {
    let start: Instant
    let end: Instant
    let date: LocalDate
    let quantity: Int128
    let period: Text
    /// 10^-6 of the currency; nil where no version is in force.
    let price: Int128?
    /// In 10^-16 of the currency, without tax.
    let energyCharge: Int128
    let tierCharge: Int128
    /// Hundredths of a percent.
    let taxRate: Int128

    var chargeWithTax: Int128 {
        taxed(energyCharge + tierCharge, rate: taxRate)
    }
}

/// Section 5: tax "applied to each charge, exact": "its product is kept at 10^-16".
func tax(_ charge: Int128, rate: Int128) -> Int128 {
    charge / 10_000 * rate
}

func taxed(_ charge: Int128, rate: Int128) -> Int128 {
    charge + tax(charge, rate: rate)
}

/// A standing charge of one local day, in 10^-16 of the currency.
struct StandingCharge: Sendable {
    let date: LocalDate
    /// "At its midnight" (section 7).
    let at: Instant
    let charge: Int128
    let taxRate: Int128

    var chargeWithTax: Int128 {
        taxed(charge, rate: taxRate)
    }
}

extension FoldedDevice {
    /// The parts of the billing series' intervals from the first assignment on, by time, each rated.
    ///
    /// Hours are cut only where it is asked for: sums do not depend on the cuts.
    func parts(cuttingHours: Bool) -> [Part] {
        guard let firstAssignedAt else { return [] }
        var counter = TierCounter()
        var parts: [Part] = []
        for interval in billing.intervals.sorted(by: { $0.start < $1.start }) where interval.end > firstAssignedAt {
            var cut = max(interval.start, firstAssignedAt)
            for next in cuts(from: cut, to: interval.end, cuttingHours: cuttingHours) + [interval.end] {
                let quantity = interval.count(upTo: next) - interval.count(upTo: cut)
                parts.append(part(from: cut, to: next, quantity, &counter))
                cut = next
            }
        }
        return parts
    }

    private func part(from start: Instant, to end: Instant, _ quantity: Int128, _ counter: inout TierCounter) -> Part {
        let date = zone.date(at: start)
        let version = version(on: date)
        let period = version?.period(at: start, in: zone)
        let tierCost = counter.add(quantity, on: date, version?.tiers)
        return Part(
            start: start,
            end: end,
            date: date,
            quantity: quantity,
            period: period?.name ?? TariffVersion.defaultName,
            price: period?.price,
            energyCharge: quantity * (period?.price ?? 0) * 10_000,
            tierCharge: tierCost * 10_000,
            taxRate: version?.taxRate ?? 0
        )
    }

    /// Section 4: "hour, day and month boundaries in the device's zone, time-of-use switches, tariff version switches,
    /// assignment switches".
    ///
    /// Months, versions and assignments begin with a day.
    private func cuts(from start: Instant, to end: Instant, cuttingHours: Bool) -> [Instant] {
        var cuts: Set<Instant> = []
        var date = zone.date(at: start)
        while zone.start(of: date) < end {
            let dayStart = zone.start(of: date)
            let dayEnd = zone.start(of: date.adding(1))
            cuts.insert(dayStart)
            cuts.formUnion(switches(of: version(on: date), from: dayStart, to: dayEnd))
            date = date.adding(1)
        }
        if cuttingHours {
            var full = zone.endOfHour(start)
            while full < end {
                cuts.insert(full)
                full = zone.endOfHour(full)
            }
        }
        return cuts.filter { start < $0 && $0 < end }.sorted()
    }

    /// Every instant at which another period of section 5 begins: of those where the local clock reads a window's edge,
    /// or is put forward or back, the ones before which another period held.
    private func switches(of version: TariffVersion?, from start: Instant, to end: Instant) -> [Instant] {
        guard let version, !version.periods.isEmpty, start < end else { return [] }
        var switches: [Instant] = []
        for piece in zone.pieces(from: start, to: end) {
            switches.append(piece.start)
            let first = floorDiv(max(piece.start, start) + piece.offset, day)
            let last = floorDiv(min(piece.end, end) + piece.offset, day)
            for number in first...last {
                switches += version.edges.map { number * day + $0 - piece.offset }
                    .filter { piece.start <= $0 && $0 < piece.end }
            }
        }
        return switches.filter { version.period(at: $0, in: zone).name != version.period(at: $0 - 1, in: zone).name }
    }

    /// Section 5: "for each local day from the day of first assignment (without `from`: the day of the first standing
    /// reading) to the device's clock day, both included, readings or not; no clock: none".
    func standingCharges() -> [StandingCharge] {
        guard let earliest = assignments.first, let clock,
            let firstDate = earliest.from ?? billing.firstStandingAt.map(zone.date)
        else { return [] }
        var charges: [StandingCharge] = []
        var date = firstDate
        let lastDate = zone.date(at: clock)
        while date <= lastDate {
            // A day the zone's calendar skips has no length and is none.
            let isSkipped = zone.start(of: date) == zone.start(of: date.adding(1))
            if !isSkipped, let version = version(on: date), version.standingCharge != 0 {
                charges.append(
                    StandingCharge(
                        date: date,
                        at: zone.start(of: date),
                        charge: version.standingCharge * powerOfTen(10),
                        taxRate: version.taxRate
                    )
                )
            }
            date = date.adding(1)
        }
        return charges
    }

    /// Everything charged, with tax.
    func charges() -> Int128 {
        let energy = parts(cuttingHours: false).reduce(Int128(0)) { $0 + $1.chargeWithTax }
        return standingCharges().reduce(energy) { $0 + $1.chargeWithTax }
    }
}

/// Section 5: "counting is the device's: it goes on over version switches and other assignments, and starts at 0 when
/// the device is first assigned"; a new month or year starts it again.
struct TierCounter {
    private var month: LocalDate?
    private var year: LocalDate?
    private var monthCount: Int128 = 0
    private var yearCount: Int128 = 0

    /// Counts a quantity and gives what the steps of `tiers` add for it, `A(end) - A(start)`, in 10^-12 of the
    /// currency.
    mutating func add(_ quantity: Int128, on date: LocalDate, _ tiers: Tiers?) -> Int128 {
        if date.firstOfMonth != month { (month, monthCount) = (date.firstOfMonth, 0) }
        if date.firstOfYear != year { (year, yearCount) = (date.firstOfYear, 0) }
        let before = tiers?.period == .year ? yearCount : monthCount
        monthCount += quantity
        yearCount += quantity
        return tiers.map { $0.cost(before + quantity) - $0.cost(before) } ?? 0
    }
}
