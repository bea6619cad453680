/// Instants are counts of milliseconds since 1970-01-01T00:00Z (section 1).
typealias Instant = Int64

let second: Int64 = 1_000
let minute: Int64 = 60 * second
let hour: Int64 = 60 * minute
let day: Int64 = 24 * hour

/// Section 1: the first instant that is accepted, 2000-01-01T00:00Z.
let firstInstant: Instant = 946_684_800_000

/// A day of the calendar, counted from 1970-01-01.
struct LocalDate: Hashable, Comparable, Sendable {
    let number: Int64

    static func < (left: LocalDate, right: LocalDate) -> Bool {
        left.number < right.number
    }

    func adding(_ days: Int64) -> LocalDate {
        LocalDate(number: number + days)
    }

    /// Monday is 0.
    var weekday: Int {
        Int(((number + 3) % 7 + 7) % 7)
    }

    init(number: Int64) {
        self.number = number
    }

    /// The proleptic Gregorian date; nil where the calendar has no such day.
    init?(year: Int64, month: Int64, day: Int64) {
        guard (1...12).contains(month), day >= 1 else { return nil }
        let next = month == 12 ? (year + 1, 1) : (year, month + 1)
        let first = LocalDate.dayNumber(year, month, 1)
        guard day <= LocalDate.dayNumber(next.0, next.1, 1) - first else { return nil }
        number = first + day - 1
    }

    /// Days from 1970-01-01, counting years from March so that the leap day comes last.
    private static func dayNumber(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let marchMonth = (month + 9) % 12
        let leapDays = floorDiv(marchYear, 4) - floorDiv(marchYear, 100) + floorDiv(marchYear, 400)
        return marchYear * 365 + leapDays + (marchMonth * 306 + 5) / 10 + day - 1 - 719_468
    }

    var parts: (year: Int64, month: Int64, day: Int64) {
        var year = 1970 + floorDiv(number, 366)
        while LocalDate.dayNumber(year, 1, 1) > number { year -= 1 }
        while LocalDate.dayNumber(year + 1, 1, 1) <= number { year += 1 }
        var month: Int64 = 1
        while month < 12, LocalDate.dayNumber(year, month + 1, 1) <= number { month += 1 }
        return (year, month, number - LocalDate.dayNumber(year, month, 1) + 1)
    }

    var firstOfMonth: LocalDate {
        adding(1 - parts.day)
    }

    var firstOfNextMonth: LocalDate {
        firstOfMonth.adding(31).firstOfMonth
    }

    var firstOfYear: LocalDate {
        LocalDate(number: LocalDate.dayNumber(parts.year, 1, 1))
    }

    var text: String {
        let (year, month, day) = parts
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    /// `YYYY-MM-DD`.
    init?(_ text: Text) {
        var digits = Digits(text.bytes)
        guard let year = digits.number(4), digits.take("-"), let month = digits.number(2), digits.take("-"),
            let day = digits.number(2), digits.isAtEnd
        else { return nil }
        self.init(year: year, month: month, day: day)
    }
}

/// Reads fixed fields of digits.
struct Digits {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        rest = bytes[...]
    }

    var isAtEnd: Bool {
        rest.isEmpty
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    mutating func digit() -> Int64? {
        guard let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        rest = rest.dropFirst()
        return Int64(byte - UInt8(ascii: "0"))
    }

    mutating func number(_ count: Int) -> Int64? {
        var number: Int64 = 0
        for _ in 0..<count {
            guard let digit = digit() else { return nil }
            number = number * 10 + digit
        }
        return number
    }
}

func floorDiv(_ number: Int64, _ divisor: Int64) -> Int64 {
    let quotient = number / divisor
    return number % divisor < 0 ? quotient - 1 : quotient
}

func floorMod(_ number: Int64, _ divisor: Int64) -> Int64 {
    number - floorDiv(number, divisor) * divisor
}

func padded(_ number: Int64, _ count: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, count - digits.count)) + digits
}

/// Section 1: RFC 3339 with zone offset or `Z`; kept in milliseconds, finer digits floor.
///
/// Nil where it is none.
func instantRead(_ text: Text) -> Instant? {
    var digits = Digits(text.bytes)
    guard let year = digits.number(4), digits.take("-"), let month = digits.number(2), digits.take("-"),
        let dayOfMonth = digits.number(2), digits.take("T") || digits.take("t"),
        let hours = digits.number(2), digits.take(":"), let minutes = digits.number(2), digits.take(":"),
        let seconds = digits.number(2), hours < 24, minutes < 60, seconds <= 60,
        let date = LocalDate(year: year, month: month, day: dayOfMonth)
    else { return nil }
    var milliseconds: Int64 = 0
    if digits.take(".") {
        var places: Int64 = 100
        guard let first = digits.digit() else { return nil }
        milliseconds = first * places
        while let next = digits.digit() {
            places /= 10
            milliseconds += next * places
        }
    }
    guard let offset = zoneOffset(&digits), digits.isAtEnd else { return nil }
    return date.number * day + hours * hour + minutes * minute + seconds * second + milliseconds - offset
}

private func zoneOffset(_ digits: inout Digits) -> Int64? {
    if digits.take("Z") || digits.take("z") { return 0 }
    let isWest = digits.take("-")
    guard isWest || digits.take("+"), let hours = digits.number(2), digits.take(":"), let minutes = digits.number(2),
        hours < 24, minutes < 60
    else { return nil }
    return (hours * hour + minutes * minute) * (isWest ? -1 : 1)
}

/// Section 1: an integer of Unix seconds, milliseconds, microseconds or nanoseconds, told apart by magnitude.
func instantRead(unix count: Int128) -> Instant? {
    switch count.magnitude {
    case ..<100_000_000_000: Int64(exactly: count * 1_000)
    case ..<100_000_000_000_000: Int64(exactly: count)
    case ..<100_000_000_000_000_000: Int64(exactly: floorDivided(count, by: 1_000))
    default: Int64(exactly: floorDivided(count, by: 1_000_000))
    }
}

/// Section 10: RFC 3339, `.mmm` only where not 0; in UTC with `Z`, or with the offset given.
func timeText(_ instant: Instant, offset: Int64? = nil) -> String {
    let local = instant + (offset ?? 0)
    let date = LocalDate(number: floorDiv(local, day))
    let time = floorMod(local, day)
    let clock = [time / hour, time / minute % 60, time / second % 60].map { padded($0, 2) }.joined(separator: ":")
    let fraction = time % second == 0 ? "" : "." + padded(time % second, 3)
    return "\(date.text)T\(clock)\(fraction)\(offset.map(offsetText) ?? "Z")"
}

private func offsetText(_ offset: Int64) -> String {
    let size = abs(offset)
    return "\(offset < 0 ? "-" : "+")\(padded(size / hour, 2)):\(padded(size / minute % 60, 2))"
}

/// Section 1: a duration is an integer and `s`, `m`, `h` or `d` (24 h).
///
/// Nil where it is none.
func durationRead(_ text: Text) -> Int64? {
    let units: [UInt8: Int64] = [
        UInt8(ascii: "s"): second, UInt8(ascii: "m"): minute, UInt8(ascii: "h"): hour, UInt8(ascii: "d"): day,
    ]
    guard let last = text.bytes.last, let unit = units[last] else { return nil }
    var digits = Digits(Array(text.bytes.dropLast()))
    guard var count = digits.digit() else { return nil }
    while let next = digits.digit() {
        count = count * 10 + next
        guard count <= 1_000_000_000 else { return nil }
    }
    return digits.isAtEnd ? count * unit : nil
}
