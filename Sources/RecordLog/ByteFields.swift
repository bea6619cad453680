import CCRC32C

// Fixed-width little-endian fields in raw memory. Bounds are checked by preconditions: offsets are the format's constants.

extension UnsafeRawBufferPointer {
    /// Reads a little-endian integer at any alignment.
    func load<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value {
        Value(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }

    /// Reads 32 bytes.
    func loadDigest(at offset: Int) -> Digest32 {
        Digest32(UnsafeRawBufferPointer(rebasing: self[offset..<offset + Digest32.byteCount]))
    }

    /// The CRC-32C of a range.
    func crc32c(_ range: Range<Int>) -> UInt32 {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a checksum within the buffer")
        guard let baseAddress else { return 0 }
        return meterfold_crc32c(0, baseAddress + range.lowerBound, range.count)
    }

    /// Whether every byte of a range is zero.
    ///
    /// Works in words of 8 bytes.
    func isZero(_ range: Range<Int>) -> Bool {
        lastNonZero(in: range) == nil
    }

    /// The offset of the last byte of `range` that is not zero.
    func lastNonZero(in range: Range<Int>) -> Int? {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a range within the buffer")
        var end = range.upperBound
        while end - range.lowerBound >= 64 {
            var bits: UInt64 = 0
            for word in 1...8 { bits |= loadUnaligned(fromByteOffset: end - 8 * word, as: UInt64.self) }
            if bits != 0 { break }
            end -= 64
        }
        while end > range.lowerBound {
            if self[end - 1] != 0 { return end - 1 }
            end -= 1
        }
        return nil
    }

    /// Whether fewer than two bits of a range are set.
    func isWeak(_ range: Range<Int>) -> Bool {
        var bitCount = 0
        for offset in range {
            bitCount += self[offset].nonzeroBitCount
            if bitCount >= 2 { return false }
        }
        return true
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Writes a little-endian integer at any alignment.
    func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }

    /// Writes 32 bytes.
    func storeDigest(_ digest: Digest32, at offset: Int) {
        digest.withUnsafeBytes { bytes in
            UnsafeMutableRawBufferPointer(rebasing: self[offset..<offset + Digest32.byteCount]).copyMemory(from: bytes)
        }
    }
}

/// Cuts a range of file offsets into the parts that lie within one sector each.
struct SectorPieces: Sequence, IteratorProtocol {
    private var offset: Int
    private let end: Int

    init(_ range: Range<Int>) {
        offset = range.lowerBound
        end = range.upperBound
    }

    mutating func next() -> Range<Int>? {
        guard offset < end else { return nil }
        let start = offset
        let sector = RecordLogLimits.sectorByteCount
        offset = Swift.min(end, (start / sector + 1) * sector)
        return start..<offset
    }
}
