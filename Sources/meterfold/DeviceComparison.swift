import MeterModel
import Projections

/// A registered device against what a fleet file declares of it: the event that says what differs, and that alone.
///
/// A field that the file leaves out is left alone. `null` goes back to the default; where that is no value an event can
/// say, and something else is declared, it is a fault.
struct DeviceComparison {
    private(set) var event: DeviceRegistered
    private(set) var differences: [FleetPlan.Difference] = []
    private(set) var faults: [(field: String, text: String)] = []
    private let resets: Set<String>

    init(_ wanted: DeviceRegistered, resets: Set<String>, standing: DeviceStanding) {
        event = DeviceRegistered(device: wanted.device, utility: wanted.utility)
        self.resets = resets
        let declaration = standing.declaration
        // Defaults are those of the utility that the device will have.
        var base = declaration
        base.declare(event)
        note("utility", declaration.utility?.name, wanted.utility.name)
        let unit = wanted.unit ?? (resets.contains("unit") ? wanted.utility.defaultUnit : nil)
        event.unit = value(unit, "unit", from: base.unit) { $0.symbol }
        let register = wanted.register ?? (resets.contains("register") ? wanted.utility.defaultRegister : nil)
        event.register = value(register, "register", from: base.register) { $0 }
        let multiplier = wanted.multiplier ?? (resets.contains("multiplier") ? .one : nil)
        event.multiplier = value(multiplier, "multiplier", from: declaration.multiplier ?? .one) { $0.description }
        let gapDefault = resets.contains("gapAfter") ? DeviceDeclaration.defaultGapAfterMilliseconds : nil
        event.gapAfterMilliseconds = value(
            wanted.gapAfterMilliseconds ?? gapDefault,
            "gapAfter",
            from: declaration.gapAfter
        ) { Milliseconds.text($0) }
        event.timezone = value(wanted.timezone, "timezone", from: declaration.timezone) { $0 }
        event.account = value(wanted.account, "account", from: declaration.account) { $0 }
        refuseReset("timezone", declaration.timezone)
        refuseReset("account", declaration.account)
        compareRegister(wanted, declaration, unit: unit ?? base.unit ?? wanted.utility.defaultUnit)
        compareTariff(wanted, standing)
        compareRules(wanted, standing)
    }

    private mutating func note(_ field: String, _ old: String?, _ new: String) {
        if old != new { differences.append(FleetPlan.Difference(field: field, old: old, new: new)) }
    }

    /// What the event says of a field: the wanted value where it differs.
    private mutating func value<Value: Equatable>(
        _ wanted: Value?,
        _ field: String,
        from current: Value?,
        _ text: (Value) -> String
    ) -> Value? {
        guard let wanted, wanted != current else { return nil }
        note(field, current.map(text), text(wanted))
        return wanted
    }

    private mutating func refuseReset(_ field: String, _ current: String?) {
        guard resets.contains(field), let current else { return }
        faults.append(
            (field, "\(field) is \"\(current)\", and no event takes it back to its default; say what it is to be")
        )
    }

    // MARK: The register

    /// Modulus and rate count in the unit, and are compared in mWh or mL.
    private mutating func compareRegister(_ wanted: DeviceRegistered, _ declaration: DeviceDeclaration, unit: Unit) {
        func text(_ milli: Int64) -> String { decimalText(Int128(milli), fractionDigits: unit.milliDigits) }
        for (field, value, current, path) in [
            ("modulus", wanted.modulus, declaration.modulusMilli, \DeviceRegistered.modulus),
            ("maxRate", wanted.maxRate, declaration.maxRateMilli, \DeviceRegistered.maxRate),
        ] {
            refuseReset(field, current.map(text))
            guard let value else { continue }
            if let current, value.scaled(by: unit.milliDigits) == Int128(current) { continue }
            event[keyPath: path] = value
            note(field, current.map(text), value.description)
        }
    }

    // MARK: Tariff and rules

    /// `tariff` and `from` differ only from an assignment with that `from`.
    private mutating func compareTariff(_ wanted: DeviceRegistered, _ standing: DeviceStanding) {
        if resets.contains("tariff"), !standing.tariffs.isEmpty {
            let names = Set(standing.tariffs.values.map { ByteName($0) }).sorted().map(\.text)
            refuseReset("tariff", names.joined(separator: ", "))
        }
        guard let tariff = wanted.tariff else { return }
        let current = standing.tariffs[wanted.from]
        if let current, ByteName(current) == ByteName(tariff) { return }
        event.tariff = tariff
        event.from = wanted.from
        note("tariff" + (wanted.from.map { " from \($0)" } ?? ""), current, tariff)
    }

    /// Rules that the file does not list stay.
    private mutating func compareRules(_ wanted: DeviceRegistered, _ standing: DeviceStanding) {
        func rule(_ name: String) -> AlertRule? {
            standing.rules.first { ByteName($0.rule) == ByteName(name) }
        }
        var rules = wanted.alerts ?? []
        if resets.contains("alerts") {
            let others = standing.rules.map(\.rule).filter { $0 != AlertRule.zero.rule }
            if !others.isEmpty {
                faults.append(
                    (
                        "alerts",
                        "there are the rules \(others.joined(separator: ", ")); each is removed by an event "
                            + "AlertRuleSet with \"remove\": true"
                    )
                )
            }
            rules = [.zero]
        }
        let changed = rules.filter { rule($0.rule) != $0 }
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
