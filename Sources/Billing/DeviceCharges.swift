package import MeterModel

/// What one device owes for the intervals of its billing series, kept up interval by interval.
///
/// Invariants: the exact charges lie within `bounds`, and are equal to both where `bounds.isExact`; they follow from
/// the schedule, the set of intervals and the span of standing days alone, whatever the order of changes. Wide
/// intervals that meet several prices are held apart in `wide`, between their bounds until `resolve` works them out.
package struct DeviceCharges: Sendable {
    package private(set) var schedule: RateSchedule
    /// What the intervals cost that are not held apart, tiers apart.
    package private(set) var narrow = Money.zero
    package private(set) var wide: [MeteredInterval: ChargeBounds] = [:]
    private var wideBounds = ChargeBounds.zero
    package private(set) var tiers = TierCounts()
    package private(set) var standing = Money.zero
    /// The local days for which a standing charge is due, whether or not a version asks for one.
    package private(set) var standingDays: ClosedRange<Int>?

    package init(_ schedule: RateSchedule = .none) { self.schedule = schedule }

    /// What was charged before under the same schedule; standing charges are still to be set.
    package init(
        _ schedule: RateSchedule,
        narrow: Money,
        wide: [MeteredInterval: ChargeBounds],
        tiers: TierCounts
    ) {
        self.schedule = schedule
        self.narrow = narrow
        self.wide = wide
        for bounds in wide.values {
            wideBounds.low.units &+= bounds.low.units
            wideBounds.high.units &+= bounds.high.units
        }
        self.tiers = tiers
    }

    /// All charges, tax included.
    package var bounds: ChargeBounds {
        let exact = narrow + tiers.total + standing
        return ChargeBounds(low: exact + wideBounds.low, high: exact + wideBounds.high)
    }

    /// Charges an interval.
    @inline(__always)
    package mutating func add(_ interval: MeteredInterval) {
        addLinear(interval)
        if schedule.hasTiers { tiers.add(interval, sign: 1, schedule) }
    }

    /// Charges intervals that follow one another without a gap, and make together `whole`.
    ///
    /// `each`: hands them over one by one, where their sum alone does not tell what they cost.
    @inline(__always)
    package mutating func add(adjoining whole: MeteredInterval, _ each: ((MeteredInterval) -> Void) -> Void) {
        if !schedule.hasTiers, let units = schedule.uniformCharge(whole) {
            narrow += Money(units: units)
        } else {
            each { add($0) }
        }
    }

    @inline(__always)
    private mutating func addLinear(_ interval: MeteredInterval) {
        let charge = schedule.charge(interval)
        if charge.isExact {
            narrow += charge.low
        } else {
            wide[interval] = charge
            wideBounds += charge
        }
    }

    /// Takes intervals back and charges others in their place.
    package mutating func replace(_ removed: [MeteredInterval], by added: [MeteredInterval]) {
        for interval in removed { removeLinear(interval) }
        for interval in added { addLinear(interval) }
        if schedule.hasTiers { tiers.replace(removed, by: added, schedule) }
    }

    private mutating func removeLinear(_ interval: MeteredInterval) {
        if let charge = wide.removeValue(forKey: interval) {
            wideBounds -= charge
        } else {
            narrow -= schedule.charge(interval).low
        }
    }

    /// Works out every wide interval.
    package mutating func resolve() {
        guard !wideBounds.isExact else { return }
        for (interval, charge) in wide where !charge.isExact {
            let exact = schedule.exactCharge(interval)
            wideBounds -= charge
            let resolved = ChargeBounds(low: exact, high: exact)
            wide[interval] = resolved
            wideBounds += resolved
        }
    }

    /// All charges exactly.
    package mutating func exact() -> Money {
        resolve()
        return bounds.low
    }

    /// Makes standing charges due for local days, both ends included; nil: for none.
    ///
    /// - Returns: whether the days changed.
    @discardableResult
    package mutating func setStandingDays(_ days: ClosedRange<Int>?) -> Bool {
        guard days != standingDays else { return false }
        standingDays = days
        standing = days.map { schedule.standingCharges($0) } ?? .zero
        return true
    }
}
