import MeterModel

/// A decimal as a draft carries it: `coefficient / 10^fractionDigits` in lowest terms.
struct ReadingValue: Equatable {
    var coefficient: Int64
    var fractionDigits: UInt8

    /// A value has at most this many fraction digits that are not trailing zeros (semantics, section 1).
    static let maximumFractionDigits = 6
    /// A value of more significant digits is beyond 10^15 mWh or mL in any unit.
    static let largestCoefficient: Int64 = 999_999_999_999_999_999

    /// Reads all of `bytes`.
    static func read(_ bytes: UnsafeBufferPointer<UInt8>) -> Result<ReadingValue, Refusal> {
        var value = ReadingValue(coefficient: 0, fractionDigits: 0)
        guard let base = bytes.baseAddress else { return .failure(notADecimal(bytes)) }
        if scanPlain(base, 0, bytes.count, limit: bytes.count, point: UInt8(ascii: "."), &value) == bytes.count {
            return .success(value)
        }
        switch DecimalScanner.scan(bytes) {
        case .notADecimal: return .failure(notADecimal(bytes))
        case .tooLarge: return .failure(tooLarge)
        case .tooFine: return .failure(tooFine)
        case .value(let coefficient, let fractionDigits): return make(coefficient, fractionDigits)
        }
    }

    static func read(_ decimal: ExactDecimal) -> Result<ReadingValue, Refusal> {
        make(decimal.coefficient, decimal.fractionDigits)
    }

    private static func make(_ coefficient: Int128, _ fractionDigits: Int) -> Result<ReadingValue, Refusal> {
        guard fractionDigits <= maximumFractionDigits else { return .failure(tooFine) }
        guard let narrow = Int64(exactly: coefficient), narrow.magnitude <= largestCoefficient.magnitude else {
            return .failure(tooLarge)
        }
        return .success(ReadingValue(coefficient: narrow, fractionDigits: UInt8(fractionDigits)))
    }

    static func notADecimal(_ bytes: UnsafeBufferPointer<UInt8>) -> Refusal {
        Refusal(.valueSyntax, "\"\(excerpt(bytes))\" is no decimal")
    }

    static let tooLarge = Refusal(.valueRange, "the value is beyond 10^15 mWh or mL")
    static let tooFine = Refusal(.valuePrecision, "the value has more than \(maximumFractionDigits) fraction digits")

    /// Reads `[-]digits[.digits]` of at most 18 digits, at most 6 of them after the point once trailing zeros are gone.
    /// `limit` ends the readable bytes, which may lie behind `end`.
    /// The end of what was read, or -1 where the text is not that plain: the general way then judges it.
    @inline(__always)
    static func scanPlain(
        _ base: UnsafePointer<UInt8>,
        _ start: Int,
        _ end: Int,
        limit: Int,
        point: UInt8,
        _ value: inout ReadingValue
    ) -> Int {
        var hasPoint = false
        return scanPlain(base, start, end, limit: limit, point: point, &value, &hasPoint)
    }

    /// As above, telling whether there was a point.
    @inline(__always)
    static func scanPlain(
        _ base: UnsafePointer<UInt8>,
        _ start: Int,
        _ end: Int,
        limit: Int,
        point: UInt8,
        _ value: inout ReadingValue,
        _ hasPoint: inout Bool
    ) -> Int {
        var i = start
        var isNegative = false
        if i < end, base[i] == UInt8(ascii: "-") {
            isNegative = true
            i += 1
        }
        let firstDigit = i
        var coefficient: UInt64 = 0
        i = TextWord.readDigits(base, i, end, limit, &coefficient)
        var digitCount = i - firstDigit
        if digitCount == 0 { return -1 }
        var fractionDigits = 0
        hasPoint = i < end && base[i] == point
        if hasPoint {
            let firstFraction = i + 1
            i = TextWord.readDigits(base, firstFraction, end, limit, &coefficient)
            fractionDigits = i - firstFraction
            if fractionDigits == 0 { return -1 }
            digitCount += fractionDigits
        }
        if digitCount > 18 { return -1 }
        if i < end, base[i] | 0x20 == UInt8(ascii: "e") { return -1 }
        while fractionDigits > 0 {
            let (quotient, remainder) = coefficient.quotientAndRemainder(dividingBy: 10)
            if remainder != 0 { break }
            coefficient = quotient
            fractionDigits -= 1
        }
        if fractionDigits > maximumFractionDigits { return -1 }
        value.coefficient = isNegative ? -Int64(coefficient) : Int64(coefficient)
        value.fractionDigits = UInt8(fractionDigits)
        return i
    }
}

/// The beginning of untrusted text, for a person to recognise it in a refusal.
func excerpt(_ bytes: UnsafeBufferPointer<UInt8>, limit: Int = 40) -> String {
    let text = String(decoding: bytes.prefix(limit), as: UTF8.self)
    return bytes.count > limit ? text + "…" : text
}
