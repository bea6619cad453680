/// What a query string or a form says: names and values, decoded, in their order.
///
/// `+` stands for a space, as forms have it.
struct QueryParameters: Sendable {
    private(set) var pairs: [(name: String, value: String)] = []

    /// - Throws: `Problem` where an escape is none, or the text is no UTF-8.
    init(_ text: some StringProtocol) throws {
        for part in text.utf8.split(separator: UInt8(ascii: "&")) {
            let halves = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = try QueryParameters.decoded(halves[0], plusIsSpace: true)
            let value = halves.count > 1 ? try QueryParameters.decoded(halves[1], plusIsSpace: true) : ""
            pairs.append((name, value))
        }
    }

    /// Every value of each name.
    var all: [String: [String]] { pairs.reduce(into: [:]) { $0[$1.name, default: []].append($1.value) } }

    /// The last value of a name.
    func last(_ name: String) -> String? { pairs.last { $0.name == name }?.value }

    /// The value of each name.
    ///
    /// - Parameter names: those that may be there.
    /// - Returns: the values by name.
    /// - Throws: `Problem` of another name, and of one that is there twice.
    func single(among names: [String]) throws -> [String: String] {
        var values: [String: String] = [:]
        for (name, value) in pairs {
            guard names.contains(name) else {
                let known = names.isEmpty ? "there are none here" : "known are \(names.joined(separator: ", "))"
                throw Problem(.badParameter, "unknown parameter '\(name.prefix(64))': \(known)")
            }
            if values.updateValue(value, forKey: name) != nil {
                throw Problem(.badParameter, "parameter '\(name)' is given twice")
            }
        }
        return values
    }

    /// A text without its percent escapes.
    ///
    /// - Throws: `Problem` where an escape is none, or the text is no UTF-8.
    static func decoded(_ text: some Collection<UInt8>, plusIsSpace: Bool) throws -> String {
        var bytes: [UInt8] = []
        var iterator = text.makeIterator()
        while let byte = iterator.next() {
            if byte == UInt8(ascii: "%") {
                guard let high = iterator.next().flatMap(digit), let low = iterator.next().flatMap(digit) else {
                    throw Problem(.badParameter, "a percent sign begins no escape; write it as %25")
                }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw Problem(.badParameter, "the address is no UTF-8")
        }
        return decoded
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map(UInt8.init)
    }

    /// A text with all but unreserved characters escaped (RFC 3986).
    static func encoded(_ text: String) -> String {
        text.utf8.reduce(into: "") { result, byte in
            let character = Character(Unicode.Scalar(byte))
            if byte < 0x80, character.isLetter || character.isNumber || "-._~".contains(character) {
                result.append(character)
            } else {
                result.append("%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true))
            }
        }
    }
}
