/// The rows of a pretty-printed array, one a line, in the compact form.
package func compactRows(_ lines: [String]) -> [String] {
    lines.filter { $0 != "[" && $0 != "]" && $0 != "[]" }.map(compactRow)
}

/// A row without the spaces outside its strings and without a comma after it.
package func compactRow(_ line: String) -> String {
    var bytes: [UInt8] = []
    var isInString = false
    var isEscaped = false
    for byte in line.utf8 {
        if !isInString, byte == UInt8(ascii: " ") { continue }
        if byte == UInt8(ascii: "\""), !isEscaped { isInString.toggle() }
        isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
        bytes.append(byte)
    }
    if bytes.last == UInt8(ascii: ",") { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
}
