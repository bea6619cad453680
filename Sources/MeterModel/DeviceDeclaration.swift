/// What is known of a device: what its registrations declare, and of one not yet registered what its first event said.
///
/// Devices of a fleet have most of it alike, which a `DeclarationPool` keeps once: there is one for each device, twice.
package struct DeviceDeclaration: Equatable, Sendable {
    /// In memory once for all devices to which one pool gave them; nil: nothing is known.
    private var shared: SharedTerms?
    package private(set) var account: String?

    package init() {}

    /// What was known of a device before, all of it.
    ///
    /// - Parameters:
    ///   - terms: what it has alike with others.
    ///   - account: as declared last.
    ///   - pool: keeps the terms.
    package init(_ terms: DeviceTerms, account: String?, in pool: inout DeclarationPool) {
        shared = pool.shared(terms)
        self.account = account
    }

    package static func == (a: DeviceDeclaration, b: DeviceDeclaration) -> Bool {
        a.account == b.account && a.terms == b.terms
    }

    /// All but the account.
    package var terms: DeviceTerms { shared?.terms ?? .unknown }

    package var utility: Utility? { shared?.terms.utility }
    package var timezone: String? { shared?.terms.timezone?.text }
    package var multiplier: ExactDecimal? { shared?.terms.multiplier }
    package var modulusMilli: Int64? { shared?.terms.modulusMilli }
    package var maxRateMilli: Int64? { shared?.terms.maxRateMilli }
    package var dimension: Dimension? { shared?.terms.dimension }
    package var isRegistered: Bool { utility != nil }
    package var unit: Unit? { shared?.terms.unit }
    package var register: String? { shared?.terms.register }
    package var gapAfter: Int64 { shared?.terms.gapAfter ?? DeviceTerms.defaultGapAfterMilliseconds }

    /// The register of events told without one; nil for a device that is not registered, whatever it told before.
    package var registerToFillIn: String? { isRegistered ? register : nil }

    /// Whether what an event names may matter: of a device that is registered it does not.
    package var takesNotice: Bool { shared?.terms.takesNotice ?? true }

    /// Takes in an event that names a register, a unit or both, and is no registration.
    ///
    /// - Parameters:
    ///   - register: the one it names.
    ///   - unit: the one it names.
    ///   - pool: keeps what is known then.
    package mutating func notice(register: String?, unit: Unit?, in pool: inout DeclarationPool) {
        guard takesNotice else { return }
        var terms = terms
        terms.notice(register: register, unit: unit)
        shared = pool.shared(terms)
    }

    /// Takes in a registration.
    ///
    /// - Parameters:
    ///   - event: the registration.
    ///   - pool: keeps what is declared then.
    package mutating func declare(_ event: DeviceRegistered, in pool: inout DeclarationPool) {
        var terms = terms
        terms.declare(event)
        shared = pool.shared(terms)
        account = event.resets.contains(.account) ? nil : event.account ?? account
    }
}

/// Terms that several devices may have.
private final class SharedTerms: Sendable {
    let terms: DeviceTerms

    init(_ terms: DeviceTerms) { self.terms = terms }
}

/// Keeps what devices declare alike once.
///
/// Invariant: each of `kept` is what its key says.
package struct DeclarationPool: Sendable {
    /// Devices that declare something of their own each would fill it without end.
    private static let capacity = 1024

    private var kept: [DeviceTerms: SharedTerms] = [:]
    /// What was asked for last: devices that follow each other are mostly alike.
    private var last: SharedTerms?

    package init() {}

    /// Nil: nothing is known by these terms.
    fileprivate mutating func shared(_ terms: DeviceTerms) -> SharedTerms? {
        if terms == .unknown { return nil }
        if let last, last.terms == terms { return last }
        if let found = kept[terms] {
            last = found
            return found
        }
        if kept.count >= DeclarationPool.capacity { kept.removeAll() }
        let made = SharedTerms(terms)
        kept[terms] = made
        last = made
        return made
    }
}
