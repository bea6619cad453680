/// Bytes of text under construction, in memory that is used again and again.
///
/// It owns its memory. Pointers into it hold until an append that may outgrow the capacity: `reserve` makes room
/// before.
///
/// Invariants: `count` bytes from `start` are text, of `capacity`; `dateText` is the date of `dateNumber`.
package final class TextScratch {
    /// Bytes of `YYYY-MM-DD`.
    private static let dateByteCount = 10
    /// Days of the years 0 to 9999, whose dates have so many.
    private static let dayNumbers: Range<Int64> = {
        let (first, end) = (
            LocalDate.dayNumber(year: 0, month: 1, day: 1), LocalDate.dayNumber(year: 10_000, month: 1, day: 1)
        )
        return Int64(first)..<Int64(end)
    }()
    /// No fewer bytes than an instant, a number of 64 bits or a decimal of one has.
    private static let wordByteCount = 48

    private var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    package private(set) var count = 0
    /// The date that was written last: texts of readings name the same one again and again.
    private let dateText: UnsafeMutablePointer<UInt8>
    private var dateNumber: Int32?

    /// - Parameter capacity: bytes that it has room for at first.
    package init(capacity: Int = 1024) {
        self.capacity = capacity
        start = .allocate(capacity: capacity)
        dateText = .allocate(capacity: TextScratch.dateByteCount)
    }

    deinit {
        start.deallocate()
        dateText.deallocate()
    }

    /// What was appended, good until it is emptied or outgrows its memory.
    package var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }

    /// The bytes from one offset up to another.
    package func bytes(from offset: Int, to end: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: start + offset, count: end - offset)
    }

    /// Empties it; its memory stays.
    package func removeAll() { count = 0 }

    /// Makes room for so many bytes more.
    package func reserve(_ additional: Int) {
        guard count + additional > capacity else { return }
        let grown = max(capacity * 2, count + additional)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: grown)
        moved.update(from: start, count: count)
        start.deallocate()
        start = moved
        capacity = grown
    }

    package func append(_ byte: UInt8) {
        reserve(1)
        put(byte)
    }

    package func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count)
        (start + count).update(from: source, count: bytes.count)
        count += bytes.count
    }

    package func append(_ text: String) {
        var text = text
        text.withUTF8 { append($0) }
    }

    package func append(_ text: StaticString) {
        append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    // MARK: Numbers

    /// `coefficient / 10^fractionDigits`, trailing zeros of the fraction dropped.
    package func append(decimal coefficient: Int128, fractionDigits: Int) {
        guard let magnitude = UInt64(exactly: coefficient.magnitude),
            fractionDigits < TextScratch.powersOfTen.count
        else { return append(decimalText(coefficient, fractionDigits: fractionDigits)) }
        reserve(TextScratch.wordByteCount)
        let (whole, fraction) = TextScratch.divide(magnitude, byPowerOfTen: fractionDigits)
        if coefficient < 0 { put(UInt8(ascii: "-")) }
        put(unsigned: whole)
        guard fraction != 0 else { return }
        put(UInt8(ascii: "."))
        put(padded: fraction, width: fractionDigits)
        while start[count - 1] == UInt8(ascii: "0") { count -= 1 }
    }

    /// A quantity in mWh or mL, as kWh or m3.
    package func append(milli quantity: Int128) { append(decimal: quantity, fractionDigits: 6) }

    package func append(integer value: Int64) {
        reserve(TextScratch.wordByteCount)
        if value < 0 { put(UInt8(ascii: "-")) }
        put(unsigned: value.magnitude)
    }

    /// Of the usual powers the compiler makes multiplications.
    @inline(__always)
    private static func divide(_ value: UInt64, byPowerOfTen digits: Int) -> (quotient: UInt64, remainder: UInt64) {
        switch digits {
        case 0: (value, 0)
        case 3: value.quotientAndRemainder(dividingBy: 1000)
        case 6: value.quotientAndRemainder(dividingBy: 1_000_000)
        default: value.quotientAndRemainder(dividingBy: powersOfTen[digits])
        }
    }

    /// 10^0 to 10^18.
    private static let powersOfTen: [UInt64] = (0...18).map { (0..<$0).reduce(into: UInt64(1)) { p, _ in p *= 10 } }

    // MARK: Times

    /// `YYYY-MM-DD`, of a year from 0 to 9999.
    package func append(day: LocalDate) {
        reserve(TextScratch.wordByteCount)
        put(day)
    }

    /// `YYYY-MM`.
    package func append(month day: LocalDate) {
        append(day: day)
        count -= 3
    }

    /// RFC 3339 in UTC with `Z`; `.mmm` only where it is not 0.
    package func append(instant milliseconds: Int64) {
        reserve(TextScratch.wordByteCount)
        guard putCivil(milliseconds) else { return append(Instant(milliseconds: milliseconds).rfc3339) }
        put(UInt8(ascii: "Z"))
    }

    /// RFC 3339 with the offset given.
    package func append(instant milliseconds: Int64, offsetSeconds: Int32) {
        reserve(TextScratch.wordByteCount)
        guard putCivil(milliseconds + Int64(offsetSeconds) * 1000) else {
            return append(Instant(milliseconds: milliseconds).rfc3339(offsetSeconds: offsetSeconds))
        }
        put(UInt8(ascii: offsetSeconds < 0 ? "-" : "+"))
        let minutes = UInt64(offsetSeconds.magnitude) / 60
        put(padded: minutes / 60, width: 2)
        put(UInt8(ascii: ":"))
        put(padded: minutes % 60, width: 2)
    }

    // MARK: Where there is room

    @inline(__always)
    private func put(_ byte: UInt8) {
        start[count] = byte
        count += 1
    }

    @inline(__always)
    private func put(unsigned value: UInt64) {
        var digitCount = 1
        var rest = value / 10
        while rest > 0 {
            digitCount += 1
            rest /= 10
        }
        put(padded: value, width: digitCount)
    }

    @inline(__always)
    private func put(padded value: UInt64, width: Int) {
        var rest = value
        for place in stride(from: count + width - 1, through: count, by: -1) {
            start[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += width
    }

    @inline(__always)
    private func put(_ date: LocalDate) {
        if date.dayNumber != dateNumber { remember(date) }
        (start + count).update(from: dateText, count: TextScratch.dateByteCount)
        count += TextScratch.dateByteCount
    }

    private func remember(_ date: LocalDate) {
        let (year, month, day) = date.civil
        let end = count
        put(padded: UInt64(truncatingIfNeeded: year), width: 4)
        put(UInt8(ascii: "-"))
        put(padded: UInt64(truncatingIfNeeded: month), width: 2)
        put(UInt8(ascii: "-"))
        put(padded: UInt64(truncatingIfNeeded: day), width: 2)
        count = end
        dateText.update(from: start + end, count: TextScratch.dateByteCount)
        dateNumber = date.dayNumber
    }

    /// False where its year has not four digits; then nothing is written.
    @inline(__always)
    private func putCivil(_ milliseconds: Int64) -> Bool {
        let (day, rest) = floorDivide(milliseconds, Milliseconds.day)
        guard TextScratch.dayNumbers.contains(day) else { return false }
        put(LocalDate(dayNumber: Int32(truncatingIfNeeded: day)))
        put(UInt8(ascii: "T"))
        let clock = UInt64(rest)
        put(padded: clock / 3_600_000, width: 2)
        put(UInt8(ascii: ":"))
        put(padded: clock / 60_000 % 60, width: 2)
        put(UInt8(ascii: ":"))
        put(padded: clock / 1000 % 60, width: 2)
        if clock % 1000 != 0 {
            put(UInt8(ascii: "."))
            put(padded: clock % 1000, width: 3)
        }
        return true
    }
}
