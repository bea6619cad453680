/// Reads one JSON text by RFC 8259 to the letter; a name given twice in an object, a lone surrogate and nesting deeper
/// than `maximumDepth` are faults too. The bytes are valid UTF-8.
struct JSONParser {
    static let maximumDepth = 64

    private let bytes: UnsafeBufferPointer<UInt8>
    private var i = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// The value that all of `bytes` spell.
    static func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONFault) -> JSONValue {
        var parser = JSONParser(bytes)
        parser.skipSpace()
        let value = try parser.value(depth: 1)
        parser.skipSpace()
        guard parser.i == bytes.count else { throw parser.fault("text after the end of the value") }
        return value
    }

    private func fault(_ cause: String) -> JSONFault { JSONFault(byteOffset: i, cause: cause) }

    private mutating func skipSpace() {
        while i < bytes.count {
            switch bytes[i] {
            case 0x20, 0x09, 0x0A, 0x0D: i += 1
            default: return
            }
        }
    }

    /// Steps over `byte` if it comes next.
    private mutating func take(_ byte: UInt8) -> Bool {
        guard i < bytes.count, bytes[i] == byte else { return false }
        i += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONFault) -> JSONValue {
        guard i < bytes.count else { throw fault("the text ends where a value should stand") }
        switch bytes[i] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), 0x30...0x39: return .number(try number())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: throw fault("no JSON value begins like this")
        }
    }

    private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONFault) -> JSONValue {
        let count = text.utf8CodeUnitCount
        guard i + count <= bytes.count else { throw fault("no JSON value begins like this") }
        for k in 0..<count where bytes[i + k] != text.utf8Start[k] { throw fault("no JSON value begins like this") }
        i += count
        return value
    }

    private mutating func object(depth: Int) throws(JSONFault) -> JSONValue {
        guard depth <= JSONParser.maximumDepth else {
            throw fault("nested deeper than \(JSONParser.maximumDepth) levels")
        }
        i += 1
        var members: [JSONMember] = []
        var names: Set<[UInt8]> = []
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            guard i < bytes.count, bytes[i] == UInt8(ascii: "\"") else { throw fault("expected a name in quotes") }
            let at = i
            let name = try string()
            // Names are told apart by their bytes, never normalised.
            guard names.insert(Array(name.utf8)).inserted else {
                throw JSONFault(byteOffset: at, cause: "\"\(name)\" is given twice")
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw fault("expected ':' after a name") }
            skipSpace()
            members.append(JSONMember(name: name, value: try value(depth: depth + 1)))
            skipSpace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw fault("expected ',' or '}'") }
            skipSpace()
        }
    }

    private mutating func array(depth: Int) throws(JSONFault) -> JSONValue {
        guard depth <= JSONParser.maximumDepth else {
            throw fault("nested deeper than \(JSONParser.maximumDepth) levels")
        }
        i += 1
        var elements: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw fault("expected ',' or ']'") }
            skipSpace()
        }
    }

    private mutating func number() throws(JSONFault) -> String {
        let start = i
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) {
            guard digits() else { throw fault("expected a digit") }
        }
        if take(UInt8(ascii: ".")) {
            guard digits() else { throw fault("expected a digit after the point") }
        }
        if i < bytes.count, bytes[i] | 0x20 == UInt8(ascii: "e") {
            i += 1
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard digits() else { throw fault("expected a digit in the exponent") }
        }
        return String(decoding: bytes[start..<i], as: UTF8.self)
    }

    /// Steps over digits; false where there is none.
    private mutating func digits() -> Bool {
        let start = i
        while i < bytes.count, bytes[i] &- 0x30 <= 9 { i += 1 }
        return i > start
    }

    private mutating func string() throws(JSONFault) -> String {
        i += 1
        let start = i
        while i < bytes.count, bytes[i] != UInt8(ascii: "\""), bytes[i] != UInt8(ascii: "\\"), bytes[i] >= 0x20 {
            i += 1
        }
        var text = Array(bytes[start..<i])
        while i < bytes.count {
            let byte = bytes[i]
            if byte == UInt8(ascii: "\"") {
                i += 1
                return String(decoding: text, as: UTF8.self)
            }
            if byte < 0x20 { throw fault("a control character in a string") }
            if byte == UInt8(ascii: "\\") {
                try escape(into: &text)
            } else {
                text.append(byte)
                i += 1
            }
        }
        throw fault("the text ends within a string")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONFault) {
        guard i + 1 < bytes.count else { throw fault("the text ends within a string") }
        let byte = bytes[i + 1]
        let plain: UInt8
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = byte
        case UInt8(ascii: "b"): plain = 0x08
        case UInt8(ascii: "f"): plain = 0x0C
        case UInt8(ascii: "n"): plain = 0x0A
        case UInt8(ascii: "r"): plain = 0x0D
        case UInt8(ascii: "t"): plain = 0x09
        case UInt8(ascii: "u"):
            let scalar = try unicodeEscape()
            text.append(contentsOf: Array(String(Character(scalar)).utf8))
            return
        default: throw fault("no such escape")
        }
        text.append(plain)
        i += 2
    }

    /// `\uXXXX`, or a pair of them for a scalar beyond U+FFFF.
    private mutating func unicodeEscape() throws(JSONFault) -> Unicode.Scalar {
        let at = i
        let first = try codeUnit()
        if let scalar = Unicode.Scalar(UInt32(first)) { return scalar }
        guard first < 0xDC00, i + 1 < bytes.count, bytes[i] == UInt8(ascii: "\\"), bytes[i + 1] == UInt8(ascii: "u")
        else { throw JSONFault(byteOffset: at, cause: "a lone surrogate") }
        let second = try codeUnit()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
        else { throw JSONFault(byteOffset: at, cause: "a lone surrogate") }
        return scalar
    }

    private mutating func codeUnit() throws(JSONFault) -> UInt16 {
        guard i + 6 <= bytes.count else { throw fault("the text ends within an escape") }
        var unit: UInt16 = 0
        for k in 2..<6 {
            let digit: UInt8
            switch bytes[i + k] {
            case 0x30...0x39: digit = bytes[i + k] - 0x30
            case 0x41...0x46: digit = bytes[i + k] - 0x37
            case 0x61...0x66: digit = bytes[i + k] - 0x57
            default: throw fault("expected four hexadecimal digits")
            }
            unit = unit << 4 | UInt16(digit)
        }
        i += 6
        return unit
    }
}
