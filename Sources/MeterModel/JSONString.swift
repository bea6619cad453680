/// Texts as JSON strings (RFC 8259, section 7): in quotes, with no more escaped than must be, and that as `\u00xx`.
package enum JSONString {
    private static let digits = Array("0123456789abcdef".utf8)

    /// Appends a text, quoted.
    package static func append(_ text: String, to bytes: inout some RangeReplaceableCollection<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0..<0x20:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(contentsOf: [digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// A text, quoted.
    package static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        append(text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
