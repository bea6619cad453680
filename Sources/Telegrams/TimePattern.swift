import MeterModel

/// A clock reading's spelling: `yyyy MM M dd d HH H mm m ss s SSS` and whatever stands between them.
///
/// Two letters want exactly two digits, one letter takes one or two; `SSS` takes one to nine and keeps milliseconds.
package struct TimePattern: Hashable, Sendable {
    private enum Part: Hashable, Sendable {
        case year
        case month(exact: Bool)
        case day(exact: Bool)
        case hour(exact: Bool)
        case minute(exact: Bool)
        case second(exact: Bool)
        case fraction
        case literal(UInt8)
    }

    private let parts: ContiguousArray<Part>
    package let text: String
    /// Whether it says the hour; without one it is a date.
    package let hasHour: Bool

    /// Nil where the text has an unknown run of letters, or lacks year, month or day.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        var parts: ContiguousArray<Part> = []
        var i = 0
        while i < bytes.count {
            let letter = bytes[i]
            var count = 1
            while i + count < bytes.count, bytes[i + count] == letter { count += 1 }
            i += count
            let isLetter = (letter | 0x20) &- 0x61 < 26
            guard isLetter, letter != UInt8(ascii: "T") || count > 1 else {
                parts.append(contentsOf: repeatElement(.literal(letter), count: count))
                continue
            }
            guard let part = TimePattern.part(letter, count) else { return nil }
            parts.append(part)
        }
        func has(_ exact: Part, _ loose: Part) -> Bool { parts.contains(exact) || parts.contains(loose) }
        guard parts.contains(.year), has(.month(exact: true), .month(exact: false)),
            has(.day(exact: true), .day(exact: false))
        else { return nil }
        self.parts = parts
        self.text = text
        hasHour = has(.hour(exact: true), .hour(exact: false))
    }

    private static func part(_ letter: UInt8, _ count: Int) -> Part? {
        switch (letter, count) {
        case (UInt8(ascii: "y"), 4): .year
        case (UInt8(ascii: "M"), 1...2): .month(exact: count == 2)
        case (UInt8(ascii: "d"), 1...2): .day(exact: count == 2)
        case (UInt8(ascii: "H"), 1...2): .hour(exact: count == 2)
        case (UInt8(ascii: "m"), 1...2): .minute(exact: count == 2)
        case (UInt8(ascii: "s"), 1...2): .second(exact: count == 2)
        case (UInt8(ascii: "S"), 3): .fraction
        default: nil
        }
    }

    /// Milliseconds since 1970-01-01T00:00 on the local clock, or nil where the bytes are not spelled so. `24:00` is
    /// the end of the day.
    @inline(__always)
    func read(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int64? {
        var i = start
        var year = 0
        var month = 0
        var day = 0
        var hour = 0
        var minute = 0
        var second = 0
        var fraction = 0
        for part in parts {
            switch part {
            case .literal(let byte):
                guard i < end, base[i] == byte else { return nil }
                i += 1
            case .year: year = TimePattern.number(base, &i, end, 4...4)
            case .month(let exact): month = TimePattern.number(base, &i, end, exact ? 2...2 : 1...2)
            case .day(let exact): day = TimePattern.number(base, &i, end, exact ? 2...2 : 1...2)
            case .hour(let exact): hour = TimePattern.number(base, &i, end, exact ? 2...2 : 1...2)
            case .minute(let exact): minute = TimePattern.number(base, &i, end, exact ? 2...2 : 1...2)
            case .second(let exact): second = TimePattern.number(base, &i, end, exact ? 2...2 : 1...2)
            case .fraction: fraction = TimePattern.milliseconds(base, &i, end)
            }
        }
        guard i == end, year >= 0, month >= 1, month <= 12, day >= 1,
            day <= LocalDate.dayCount(year: year, month: month),
            hour >= 0, minute >= 0, second >= 0, fraction >= 0, minute < 60, second < 60,
            hour < 24 || (hour == 24 && minute == 0 && second == 0 && fraction == 0)
        else { return nil }
        let days = Int64(LocalDate.dayNumber(year: year, month: month, day: day))
        return days * Milliseconds.day + Int64((hour * 60 + minute) * 60 + second) * 1000 + Int64(fraction)
    }

    /// A number of as many digits as `count` allows, or -1.
    @inline(__always)
    private static func number(
        _ base: UnsafePointer<UInt8>,
        _ i: inout Int,
        _ end: Int,
        _ count: ClosedRange<Int>
    ) -> Int {
        let start = i
        var value = 0
        while i < end, i - start < count.upperBound, base[i] &- 0x30 <= 9 {
            value = value * 10 + Int(base[i] &- 0x30)
            i += 1
        }
        return i - start >= count.lowerBound ? value : -1
    }

    private static func milliseconds(_ base: UnsafePointer<UInt8>, _ i: inout Int, _ end: Int) -> Int {
        let start = i
        var value = 0
        var scale = 100
        while i < end, i - start < 9, base[i] &- 0x30 <= 9 {
            value += Int(base[i] &- 0x30) * scale
            scale /= 10
            i += 1
        }
        return i > start ? value : -1
    }
}
