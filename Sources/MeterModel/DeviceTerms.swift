/// What of a device's declaration does not tell it from others of its kind.
///
/// The one place that says what "declared anew" changes and what a default is, for who accepts events and for who folds
/// them (semantics, sections 1, 2 and 9).
package struct DeviceTerms: Hashable, Sendable {
    /// Nil until the device is registered.
    package var utility: Utility?
    package var declaredUnit: Unit?
    package var declaredRegister: ByteName?
    /// That of the first event that named one, before the device was registered.
    package var firstRegister: ByteName?
    package var timezone: ByteName?
    package var multiplier: ExactDecimal?
    /// mWh or mL, by the unit that held when it was declared; per hour for `maxRateMilli`.
    package var modulusMilli: Int64?
    package var maxRateMilli: Int64?
    package var gapAfterMilliseconds: Int64?
    /// Known from the first event with a unit or a utility.
    package var dimension: Dimension?

    /// How long an interval may be that is no gap, where the device declares nothing.
    package static let defaultGapAfterMilliseconds: Int64 = 6 * Milliseconds.hour

    package init() {}

    /// Those of a device of which nothing is known.
    package static let unknown = DeviceTerms()

    package var isRegistered: Bool { utility != nil }

    /// The unit of values told without one; nil for a device that is not registered.
    package var unit: Unit? { utility.map { declaredUnit ?? $0.defaultUnit } }

    /// The register that is billed: the declared one, else the utility's own; of a device not registered that of its
    /// first event. So what is billed once it is registered does not depend on what arrived before.
    package var register: String? {
        guard let utility else { return firstRegister?.text }
        return declaredRegister?.text ?? utility.defaultRegister
    }

    package var gapAfter: Int64 { gapAfterMilliseconds ?? DeviceTerms.defaultGapAfterMilliseconds }

    /// Whether what an event names may matter: of a device that is registered it does not.
    package var takesNotice: Bool { !isRegistered && (firstRegister == nil || dimension == nil) }

    /// Takes in an event that names a register, a unit or both, and is no registration.
    package mutating func notice(register: String?, unit: Unit?) {
        guard takesNotice else { return }
        if let unit, dimension == nil { dimension = unit.dimension }
        if firstRegister == nil { firstRegister = register.map { ByteName($0) } }
    }

    /// Takes in a registration: what it gives changes, what it resets is declared no more, what it leaves out stays.
    package mutating func declare(_ event: DeviceRegistered) {
        func declared<Value>(_ given: Value?, _ reset: DeviceResets, else former: Value?) -> Value? {
            event.resets.contains(reset) ? nil : given ?? former
        }
        utility = event.utility
        declaredUnit = declared(event.unit, .unit, else: declaredUnit)
        declaredRegister = declared(event.register.map { ByteName($0) }, .register, else: declaredRegister)
        timezone = declared(event.timezone.map { ByteName($0) }, .timezone, else: timezone)
        multiplier = declared(event.multiplier, .multiplier, else: multiplier)
        let digits = (declaredUnit ?? event.utility.defaultUnit).milliDigits
        let modulus = event.modulus.flatMap { $0.scaled(by: digits) }.map(Int64.init)
        modulusMilli = declared(modulus, .modulus, else: modulusMilli)
        let maxRate = event.maxRate.flatMap { $0.scaled(by: digits) }.map(Int64.init)
        maxRateMilli = declared(maxRate, .maxRate, else: maxRateMilli)
        gapAfterMilliseconds = declared(event.gapAfterMilliseconds, .gapAfter, else: gapAfterMilliseconds)
        if dimension == nil { dimension = unit?.dimension }
    }
}
