import Glibc
package import NIOCore

/// Cuts what a source yields, however it comes, into chunks of whole lines.
///
/// Invariants: `buffer[..<filledCount]` is what was read and not handed out; after `next` it holds no line end.
/// A line longer than `maximumLineByteCount` is cut there: it is longer than any receiver takes, is refused there as
/// too long, and keeps its number.
package final class LineChunker {
    /// Bytes of the largest chunk: 256 KiB.
    package static let chunkByteCount = 256 << 10
    /// Bytes of a line that are passed on at most: twice what a receiver takes.
    package static let maximumLineByteCount = 128 << 10

    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: LineChunker.chunkByteCount, alignment: 16)
    private var filledCount = 0
    /// Whether the bytes up to the next line end belong to a line that was cut.
    private var isInsideCutLine = false
    private var hasEnded = false
    private let allocator = ByteBufferAllocator()

    package init() {}

    deinit { buffer.deallocate() }

    /// Whole lines.
    package struct Lines {
        package var bytes: ByteBuffer
        package var lineCount: Int

        /// - Parameters:
        ///   - bytes: ends in a line end, where it is not empty.
        ///   - lineCount: how many line ends it holds.
        package init(bytes: ByteBuffer, lineCount: Int) {
            self.bytes = bytes
            self.lineCount = lineCount
        }
    }

    /// The lines that one read of the source completes; the last line is given its end where it lacks one.
    ///
    /// - Parameter read: writes some bytes into a buffer that is not empty and returns how many; 0 at the end.
    /// - Returns: nil at the end. Lines may be empty where the read completed none.
    /// - Throws: what `read` throws; an unfinished line is then not handed out.
    package func next<Fault: Error>(
        _ read: (UnsafeMutableRawBufferPointer) throws(Fault) -> Int
    ) throws(Fault) -> Lines? {
        guard !hasEnded else { return nil }
        let count = try read(UnsafeMutableRawBufferPointer(rebasing: buffer[filledCount...]))
        guard count > 0 else {
            hasEnded = true
            return filledCount > 0 ? take(filledCount, addingEnd: true) : nil
        }
        // What was there before this read holds no line end.
        let start = isInsideCutLine ? 0 : filledCount
        filledCount += count
        if isInsideCutLine { skipCutLine() }
        if let last = buffer[start..<filledCount].lastIndex(of: UInt8(ascii: "\n")) {
            return take(last + 1, addingEnd: false)
        }
        guard filledCount == buffer.count else { return take(0, addingEnd: false) }
        isInsideCutLine = true
        filledCount = LineChunker.maximumLineByteCount
        return take(filledCount, addingEnd: true)
    }

    /// Passes over what belongs to a line that was cut.
    private func skipCutLine() {
        guard let base = buffer.baseAddress else { return }
        guard let end = memchr(base, CInt(UInt8(ascii: "\n")), filledCount) else {
            filledCount = 0
            return
        }
        let skipped = end - base + 1
        isInsideCutLine = false
        memmove(base, base + skipped, filledCount - skipped)
        filledCount -= skipped
    }

    private func take(_ count: Int, addingEnd: Bool) -> Lines {
        let whole = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        var bytes = allocator.buffer(capacity: count + 1)
        bytes.writeBytes(whole)
        if addingEnd { bytes.writeInteger(UInt8(ascii: "\n")) }
        let lineCount = LineChunker.lineEndCount(whole) + (addingEnd ? 1 : 0)
        if count > 0, count < filledCount, let base = buffer.baseAddress {
            memmove(base, base + count, filledCount - count)
        }
        filledCount -= count
        return Lines(bytes: bytes, lineCount: lineCount)
    }

    /// How many line ends there are, counted 16 bytes at a step.
    static func lineEndCount(_ bytes: UnsafeRawBufferPointer) -> Int {
        typealias Lanes = SIMD16<UInt8>
        let ends = Lanes(repeating: UInt8(ascii: "\n"))
        var total = 0
        var i = 0
        while i + Lanes.scalarCount <= bytes.count {
            // A lane counts no further than a byte can.
            var counts = Lanes.zero
            let stepCount = min(Int(UInt8.max), (bytes.count - i) / Lanes.scalarCount)
            for _ in 0..<stepCount {
                let some = bytes.loadUnaligned(fromByteOffset: i, as: Lanes.self)
                counts.replace(with: counts &+ 1, where: some .== ends)
                i += Lanes.scalarCount
            }
            total += Int(SIMD16<UInt16>(truncatingIfNeeded: counts).wrappedSum())
        }
        for byte in bytes[i...] where byte == UInt8(ascii: "\n") { total += 1 }
        return total
    }
}
