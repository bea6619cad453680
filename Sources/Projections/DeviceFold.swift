import Billing
import MeterModel

/// Everything folded about one device: what it is, what it pays, what it used that is billed.
///
/// Invariants: `zone` and the schedule follow from the declaration, the assignments and the published tariffs;
/// `charges` is what the schedule makes of all intervals of the billing series and of the standing days; the device has
/// a balance once a tariff is assigned.
final class DeviceFold {
    struct Assignment: Hashable {
        /// Nil: from the beginning.
        var from: LocalDate?
        var tariff: String

        static func == (a: Assignment, b: Assignment) -> Bool {
            a.from == b.from && ByteName(a.tariff) == ByteName(b.tariff)
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(from)
            hasher.combine(ByteName(tariff))
        }
    }

    let index: UInt32
    let name: String
    var declaration = DeviceDeclaration()
    /// The position of the registration that last gave a multiplier.
    var multiplierPosition: UInt64 = 0
    /// Indexes of its series, and among them the one that is billed.
    var series: [UInt32] = []
    var billingSeries: UInt32?
    var zone = ZoneRules.utc
    /// The balance that was told last as it changed.
    var toldBalance: Money?
    /// Ascending by `from`, each `from` once.
    private(set) var assignments: [Assignment] = []
    var currency: Currency?
    var money = MoneyBook()
    var charges = DeviceCharges()
    var alerts = AlertBook()

    /// What must be written anew: local days of the ledger.
    var isQueued = false
    var dirtyDays: (first: Int, last: Int)?
    var ledgerIsWhollyDirty = false
    /// Whether lines of its ledger may have been written.
    var mayHaveLedger = false

    init(index: UInt32, name: String) {
        self.index = index
        self.name = name
    }

    var schedule: RateSchedule { charges.schedule }

    var hasBalance: Bool { !assignments.isEmpty }

    /// The balance exactly; nil without a tariff.
    func exactBalance() -> Money? { hasBalance ? money.total - charges.exact() : nil }

    /// Whether a balance within these charges may cross a level, clear one, or a reminder may be due.
    @inline(__always)
    func needsLook(_ charges: ChargeBounds, clock: Int64) -> Bool {
        money.total - charges.high <= alerts.lower || money.total - charges.low > alerts.upper
            || clock >= alerts.nextReminderAt
    }

    /// Assigns a tariff from a local date on; the same date again replaces.
    func assign(_ tariff: String, from: LocalDate?) {
        let assignment = Assignment(from: from, tariff: tariff)
        func key(_ date: LocalDate?) -> Int32 { date?.dayNumber ?? Int32.min }
        if let i = assignments.firstIndex(where: { key($0.from) >= key(from) }) {
            if assignments[i].from == from {
                assignments[i] = assignment
            } else {
                assignments.insert(assignment, at: i)
            }
        } else {
            assignments.append(assignment)
        }
    }

    /// Holds the same assignments in memory where they are already.
    func share(_ same: [Assignment]) { assignments = same }

    /// The tariff that holds on a local day, else the earliest.
    func tariff(onDay day: Int?) -> String? {
        guard let day else { return assignments.first?.tariff }
        let holding = assignments.last { ($0.from?.dayNumber).map(Int.init) ?? Int.min <= day }
        return (holding ?? assignments.first)?.tariff
    }

    func noteDirtyDay(at instant: Int64) {
        let day = zone.day(at: instant)
        noteDirtyDays(day...day)
    }

    func noteDirtyDays(_ days: ClosedRange<Int>) {
        dirtyDays =
            dirtyDays.map { (min($0.first, days.lowerBound), max($0.last, days.upperBound)) }
            ?? (days.lowerBound, days.upperBound)
    }

    /// Whether a run can be charged without a look at any rule: at whatever of its readings, the balance stays between
    /// the levels that mean something, for charges only rise and here by so much at most.
    ///
    /// `clock`: the device's once the run is in.
    @inline(__always)
    func mayCharge(_ run: CalmRun, firstReadAt: Int64?, clock: Int64?) -> Bool {
        guard clock ?? Int64.min < alerts.nextReminderAt else { return false }
        let bounds = charges.bounds
        var most = Money(units: Int128(run.quantity) * schedule.highestUnits)
        if schedule.hasStandingCharge, let days = standingDays(firstReadAt: firstReadAt, clock: clock) {
            most += max(.zero, schedule.standingCharges(days) - charges.standing)
        }
        return money.total - bounds.high - most > alerts.lower && money.total - bounds.low <= alerts.upper
    }

    /// The local days for which standing charges are due up to a clock; nil: none.
    ///
    /// `firstReadAt`: the first standing reading: where charges begin without an assignment's date.
    private func standingDays(firstReadAt: Int64?, clock: Int64?) -> ClosedRange<Int>? {
        guard let first = schedule.firstDay ?? firstReadAt.map({ zone.day(at: $0) }),
            let last = clock.map({ zone.day(at: $0) }), first <= last
        else { return nil }
        return first...last
    }

    /// Makes the standing charges due up to a clock; `firstReadAt` as in `standingDays`.
    func updateStanding(firstReadAt: Int64?, clock: Int64?) {
        guard schedule.hasStandingCharge else { return }
        let former = charges.standingDays
        let days = standingDays(firstReadAt: firstReadAt, clock: clock)
        guard charges.setStandingDays(days) else { return }
        // The days that were due before or are now, but not both.
        switch (former, days) {
        case (let a?, let b?) where a.lowerBound == b.lowerBound:
            noteDirtyDays(min(a.upperBound, b.upperBound)...max(a.upperBound, b.upperBound))
        case (let a?, let b?):
            noteDirtyDays(min(a.lowerBound, b.lowerBound)...max(a.upperBound, b.upperBound))
        case (let a?, nil): noteDirtyDays(a)
        case (nil, let b?): noteDirtyDays(b)
        case (nil, nil): break
        }
    }
}
