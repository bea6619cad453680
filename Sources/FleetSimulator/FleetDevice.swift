package import MeterModel

/// A device of the fleet as it was planned, before any reading.
package struct FleetDevice: Sendable {
    /// Its number, from 1.
    package let number: Int
    package let utility: Utility
    /// Its place in `FleetZone.all`.
    package let zoneIndex: Int
    package let periodMilliseconds: Int64
    /// What it shows at the start, in Wh or L.
    package let startValue: Int64
    /// In Wh or L where it declares one.
    package let modulus: Int64?
    package let hasJitter: Bool
    package let trouble: Troubles.Kind
    /// Nil for a device that is not prepaid.
    package let prepayment: Prepayment?

    /// Mean use in a period, in 1/1024 Wh or L.
    let meanUse: Int64
    /// What its random bits depend on.
    let salt: UInt64
    /// Where its trouble sits, in periods from the start.
    let plan: TroublePlan

    /// The one top-up of a prepaid device.
    package struct Prepayment: Hashable, Sendable {
        /// In minor units of the zone's currency.
        package let minorUnits: Int64
        /// Whether the credit is meant to end before the days do.
        package let runsOut: Bool
    }

    package var zone: FleetZone { FleetZone.all[zoneIndex] }
    package var unit: Unit { utility.defaultUnit }
    package var register: String { utility.defaultRegister }

    /// `E-000001`: the utility's letter and the number, six digits or more.
    package var name: String {
        let letter =
            switch utility {
            case .electricity: "E"
            case .water: "W"
            case .gas: "G"
            }
        return "\(letter)-\(digits)"
    }

    /// The reference of its top-up.
    package var topUpReference: String { "T-\(digits)" }

    private var digits: String {
        let text = String(number)
        return String(repeating: "0", count: max(0, 6 - text.utf8.count)) + text
    }
}

/// Where in a device's run of periods its trouble begins, how long it is, and when what was held back arrives.
struct TroublePlan: Sendable {
    var first = Int.max
    var last = Int.max
    var release = Int.max

    static let none = TroublePlan()

    /// - Parameters:
    ///   - kind: the trouble.
    ///   - lastIndex: the device's last period.
    ///   - period: the period's length in milliseconds.
    ///   - generator: decides.
    /// - Returns: nil where the run is too short for that trouble.
    static func drawn(_ kind: Troubles.Kind, lastIndex: Int, period: Int64, _ generator: inout SeededGenerator)
        -> TroublePlan?
    {
        guard kind != .none else { return TroublePlan.none }
        guard lastIndex >= 8 else { return nil }
        func periods(ofHours range: ClosedRange<Int64>, atLeast minimum: Int) -> Int {
            max(minimum, Int(generator.number(in: range) * Milliseconds.hour / period))
        }
        var plan = TroublePlan()
        plan.first = lastIndex / 4 + generator.below(lastIndex / 2)
        switch kind {
        case .late:
            plan.last = min(plan.first + periods(ofHours: 1...6, atLeast: 1) - 1, lastIndex - 1)
            plan.release = min(plan.last + periods(ofHours: 2...12, atLeast: 1), lastIndex)
        case .gap:
            plan.last = min(plan.first + periods(ofHours: 7...30, atLeast: 2) - 1, lastIndex - 1)
            let silence = Int64(plan.last - plan.first + 2) * period
            if silence <= 6 * Milliseconds.hour { return nil }
        default:
            plan.last = plan.first
        }
        return plan
    }
}
