import Foundation
import MeterModel

/// A token as a line of the file.
enum TokenLine {
    /// The line's JSON; times in milliseconds since 1970. Names this version does not know are passed over.
    private struct Fields: Codable {
        var id: String
        var sha256: String
        var can: [String]
        var devices: String?
        var createdAt: Int64
        var expiresAt: Int64?
        var revokedAt: Int64?
        var note: String?
    }

    static func bytes(_ token: StoredToken) -> [UInt8] {
        let fields = Fields(
            id: token.id,
            sha256: token.digest.map { hex($0) }.joined(),
            can: Right.allCases.filter(token.rights.contains).map(\.rawValue),
            devices: token.devices?.pattern,
            createdAt: token.createdAt.milliseconds,
            expiresAt: token.expiresAt?.milliseconds,
            revokedAt: token.revokedAt?.milliseconds,
            note: token.note
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Integers and texts: there is nothing in it that could not be encoded.
        return (try? encoder.encode(fields)).map(Array.init) ?? []
    }

    /// - Returns: nil where the line is none.
    static func token(_ line: [UInt8]) -> StoredToken? {
        guard let fields = try? JSONDecoder().decode(Fields.self, from: Data(line)), TokenText.isID(fields.id),
            let digest = digest(fields.sha256)
        else { return nil }
        let rights = fields.can.compactMap(Right.init(rawValue:))
        let devices = fields.devices.flatMap { NameGlob($0) }
        // A right or a pattern that is not understood must not end in more rights than were meant.
        guard !rights.isEmpty, rights.count == fields.can.count, (devices == nil) == (fields.devices == nil) else {
            return nil
        }
        return StoredToken(
            id: fields.id,
            digest: digest,
            rights: Set(rights),
            devices: devices,
            createdAt: Instant(milliseconds: fields.createdAt),
            expiresAt: fields.expiresAt.map(Instant.init(milliseconds:)),
            revokedAt: fields.revokedAt.map(Instant.init(milliseconds:)),
            note: fields.note
        )
    }

    private static func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

    private static func digest(_ text: String) -> [UInt8]? {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == 64, text.utf8.count == 64 else { return nil }
        return stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
    }
}
