/// Exact division of signed numbers by powers of ten, without a division.
///
/// 10^k = 2^k * 5^k. A multiple of 2^k loses k zero bits; an odd 5^k has an inverse modulo 2^64. Multiplying by it maps
/// the multiples of 5^k, and them alone, into `-limit...limit`.
struct DecimalScale {
    let digits: Int
    let divisor: Int64
    private let inverse: Int64
    private let limit: UInt64

    /// The largest scale of values.
    static let maximumValueDigits = 9
    /// Times are in milliseconds or seconds.
    static let secondDigits = 3

    /// - Precondition: `digits` is from 0 to 9.
    init(digits: Int) {
        precondition((0...DecimalScale.maximumValueDigits).contains(digits), "no such scale")
        var five: Int64 = 1
        for _ in 0..<digits { five *= 5 }
        // Newton: each step doubles the bits that are right, beginning with three.
        var inverse = five
        for _ in 0..<5 { inverse = inverse &* (2 &- five &* inverse) }
        self.digits = digits
        self.divisor = five << Int64(digits)
        self.inverse = inverse
        self.limit = UInt64(Int64.max / five)
    }

    @inline(__always)
    func divides(_ value: Int64) -> Bool {
        value & ((1 &<< Int64(digits)) &- 1) == 0 && quotient(value).magnitude <= limit
    }

    /// `value / divisor`, right where `divides(value)`.
    @inline(__always)
    func quotient(_ value: Int64) -> Int64 { (value &>> Int64(digits)) &* inverse }

    /// The largest of the scales that divides all the values, trying each below `largest` in turn.
    static func largest(dividing values: UnsafeBufferPointer<Int64>, from largest: Int, step: Int = 1) -> DecimalScale {
        var digits = largest
        var scale = DecimalScale(digits: digits)
        for value in values {
            while digits > 0, !scale.divides(value) {
                digits = max(0, digits - step)
                scale = DecimalScale(digits: digits)
            }
            if digits == 0 { break }
        }
        return scale
    }
}
