import MeterModel

/// The closed sets of words that readings carry, told from their bytes.
enum WireWords {
    /// The raw value of a unit's symbol, 0 where it is none.
    @inline(__always)
    static func unit(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> UInt8 {
        switch end - start {
        case 1: return base[start] == UInt8(ascii: "L") ? Unit.litre.rawValue : 0
        case 2:
            if base[start] == UInt8(ascii: "W"), base[start + 1] == UInt8(ascii: "h") { return Unit.wattHour.rawValue }
            if base[start] == UInt8(ascii: "m"), base[start + 1] == UInt8(ascii: "3") {
                return Unit.cubicMetre.rawValue
            }
            return 0
        case 3:
            guard base[start + 1] == UInt8(ascii: "W"), base[start + 2] == UInt8(ascii: "h") else { return 0 }
            if base[start] == UInt8(ascii: "k") { return Unit.kilowattHour.rawValue }
            return base[start] == UInt8(ascii: "M") ? Unit.megawattHour.rawValue : 0
        default: return 0
        }
    }

    /// The quality called so, or nil.
    @inline(__always)
    static func quality(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Quality? {
        switch end - start {
        case 6: return equals(base, start, "edited") ? .edited : nil
        case 8:
            if equals(base, start, "measured") { return .measured }
            return equals(base, start, "verified") ? .verified : nil
        case 9: return equals(base, start, "estimated") ? .estimated : nil
        default: return nil
        }
    }

    /// Whether the bytes from `start` on begin with those of `word`; as many must be there.
    @inline(__always)
    static func equals(_ base: UnsafePointer<UInt8>, _ start: Int, _ word: StaticString) -> Bool {
        let bytes = word.utf8Start
        for k in 0..<word.utf8CodeUnitCount where base[start + k] != bytes[k] { return false }
        return true
    }

    /// Whether the bytes from `start` to `end` are those of `word`.
    @inline(__always)
    static func matches(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ word: StaticString) -> Bool {
        end - start == word.utf8CodeUnitCount && equals(base, start, word)
    }
}

/// Refusals that several formats share.
extension Refusal {
    static let negativeInterval = Refusal(.valueRange, "the amount of an interval is below 0")

    static func badUTF8(at offset: Int) -> Refusal { Refusal(.badUTF8, "byte \(offset + 1) of the line is no UTF-8") }

    static func nameSyntax(_ field: StaticString) -> Refusal {
        Refusal(.nameSyntax, "\(field): a name has 1 to \(Name.maximumByteCount) bytes and no control characters")
    }

    static func unknownWord(_ field: StaticString, _ text: UnsafeBufferPointer<UInt8>) -> Refusal {
        Refusal(.valueSyntax, "\(field): \"\(excerpt(text))\" is none of those it can be")
    }

    static func missing(_ field: StaticString) -> Refusal { Refusal(.missingField, "field \"\(field)\" is missing") }
}
