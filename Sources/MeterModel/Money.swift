/// An exact amount of one currency: a count of 10^-16 of its unit (prices have 6 digits, quantities 6, tax rates 4).
package struct Money: Hashable, Comparable, Sendable {
    package var units: Int128

    /// Digits below the currency's unit that are kept.
    package static let fractionDigits = 16
    package static let zero = Money(units: 0)

    @inlinable
    package init(units: Int128) { self.units = units }

    /// The amount of a decimal; nil where it is finer than 10^-16 or outgrows 128 bits.
    package init?(_ decimal: ExactDecimal) {
        guard let units = decimal.scaled(by: Money.fractionDigits) else { return nil }
        self.units = units
    }

    @inlinable
    package static func < (a: Money, b: Money) -> Bool { a.units < b.units }
    @inlinable
    package static func + (a: Money, b: Money) -> Money { Money(units: a.units + b.units) }
    @inlinable
    package static func - (a: Money, b: Money) -> Money { Money(units: a.units - b.units) }
    @inlinable
    package static prefix func - (a: Money) -> Money { Money(units: -a.units) }
    @inlinable
    package static func += (a: inout Money, b: Money) { a.units += b.units }
    @inlinable
    package static func -= (a: inout Money, b: Money) { a.units -= b.units }

    /// The exact decimal, without trailing zeros.
    package var exactText: String { decimalText(units, fractionDigits: Money.fractionDigits) }

    /// Rounded half-even to `minorDigits` (0 to 4), all of them shown: "12.50".
    package func roundedText(minorDigits: Int) -> String {
        decimalText(
            roundedMinorUnits(minorDigits: minorDigits),
            fractionDigits: minorDigits,
            minimumFraction: minorDigits
        )
    }

    /// The count of minor units, rounded half-even.
    package func roundedMinorUnits(minorDigits: Int) -> Int128 {
        let divisor = Int128(1).multipliedExactly(byPowerOfTen: Money.fractionDigits - minorDigits) ?? 1
        return roundedHalfEven(units, dividedBy: divisor)
    }
}

/// `value / divisor`, rounded to the nearest integer and half-way cases to the even one. `divisor` > 0.
package func roundedHalfEven(_ value: Int128, dividedBy divisor: Int128) -> Int128 {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    let twice = remainder.magnitude * 2
    let away = twice > divisor.magnitude || (twice == divisor.magnitude && quotient & 1 != 0)
    guard away else { return quotient }
    return value < 0 ? quotient - 1 : quotient + 1
}

/// An ISO 4217 code: three capital letters.
package struct Currency: Hashable, Sendable, CustomStringConvertible {
    package let code: String

    package init?(_ code: String) {
        guard code.utf8.count == 3, code.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else { return nil }
        self.code = code
    }

    /// How many digits its minor unit has (semantics, section 6).
    package var minorDigits: Int {
        if Currency.withoutMinorUnit.contains(code) { return 0 }
        if Currency.withThreeDigits.contains(code) { return 3 }
        if Currency.withFourDigits.contains(code) { return 4 }
        return 2
    }

    package var description: String { code }

    private static let withoutMinorUnit: Set<String> = [
        "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
        "XPF",
    ]
    private static let withThreeDigits: Set<String> = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]
    private static let withFourDigits: Set<String> = ["CLF", "UYW"]
}

extension Currency {
    /// The largest amount that one event may move either way, in the currency's unit.
    package static let maximumAmount = ExactDecimal(1_000_000_000_000_000)

    /// Amounts have at most the currency's minor digits and are at most 10^15 either way (semantics, section 6).
    package func check(amount: ExactDecimal) throws(Refusal) {
        guard amount.fractionDigits <= minorDigits else {
            throw Refusal(.valuePrecision, "\(code) amounts have at most \(minorDigits) fraction digits")
        }
        guard amount <= Currency.maximumAmount, amount >= ExactDecimal(-Currency.maximumAmount.coefficient) else {
            throw Refusal(.valueRange, "amount exceeds \(Currency.maximumAmount)")
        }
    }

    /// As `check(amount:)`; payments and refunds are above 0 too.
    package func check(payment amount: ExactDecimal) throws(Refusal) {
        try check(amount: amount)
        guard amount > .zero else { throw Refusal(.valueRange, "amount must be above 0") }
    }
}
