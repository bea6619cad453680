/// A JSON value whose numbers keep their spelling.
indirect enum JSON: Equatable, Sendable {
    case null
    case bool(Bool)
    case number(Text)
    case string(Text)
    case array([JSON])
    case object([Text: JSON])
}

/// Reads one JSON document strictly (RFC 8259); what it cannot read is `bad-json` (section 1).
struct JSONReader {
    private var rest: ArraySlice<UInt8>
    private static let maximumDepth = 128

    private init(_ bytes: [UInt8]) {
        rest = bytes[...]
    }

    static func read(_ line: String) throws(Refusal) -> JSON {
        var reader = JSONReader(Array(line.utf8))
        reader.skipSpace()
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.rest.isEmpty else { throw Refusal(.badJSON) }
        return value
    }

    private mutating func value(depth: Int) throws(Refusal) -> JSON {
        guard depth < JSONReader.maximumDepth, let byte = rest.first else { throw Refusal(.badJSON) }
        switch byte {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func object(depth: Int) throws(Refusal) -> JSON {
        var members: [Text: JSON] = [:]
        rest = rest.dropFirst()
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            let key = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw Refusal(.badJSON) }
            skipSpace()
            // Section 1: a key given twice is `bad-json`.
            let value = try value(depth: depth + 1)
            guard members.updateValue(value, forKey: key) == nil else { throw Refusal(.badJSON) }
            skipSpace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw Refusal(.badJSON) }
        }
    }

    private mutating func array(depth: Int) throws(Refusal) -> JSON {
        var items: [JSON] = []
        rest = rest.dropFirst()
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(items) }
        while true {
            skipSpace()
            items.append(try value(depth: depth + 1))
            skipSpace()
            if take(UInt8(ascii: "]")) { return .array(items) }
            guard take(UInt8(ascii: ",")) else { throw Refusal(.badJSON) }
        }
    }

    private mutating func string() throws(Refusal) -> Text {
        guard take(UInt8(ascii: "\"")) else { throw Refusal(.badJSON) }
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return Text(bytes: bytes)
            case UInt8(ascii: "\\"): bytes += try escape()
            case 0..<0x20: throw Refusal(.badJSON)
            default: bytes.append(byte)
            }
        }
        throw Refusal(.badJSON)
    }

    private mutating func escape() throws(Refusal) -> [UInt8] {
        switch rest.popFirst() {
        case UInt8(ascii: "\""): return [UInt8(ascii: "\"")]
        case UInt8(ascii: "\\"): return [UInt8(ascii: "\\")]
        case UInt8(ascii: "/"): return [UInt8(ascii: "/")]
        case UInt8(ascii: "b"): return [8]
        case UInt8(ascii: "f"): return [12]
        case UInt8(ascii: "n"): return [10]
        case UInt8(ascii: "r"): return [13]
        case UInt8(ascii: "t"): return [9]
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw Refusal(.badJSON)
        }
    }

    /// Section 1: a lone surrogate is `bad-json`.
    private mutating func unicodeEscape() throws(Refusal) -> [UInt8] {
        var code = try fourHexDigits()
        if (0xD800..<0xDC00).contains(code) {
            guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw Refusal(.badJSON) }
            let low = try fourHexDigits()
            guard (0xDC00..<0xE000).contains(low) else { throw Refusal(.badJSON) }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw Refusal(.badJSON) }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func fourHexDigits() throws(Refusal) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = rest.popFirst(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue,
                byte < 0x80
            else { throw Refusal(.badJSON) }
            code = code * 16 + UInt32(digit)
        }
        return code
    }

    private mutating func number() throws(Refusal) -> Text {
        let characters = Array("0123456789+-.eE".utf8)
        let spelling = Array(rest.prefix { characters.contains($0) })
        rest = rest.dropFirst(spelling.count)
        var digits = spelling[...]
        if digits.first == UInt8(ascii: "-") { digits = digits.dropFirst() }
        let hasLeadingZero = digits.first == UInt8(ascii: "0") && digits.dropFirst().first.map(isDigit) == true
        guard let first = digits.first, isDigit(first), !hasLeadingZero, ExactDecimal(Text(bytes: spelling)) != nil
        else { throw Refusal(.badJSON) }
        return Text(bytes: spelling)
    }

    private func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private mutating func word(_ word: String, _ value: JSON) throws(Refusal) -> JSON {
        guard rest.starts(with: word.utf8) else { throw Refusal(.badJSON) }
        rest = rest.dropFirst(word.utf8.count)
        return value
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard rest.first == byte else { return false }
        rest = rest.dropFirst()
        return true
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
    }
}
