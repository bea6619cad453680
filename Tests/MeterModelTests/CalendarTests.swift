import MeterModel
import Testing

@Suite("A local date")
struct LocalDateTests {
    private func isLeap(_ year: Int) -> Bool { (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 }

    @Test("counts as a calendar that is turned over day by day")
    func byCounting() {
        var expected = (year: 1583, month: 1, day: 1)
        var date = LocalDate(year: 1583, month: 1, day: 1) ?? LocalDate(dayNumber: 0)
        var weekday = 5  // 1583-01-01 was a Saturday
        while expected.year < 2410 {
            if date.civil != expected || date.weekday != weekday {
                Issue.record("\(date) is not \(expected), weekday \(weekday)")
                return
            }
            if LocalDate(year: expected.year, month: expected.month, day: expected.day) != date {
                Issue.record("\(expected) is not \(date)")
                return
            }
            let lengths = [31, isLeap(expected.year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            expected.day += 1
            if expected.day > lengths[expected.month - 1] { expected = (expected.year, expected.month + 1, 1) }
            if expected.month > 12 { expected = (expected.year + 1, 1, 1) }
            weekday = (weekday + 1) % 7
            date = LocalDate(dayNumber: date.dayNumber + 1)
        }
        #expect(LocalDate(year: 1970, month: 1, day: 1)?.dayNumber == 0)
        #expect(LocalDate(year: 2000, month: 1, day: 1)?.dayNumber == 10_957)
    }

    @Test("reads back as it is written, and months hold their days")
    func textAndMonths() {
        for day in stride(from: -719_162 as Int32, through: 2_932_896, by: 97) {
            let date = LocalDate(dayNumber: day)
            #expect(LocalDate(date.description) == date)
            #expect(date.firstOfMonth <= date && date < date.firstOfNextMonth)
            #expect(date.firstOfMonth.civil.day == 1 && date.firstOfNextMonth.civil.day == 1)
            #expect((28...31).contains(date.firstOfNextMonth.dayNumber - date.firstOfMonth.dayNumber))
        }
    }

    @Test(
        "knows what is no date",
        arguments: [
            "2025-02-29", "2025-13-01", "2025-00-10", "2025-04-31", "2025-1-01", "25-01-01", "2025/01/01", "2025-01-1a",
            "0000-01-01", " 2025-01-01", "2025-01-01 ", "", "+025-01-01", "1900-02-29",
        ]
    )
    func notDates(text: String) {
        #expect(LocalDate(text) == nil)
    }
}

@Suite("An instant")
struct InstantTests {
    @Test("is shown as RFC 3339, in UTC and with an offset")
    func rfc3339() {
        #expect(Instant(milliseconds: 0).rfc3339 == "1970-01-01T00:00:00Z")
        #expect(Instant(milliseconds: -1).rfc3339 == "1969-12-31T23:59:59.999Z")
        #expect(Instant(milliseconds: 1_767_225_600_007).rfc3339 == "2026-01-01T00:00:00.007Z")
        #expect(Instant.earliestAccepted.rfc3339 == "2000-01-01T00:00:00Z")
        let newYear = Instant(milliseconds: 1_767_225_600_000)
        #expect(newYear.rfc3339(offsetSeconds: 0) == "2026-01-01T00:00:00+00:00")
        #expect(newYear.rfc3339(offsetSeconds: 19_800) == "2026-01-01T05:30:00+05:30")
        #expect(newYear.rfc3339(offsetSeconds: -12_600) == "2025-12-31T20:30:00-03:30")
        #expect(newYear.rfc3339(offsetSeconds: -1800) == "2025-12-31T23:30:00-00:30")
    }

    @Test("is shown digit by digit as its parts are, also far from now")
    func digits() {
        func padded(_ number: Int64, _ width: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
        }
        let far: Int64 = 5_000_000 * Milliseconds.day
        for milliseconds in stride(from: -far, through: far, by: 86_399_999_917) {
            let (day, rest) = floorDivide(milliseconds, Milliseconds.day)
            let (year, month, dayOfMonth) = LocalDate(dayNumber: Int32(day)).civil
            var text = "\(padded(Int64(year), 4))-\(padded(Int64(month), 2))-\(padded(Int64(dayOfMonth), 2))"
            #expect(LocalDate(dayNumber: Int32(day)).description == text)
            text += "T\(padded(rest / 3_600_000, 2)):\(padded(rest / 60_000 % 60, 2)):\(padded(rest / 1000 % 60, 2))"
            if rest % 1000 > 0 { text += "." + padded(rest % 1000, 3) }
            #expect(Instant(milliseconds: milliseconds).rfc3339 == text + "Z")
        }
    }

    @Test("divides towards the past")
    func floors() {
        for value in -50...50 as ClosedRange<Int64> {
            let (quotient, remainder) = floorDivide(value, 7)
            #expect(quotient * 7 + remainder == value && (0..<7).contains(remainder))
        }
    }
}

@Suite("A duration's text")
struct MillisecondsTests {
    @Test(
        "reads an integer and its unit",
        arguments: [
            ("0s", 0), ("90s", 90_000), ("15m", 900_000), ("6h", 21_600_000), ("1d", 86_400_000),
            ("100000d", 8_640_000_000_000), ("007h", 25_200_000),
        ]
    )
    func read(text: String, expected: Int64) {
        #expect(Milliseconds.count(of: text) == expected)
    }

    @Test(
        "knows what is none",
        arguments: [
            "", "s", "5", "5 s", "-5s", "-0d", "+5s", "5ms", "5S", "1.5h", "5d ", " 5d", "100001d", "５s",
            "9223372036854775807d", "99999999999999999999s", "1h30m",
        ]
    )
    func notDurations(text: String) {
        #expect(Milliseconds.count(of: text) == nil)
    }

    @Test("is the shortest that reads back")
    func written() {
        #expect(
            [0, 1000, 90_000, 900_000, 21_600_000, 86_400_000, 90_000_000].map { Milliseconds.text($0) }
                == ["0s", "1s", "90s", "15m", "6h", "1d", "25h"]
        )
        for seconds in stride(from: 0 as Int64, to: 1_000_000, by: 997) {
            #expect(Milliseconds.count(of: Milliseconds.text(seconds * 1000)) == seconds * 1000)
        }
    }
}
