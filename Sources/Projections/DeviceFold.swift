import Billing
import MeterModel

/// Everything folded about one device: what it is, what it pays, what it used that is billed.
///
/// Invariants: `zone` and `schedule` follow from the declaration, the assignments and the published tariffs; `charges` is
/// what `schedule` makes of all intervals of the billing series; the device has a balance once a tariff is assigned.
final class DeviceFold {
    struct Assignment {
        /// Nil: from the beginning.
        var from: LocalDate?
        var tariff: String
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
    /// Ascending by `from`, each `from` once.
    private(set) var assignments: [Assignment] = []
    var schedule = RateSchedule.none
    var currency: Currency?
    var money = MoneyBook()
    var charges = Money.zero
    var alerts = AlertBook()

    /// What must be written anew.
    var isQueued = false
    var dirtyDays: (first: Int, last: Int)?
    var ledgerIsWhollyDirty = false

    init(index: UInt32, name: String) {
        self.index = index
        self.name = name
    }

    var hasBalance: Bool { !assignments.isEmpty }

    var balance: Money? { hasBalance ? money.total - charges : nil }

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

    /// The tariff that holds on a local day, else the earliest.
    func tariff(onDay day: Int?) -> String? {
        guard let day else { return assignments.first?.tariff }
        let holding = assignments.last { ($0.from?.dayNumber).map(Int.init) ?? Int.min <= day }
        return (holding ?? assignments.first)?.tariff
    }

    func noteDirtyDay(at instant: Int64) {
        let day = zone.day(at: instant)
        dirtyDays = dirtyDays.map { (min($0.first, day), max($0.last, day)) } ?? (day, day)
    }
}
