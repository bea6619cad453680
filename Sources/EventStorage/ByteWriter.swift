/// Bytes in the making: a buffer of its own that grows, little-endian.
///
/// Invariants: `count <= capacity`; bytes below `count` are initialised. What writes through `reserve` and `advance`
/// writes at most what it reserved.
struct ByteWriter: ~Copyable {
    private(set) var base: UnsafeMutableRawPointer
    private(set) var count = 0
    private var capacity: Int

    init(minimumCapacity: Int = 4096) {
        capacity = max(minimumCapacity, 64)
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    /// The bytes written so far, valid until the next change.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Forgets the bytes, keeps the memory.
    mutating func removeAll() { count = 0 }

    /// Makes room for `byteCount` more bytes and says where they go.
    @inline(__always)
    mutating func reserve(_ byteCount: Int) -> UnsafeMutablePointer<UInt8> {
        if capacity - count < byteCount { grow(by: byteCount) }
        return (base + count).assumingMemoryBound(to: UInt8.self)
    }

    /// Counts bytes that were written into room reserved before.
    @inline(__always)
    mutating func advance(to end: UnsafeMutablePointer<UInt8>) {
        count = UnsafeMutableRawPointer(end) - base
        assert(count <= capacity, "more was written than reserved")
    }

    private mutating func grow(by byteCount: Int) {
        capacity = max(capacity * 2, count + byteCount)
        let grown = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        grown.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = grown
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        reserve(1).pointee = byte
        count += 1
    }

    @inline(__always)
    mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
        UnsafeMutableRawPointer(reserve(MemoryLayout<T>.size)).storeBytes(of: value.littleEndian, as: T.self)
        count += MemoryLayout<T>.size
    }

    mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        UnsafeMutableRawPointer(reserve(bytes.count)).copyMemory(from: start, byteCount: bytes.count)
        count += bytes.count
    }

    @inline(__always)
    mutating func append(varint value: UInt64) {
        let end = Varint.write(value, to: reserve(Varint.maximumByteCount))
        advance(to: end)
    }

    @inline(__always)
    mutating func append(zigzag value: Int64) { append(varint: Varint.zigzag(value)) }

    mutating func append(text: String) {
        var text = text
        text.withUTF8 { utf8 in
            precondition(utf8.count <= EventStorageLimits.maximumTextByteCount, "a text of more than 1 MiB")
            append(varint: UInt64(utf8.count))
            append(contentsOf: UnsafeRawBufferPointer(utf8))
        }
    }
}

/// LEB128 and zigzag.
enum Varint {
    /// The longest varint of 64 bits.
    static let maximumByteCount = 10

    @inline(__always)
    static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value &<< 1 ^ value &>> 63) }

    @inline(__always)
    static func unzigzag(_ value: UInt64) -> Int64 { Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1) }

    /// Writes at most `maximumByteCount` bytes and returns the end.
    @inline(__always)
    static func write(_ value: UInt64, to start: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        if value < 0x80 {
            start.pointee = UInt8(truncatingIfNeeded: value)
            return start + 1
        }
        if value < 0x4000 {
            start[0] = UInt8(truncatingIfNeeded: value) | 0x80
            start[1] = UInt8(truncatingIfNeeded: value &>> 7)
            return start + 2
        }
        return writeLong(value, to: start)
    }

    private static func writeLong(
        _ value: UInt64,
        to start: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var rest = value
        var p = start
        while rest >= 0x80 {
            p.pointee = UInt8(truncatingIfNeeded: rest) | 0x80
            p += 1
            rest &>>= 7
        }
        p.pointee = UInt8(truncatingIfNeeded: rest)
        return p + 1
    }
}
