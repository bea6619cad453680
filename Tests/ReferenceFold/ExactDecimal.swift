/// A decimal read exactly from its digits (sections 1 and 9): `digits x 10^exponent`, without leading or trailing
/// zeros.
struct ExactDecimal: Equatable, Sendable {
    var isNegative: Bool
    var digits: [UInt8]
    var exponent: Int

    /// Why a decimal has no count in a given unit.
    enum Fault: Error {
        case tooFine
        case tooLarge
    }

    /// Reads `[+-]digits[.digits][e[+-]digits]`; nil for any other text.
    init?(_ text: Text) {
        var rest = text.bytes[...]
        isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        let whole = ExactDecimal.takeDigits(&rest)
        var fraction: [UInt8] = []
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            fraction = ExactDecimal.takeDigits(&rest)
            if fraction.isEmpty { return nil }
        }
        if whole.isEmpty { return nil }
        var written = 0
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            let isDown = rest.first == UInt8(ascii: "-")
            if isDown || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
            let power = ExactDecimal.takeDigits(&rest)
            if power.isEmpty { return nil }
            // Far beyond every limit of section 1 the exact power no longer matters.
            written = power.reduce(0) { min($0 * 10 + Int($1), 1_000_000_000) } * (isDown ? -1 : 1)
        }
        if !rest.isEmpty { return nil }
        digits = Array((whole + fraction).drop { $0 == 0 })
        exponent = written - fraction.count
        while digits.last == 0 {
            digits.removeLast()
            exponent += 1
        }
        if digits.isEmpty {
            isNegative = false
            exponent = 0
        }
    }

    private static func takeDigits(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        rest = rest.dropFirst(digits.count)
        return digits.map { $0 - UInt8(ascii: "0") }
    }

    /// "It is the value that counts, not its spelling: trailing zeros are free" (section 1).
    var fractionDigitCount: Int {
        max(0, -exponent)
    }

    /// The count of 10^-places this decimal is.
    func count(places: Int) throws(Fault) -> Int128 {
        let zeros = exponent + places
        if zeros < 0 { throw .tooFine }
        if digits.count + zeros > 36 {
            if digits.isEmpty { return 0 }
            throw .tooLarge
        }
        var count: Int128 = 0
        for digit in digits { count = count * 10 + Int128(digit) }
        for _ in 0..<zeros { count *= 10 }
        return isNegative ? -count : count
    }
}

/// 10 to a power, exact.
func powerOfTen(_ power: Int) -> Int128 {
    (0..<power).reduce(Int128(1)) { product, _ in product * 10 }
}

/// An exact decimal without trailing zeros ("12.345", "0", "-3.5": section 1) of a count of 10^-places.
func decimalText(_ count: Int128, places: Int) -> String {
    var text = fixedText(count, places: places)
    guard text.contains(".") else { return text }
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
}

/// A decimal with all its fraction digits ("12.50", "0.00": section 10) of a count of 10^-places.
func fixedText(_ count: Int128, places: Int) -> String {
    let (whole, fraction) = count.magnitude.quotientAndRemainder(dividingBy: powerOfTen(places).magnitude)
    let sign = count < 0 ? "-" : ""
    if places == 0 { return "\(sign)\(whole)" }
    let digits = String(fraction)
    return "\(sign)\(whole).\(String(repeating: "0", count: places - digits.count))\(digits)"
}

/// The quotient rounded to the nearest, ties to even (sections 3 and 6); the divisor is positive.
func roundedHalfEven(_ count: Int128, by divisor: Int128) -> Int128 {
    let floor = floorDivided(count, by: divisor)
    let twice = (count - floor * divisor) * 2
    if twice < divisor { return floor }
    if twice > divisor { return floor + 1 }
    return floor % 2 == 0 ? floor : floor + 1
}

/// The greatest whole number not above the quotient; the divisor is positive.
func floorDivided(_ count: Int128, by divisor: Int128) -> Int128 {
    let quotient = count / divisor
    return count % divisor < 0 ? quotient - 1 : quotient
}

/// The least whole number not below the quotient; the divisor is positive.
func ceilDivided(_ count: Int128, by divisor: Int128) -> Int128 {
    -floorDivided(-count, by: divisor)
}
