extension TextScratch {
    /// Appends a field of CSV (RFC 4180): in quotes where it holds a comma, a quote or a line end.
    package func append(csvField field: UnsafeBufferPointer<UInt8>) {
        guard field.contains(where: TextScratch.needsQuotes) else { return append(field) }
        append(UInt8(ascii: "\""))
        for byte in field {
            if byte == UInt8(ascii: "\"") { append(byte) }
            append(byte)
        }
        append(UInt8(ascii: "\""))
    }

    private static func needsQuotes(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\r")
            || byte == UInt8(ascii: "\n")
    }

    /// Appends a JSON string (RFC 8259, section 7) in its quotes: tabs and line ends by their short escapes, other
    /// controls as `\u00xx`.
    package func append(jsonString text: UnsafeBufferPointer<UInt8>) {
        append(UInt8(ascii: "\""))
        // What needs no escape is taken over in pieces.
        var start = 0
        for (i, byte) in text.enumerated() where JSONString.mustEscape(byte) {
            append(UnsafeBufferPointer(rebasing: text[start..<i]))
            start = i + 1
            appendEscape(of: byte)
        }
        append(UnsafeBufferPointer(rebasing: text[start...]))
        append(UInt8(ascii: "\""))
    }

    private func appendEscape(of byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\n"): append("\\n" as StaticString)
        case UInt8(ascii: "\r"): append("\\r" as StaticString)
        case UInt8(ascii: "\t"): append("\\t" as StaticString)
        default: JSONString.escape(of: byte).withUnsafeBufferPointer { append($0) }
        }
    }
}
