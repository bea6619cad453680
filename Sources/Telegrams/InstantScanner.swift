import MeterModel

/// Reads instants from text (semantics, section 1).
enum InstantScanner {
    enum Fault: Error {
        case syntax
        /// Well formed, beyond what 64 bits of milliseconds hold.
        case range
    }

    /// RFC 3339 with `Z` or an offset: UTC milliseconds, finer digits floored; nil where it is no such text.
    /// `t`, `z` and a space for the `T` are taken too; a leap second is not.
    static func rfc3339(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int64? {
        var date = RememberedDate()
        return rfc3339(base, start, end, &date)
    }

    /// As above; `date` is that of a text read before, and then of this one.
    @inline(__always)
    static func rfc3339(
        _ base: UnsafePointer<UInt8>,
        _ start: Int,
        _ end: Int,
        _ date: inout RememberedDate
    ) -> Int64? {
        guard end - start >= 20 else { return nil }
        let separator = base[start + 10]
        guard separator == UInt8(ascii: "T") || separator == UInt8(ascii: "t") || separator == 0x20,
            date.read(base, start), let clock = clock(base, start + 11)
        else { return nil }
        var milliseconds = date.milliseconds + clock
        var i = start + 19
        if base[i] == 0x2E {
            i += 1
            var scale: Int64 = 100
            let firstDigit = i
            while i < end, base[i] &- 0x30 <= 9 {
                milliseconds += Int64(base[i] &- 0x30) * scale
                scale /= 10
                i += 1
            }
            guard i > firstDigit, i < end else { return nil }
        }
        if base[i] | 0x20 == UInt8(ascii: "z") { return i + 1 == end ? milliseconds : nil }
        return offset(base, i, end).map { milliseconds - $0 }
    }

    /// The milliseconds since midnight of eight bytes `hh:mm:ss`; nil where they are no such text.
    @inline(__always)
    private static func clock(_ base: UnsafePointer<UInt8>, _ i: Int) -> Int64? {
        // Taken off its spelling, a digit's place leaves the digit and a colon's nothing.
        let text = UInt64(littleEndian: UnsafeRawPointer(base + i).loadUnaligned(as: UInt64.self))
        let digits = text ^ 0x3030_3A30_303A_3030
        let isMore = (digits &+ 0x7676_7F76_767F_7676) | digits
        guard isMore & 0x8080_8080_8080_8080 == 0 else { return nil }
        let pairs = digits &* 10 &+ digits &>> 8
        let (hour, minute, second) = (pairs & 0xFF, pairs &>> 24 & 0xFF, pairs &>> 48 & 0xFF)
        guard hour < 24, minute < 60, second < 60 else { return nil }
        return Int64((hour &* 60 &+ minute) &* 60 &+ second) &* 1000
    }

    /// `+hh:mm` or `-hh:mm` in milliseconds, reaching exactly to `end`.
    private static func offset(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int64? {
        guard end - start == 6, base[start + 3] == 0x3A, base[start] == 0x2B || base[start] == 0x2D else { return nil }
        let hours = twoDigits(base, start + 1)
        let minutes = twoDigits(base, start + 4)
        guard hours < 24, minutes < 60 else { return nil }
        let magnitude = (Int64(hours) * 60 + Int64(minutes)) * 60_000
        return base[start] == 0x2D ? -magnitude : magnitude
    }

    /// The number of two digits, or 255 and more where one of them is none.
    @inline(__always)
    static func twoDigits(_ base: UnsafePointer<UInt8>, _ i: Int) -> UInt32 {
        let tens = UInt32(base[i] &- 0x30)
        let ones = UInt32(base[i + 1] &- 0x30)
        return tens > 9 || ones > 9 ? 255 : tens * 10 + ones
    }

    /// An optional minus sign and digits, all of the text; nil where it is no integer, `.range` where it outgrows 64
    /// bits.
    @inline(__always)
    static func integer(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Result<Int64, Fault> {
        var i = start
        var isNegative = false
        if i < end, base[i] == 0x2D {
            isNegative = true
            i += 1
        }
        guard i < end else { return .failure(.syntax) }
        var value: UInt64 = 0
        var hasOverflowed = false
        while i < end {
            let digit = base[i] &- 0x30
            guard digit <= 9 else { return .failure(.syntax) }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            hasOverflowed = hasOverflowed || overflow || carry
            value = sum
            i += 1
        }
        guard !hasOverflowed, value <= UInt64(Int64.max) else { return .failure(.range) }
        return .success(isNegative ? -Int64(value) : Int64(value))
    }

    /// Milliseconds of a count whose magnitude tells seconds, milliseconds, microseconds and nanoseconds apart.
    @inline(__always)
    static func milliseconds(ofCount count: Int64) -> Int64 {
        switch count.magnitude {
        case ..<100_000_000_000: count * 1000
        case ..<100_000_000_000_000: count
        case ..<100_000_000_000_000_000: floorDivide(count, 1000).quotient
        default: floorDivide(count, 1_000_000).quotient
        }
    }

    /// RFC 3339 or an integer, all of the text.
    @inline(__always)
    static func instant(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Result<Int64, Fault> {
        if let milliseconds = rfc3339(base, start, end) { return .success(milliseconds) }
        return integer(base, start, end).map { milliseconds(ofCount: $0) }
    }

    /// The refusal of a text that was to be the instant called `name`.
    static func refusal(_ fault: Fault, _ name: StaticString, _ text: UnsafeBufferPointer<UInt8>) -> Refusal {
        switch fault {
        case .syntax:
            Refusal(.timeSyntax, "\(name): \"\(excerpt(text))\" is neither RFC 3339 with an offset nor an integer")
        case .range: Refusal(.timeRange, "\(name): \(excerpt(text)) lies outside all time")
        }
    }
}

/// The date of the instant read last: the next one is mostly of the same day.
struct RememberedDate {
    /// Its text: at first 1970-01-01.
    private var head: UInt64 = 0x2D31_302D_3037_3931
    private var tail: UInt16 = 0x3130
    /// Its midnight, UTC.
    private(set) var milliseconds: Int64 = 0

    /// Reads ten bytes `yyyy-mm-dd`; false where they are no date, and nothing changes.
    @inline(__always)
    mutating func read(_ base: UnsafePointer<UInt8>, _ start: Int) -> Bool {
        let text = UnsafeRawPointer(base + start)
        let newHead = UInt64(littleEndian: text.loadUnaligned(as: UInt64.self))
        let newTail = UInt16(littleEndian: text.loadUnaligned(fromByteOffset: 8, as: UInt16.self))
        if newHead == head, newTail == tail { return true }
        guard let midnight = RememberedDate.midnight(base, start) else { return false }
        (head, tail, milliseconds) = (newHead, newTail, midnight)
        return true
    }

    private static func midnight(_ base: UnsafePointer<UInt8>, _ start: Int) -> Int64? {
        guard base[start + 4] == 0x2D, base[start + 7] == 0x2D else { return nil }
        let century = InstantScanner.twoDigits(base, start)
        let yearOfCentury = InstantScanner.twoDigits(base, start + 2)
        let month = InstantScanner.twoDigits(base, start + 5)
        let day = InstantScanner.twoDigits(base, start + 8)
        // What is no digit gave 255 or more, so one test of each limit suffices.
        guard century <= 99, yearOfCentury <= 99, month &- 1 < 12, day &- 1 < 31 else { return nil }
        let year = Int(century) * 100 + Int(yearOfCentury)
        if day > 28, Int(day) > LocalDate.dayCount(year: year, month: Int(month)) { return nil }
        return Int64(LocalDate.dayNumber(year: year, month: Int(month), day: Int(day))) * 86_400_000
    }
}
