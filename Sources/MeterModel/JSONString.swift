/// Texts as JSON strings (RFC 8259, section 7): in quotes, with no more escaped than must be, and that as `\u00xx`.
package enum JSONString {
    private static let digits = Array("0123456789abcdef".utf8)

    /// Appends a text, quoted.
    package static func append(_ text: String, to bytes: inout some RangeReplaceableCollection<UInt8>) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { text in
            // What needs no escape is taken over in pieces.
            var start = 0
            for (i, byte) in text.enumerated() where mustEscape(byte) {
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<i]))
                start = i + 1
                bytes.append(contentsOf: escape(of: byte))
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start...]))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    static func mustEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    static func escape(of byte: UInt8) -> [UInt8] {
        if byte >= 0x20 { return [UInt8(ascii: "\\"), byte] }
        return Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }

    /// A text, quoted.
    package static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        append(text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
