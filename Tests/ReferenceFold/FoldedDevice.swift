/// One device folded at one moment: its zone, its billing series and its clock.
struct FoldedDevice {
    let facts: DeviceFacts
    let tariffs: [Text: Tariff]
    let asOf: Instant?
    let zone: Zone
    let billing: FoldedSeries
    /// Section 5: the latest of the latest standing reading of the billing series and the latest `DayTurned` of the
    /// zone's name; section 8: "the clock at `T`".
    let clock: Instant?
    /// By `from`, the one without first.
    let assignments: [(from: LocalDate?, tariff: Text)]

    init(_ facts: DeviceFacts, in world: World, asOf: Instant? = nil) {
        self.facts = facts
        self.tariffs = world.tariffs
        self.asOf = asOf
        assignments = facts.sortedAssignments
        zone = FoldedDevice.zone(of: facts, world.tariffs)
        let series = facts.billingRegister.flatMap { facts.series[$0] } ?? SeriesFacts()
        billing = series.folded(facts.settings, asOf: asOf)
        clock = asOf ?? [billing.latestStandingAt, world.latestTurns[zone.name]].compactMap(\.self).max()
    }

    /// Section 4: "the device's IANA zone (default: that of the tariff of its earliest assignment, else UTC)".
    static func zone(of facts: DeviceFacts, _ tariffs: [Text: Tariff]) -> Zone {
        let earliest = facts.sortedAssignments.first.flatMap { tariffs[$0.tariff]?.timezone }
        return (facts.timezone ?? earliest).flatMap(Zone.named) ?? .utc
    }

    /// Section 6: "a device without a tariff has consumption and no balance".
    var hasBalance: Bool {
        !assignments.isEmpty
    }

    /// Section 6: a device's currency is that of its tariff.
    var currency: Text? {
        assignments.first.flatMap { tariffs[$0.tariff]?.currency }
    }

    /// Section 6: "on a day the assignment with the latest `from` up to it holds".
    func tariffName(on date: LocalDate) -> Text? {
        assignments.last { assignment in assignment.from.map { $0 <= date } ?? true }?.tariff
    }

    func version(on date: LocalDate) -> TariffVersion? {
        tariffName(on: date).flatMap { tariffs[$0]?.version(on: date) }
    }

    /// Section 6: "charges count from the instant of first assignment, the earliest `from` there is (local midnight; no
    /// `from`: everything)".
    ///
    /// Nil where nothing is assigned.
    var firstAssignedAt: Instant? {
        assignments.first.map { first in first.from.map(zone.start) ?? Instant.min / 2 }
    }

    /// Section 8: "money with its own time `<= T`".
    var money: [Money] {
        facts.money.values.filter { money in asOf.map { money.at <= $0 } ?? true }
    }

    /// Section 6: top-ups - refunds + adjustments, in 10^-16 of the currency.
    var topUps: Int128 {
        money.reduce(0) { $0 + $1.amount }
    }
}

extension DeviceFacts {
    /// The assignments by `from`, the one without first.
    var sortedAssignments: [(from: LocalDate?, tariff: Text)] {
        assignments.map { (from: $0.key, tariff: $0.value) }.sorted { left, right in
            guard let right = right.from else { return false }
            return left.from.map { $0 < right } ?? true
        }
    }
}
