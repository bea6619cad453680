import Foundation
package import MeterModel
package import RecordLog
import Telegrams

/// A head of the log as it is kept elsewhere: a small JSON document, signed or not (`docs/tamper-evidence.md`).
///
/// Invariant: a signature that is there was made by the key that stands beside it, over `signedBytes`.
package struct HeadDocument: Sendable, Hashable {
    /// What the log was.
    package let head: LogHead
    /// When that was put down, by the clock of whoever did.
    package let at: Instant
    /// Who signed it; nil if nobody did.
    package private(set) var key: OperatorPublicKey?
    private var signature: [UInt8] = []

    static let format = "meterfold-log-head"
    static let version = 1

    /// A document that nobody has signed.
    package init(_ head: LogHead, at instant: Instant) {
        self.head = head
        at = instant
    }

    /// A document signed by a key.
    ///
    /// - Throws: What the signing throws.
    package init(_ head: LogHead, at instant: Instant, signedBy key: OperatorKey) throws {
        self.init(head, at: instant)
        self.key = key.publicKey
        signature = try key.signature(over: HeadDocument.signedBytes(head, at: instant, key: key.publicKey))
    }

    /// What is signed: fixed fields, so that no two documents have the same bytes.
    static func signedBytes(_ head: LogHead, at instant: Instant, key: OperatorPublicKey) -> [UInt8] {
        func bytes(_ number: UInt64) -> [UInt8] { withUnsafeBytes(of: number.littleEndian) { Array($0) } }
        return Array("meterfold log head".utf8) + [0, UInt8(version)] + head.log.bytes + bytes(head.position)
            + head.chain.bytes + bytes(UInt64(bitPattern: instant.milliseconds)) + key.bytes
    }

    /// The document as text: an object with one field a line, each but the first line behind so many more spaces.
    package func json(indent: Int = 0) -> String {
        var fields = [
            #""format": "\#(HeadDocument.format)""#, #""version": \#(HeadDocument.version)"#, #""log": "\#(head.log)""#,
            #""position": \#(head.position)"#, #""chain": "\#(head.chain)""#, #""at": "\#(at.rfc3339)""#,
        ]
        if let key { fields += [#""key": "\#(key)""#, #""signature": "\#(HexText.text(signature))""#] }
        let margin = "\n" + String(repeating: " ", count: indent)
        return "{" + fields.map { margin + "  " + $0 }.joined(separator: ",") + margin + "}"
    }

    // MARK: Reading

    /// Reads a document, and checks the signature if there is one.
    ///
    /// - Parameters:
    ///   - text: The document; also one that has it under `head`, as a backup's manifest.
    ///   - place: What to call it where it is wrong.
    /// - Throws: `EvidenceFault`.
    package init(text: String, place: String) throws(EvidenceFault) {
        guard let fields = try? JSONDecoder().decode(HeadFields.self, from: Data(text.utf8)) else {
            throw HeadDocument.fault(place, "this is no head of a log")
        }
        try self.init(fields.head?.fields ?? fields, place: place)
    }

    private init(_ fields: HeadFields, place: String) throws(EvidenceFault) {
        guard fields.format == HeadDocument.format, let version = fields.version else {
            throw HeadDocument.fault(place, "this is no head of a log")
        }
        guard version == HeadDocument.version else {
            throw HeadDocument.fault(place, "a head of version \(version), which this program does not know")
        }
        func digest(_ text: String?) -> Digest32? {
            text.flatMap { HexText.bytes($0, count: Digest32.byteCount) }.flatMap { Digest32(bytes: $0) }
        }
        guard let log = digest(fields.log), let chain = digest(fields.chain), let position = fields.position,
            position > 0, let at = fields.at.flatMap({ Instant(text: $0) })
        else { throw HeadDocument.fault(place, "a field of the head is missing, or is not what it must be") }
        self.init(LogHead(log: log, position: position, chain: chain), at: at)
        guard fields.key != nil || fields.signature != nil else { return }
        guard let keyBytes = fields.key.flatMap({ HexText.bytes($0, count: 32) }),
            let signature = fields.signature.flatMap({ HexText.bytes($0, count: 64) })
        else { throw HeadDocument.fault(place, "the head's key or signature is missing, or is not what it must be") }
        let key = OperatorPublicKey(bytes: keyBytes)
        let message = HeadDocument.signedBytes(head, at: at, key: key)
        guard key.isValid(signature: signature, over: message) else {
            throw EvidenceFault(
                place,
                "the signature does not fit: the head was altered after it was signed",
                hint: "take the head from where it was kept safely; this one proves nothing"
            )
        }
        self.key = key
        self.signature = signature
    }

    /// Insists that a certain key signed the document.
    ///
    /// - Throws: `EvidenceFault` if nobody did, or another.
    package func requireSignature(by wanted: OperatorPublicKey, place: String) throws(EvidenceFault) {
        guard let key else {
            throw EvidenceFault(
                place,
                "the head is not signed, and a signature was asked for",
                hint: "export heads with --sign, or leave --key out and trust the place where this one was kept"
            )
        }
        guard key == wanted else {
            throw EvidenceFault(
                place,
                "the head is signed by the key \(key), not by \(wanted)",
                hint: "ask who holds that key; if it is an earlier one of yours, give its public half with --key"
            )
        }
    }

    private static func fault(_ place: String, _ cause: String) -> EvidenceFault {
        EvidenceFault(place, cause, hint: "it is what 'meterfold log head' printed, as it printed it")
    }
}

/// The fields as they are read: nothing is known of them yet.
private struct HeadFields: Decodable {
    var format: String?
    var version: Int?
    var log: String?
    var position: UInt64?
    var chain: String?
    var at: String?
    var key: String?
    var signature: String?
    var head: Inner?

    /// A document within another.
    final class Inner: Decodable {
        let fields: HeadFields

        init(from decoder: any Decoder) throws { fields = try HeadFields(from: decoder) }
    }
}
