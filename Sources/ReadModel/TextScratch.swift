internal import MeterModel

/// Bytes of text under construction, in memory that is used again and again.
///
/// It owns its memory. Pointers into it hold until the next append that outgrows the capacity, so `removeAll` takes how
/// much is to follow.
final class TextScratch {
    private var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int = 1024) {
        self.capacity = capacity
        start = .allocate(capacity: capacity)
    }

    deinit { start.deallocate() }

    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }

    func bytes(from offset: Int, to end: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: start + offset, count: end - offset)
    }

    func removeAll(reserving additional: Int = 0) {
        count = 0
        reserve(additional)
    }

    func reserve(_ additional: Int) {
        guard count + additional > capacity else { return }
        let grown = max(capacity * 2, count + additional)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: grown)
        moved.update(from: start, count: count)
        start.deallocate()
        start = moved
        capacity = grown
    }

    @inline(__always)
    func append(_ byte: UInt8) {
        reserve(1)
        start[count] = byte
        count += 1
    }

    func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count)
        (start + count).update(from: source, count: bytes.count)
        count += bytes.count
    }

    func append(_ text: String) {
        var text = text
        text.withUTF8 { append($0) }
    }

    func append(_ text: StaticString) {
        append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    // MARK: Numbers

    /// `coefficient / 10^fractionDigits`, trailing zeros of the fraction dropped.
    func append(decimal coefficient: Int128, fractionDigits: Int) {
        guard fractionDigits < TextScratch.powersOfTen.count else {
            return append(decimalText(coefficient, fractionDigits: fractionDigits))
        }
        let divisor = TextScratch.powersOfTen[fractionDigits]
        let (whole, fraction) = coefficient.magnitude.quotientAndRemainder(dividingBy: UInt128(divisor))
        guard let whole = UInt64(exactly: whole) else {
            return append(decimalText(coefficient, fractionDigits: fractionDigits))
        }
        if coefficient < 0 { append(UInt8(ascii: "-")) }
        append(unsigned: whole)
        guard fraction != 0 else { return }
        append(UInt8(ascii: "."))
        append(padded: Int(fraction), width: fractionDigits)
        while start[count - 1] == UInt8(ascii: "0") { count -= 1 }
    }

    /// A quantity in mWh or mL, as kWh or m3.
    func append(milli quantity: Int128) { append(decimal: quantity, fractionDigits: 6) }

    func append(integer value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        append(unsigned: value.magnitude)
    }

    /// 10^0 to 10^18.
    private static let powersOfTen: [UInt64] = (0...18).map { (0..<$0).reduce(into: UInt64(1)) { p, _ in p *= 10 } }

    private func append(unsigned value: UInt64) {
        var digitCount = 1
        let powers = TextScratch.powersOfTen
        while digitCount < powers.count, value >= powers[digitCount] { digitCount += 1 }
        if digitCount == powers.count, value / 10 >= powers[digitCount - 1] { digitCount += 1 }
        reserve(digitCount)
        var rest = value
        for place in stride(from: count + digitCount - 1, through: count, by: -1) {
            start[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += digitCount
    }

    private func append(padded value: Int, width: Int) {
        reserve(width)
        var rest = value
        for place in stride(from: count + width - 1, through: count, by: -1) {
            start[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += width
    }

    // MARK: Times

    /// `YYYY-MM-DD`.
    func append(day: LocalDate) {
        let (year, month, day) = day.civil
        append(padded: year, width: 4)
        append(UInt8(ascii: "-"))
        append(padded: month, width: 2)
        append(UInt8(ascii: "-"))
        append(padded: day, width: 2)
    }

    /// `YYYY-MM`.
    func append(month day: LocalDate) {
        append(day: day)
        count -= 3
    }

    /// RFC 3339 in UTC with `Z`; `.mmm` only where it is not 0.
    func append(instant milliseconds: Int64) {
        appendCivil(milliseconds)
        append(UInt8(ascii: "Z"))
    }

    /// RFC 3339 with the offset given.
    func append(instant milliseconds: Int64, offsetSeconds: Int32) {
        appendCivil(milliseconds + Int64(offsetSeconds) * 1000)
        append(UInt8(ascii: offsetSeconds < 0 ? "-" : "+"))
        let minutes = Int(abs(offsetSeconds)) / 60
        append(padded: minutes / 60, width: 2)
        append(UInt8(ascii: ":"))
        append(padded: minutes % 60, width: 2)
    }

    private func appendCivil(_ milliseconds: Int64) {
        let (day, rest) = floorDivide(milliseconds, Milliseconds.day)
        append(day: LocalDate(dayNumber: Int32(truncatingIfNeeded: day)))
        append(UInt8(ascii: "T"))
        let clock = Int(rest)
        append(padded: clock / 3_600_000, width: 2)
        append(UInt8(ascii: ":"))
        append(padded: clock / 60_000 % 60, width: 2)
        append(UInt8(ascii: ":"))
        append(padded: clock / 1000 % 60, width: 2)
        guard clock % 1000 != 0 else { return }
        append(UInt8(ascii: "."))
        append(padded: clock % 1000, width: 3)
    }
}
