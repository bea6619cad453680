/// What is known of a device: what its registrations declare, and of one not yet registered what its first event said.
///
/// The one place that says what "declared anew" changes and what a default is, for who accepts events and for who folds
/// them (semantics, sections 1, 2 and 9).
package struct DeviceDeclaration: Hashable, Sendable {
    /// Nil until the device is registered.
    package private(set) var utility: Utility?
    package private(set) var declaredUnit: Unit?
    package private(set) var declaredRegister: String?
    /// That of the first event that named one, before the device was registered.
    package private(set) var firstRegister: String?
    package private(set) var timezone: String?
    package private(set) var multiplier: ExactDecimal?
    /// mWh or mL, by the unit that held when it was declared; per hour for `maxRateMilli`.
    package private(set) var modulusMilli: Int64?
    package private(set) var maxRateMilli: Int64?
    package private(set) var gapAfterMilliseconds: Int64?
    package private(set) var account: String?
    /// Known from the first event with a unit or a utility.
    package private(set) var dimension: Dimension?

    /// How long an interval may be that is no gap, where the device declares nothing.
    package static let defaultGapAfterMilliseconds: Int64 = 6 * Milliseconds.hour

    package init() {}

    /// What was known of a device before, all of it.
    package init(
        utility: Utility?,
        declaredUnit: Unit?,
        declaredRegister: String?,
        firstRegister: String?,
        timezone: String?,
        multiplier: ExactDecimal?,
        modulusMilli: Int64?,
        maxRateMilli: Int64?,
        gapAfterMilliseconds: Int64?,
        account: String?,
        dimension: Dimension?
    ) {
        self.utility = utility
        self.declaredUnit = declaredUnit
        self.declaredRegister = declaredRegister
        self.firstRegister = firstRegister
        self.timezone = timezone
        self.multiplier = multiplier
        self.modulusMilli = modulusMilli
        self.maxRateMilli = maxRateMilli
        self.gapAfterMilliseconds = gapAfterMilliseconds
        self.account = account
        self.dimension = dimension
    }

    package var isRegistered: Bool { utility != nil }

    /// The unit of values told without one; nil for a device that is not registered.
    package var unit: Unit? { utility.map { declaredUnit ?? $0.defaultUnit } }

    /// The register that is billed: the declared one, else the utility's own; of a device not registered that of its
    /// first event. So what is billed once it is registered does not depend on what arrived before.
    package var register: String? { utility.map { declaredRegister ?? $0.defaultRegister } ?? firstRegister }

    /// The register of events told without one; nil for a device that is not registered, whatever it told before.
    package var registerToFillIn: String? { isRegistered ? register : nil }

    package var gapAfter: Int64 { gapAfterMilliseconds ?? DeviceDeclaration.defaultGapAfterMilliseconds }

    /// Whether what an event names may matter: of a device that is registered it does not.
    package var takesNotice: Bool { !isRegistered && (firstRegister == nil || dimension == nil) }

    /// Takes in an event that names a register, a unit or both, and is no registration.
    package mutating func notice(register: String?, unit: Unit?) {
        guard takesNotice else { return }
        if let unit, dimension == nil { dimension = unit.dimension }
        if firstRegister == nil { firstRegister = register }
    }

    /// Takes in a registration: what it gives changes, what it resets is declared no more, what it leaves out stays.
    package mutating func declare(_ event: DeviceRegistered) {
        func declared<Value>(_ given: Value?, _ reset: DeviceResets, else former: Value?) -> Value? {
            event.resets.contains(reset) ? nil : given ?? former
        }
        utility = event.utility
        declaredUnit = declared(event.unit, .unit, else: declaredUnit)
        declaredRegister = declared(event.register, .register, else: declaredRegister)
        timezone = declared(event.timezone, .timezone, else: timezone)
        multiplier = declared(event.multiplier, .multiplier, else: multiplier)
        let digits = (declaredUnit ?? event.utility.defaultUnit).milliDigits
        let modulus = event.modulus.flatMap { $0.scaled(by: digits) }.map(Int64.init)
        modulusMilli = declared(modulus, .modulus, else: modulusMilli)
        let maxRate = event.maxRate.flatMap { $0.scaled(by: digits) }.map(Int64.init)
        maxRateMilli = declared(maxRate, .maxRate, else: maxRateMilli)
        gapAfterMilliseconds = declared(event.gapAfterMilliseconds, .gapAfter, else: gapAfterMilliseconds)
        account = declared(event.account, .account, else: account)
        if dimension == nil { dimension = unit?.dimension }
    }
}
