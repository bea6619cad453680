internal import Foundation
internal import MeterModel

/// Where a page of a query's rows ended: the sort key of the last row looked at.
///
/// It holds names and numbers of that row and nothing of the reader's rights, which every page checks anew. The next
/// page begins after that key, whatever was added or removed meanwhile, so no row that stays where it is comes twice
/// or is left out.
package struct ViewCursor: Hashable, Sendable {
    enum Component: Hashable, Sendable {
        case null
        case integer(Int64)
        case text(String)
    }

    /// Bytes that the text of a cursor may have.
    package static let textByteCountMaximum = 2048
    private static let version: UInt8 = 1

    /// Which query it goes with.
    let fingerprint: UInt64
    let key: [Component]

    init(fingerprint: UInt64, key: [Component]) {
        self.fingerprint = fingerprint
        self.key = key
    }

    /// The cursor as letters, digits, `-` and `_`: to be handed back as it is.
    package var text: String {
        var bytes = [ViewCursor.version]
        append(fingerprint, to: &bytes)
        for component in key {
            switch component {
            case .null: bytes.append(0)
            case .integer(let value):
                bytes.append(1)
                append(UInt64(bitPattern: value), to: &bytes)
            case .text(let text):
                bytes.append(2)
                bytes.append(UInt8(text.utf8.count >> 8))
                bytes.append(UInt8(text.utf8.count & 0xFF))
                bytes.append(contentsOf: text.utf8)
            }
        }
        return Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
            "=",
            with: ""
        )
    }

    /// Reads what `text` wrote; nil of anything else. Whether it fits a query shows when that is run.
    package init?(text: String) {
        guard text.utf8.count <= ViewCursor.textByteCountMaximum else { return nil }
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        let base64 = text.replacing("-", with: "+").replacing("_", with: "/") + padding
        guard let data = Data(base64Encoded: base64) else { return nil }
        var bytes = ArraySlice([UInt8](data))
        guard bytes.popFirst() == ViewCursor.version, let fingerprint = ViewCursor.word(&bytes) else { return nil }
        self.fingerprint = fingerprint
        var key: [Component] = []
        while let tag = bytes.popFirst() {
            switch tag {
            case 0: key.append(.null)
            case 1:
                guard let word = ViewCursor.word(&bytes) else { return nil }
                key.append(.integer(Int64(bitPattern: word)))
            case 2:
                guard bytes.count >= 2 else { return nil }
                let count = Int(bytes.removeFirst()) << 8 | Int(bytes.removeFirst())
                guard bytes.count >= count, let text = String(validating: bytes.prefix(count), as: UTF8.self) else {
                    return nil
                }
                key.append(.text(text))
                bytes.removeFirst(count)
            default: return nil
            }
        }
        self.key = key
    }

    private func append(_ word: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }

    private static func word(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        guard bytes.count >= 8 else { return nil }
        let word = bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        bytes.removeFirst(8)
        return word
    }
}

extension ViewQuery {
    /// Tells queries apart whose rows or order differ (FNV-1a of 64 bits): a cursor of one is no cursor of another.
    var fingerprint: UInt64 {
        let name: String =
            switch view {
            case .consumption(let bucket): "consumption-\(bucket.rawValue)"
            default: "\(view)"
            }
        let parts = [name, device ?? "", ViewQuery.text(from), ViewQuery.text(to)]
        return parts.joined(separator: "\n").utf8.reduce(0xCBF2_9CE4_8422_2325) { hash, byte in
            (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
    }

    private static func text(_ bound: Bound?) -> String {
        switch bound {
        case nil: ""
        case .day(let date): date.description
        case .instant(let instant): String(instant.milliseconds)
        }
    }

    /// The kinds of the components of a row's key: `t` is a text, `i` an integer, `n` an integer or null.
    var keyShape: String {
        switch view {
        case .devices, .balance: "t"
        case .consumption: "tti"
        case .ledger: "ti"
        case .arrears: "nt"
        case .episodes: "itti"
        case .pushes: "ittit"
        case .anomalies: "titt" + "ii"
        }
    }

    /// Whether a cursor was made by a page of this query.
    package func goesWith(_ cursor: ViewCursor) -> Bool {
        guard cursor.fingerprint == fingerprint, cursor.key.count == keyShape.utf8.count else { return false }
        return zip(cursor.key, keyShape).allSatisfy { component, kind in
            switch component {
            case .null: kind == "n"
            case .integer: kind == "i" || kind == "n"
            case .text: kind == "t"
            }
        }
    }
}
