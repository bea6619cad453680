/// Writes text into memory that the caller owns and has found large enough.
///
/// Invariant: `next` never passes the end of that memory: `FleetText` stops `maximumLineByteCount` before it.
struct LineSink {
    private(set) var next: UnsafeMutablePointer<UInt8>

    init(_ start: UnsafeMutablePointer<UInt8>) { next = start }

    @inline(__always)
    mutating func put(_ byte: UInt8) {
        next.pointee = byte
        next += 1
    }

    @inline(__always)
    mutating func put(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = bytes.baseAddress else { return }
        next.update(from: start, count: bytes.count)
        next += bytes.count
    }

    /// Digits of a number >= 0, at least `width` of them.
    @inline(__always)
    mutating func put(_ value: Int64, width: Int) {
        var count = width
        var bound: Int64 = LineSink.power(width)
        while value >= bound {
            count += 1
            if count > 18 { break }
            bound *= 10
        }
        var rest = UInt64(value)
        var at = count - 1
        while at >= 0 {
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
            next[at] = 0x30 + UInt8(truncatingIfNeeded: remainder)
            rest = quotient
            at -= 1
        }
        next += count
    }

    /// Thousandths >= 0 as a decimal with three digits after the point.
    @inline(__always)
    mutating func putThousandths(_ value: Int64) {
        let (whole, fraction) = value.quotientAndRemainder(dividingBy: 1000)
        put(whole, width: 1)
        put(UInt8(ascii: "."))
        put(fraction, width: 3)
    }

    @inline(__always)
    private static func power(_ digits: Int) -> Int64 {
        switch digits {
        case 1: 10
        case 2: 100
        default: 1000
        }
    }
}
