import Crypto
import MeterModel
import RecordLog

/// Hashes what a block says, apart from how it is packed (event format, "Canonical content").
///
/// Bytes are gathered in a buffer so that the hash is updated seldom. Fields come in the order of the format: the head,
/// names of devices, names of registers, series, records.
struct CanonicalContent: ~Copyable {
    private var hash = SHA256()
    private var buffer: ByteWriter

    /// The buffer is hashed when it holds this much; small enough to stay in the nearest cache.
    private static let bufferByteCount = 16 << 10
    /// The longest record of a reading: traits, series, time, value, span, receivedAt.
    private static let maximumReadingByteCount = 1 + 4 + 4 * 8
    /// Marks a reading that has `receivedAt`.
    private static let receivedMark: UInt8 = 0x40
    private static let version: UInt8 = 1

    init() { buffer = ByteWriter(minimumCapacity: CanonicalContent.bufferByteCount + 1024) }

    mutating func head(
        firstPosition: UInt64,
        recordCount: Int,
        recordedAt: Instant,
        recordedBy: String,
        before: DefinitionCounts
    ) {
        buffer.append(CanonicalContent.version)
        buffer.append(littleEndian: firstPosition)
        buffer.append(littleEndian: UInt32(recordCount))
        buffer.append(littleEndian: recordedAt.milliseconds)
        var recordedBy = recordedBy
        recordedBy.withUTF8 { name($0) }
        for count in [before.devices, before.registers, before.series] { buffer.append(littleEndian: UInt32(count)) }
    }

    /// Begins the next table of definitions.
    mutating func table(count: Int) { buffer.append(littleEndian: UInt32(count)) }

    mutating func name(_ bytes: UnsafeBufferPointer<UInt8>) {
        buffer.append(littleEndian: UInt16(bytes.count))
        buffer.append(contentsOf: UnsafeRawBufferPointer(bytes))
        flushIfFull()
    }

    mutating func series(device: UInt32, register: UInt32) {
        buffer.append(littleEndian: device)
        buffer.append(littleEndian: register)
        flushIfFull()
    }

    mutating func readings(_ run: UnsafeBufferPointer<ReadingRecord>) {
        var next = 0
        let perFlush = CanonicalContent.bufferByteCount / CanonicalContent.maximumReadingByteCount
        while next < run.count {
            let end = min(next + perFlush, run.count)
            let start = buffer.reserve((end - next) * CanonicalContent.maximumReadingByteCount)
            var p = UnsafeMutableRawPointer(start)
            for i in next..<end { p = CanonicalContent.write(run[i], to: p) }
            buffer.advance(to: p.assumingMemoryBound(to: UInt8.self))
            flushIfFull()
            next = end
        }
    }

    @inline(__always)
    private static func write(_ reading: ReadingRecord, to start: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        var p = start + 21
        var traits = reading.traits.rawValue
        if traits & 4 != 0 {
            p.storeBytes(of: reading.span.littleEndian, as: Int64.self)
            p += 8
        }
        if reading.receivedAt != ReadingDraft.absentInstant {
            traits |= receivedMark
            p.storeBytes(of: reading.receivedAt.littleEndian, as: Int64.self)
            p += 8
        }
        start.storeBytes(of: traits, as: UInt8.self)
        (start + 1).storeBytes(of: reading.series.littleEndian, as: UInt32.self)
        (start + 5).storeBytes(of: reading.at.littleEndian, as: Int64.self)
        (start + 13).storeBytes(of: reading.value.littleEndian, as: Int64.self)
        return p
    }

    mutating func event(kind: UInt8, payload: UnsafeRawBufferPointer) {
        buffer.append(0)
        buffer.append(kind)
        buffer.append(littleEndian: UInt32(payload.count))
        buffer.append(contentsOf: payload)
        flushIfFull()
    }

    mutating func finish() -> Digest32 {
        flush()
        let digest = hash.finalize().withUnsafeBytes { Digest32($0) }
        hash = SHA256()
        return digest
    }

    private mutating func flushIfFull() {
        if buffer.count >= CanonicalContent.bufferByteCount { flush() }
    }

    private mutating func flush() {
        hash.update(bufferPointer: buffer.bytes)
        buffer.removeAll()
    }
}
