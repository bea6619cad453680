import Crypto
import Foundation
import MeterModel

/// Signs messages as Standard Webhooks 1.0.0 has it: HMAC-SHA256 of `<id>.<timestamp>.<body>`, in base64 behind `v1,`.
package struct WebhookSigner: Sendable {
    private let keys: [SymmetricKey]

    /// Bytes of a secret.
    static let secretByteCounts = 24...64

    /// Nil where a secret cannot be used.
    ///
    /// - Parameter secrets: `whsec_…`, one at least; each signs, the first first.
    package init?(secrets: [String]) {
        let keys = secrets.compactMap { Self.key($0) }
        guard !keys.isEmpty, keys.count == secrets.count else { return nil }
        self.keys = keys
    }

    static func key(_ secret: String) -> SymmetricKey? {
        let prefix = "whsec_"
        guard secret.hasPrefix(prefix), let bytes = Data(base64Encoded: String(secret.dropFirst(prefix.count))),
            secretByteCounts.contains(bytes.count)
        else { return nil }
        return SymmetricKey(data: bytes)
    }

    /// The value of `webhook-signature`, for those of `webhook-id` and of `webhook-timestamp` (Unix seconds) and the
    /// bytes of the body as they are sent.
    package func signature(id: String, timestamp: Int64, body: [UInt8]) -> String {
        let signed = Array("\(id).\(timestamp).".utf8) + body
        return keys.map { key in
            "v1," + Data(HMAC<SHA256>.authenticationCode(for: signed, using: key)).base64EncodedString()
        }.joined(separator: " ")
    }
}
