/// A calendar day without a zone (proleptic Gregorian), as a count of days since 1970-01-01.
package struct LocalDate: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var dayNumber: Int32

    @inlinable
    package init(dayNumber: Int32) { self.dayNumber = dayNumber }

    /// The day of a civil date, or nil where the calendar has none such. `year` 1 to 9999.
    package init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month),
            day >= 1, day <= LocalDate.dayCount(year: year, month: month)
        else { return nil }
        self.dayNumber = Int32(LocalDate.dayNumber(year: year, month: month, day: day))
    }

    /// Reads `YYYY-MM-DD`.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 10, bytes[4] == 0x2D, bytes[7] == 0x2D else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            var n = 0
            for byte in bytes[range] {
                guard (0x30...0x39).contains(byte) else { return nil }
                n = n * 10 + Int(byte - 0x30)
            }
            return n
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10) else { return nil }
        self.init(year: year, month: month, day: day)
    }

    package static func < (a: LocalDate, b: LocalDate) -> Bool { a.dayNumber < b.dayNumber }

    /// Days since the epoch of a valid civil date: counts in eras of 400 years, the year beginning in March.
    @inlinable
    package static func dayNumber(year: Int, month: Int, day: Int) -> Int {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// How many days the month has.
    @inlinable
    package static func dayCount(year: Int, month: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Year, month and day.
    package var civil: (year: Int, month: Int, day: Int) {
        let z = Int(dayNumber) + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    /// The first day of this day's month.
    package var firstOfMonth: LocalDate { LocalDate(dayNumber: dayNumber - Int32(civil.day) + 1) }

    /// The first day of the month after this day's.
    package var firstOfNextMonth: LocalDate {
        let (year, month, day) = civil
        return LocalDate(dayNumber: dayNumber - Int32(day) + 1 + Int32(LocalDate.dayCount(year: year, month: month)))
    }

    /// 0 is Monday, 6 is Sunday.
    package var weekday: Int { ((Int(dayNumber) + 3) % 7 + 7) % 7 }

    /// `YYYY-MM-DD`.
    package var description: String { PaddedDigits.text { append(to: &$0) } }

    func append(to digits: inout PaddedDigits) {
        let (year, month, day) = civil
        digits.append(Int64(year), width: 4)
        digits.append("-")
        digits.append(Int64(month), width: 2)
        digits.append("-")
        digits.append(Int64(day), width: 2)
    }
}
