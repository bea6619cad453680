import CCRC32C

/// A snapshot's bytes under a test's hand.
enum SnapshotBytes {
    /// The same with checksums that fit, as far as the pieces can be told apart.
    static func sealed(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        seal(&bytes, 0..<12, at: 12)
        var offset = 16
        while offset + 16 <= bytes.count {
            let count = (0..<4).reduce(0) { $0 | Int(bytes[offset + 8 + $1]) << (8 * $1) }
            guard count > 0, offset + 16 + count <= bytes.count else { break }
            let crc = crc(bytes, offset + 16..<offset + 16 + count, after: crc(bytes, offset..<offset + 12))
            put(crc, into: &bytes, at: offset + 12)
            offset += 16 + count
        }
        return bytes
    }

    private static func seal(_ bytes: inout [UInt8], _ range: Range<Int>, at offset: Int) {
        put(crc(bytes, range), into: &bytes, at: offset)
    }

    private static func crc(_ bytes: [UInt8], _ range: Range<Int>, after former: UInt32 = 0) -> UInt32 {
        bytes[range].withUnsafeBytes { meterfold_crc32c(former, $0.baseAddress, $0.count) }
    }

    private static func put(_ crc: UInt32, into bytes: inout [UInt8], at offset: Int) {
        for i in 0..<4 { bytes[offset + i] = UInt8(truncatingIfNeeded: crc >> (8 * UInt32(i))) }
    }
}
