import Crypto
import Foundation
package import RecordLog

/// The key with which an operator signs heads of the log: Ed25519, in the PEM files that other tools read and write too
/// (PKCS #8 of RFC 8410; the public half as SubjectPublicKeyInfo).
package struct OperatorKey {
    private let key: Curve25519.Signing.PrivateKey

    /// What stands before the 32 bytes of a key in its DER form: fixed, as Ed25519 has no parameters.
    static let privatePrefix: [UInt8] = [
        0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]

    private init(_ key: Curve25519.Signing.PrivateKey) { self.key = key }

    /// Takes the 32 bytes of a seed; nil if there are more or fewer.
    init?(seed: [UInt8]) {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else { return nil }
        self.key = key
    }

    /// The half that may be told to everybody.
    package var publicKey: OperatorPublicKey { OperatorPublicKey(bytes: Array(key.publicKey.rawRepresentation)) }

    func signature(over bytes: [UInt8]) throws -> [UInt8] { Array(try key.signature(for: bytes)) }

    /// Makes a key: `path` for its owner alone, the public half beside it as `path.pub`. Neither file is overwritten.
    ///
    /// - Throws: `RecordLogError`: `exists` if either file is there.
    package static func make(path: String, fileSystem: any FileSystem) throws(RecordLogError) -> OperatorKey {
        let made = OperatorKey(Curve25519.Signing.PrivateKey())
        let publicPath = path + ".pub"
        if let file = try? fileSystem.open(publicPath, mode: .read) {
            file.close()
            throw RecordLogError(.exists, "the file exists", place: LogPlace(file: publicPath))
        }
        let text = PEM.text(of: privatePrefix + Array(made.key.rawRepresentation), label: "PRIVATE KEY")
        try WholeFile.write(text, path: path, mode: .createPrivate, fileSystem: fileSystem)
        do throws(RecordLogError) {
            try WholeFile.write(made.publicKey.pem, path: publicPath, mode: .createNew, fileSystem: fileSystem)
        } catch {
            // Half a pair would be in the way of the next attempt.
            try? fileSystem.remove(path)
            throw error
        }
        return made
    }

    /// Reads a private key.
    ///
    /// - Throws: `RecordLogError` if it cannot be read, `EvidenceFault` if it is none.
    package static func read(path: String, fileSystem: any FileSystem) throws -> OperatorKey {
        let text = try WholeFile.read(path, fileSystem: fileSystem)
        guard let bytes = PEM.bytes(in: text, label: "PRIVATE KEY", prefix: privatePrefix, count: 32),
            let key = OperatorKey(seed: bytes)
        else {
            throw EvidenceFault(
                path,
                "this is no private Ed25519 key",
                hint: "make one with 'meterfold log keygen FILE', or 'openssl genpkey -algorithm ed25519'"
            )
        }
        return key
    }
}

/// The public half of an operator's key.
package struct OperatorPublicKey: Sendable, Hashable, CustomStringConvertible {
    /// The 32 bytes of RFC 8032.
    let bytes: [UInt8]

    static let prefix: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]

    /// 64 hexadecimal digits.
    package var description: String { HexText.text(bytes) }

    var pem: String { PEM.text(of: OperatorPublicKey.prefix + bytes, label: "PUBLIC KEY") }

    func isValid(signature: [UInt8], over message: [UInt8]) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes) else { return false }
        return key.isValidSignature(signature, for: message)
    }

    /// Reads a public key.
    ///
    /// - Throws: `RecordLogError` if it cannot be read, `EvidenceFault` if it is none.
    package static func read(path: String, fileSystem: any FileSystem) throws -> OperatorPublicKey {
        let text = try WholeFile.read(path, fileSystem: fileSystem)
        if let bytes = PEM.bytes(in: text, label: "PUBLIC KEY", prefix: prefix, count: 32) {
            return OperatorPublicKey(bytes: bytes)
        }
        let isPrivate = text.contains("PRIVATE KEY")
        throw EvidenceFault(
            path,
            isPrivate ? "this is a private key" : "this is no public Ed25519 key",
            hint: isPrivate
                ? "name the public one beside it, \(path).pub; nobody who checks needs the private one"
                : "it is the file FILE.pub that 'meterfold log keygen FILE' made"
        )
    }
}

/// Keys as text between two lines that say what they are (RFC 7468).
enum PEM {
    static func text(of bytes: [UInt8], label: String) -> String {
        "-----BEGIN \(label)-----\n\(Data(bytes).base64EncodedString())\n-----END \(label)-----\n"
    }

    /// The bytes behind a fixed prefix; nil unless there are exactly so many, under this label.
    static func bytes(in text: String, label: String, prefix: [UInt8], count: Int) -> [UInt8]? {
        guard let start = text.firstRange(of: "-----BEGIN \(label)-----"),
            let end = text.firstRange(of: "-----END \(label)-----"), start.upperBound <= end.lowerBound
        else { return nil }
        let lines = text[start.upperBound..<end.lowerBound].filter { !$0.isWhitespace }
        guard let data = Data(base64Encoded: lines), data.count == prefix.count + count, data.starts(with: prefix)
        else { return nil }
        return Array(data.dropFirst(prefix.count))
    }
}
