import MeterModel
import Projections

/// A registered device against what a fleet file declares of it: the event that says what differs, and that alone.
///
/// A field that the file leaves out is left alone; one that it resets differs where something else than the default
/// holds.
struct DeviceComparison {
    private(set) var event: DeviceRegistered
    private(set) var differences: [FleetPlan.Difference] = []
    private let resets: DeviceResets

    init(_ wanted: DeviceRegistered, standing: DeviceStanding) {
        event = DeviceRegistered(device: wanted.device, utility: wanted.utility)
        resets = wanted.resets
        let declaration = standing.declaration
        // Defaults are those of the utility that the device will have.
        var base = declaration.terms
        base.declare(event)
        note("utility", declaration.utility?.name, wanted.utility.name)
        let unit = Field(name: "unit", reset: .unit, standard: wanted.utility.defaultUnit) { $0.symbol }
        event.unit = compare(unit, wanted.unit, with: base.unit)
        let register = Field(name: "register", reset: .register, standard: wanted.utility.defaultRegister) { $0 }
        event.register = compare(register, wanted.register, with: base.register)
        let multiplier = Field(name: "multiplier", reset: .multiplier, standard: ExactDecimal.one) { $0.description }
        event.multiplier = compare(multiplier, wanted.multiplier, with: declaration.multiplier ?? .one)
        let gapDefault = DeviceTerms.defaultGapAfterMilliseconds
        let gapAfter = Field(name: "gapAfter", reset: .gapAfter, standard: gapDefault) { Milliseconds.text($0) }
        event.gapAfterMilliseconds = compare(gapAfter, wanted.gapAfterMilliseconds, with: declaration.gapAfter)
        let timezone = Field<String>(name: "timezone", reset: .timezone) { $0 }
        event.timezone = compare(timezone, wanted.timezone, with: declaration.timezone)
        let account = Field<String>(name: "account", reset: .account) { $0 }
        event.account = compare(account, wanted.account, with: declaration.account)
        // Modulus and rate count in the unit that the device will have.
        base.declare(event)
        let digits = (base.unit ?? wanted.utility.defaultUnit).milliDigits
        let value = { (milli: Int64) in ExactDecimal(Int128(milli), fractionDigits: digits) }
        let modulus = Field<ExactDecimal>(name: "modulus", reset: .modulus) { $0.description }
        event.modulus = compare(modulus, wanted.modulus, with: declaration.modulusMilli.map(value))
        let maxRate = Field<ExactDecimal>(name: "maxRate", reset: .maxRate) { $0.description }
        event.maxRate = compare(maxRate, wanted.maxRate, with: declaration.maxRateMilli.map(value))
        compareTariff(wanted, standing)
        compareRules(wanted, standing)
    }

    private mutating func note(_ field: String, _ old: String?, _ new: String?) {
        if old != new { differences.append(FleetPlan.Difference(field: field, old: old, new: new)) }
    }

    /// A field that may be reset.
    private struct Field<Value: Equatable> {
        var name: String
        var reset: DeviceResets
        /// The default; nil where that is the absence of something.
        var standard: Value?
        var text: (Value) -> String
    }

    /// What the event says of a field: the wanted value, or that it is reset, where that makes a difference.
    private mutating func compare<Value>(_ field: Field<Value>, _ wanted: Value?, with current: Value?) -> Value? {
        let isReset = resets.contains(field.reset)
        guard wanted != nil || isReset else { return nil }
        let next = wanted ?? field.standard
        guard next != current else { return nil }
        note(field.name, current.map(field.text), next.map(field.text))
        if isReset { event.resets.insert(field.reset) }
        return wanted
    }

    // MARK: Tariff and rules

    /// `tariff` and `from` differ only from an assignment with that `from`.
    private mutating func compareTariff(_ wanted: DeviceRegistered, _ standing: DeviceStanding) {
        guard let tariff = wanted.tariff else { return }
        let current = standing.tariffs[wanted.from]
        if let current, ByteName(current) == ByteName(tariff) { return }
        event.tariff = tariff
        event.from = wanted.from
        note("tariff" + (wanted.from.map { " from \($0)" } ?? ""), current, tariff)
    }

    /// Rules that the file does not list stay, unless all are reset.
    private mutating func compareRules(_ wanted: DeviceRegistered, _ standing: DeviceStanding) {
        func rule(_ name: String) -> AlertRule? {
            standing.rules.first { ByteName($0.rule) == ByteName(name) }
        }
        if resets.contains(.alerts), standing.rules != [.zero] {
            event.resets.insert(.alerts)
            for old in standing.rules {
                let isZero = ByteName(old.rule) == ByteName(AlertRule.zero.rule)
                let new = isZero ? DeviceComparison.text(.zero) : nil
                note("alert \(old.rule)", DeviceComparison.text(old), new)
            }
        }
        let changed = (wanted.alerts ?? []).filter { rule($0.rule) != $0 }
        guard !changed.isEmpty else { return }
        event.alerts = changed
        for wanted in changed {
            note("alert \(wanted.rule)", rule(wanted.rule).map(DeviceComparison.text), DeviceComparison.text(wanted))
        }
    }

    private static func text(_ rule: AlertRule) -> String {
        var text = "at \(rule.level)"
        if rule.rearm != rule.level { text += " re-armed above \(rule.rearm)" }
        if rule.cleared { text += " told when cleared" }
        if rule.staleAfterMilliseconds != Milliseconds.day {
            text += " stale after \(Milliseconds.text(rule.staleAfterMilliseconds))"
        }
        if !rule.remindersMilliseconds.isEmpty {
            text +=
                " reminded after " + rule.remindersMilliseconds.map { Milliseconds.text($0) }.joined(separator: ", ")
        }
        return text
    }
}
