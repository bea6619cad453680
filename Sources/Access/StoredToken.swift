import Crypto
package import MeterModel

/// What is kept of a token: everything but its secret.
package struct StoredToken: Hashable, Sendable {
    /// 10 lower-case base32 characters; what `token:<id>` in the log means.
    package var id: String
    /// SHA-256 of the secret's text.
    var digest: [UInt8]
    /// What its bearer may do, one at least.
    package var rights: Set<Right>
    /// The devices it is about; nil: all.
    package var devices: NameGlob?
    package var createdAt: Instant
    /// From this instant on it is refused; nil: never.
    package var expiresAt: Instant?
    /// Since when it is refused for good.
    package var revokedAt: Instant?
    /// What it is for, in its maker's words.
    package var note: String?

    /// What a token is worth at an instant.
    package enum Standing: String, Sendable {
        case active, expired, revoked
    }

    /// What it is worth at an instant.
    package func standing(at now: Instant) -> Standing {
        if revokedAt != nil { return .revoked }
        if let expiresAt, now >= expiresAt { return .expired }
        return .active
    }

    /// Whom it stands for.
    var principal: Principal { Principal(recordedBy: "token:\(id)", rights: rights, devices: devices) }

    static func digest(of secret: String) -> SHA256.Digest { SHA256.hash(data: Array(secret.utf8)) }
}
