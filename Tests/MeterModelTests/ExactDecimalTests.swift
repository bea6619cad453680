import MeterModel
import Testing

@Suite("An exact decimal")
struct ExactDecimalTests {
    /// A decimal as its digits, without arithmetic: sign, digits before the point, digits after it, stripped of zeros
    /// that say nothing. The independent model.
    private struct Digits: Equatable {
        var isNegative: Bool
        var whole: [Character]
        var fraction: [Character]

        /// Reads what the tests write: sign, digits, point, digits, exponent, all but the digits optional.
        init(_ text: String) {
            var rest = Substring(text)
            isNegative = rest.first == "-"
            if rest.first == "-" || rest.first == "+" { rest.removeFirst() }
            let parts = rest.split(separator: "e", maxSplits: 1)
            let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
            whole = Array(mantissa[0])
            fraction = mantissa.count > 1 ? Array(mantissa[1]) : []
            let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
            for _ in 0..<max(0, exponent) { whole.append(fraction.isEmpty ? "0" : fraction.removeFirst()) }
            for _ in 0..<max(0, -exponent) { fraction.insert(whole.popLast() ?? "0", at: 0) }
            while whole.first == "0" { whole.removeFirst() }
            while fraction.last == "0" { fraction.removeLast() }
            if whole.isEmpty, fraction.isEmpty { isNegative = false }
        }

        var text: String {
            (isNegative ? "-" : "") + (whole.isEmpty ? "0" : String(whole))
                + (fraction.isEmpty ? "" : "." + String(fraction))
        }

        /// Digits that must be held: from the first that counts to the last.
        var significantCount: Int {
            fraction.isEmpty ? whole.count : whole.isEmpty ? fraction.count : whole.count + fraction.count
        }

        static func < (a: Digits, b: Digits) -> Bool {
            if a.isNegative != b.isNegative { return a.isNegative }
            let (x, y) = a.isNegative ? (b, a) : (a, b)
            if x.whole.count != y.whole.count { return x.whole.count < y.whole.count }
            if x.whole != y.whole { return x.whole.lexicographicallyPrecedes(y.whole) }
            return x.fraction.lexicographicallyPrecedes(y.fraction)
        }
    }

    private func randomText(_ random: inout TestRandom) -> String {
        func digits(_ range: ClosedRange<Int>) -> String {
            let zeros = Int.random(in: 0...3, using: &random) == 0
            return String(
                (0..<Int.random(in: range, using: &random)).map { _ in
                    zeros && Bool.random(using: &random) ? "0" : Character("\(Int.random(in: 0...9, using: &random))")
                }
            )
        }
        var text = ["", "-", "+"].randomElement(using: &random) ?? ""
        text += digits(1...18)
        if Bool.random(using: &random) { text += "." + digits(1...15) }
        if Int.random(in: 0...3, using: &random) == 0 { text += "e\(Int.random(in: -12...8, using: &random))" }
        return text
    }

    @Test("reads and shows what a model of plain digits says", arguments: [1, 2, 3])
    func againstDigits(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        var previous: (ExactDecimal, Digits)?
        for _ in 0..<3000 {
            let text = randomText(&random)
            let model = Digits(text)
            guard let value = ExactDecimal(text) else {
                #expect(model.significantCount > ExactDecimal.maximumDigitCount, "\(text)")
                continue
            }
            #expect(value.description == model.text, "\(text)")
            #expect(ExactDecimal(value.description) == value)
            #expect(value.fractionDigits == model.fraction.count)
            #expect(value.isNegative == model.isNegative)
            if let (other, otherModel) = previous {
                #expect((value < other) == (model < otherModel), "\(text)")
                #expect((value == other) == (model == otherModel))
            }
            previous = (value, model)
        }
    }

    @Test(
        "knows what is no decimal",
        arguments: [
            "", "-", "+", ".", "-.", "1.", "1.e3", "1e", "1e+", "e5", "1 ", " 1", "--1", "1.2.3", "0x1", "1,5", "NaN",
            "inf", "1e5.0", "１",
        ]
    )
    func notDecimals(text: String) {
        #expect(ExactDecimal(text) == nil)
    }

    @Test(
        "says whether it was too large or too fine",
        arguments: [
            ("1234567890123456789012345678901234567", DecimalScanner.Result.tooLarge),
            ("1e36", .tooLarge), ("1e999999999999999999999", .tooLarge), ("-1e50", .tooLarge),
            ("1e-37", .tooFine), ("0.1234567890123456789012345678901234567", .tooFine),
            ("1.1234567890123456789012345678901234567", .tooFine),
            ("1.123456789012345678901234567890123456700000000000000000000000", .tooFine),
            ("1e-999999999999999999999", .tooFine),
        ]
    )
    func outOfReach(text: String, expected: DecimalScanner.Result) {
        var text = text
        #expect(text.withUTF8 { DecimalScanner.scan($0) } == expected)
    }

    @Test("holds its whole width")
    func widest() {
        let nines = String(repeating: "9", count: 36)
        #expect(ExactDecimal(nines)?.description == nines)
        #expect(ExactDecimal("0." + nines)?.description == "0." + nines)
        #expect(ExactDecimal("1e35")?.description == "1" + String(repeating: "0", count: 35))
        #expect(ExactDecimal("1e-36")?.fractionDigits == 36)
        #expect(
            ExactDecimal("000000000000000000000000000000000000000000000000001.50")
                == ExactDecimal(15, fractionDigits: 1)
        )
        #expect(ExactDecimal("0e999999") == .zero)
        #expect(ExactDecimal("-0.000") == .zero)
        #expect(ExactDecimal(nines).map { $0 > ExactDecimal(1, fractionDigits: 36) } == true)
        #expect(ExactDecimal("-" + nines).map { $0 < ExactDecimal(1, fractionDigits: 36) } == true)
        #expect(ExactDecimal("-" + nines).map { $0 < ExactDecimal(-1, fractionDigits: 36) } == true)
    }

    @Test("scales where that loses nothing")
    func scaled() {
        #expect(ExactDecimal("12.345")?.scaled(by: 3) == 12_345)
        #expect(ExactDecimal("12.345")?.scaled(by: 6) == 12_345_000)
        #expect(ExactDecimal("12.345")?.scaled(by: 2) == nil)
        #expect(ExactDecimal("1e35")?.scaled(by: 4) == nil)
        #expect(ExactDecimal.zero.scaled(by: 400) == 0)
    }
}

@Suite("Decimal text")
struct DecimalTextTests {
    @Test("drops zeros of the fraction down to the digits asked for")
    func fractions() {
        #expect(decimalText(12_345, fractionDigits: 3) == "12.345")
        #expect(decimalText(12_000, fractionDigits: 3) == "12")
        #expect(decimalText(12_000, fractionDigits: 3, minimumFraction: 2) == "12.00")
        #expect(decimalText(-5, fractionDigits: 3) == "-0.005")
        #expect(decimalText(0, fractionDigits: 3) == "0")
        #expect(decimalText(0, fractionDigits: 2, minimumFraction: 2) == "0.00")
        #expect(decimalText(100, fractionDigits: 0) == "100")
        #expect(decimalText(.max, fractionDigits: 0) == "170141183460469231731687303715884105727")
        #expect(decimalText(.min, fractionDigits: 38) == "-1.70141183460469231731687303715884105728")
    }
}
