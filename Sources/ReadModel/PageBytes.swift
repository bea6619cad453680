/// Numbers as SQLite's file format has them (https://www.sqlite.org/fileformat2.html, sections 1.5 and 1.6).
enum PageBytes {
    /// Most bytes that a varint takes.
    static let maximumVarintByteCount = 9

    /// Writes the lowest bytes of a number, the highest of these first.
    @inline(__always)
    static func put(_ value: UInt64, byteCount: Int, at out: UnsafeMutablePointer<UInt8>) {
        for i in 0..<byteCount { out[i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (byteCount - 1 - i))) }
    }

    /// Seven bits a byte from the highest on, all but the last with the high bit set; a ninth byte has eight.
    @inline(__always)
    static func put(varint value: UInt64, at out: UnsafeMutablePointer<UInt8>) -> Int {
        if value < 0x80 {
            out[0] = UInt8(value)
            return 1
        }
        let count = byteCount(ofVarint: value)
        var rest = value
        var i = count - 1
        if count == maximumVarintByteCount {
            out[i] = UInt8(truncatingIfNeeded: rest)
            rest >>= 8
        } else {
            out[i] = UInt8(rest & 0x7F)
            rest >>= 7
        }
        while i > 0 {
            i -= 1
            out[i] = UInt8(rest & 0x7F) | 0x80
            rest >>= 7
        }
        return count
    }

    @inline(__always)
    static func byteCount(ofVarint value: UInt64) -> Int {
        let bitCount = 64 - value.leadingZeroBitCount
        return min(maximumVarintByteCount, max(1, (bitCount + 6) / 7))
    }
}
