import MeterModel
import Testing

@testable import Telegrams

/// What is read eight bytes at a step, against what is read byte by byte.
@Suite struct TextWordTests {
    private static let bytes: [UInt8] =
        Array("0123456789.-eE,;= \"\\\n\r\t".utf8) + [0x00, 0x1F, 0x7F, 0x80, 0xC2, 0xFF]

    /// Mostly digits, so that numbers of all lengths come.
    private static func text(_ generator: inout SeededGenerator) -> [UInt8] {
        (0..<Int.random(in: 1...40, using: &generator)).map { _ in
            Int.random(in: 0..<8, using: &generator) > 0
                ? UInt8.random(in: 0x30...0x39, using: &generator) : bytes.randomElement(using: &generator) ?? 0
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `Bytes of a word are told as they are`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<20_000 {
            let text = (0..<8).map { _ in
                Bool.random(using: &generator)
                    ? UInt8.random(in: 0...255, using: &generator)
                    : TextWordTests.bytes.randomElement(using: &generator) ?? 0
            }
            let wanted = TextWordTests.bytes.randomElement(using: &generator) ?? 0
            text.withUnsafeBufferPointer { text in
                guard let base = text.baseAddress else { return }
                let word = TextWord(base, 0)
                let unplain = text.firstIndex { $0 < 0x20 || $0 >= 0x7F } ?? 8
                #expect(TextWord.place(of: word.unplain) == unplain, "seed \(seed), \(Array(text))")
                #expect(word.digitCount == text.firstIndex { $0 &- 0x30 > 9 } ?? 8, "seed \(seed), \(Array(text))")
                guard wanted < 0x80 else { return }
                let stop = text.firstIndex { $0 == wanted || $0 >= 0x80 } ?? 8
                let place = TextWord.place(of: word.equal(wanted) | word.unplain)
                #expect(place == min(stop, unplain), "seed \(seed), \(Array(text)), \(wanted)")
                #expect(word.equal(word: TextWord.repeating(wanted)) == word.equal(wanted))
            }
        }
    }

    /// `[-]digits[.digits]`, as `ReadingValue.scanPlain` promises it.
    private static func slowValue(_ text: ArraySlice<UInt8>) -> (end: Int, value: ReadingValue)? {
        var rest = text
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative { rest = rest.dropFirst() }
        let whole = rest.prefix { $0 &- 0x30 <= 9 }
        rest = rest.dropFirst(whole.count)
        var fraction: ArraySlice<UInt8> = []
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix { $0 &- 0x30 <= 9 }
            rest = rest.dropFirst(1 + fraction.count)
            if fraction.isEmpty { return nil }
        }
        if whole.isEmpty || whole.count + fraction.count > 18 || rest.first.map({ $0 | 0x20 }) == UInt8(ascii: "e") {
            return nil
        }
        while fraction.last == 0x30 { fraction = fraction.dropLast() }
        if fraction.count > 6 { return nil }
        let magnitude = (whole + fraction).reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) }
        let value = ReadingValue(
            coefficient: isNegative ? -magnitude : magnitude,
            fractionDigits: UInt8(fraction.count)
        )
        return (rest.startIndex, value)
    }

    @Test(arguments: [4, 5, 6] as [UInt64])
    func `Values are read as byte by byte, wherever the memory ends`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var readCount = 0
        for _ in 0..<20_000 {
            let text = TextWordTests.text(&generator)
            let start = Int.random(in: 0..<text.count, using: &generator)
            let end = Int.random(in: start...text.count, using: &generator)
            let slow = TextWordTests.slowValue(text[start..<end])
            for limit in [end, text.count] {
                var value = ReadingValue(coefficient: 0, fractionDigits: 0)
                var hasPoint = false
                let point = UInt8(ascii: ".")
                let stop = text.withUnsafeBufferPointer {
                    guard let base = $0.baseAddress else { return -1 }
                    return ReadingValue.scanPlain(base, start, end, limit: limit, point: point, &value, &hasPoint)
                }
                #expect(stop == slow?.end ?? -1, "seed \(seed), \(text), \(start)..<\(end)")
                guard let slow, stop == slow.end else { continue }
                #expect(value == slow.value, "seed \(seed), \(text), \(start)..<\(end)")
                #expect(hasPoint == text[start..<stop].contains(point), "seed \(seed), \(text), \(start)..<\(end)")
                readCount += 1
            }
        }
        #expect(readCount > 3000)
    }

    @Test(arguments: [7, 8, 9] as [UInt64])
    func `A remembered date changes no instant`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let dates = [
            "1970-01-01", "2025-01-01", "2025-02-28", "2024-02-29", "2025-02-29", "2025-13-01", "\0\0\0\0\0\0\0\0\0\0",
        ]
        let clocks = ["00:00:00", "23:59:59", "24:00:00", "12:60:00", "12:00:60", "1a:00:00", "12-00:00", "12:00;00"]
        let zones = ["Z", "z", "+02:00", "-23:59", "+24:00", "", ".5Z", ".123456+01:00", ".Z", "ZZ"]
        var date = RememberedDate()
        var readCount = 0
        for _ in 0..<5000 {
            let separator = ["T", "t", " ", "_"].randomElement(using: &generator) ?? "T"
            var text = Array(
                ((dates.randomElement(using: &generator) ?? "") + separator
                    + (clocks.randomElement(using: &generator) ?? "") + (zones.randomElement(using: &generator) ?? ""))
                    .utf8
            )
            if Int.random(in: 0..<4, using: &generator) == 0 {
                text[Int.random(in: 0..<text.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let (with, without) = text.withUnsafeBufferPointer { text -> (Int64?, Int64?) in
                guard let base = text.baseAddress else { return (nil, nil) }
                return (
                    InstantScanner.rfc3339(base, 0, text.count, &date), TextWordTests.slowInstant(Array(text))
                )
            }
            #expect(with == without, "seed \(seed), \(String(decoding: text, as: UTF8.self))")
            readCount += with == nil ? 0 : 1
        }
        #expect(readCount > 200)
    }

    /// RFC 3339 field by field.
    private static func slowInstant(_ text: [UInt8]) -> Int64? {
        func number(_ range: Range<Int>) -> Int? {
            guard text[range].allSatisfy({ $0 &- 0x30 <= 9 }) else { return nil }
            return text[range].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
        guard text.count >= 20, text[4] == 0x2D, text[7] == 0x2D, text[13] == 0x3A, text[16] == 0x3A,
            "Tt ".utf8.contains(text[10]), let year = number(0..<4), let month = number(5..<7),
            let day = number(8..<10), let hour = number(11..<13), let minute = number(14..<16),
            let second = number(17..<19), (1...12).contains(month), hour < 24, minute < 60, second < 60,
            day >= 1, day <= LocalDate.dayCount(year: year, month: month)
        else { return nil }
        let days = LocalDate.dayNumber(year: year, month: month, day: day)
        var milliseconds = (Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + second)) * 1000
        var rest = text[19...]
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { $0 &- 0x30 <= 9 }
            if digits.isEmpty { return nil }
            milliseconds += (Array(digits.prefix(3)) + [0x30, 0x30]).prefix(3).reduce(0) { $0 * 10 + Int64($1 - 0x30) }
            rest = rest.dropFirst(1 + digits.count)
        }
        if rest.count == 1, let last = rest.first { return last | 0x20 == UInt8(ascii: "z") ? milliseconds : nil }
        let zone = Array(rest)
        guard zone.count == 6, zone[0] == UInt8(ascii: "+") || zone[0] == UInt8(ascii: "-"), zone[3] == 0x3A,
            let hours = number(rest.startIndex + 1..<rest.startIndex + 3),
            let minutes = number(rest.startIndex + 4..<rest.startIndex + 6), hours < 24, minutes < 60
        else { return nil }
        let offset = Int64(hours * 60 + minutes) * 60_000
        return zone[0] == UInt8(ascii: "-") ? milliseconds + offset : milliseconds - offset
    }
}
