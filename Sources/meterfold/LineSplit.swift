import Glibc
import NIOCore

/// Splits lines by device into parts, the lines of one device into one, each part's in their order.
///
/// Invariant: `cuts` is of the lines split last; its memory is used again.
struct LineSplit {
    /// Lines that go together.
    struct Part {
        var lines = ByteBuffer()
        var lineCount = 0
    }

    private struct Cut {
        var start: Int
        var end: Int
        var part: Int
    }

    private var cuts: ContiguousArray<Cut> = []
    private var sorted: ContiguousArray<Cut> = []

    /// - Parameters:
    ///   - lines: whole lines.
    ///   - count: how many parts there are, at least 1.
    /// - Returns: the parts, empty ones too.
    mutating func parts(of lines: ByteBuffer, count: Int) -> [Part] {
        var parts = Array(repeating: Part(), count: count)
        lines.withUnsafeReadableBytes { bytes in
            cut(bytes, count: count)
            let ends = sort(count: count)
            var start = 0
            for (i, end) in ends.enumerated() where end > start {
                parts[i] = part(sorted[start..<end], of: bytes)
                start = end
            }
        }
        return parts
    }

    /// Finds the lines, and which part each belongs to.
    private mutating func cut(_ bytes: UnsafeRawBufferPointer, count: Int) {
        cuts.removeAll(keepingCapacity: true)
        var offset = 0
        while offset < bytes.count, let base = bytes.baseAddress {
            let end = memchr(base + offset, CInt(UInt8(ascii: "\n")), bytes.count - offset)
            let next = end.map { UnsafeRawPointer($0) - base + 1 } ?? bytes.count
            let line = UnsafeRawBufferPointer(rebasing: bytes[offset..<next])
            cuts.append(Cut(start: offset, end: next, part: Int(DeviceHash.of(line) % UInt64(count))))
            offset = next
        }
    }

    /// Puts the cuts in order of their parts, those of one as they came.
    ///
    /// - Returns: where each part's end.
    private mutating func sort(count: Int) -> [Int] {
        var next = Array(repeating: 0, count: count + 1)
        for cut in cuts { next[cut.part + 1] += 1 }
        for i in 0..<count { next[i + 1] += next[i] }
        sorted.removeAll(keepingCapacity: true)
        sorted.append(contentsOf: repeatElement(Cut(start: 0, end: 0, part: 0), count: cuts.count))
        for cut in cuts {
            sorted[next[cut.part]] = cut
            next[cut.part] += 1
        }
        return Array(next[..<count])
    }

    private func part(_ cuts: ContiguousArray<Cut>.SubSequence, of bytes: UnsafeRawBufferPointer) -> Part {
        let byteCount = cuts.reduce(0) { $0 + $1.end - $1.start }
        var part = Part(lines: ByteBufferAllocator().buffer(capacity: byteCount), lineCount: cuts.count)
        part.lines.writeWithUnsafeMutableBytes(minimumWritableBytes: byteCount) { out in
            var written = 0
            for cut in cuts {
                let line = UnsafeRawBufferPointer(rebasing: bytes[cut.start..<cut.end])
                UnsafeMutableRawBufferPointer(rebasing: out[written...]).copyMemory(from: line)
                written += line.count
            }
            return written
        }
        return part
    }
}

/// A number that all lines of a device share, found without reading the line: good enough to split a load by.
enum DeviceHash {
    private static let key: StaticString = "device"
    /// What ends a name: `,` `;` `"`, a line end, a tab or a blank, each a bit of its code.
    private static let ends: UInt64 = 0x0800_1005_0000_0600

    /// Of what stands behind `device` in NDJSON and line protocol, else of the first column.
    static func of(_ line: UnsafeRawBufferPointer) -> UInt64 {
        var start = 0
        if let end = endOfKey(line) {
            start = end
            while start < line.count, isBetween(line[start]) { start += 1 }
        }
        var end = start
        while end < line.count, !isEnd(line[end]) { end += 1 }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        while end - start >= 8 {
            hash = mixed(hash, UInt64(littleEndian: line.loadUnaligned(fromByteOffset: start, as: UInt64.self)))
            start += 8
        }
        var rest: UInt64 = 0
        while start < end {
            rest = rest << 8 | UInt64(line[start])
            start += 1
        }
        return mixed(hash, rest)
    }

    private static func mixed(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        return product ^ (product >> 32)
    }

    /// Whether a byte may stand between `device` and the name.
    private static func isBetween(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "=") || byte == UInt8(ascii: ":") || byte == 0x20
    }

    /// Whether a byte ends a name.
    private static func isEnd(_ byte: UInt8) -> Bool { byte < 64 && ends >> UInt64(byte) & 1 == 1 }

    private static func endOfKey(_ line: UnsafeRawBufferPointer) -> Int? {
        guard let base = line.baseAddress else { return nil }
        let (key, length) = (key.utf8Start, key.utf8CodeUnitCount)
        var offset = 0
        while line.count - offset >= length,
            let found = memchr(base + offset, CInt(key[0]), line.count - length + 1 - offset)
        {
            if memcmp(found, key, length) == 0 { return UnsafeRawPointer(found) - base + length }
            offset = UnsafeRawPointer(found) - base + 1
        }
        return nil
    }
}
