import MeterModel

/// A stretch of a line, and whether it holds a backslash.
struct LineToken {
    var start: Int
    var end: Int
    var hasBackslash: Bool

    static let absent = LineToken(start: -1, end: -1, hasBackslash: false)

    var isAbsent: Bool { start < 0 }
}

/// Cuts one line of line protocol into its tokens, left to right.
///
/// A backslash before a comma, a space or (in keys and tag values) an equals sign takes its meaning away; before
/// anything else it stands for itself.
struct LineProtocolScanner {
    let base: UnsafePointer<UInt8>
    let end: Int
    var i: Int

    /// What is wrong, and where.
    struct Fault: Error {
        var cause: StaticString
        var at: Int
    }

    @inline(__always)
    mutating func skipSpaces() {
        while i < end, base[i] == 0x20 { i += 1 }
    }

    func fault(_ cause: StaticString) -> Fault { Fault(cause: cause, at: i) }

    /// The measurement: up to a comma or a space.
    @inline(__always)
    mutating func measurement() throws(Fault) -> LineToken {
        let start = i
        var hasBackslash = false
        while i < end {
            let byte = base[i]
            if byte == UInt8(ascii: ",") || byte == 0x20 { break }
            if byte < 0x20 || byte == 0x7F { throw fault("a control character in the measurement") }
            if byte == UInt8(ascii: "\\") {
                hasBackslash = true
                stepOverEscape()
            }
            i += 1
        }
        guard i > start else { throw fault("expected a measurement") }
        guard i < end else { throw fault("expected a field after the measurement") }
        return LineToken(start: start, end: i, hasBackslash: hasBackslash)
    }

    /// A tag's or field's key, with the `=` behind it.
    @inline(__always)
    mutating func key() throws(Fault) -> LineToken {
        let start = i
        var hasBackslash = false
        while i < end {
            let byte = base[i]
            if byte == UInt8(ascii: "=") {
                guard i > start else { throw fault("expected a key before '='") }
                let token = LineToken(start: start, end: i, hasBackslash: hasBackslash)
                i += 1
                return token
            }
            if byte == UInt8(ascii: ",") || byte == 0x20 { break }
            if byte < 0x20 || byte == 0x7F { throw fault("a control character in a key") }
            if byte == UInt8(ascii: "\\") {
                hasBackslash = true
                stepOverEscape()
            }
            i += 1
        }
        throw fault("expected '=' after a key")
    }

    /// A tag's value: up to a comma or a space.
    @inline(__always)
    mutating func tagValue() throws(Fault) -> LineToken {
        let start = i
        var hasBackslash = false
        while i < end {
            let byte = base[i]
            if byte == UInt8(ascii: ",") || byte == 0x20 { break }
            if byte < 0x20 || byte == 0x7F { throw fault("a control character in a tag's value") }
            if byte == UInt8(ascii: "=") { throw fault("an '=' in a tag's value needs a backslash") }
            if byte == UInt8(ascii: "\\") {
                hasBackslash = true
                stepOverEscape()
            }
            i += 1
        }
        guard i > start else { throw fault("expected a tag's value") }
        return LineToken(start: start, end: i, hasBackslash: hasBackslash)
    }

    /// From a backslash on to the byte it escapes, or nowhere.
    @inline(__always)
    private mutating func stepOverEscape() {
        guard i + 1 < end else { return }
        let next = base[i + 1]
        if next == UInt8(ascii: ",") || next == 0x20 || next == UInt8(ascii: "=") { i += 1 }
    }

    /// A string in quotes, within which `\"` and `\\` are escapes; the opening quote stands at `i`.
    mutating func quotedString() throws(Fault) {
        i += 1
        while i < end {
            switch base[i] {
            case UInt8(ascii: "\""):
                i += 1
                return
            case UInt8(ascii: "\\") where i + 1 < end: i += 2
            default: i += 1
            }
        }
        throw fault("the line ends within a string")
    }

    /// Up to the next comma, space or the end.
    @inline(__always)
    mutating func plainToken() -> LineToken {
        let start = i
        while i < end, base[i] != UInt8(ascii: ","), base[i] != 0x20 { i += 1 }
        return LineToken(start: start, end: i, hasBackslash: false)
    }

    /// What kind of field value a token without quotes is.
    enum ValueKind {
        case integer
        case float
        case boolean
    }

    /// The kind of an unquoted field value, or nil where it is none.
    static func kind(_ base: UnsafePointer<UInt8>, _ token: LineToken) -> ValueKind? {
        let count = token.end - token.start
        guard count > 0 else { return nil }
        for word: StaticString in ["t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE"]
        where WireWords.matches(base, token.start, token.end, word) {
            return .boolean
        }
        let last = base[token.end - 1]
        if last == UInt8(ascii: "i") || last == UInt8(ascii: "u") {
            let isSigned = base[token.start] == UInt8(ascii: "-")
            guard last == UInt8(ascii: "i") || !isSigned else { return nil }
            if case .failure(.syntax) = InstantScanner.integer(base, token.start, token.end - 1) { return nil }
            return .integer
        }
        return isFloat(base, token.start, token.end) ? .float : nil
    }

    /// `[+-]digits[.digits][e[+-]digits]`, digits on one side of the point being enough.
    private static func isFloat(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
        var i = start
        func digits() -> Int {
            let first = i
            while i < end, base[i] &- 0x30 <= 9 { i += 1 }
            return i - first
        }
        if base[i] == UInt8(ascii: "-") || base[i] == UInt8(ascii: "+") { i += 1 }
        var count = digits()
        if i < end, base[i] == UInt8(ascii: ".") {
            i += 1
            count += digits()
        }
        guard count > 0 else { return false }
        if i < end, base[i] | 0x20 == UInt8(ascii: "e") {
            i += 1
            if i < end, base[i] == UInt8(ascii: "-") || base[i] == UInt8(ascii: "+") { i += 1 }
            guard digits() > 0 else { return false }
        }
        return i == end
    }

    /// Appends a token's bytes without the backslashes that escape.
    static func unescape(_ base: UnsafePointer<UInt8>, _ token: LineToken, into text: inout ContiguousArray<UInt8>) {
        var i = token.start
        while i < token.end {
            if base[i] == UInt8(ascii: "\\"), i + 1 < token.end,
                base[i + 1] == UInt8(ascii: ",") || base[i + 1] == 0x20 || base[i + 1] == UInt8(ascii: "=")
            {
                i += 1
            }
            text.append(base[i])
            i += 1
        }
    }
}
