package import MeterModel

/// What a token lets its bearer do.
package enum Right: String, Hashable, Sendable, CaseIterable {
    /// Ask the views.
    case read
    /// Send readings.
    case ingest
    /// Send payments, refunds and adjustments.
    case topUp = "top-up"
    /// All of it, and what else changes the log: registrations, tariffs, rules.
    case admin
}

/// Who does something, and what he may do.
package struct Principal: Hashable, Sendable {
    /// Who did it, as the log will say: `token:<id>`, `cli`, or `local`.
    package var recordedBy: String
    /// What he may do.
    package var rights: Set<Right>
    /// The devices it is about; nil: all.
    package var devices: NameGlob?

    package init(recordedBy: String, rights: Set<Right>, devices: NameGlob? = nil) {
        self.recordedBy = recordedBy
        self.rights = rights
        self.devices = devices
    }

    /// The operator at the data directory's own socket.
    package static let operatorAtHand = Principal(recordedBy: "cli", rights: [.admin])

    /// Who comes over loopback where no token is asked for.
    package static let local = Principal(recordedBy: "local", rights: [.admin])

    /// Whether he may do that with the devices he may see.
    package func may(_ right: Right) -> Bool { rights.contains(right) || rights.contains(.admin) }

    /// Whether a device is one of his.
    package func covers(_ device: String) -> Bool { devices?.matches(device) ?? true }
}

/// Why somebody is not let in.
package enum AccessFault: Error, Hashable, Sendable {
    /// No token came, and one is needed.
    case missing
    /// The token is unknown, was revoked, or has expired.
    case refused
}

/// Tells who somebody is by the token he bears.
package protocol Authorizing: Sendable {
    /// - Parameter token: what was sent as the token; nil where none was.
    /// - Returns: whom it stands for.
    /// - Throws: `AccessFault`.
    func principal(bearing token: String?) throws(AccessFault) -> Principal
}

/// Lets everybody in as one and the same: on loopback without tokens, and on the data directory's own socket.
package struct OpenAccess: Authorizing {
    private let everybody: Principal

    package init(as everybody: Principal) { self.everybody = everybody }

    package func principal(bearing token: String?) throws(AccessFault) -> Principal { everybody }
}
