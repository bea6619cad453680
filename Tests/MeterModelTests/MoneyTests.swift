import MeterModel
import Testing

@Suite("Money")
struct MoneyTests {
    @Test(
        "is rounded half-even",
        arguments: [
            ("0.005", "0.00"), ("0.015", "0.02"), ("0.025", "0.02"), ("0.0250000000000001", "0.03"),
            ("0.0249999999999999", "0.02"), ("-0.005", "0.00"), ("-0.015", "-0.02"), ("-0.0050000000000001", "-0.01"),
            ("12.5", "12.50"), ("-12.345", "-12.34"), ("99.995", "100.00"), ("0", "0.00"), ("-0.994", "-0.99"),
        ]
    )
    func halfEven(text: String, expected: String) throws {
        let money = try #require(ExactDecimal(text).flatMap { Money($0) })
        #expect(money.roundedText(minorDigits: 2) == expected)
        #expect(money.exactText == ExactDecimal(text)?.description)
    }

    @Test("has as many digits as the currency")
    func minorDigits() throws {
        let money = try #require(ExactDecimal("1234.56785").flatMap { Money($0) })
        #expect(
            ["JPY", "EUR", "KWD", "CLF"].map { money.roundedText(minorDigits: Currency($0)?.minorDigits ?? -1) }
                == ["1235", "1234.57", "1234.568", "1234.5678"]
        )
        #expect(Money(ExactDecimal(1, fractionDigits: 17)) == nil)
        #expect(Money(ExactDecimal(1, fractionDigits: 16))?.units == 1)
    }

    @Test("rounds any quotient to the nearest, of two the even")
    func roundedQuotients() {
        for divisor in 1...9 as ClosedRange<Int128> {
            for value in -60...60 as ClosedRange<Int128> {
                let rounded = roundedHalfEven(value, dividedBy: divisor)
                let miss = (value - rounded * divisor).magnitude * 2
                #expect(miss <= divisor.magnitude)
                if miss == divisor.magnitude { #expect(rounded % 2 == 0, "\(value)/\(divisor)") }
            }
        }
        #expect(roundedHalfEven(.max, dividedBy: .max) == 1)
        #expect(roundedHalfEven(.min, dividedBy: .max) == -1)
    }

    @Test("takes three capital letters for a currency", arguments: ["", "EU", "EURO", "eur", "E1R", "ÄÖ"])
    func currencies(code: String) {
        #expect(Currency(code) == nil)
        #expect(Currency("EUR")?.code == "EUR")
    }
}
