/// An exact decimal, `coefficient / 10^fractionDigits`, in lowest terms: equal values are equal structs.
package struct ExactDecimal: Hashable, Sendable, CustomStringConvertible {
    package private(set) var coefficient: Int128
    package private(set) var fractionDigits: Int

    /// More significant digits than this are refused where text is read.
    package static let maximumDigitCount = 36

    package static let zero = ExactDecimal(0)
    package static let one = ExactDecimal(1)

    /// - Precondition: `fractionDigits` is from 0 to 36.
    package init(_ coefficient: Int128, fractionDigits: Int = 0) {
        precondition((0...ExactDecimal.maximumDigitCount).contains(fractionDigits), "fraction digits out of range")
        var c = coefficient
        var f = fractionDigits
        while f > 0, c % 10 == 0 {
            c /= 10
            f -= 1
        }
        self.coefficient = c
        self.fractionDigits = f
    }

    /// Reads an optional sign, digits, an optional fraction and an optional exponent, exactly.
    /// Nil where the text is no such decimal or needs more than `maximumDigitCount` digits.
    package init?(_ text: String) {
        var text = text
        let parsed = text.withUTF8 { DecimalScanner.scan($0) }
        guard case .value(let coefficient, let fractionDigits) = parsed else { return nil }
        self.init(coefficient, fractionDigits: fractionDigits)
    }

    /// The value times 10^`digits` where that is an integer that fits 128 bits, else nil.
    package func scaled(by digits: Int) -> Int128? {
        guard fractionDigits <= digits else { return nil }
        return coefficient.multipliedExactly(byPowerOfTen: digits - fractionDigits)
    }

    /// A plain decimal without exponent or trailing zeros.
    package var description: String { decimalText(coefficient, fractionDigits: fractionDigits) }

    package var isNegative: Bool { coefficient < 0 }
}

extension ExactDecimal: Comparable {
    package static func < (a: ExactDecimal, b: ExactDecimal) -> Bool {
        let digits = max(a.fractionDigits, b.fractionDigits)
        if let x = a.scaled(by: digits), let y = b.scaled(by: digits) { return x < y }
        if a.isNegative != b.isNegative { return a.isNegative }
        // One side outgrew 128 bits when widened, so it is the larger in magnitude.
        let aIsLarger = a.scaled(by: digits) == nil
        return aIsLarger == a.isNegative
    }
}

/// Reads decimals from bytes.
package enum DecimalScanner {
    /// What the bytes say.
    package enum Result: Equatable {
        case value(coefficient: Int128, fractionDigits: Int)
        case notADecimal
        /// Well formed, too large to hold.
        case tooLarge
        /// Well formed, too fine to hold.
        case tooFine
    }

    /// The value of `[+-]digits[.digits][e[+-]digits]`; trailing zeros are free and an exponent is read exactly.
    package static func scan(_ bytes: UnsafeBufferPointer<UInt8>) -> Result {
        var i = 0
        let end = bytes.count
        var negative = false
        if i < end, bytes[i] == UInt8(ascii: "-") || bytes[i] == UInt8(ascii: "+") {
            negative = bytes[i] == UInt8(ascii: "-")
            i += 1
        }
        var coefficient: Int128 = 0
        var digitCount = 0  // significant digits in `coefficient`
        var pendingZeros = 0  // zeros that count only once another digit follows
        var exponent = 0
        var seenDigit = false
        var seenPoint = false
        var lost = false
        scan: while i < end {
            let byte = bytes[i]
            switch byte {
            case 0x30...0x39:
                seenDigit = true
                if seenPoint { exponent -= 1 }
                if byte == 0x30 {
                    if digitCount > 0 { pendingZeros += 1 } else { pendingZeros = 0 }
                } else if digitCount + pendingZeros + 1 > ExactDecimal.maximumDigitCount {
                    lost = true
                    digitCount = min(digitCount + pendingZeros + 1, 1_000_000)
                    pendingZeros = 0
                } else {
                    for _ in 0...pendingZeros { coefficient *= 10 }
                    coefficient += Int128(byte - 0x30)
                    digitCount += pendingZeros + 1
                    pendingZeros = 0
                }
            case UInt8(ascii: "."):
                if seenPoint { return .notADecimal }
                seenPoint = true
            default:
                break scan
            }
            i += 1
        }
        guard seenDigit, bytes[i - 1] != UInt8(ascii: ".") else { return .notADecimal }
        if i < end {
            guard let written = scanExponent(bytes, from: i) else { return .notADecimal }
            exponent += written
        }
        if digitCount == 0 { return .value(coefficient: 0, fractionDigits: 0) }
        exponent += pendingZeros
        // `digitCount + exponent` digits stand before the point.
        if lost { return digitCount + exponent > 20 ? .tooLarge : .tooFine }
        if exponent < -ExactDecimal.maximumDigitCount { return .tooFine }
        if exponent > 0 {
            guard digitCount + exponent <= ExactDecimal.maximumDigitCount,
                let widened = coefficient.multipliedExactly(byPowerOfTen: exponent)
            else { return .tooLarge }
            return .value(coefficient: negative ? -widened : widened, fractionDigits: 0)
        }
        return .value(coefficient: negative ? -coefficient : coefficient, fractionDigits: -exponent)
    }

    private static func scanExponent(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        var i = start
        guard bytes[i] | 0x20 == UInt8(ascii: "e") else { return nil }
        i += 1
        var negative = false
        if i < bytes.count, bytes[i] == UInt8(ascii: "-") || bytes[i] == UInt8(ascii: "+") {
            negative = bytes[i] == UInt8(ascii: "-")
            i += 1
        }
        guard i < bytes.count else { return nil }
        var magnitude = 0
        while i < bytes.count {
            guard (0x30...0x39).contains(bytes[i]) else { return nil }
            magnitude = min(magnitude * 10 + Int(bytes[i] - 0x30), 1_000_000)
            i += 1
        }
        return negative ? -magnitude : magnitude
    }
}

extension Int128 {
    /// `self * 10^digits`, or nil where that does not fit. `digits` >= 0.
    package func multipliedExactly(byPowerOfTen digits: Int) -> Int128? {
        if self == 0 { return 0 }
        guard digits <= 38 else { return nil }
        var result = self
        for _ in 0..<digits {
            let (product, overflow) = result.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            result = product
        }
        return result
    }
}

/// `coefficient / 10^fractionDigits` as a plain decimal; trailing zeros of the fraction are dropped down to
/// `minimumFraction` digits.
package func decimalText(_ coefficient: Int128, fractionDigits: Int, minimumFraction: Int = 0) -> String {
    var digits = Array(String(coefficient.magnitude).utf8)
    if digits.count <= fractionDigits {
        digits.insert(contentsOf: repeatElement(UInt8(ascii: "0"), count: fractionDigits + 1 - digits.count), at: 0)
    }
    var fraction = fractionDigits
    while fraction > minimumFraction, digits.last == UInt8(ascii: "0") {
        digits.removeLast()
        fraction -= 1
    }
    if fraction > 0 { digits.insert(UInt8(ascii: "."), at: digits.count - fraction) }
    if coefficient < 0 { digits.insert(UInt8(ascii: "-"), at: 0) }
    return String(decoding: digits, as: UTF8.self)
}
