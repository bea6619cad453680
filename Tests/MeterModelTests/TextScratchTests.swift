import Testing

@testable import MeterModel

@Suite struct TextScratchTests {
    private func text(_ write: (TextScratch) -> Void) -> String {
        let scratch = TextScratch(capacity: 1)
        write(scratch)
        return String(decoding: scratch.bytes, as: UTF8.self)
    }

    @Test func `decimals are spelled as MeterModel spells them`() {
        var generator = SystemRandomNumberGenerator()
        var values: [Int128] = [0, 1, -1, 10, 999_999, 1_000_000, -1_000_001, .max, .min]
        for shift in 0..<126 {
            values.append((Int128(generator.next()) << 62) >> Int128(shift))
            values.append(-(Int128(1) << Int128(shift)))
        }
        for value in values {
            for digits in [0, 1, 3, 6, 16, 18, 19, 36] {
                #expect(
                    text { $0.append(decimal: value, fractionDigits: digits) }
                        == decimalText(value, fractionDigits: digits)
                )
            }
        }
        for value in [0, 9, 10, Int64.max, .min, 999_999_999_999_999_999, 1_000_000_000_000_000_000] {
            #expect(text { $0.append(integer: value) } == String(value))
        }
    }

    @Test func `times are spelled as MeterModel spells them`() throws {
        for at in [
            0, -1, 946_684_800_000, 1_743_292_799_999, 4_102_444_800_010, -62_135_596_800_000, -62_200_000_000_000,
            253_402_300_799_999, 253_402_300_800_000, 100_000_000_000_000_000, -100_000_000_000_000_000,
        ] as [Int64] {
            let instant = Instant(milliseconds: at)
            #expect(text { $0.append(instant: at) } == instant.rfc3339)
            for offset: Int32 in [0, 3600, 19_800, -12_600, 37_800] {
                #expect(
                    text { $0.append(instant: at, offsetSeconds: offset) } == instant.rfc3339(offsetSeconds: offset)
                )
            }
        }
        let day = try #require(LocalDate("2025-02-28"))
        #expect(text { $0.append(month: day) } == "2025-02")
        #expect(text { for _ in 0..<2 { $0.append(day: day) } } == "2025-02-282025-02-28")
    }
}
