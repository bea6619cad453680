import MeterModel

/// Where a line lies in the chunk being decoded.
struct Line {
    var start: Int
    /// After its last byte, CR and LF not counted.
    var end: Int
    /// Where the next line begins.
    var next: Int
    /// From 1.
    var number: UInt64
    var isASCII: Bool
}

/// Cuts chunks into lines: LF or CR LF; a byte order mark at the very start and blank lines are passed over.
///
/// Keeps nothing of a line's bytes: what is unfinished is given again with the next chunk, but for the rest of a line
/// that was refused as too long.
struct LineFramer {
    /// The number of lines begun so far.
    private(set) var lineCount: UInt64 = 0
    private var isSkippingLongLine = false
    private var isAtStart = true

    /// Passes over a byte order mark. False where more bytes are needed to tell.
    mutating func begin(_ chunk: UnsafeRawBufferPointer, _ cursor: inout Int, isLast: Bool) -> Bool {
        guard isAtStart else { return true }
        let mark: (UInt8, UInt8, UInt8) = (0xEF, 0xBB, 0xBF)
        guard chunk.count > 0 else { return false }
        if chunk[0] == mark.0 {
            if chunk.count < 3, !isLast { return false }
            if chunk.count >= 3, chunk[1] == mark.1, chunk[2] == mark.2 { cursor = 3 }
        }
        isAtStart = false
        return true
    }

    /// The next line that is neither blank nor a comment nor too long, or nil where the chunk holds no further one.
    @inline(__always)
    mutating func next(
        _ chunk: UnsafeRawBufferPointer,
        _ cursor: inout Int,
        isLast: Bool,
        _ batch: inout DecodedBatch
    ) -> Line? {
        while let line = nextOfAnyKind(chunk, &cursor, isLast: isLast, &batch) {
            if line.start == line.end { continue }
            let first = chunk[line.start]
            if first > 0x23 { return line }
            if first == UInt8(ascii: "#") { continue }
            if first == 0x20 || first == 0x09, LineFramer.isBlank(chunk, line.start, line.end) { continue }
            return line
        }
        return nil
    }

    /// The next line that is not too long, blank ones too.
    @inline(__always)
    mutating func nextOfAnyKind(
        _ chunk: UnsafeRawBufferPointer,
        _ cursor: inout Int,
        isLast: Bool,
        _ batch: inout DecodedBatch
    ) -> Line? {
        while cursor < chunk.count {
            var isASCII = true
            let newline = NewlineScanner.find(chunk, from: cursor, isASCII: &isASCII)
            if newline < chunk.count, !isSkippingLongLine {
                let end = newline > cursor && chunk[newline - 1] == 0x0D ? newline - 1 : newline
                if end - cursor <= maximumLineByteCount {
                    lineCount += 1
                    let line = Line(
                        start: cursor,
                        end: end,
                        next: newline + 1,
                        number: lineCount,
                        isASCII: isASCII
                    )
                    cursor = newline + 1
                    return line
                }
            }
            guard let line = unusual(chunk, &cursor, newline: newline, isLast: isLast, isASCII: isASCII, &batch) else {
                continue
            }
            return line.next > line.start ? line : nil
        }
        return nil
    }

    /// A line without its newline, one that is too long, or the rest of such a one.
    /// Nil to go on; an empty span with `next == start` where more bytes are needed.
    @inline(never)
    private mutating func unusual(
        _ chunk: UnsafeRawBufferPointer,
        _ cursor: inout Int,
        newline: Int,
        isLast: Bool,
        isASCII: Bool,
        _ batch: inout DecodedBatch
    ) -> Line? {
        let isWhole = newline < chunk.count
        if isSkippingLongLine {
            isSkippingLongLine = !isWhole
            cursor = isWhole ? newline + 1 : chunk.count
            return nil
        }
        // Of an unfinished line a trailing CR may yet turn out to belong to its end.
        let endsInCR = newline > cursor && chunk[newline - 1] == 0x0D
        let end = endsInCR ? newline - 1 : newline
        if end - cursor > maximumLineByteCount {
            lineCount += 1
            let head = Line(
                start: cursor,
                end: cursor + maximumLineByteCount,
                next: newline,
                number: lineCount,
                isASCII: isASCII
            )
            batch.refuse(Refusal(.lineTooLong, "the line is longer than \(maximumLineByteCount) bytes"), head)
            isSkippingLongLine = !isWhole
            cursor = isWhole ? newline + 1 : chunk.count
            return nil
        }
        guard isLast else {
            return Line(start: cursor, end: cursor, next: cursor, number: lineCount, isASCII: true)
        }
        lineCount += 1
        let line = Line(start: cursor, end: end, next: chunk.count, number: lineCount, isASCII: isASCII)
        cursor = chunk.count
        return line
    }

    /// Whether the next byte begins a line.
    var isAtLine: Bool { !isSkippingLongLine && !isAtStart }

    /// Counts a line that was found without asking for it.
    @inline(__always)
    mutating func countLine() -> UInt64 {
        lineCount += 1
        return lineCount
    }

    /// Counts lines that a record went on over.
    mutating func countFurtherLines(_ count: UInt64) { lineCount += count }

    /// Takes the last line back, to be read again with more bytes.
    mutating func putBack(_ line: Line) { lineCount = line.number - 1 }

    private static func isBlank(_ chunk: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
        for i in start..<end where chunk[i] != 0x20 && chunk[i] != 0x09 { return false }
        return true
    }
}

/// Finds line ends eight bytes at a step.
enum NewlineScanner {
    /// Where the next LF stands, or `chunk.count`. `isASCII` becomes false where a byte before it is above 0x7F.
    @inline(__always)
    static func find(_ chunk: UnsafeRawBufferPointer, from start: Int, isASCII: inout Bool) -> Int {
        var i = start
        let count = chunk.count
        var high: UInt64 = 0
        while i + 8 <= count {
            let word = UInt64(littleEndian: chunk.loadUnaligned(fromByteOffset: i, as: UInt64.self))
            let x = word ^ 0x0A0A_0A0A_0A0A_0A0A
            let hits = (x &- 0x0101_0101_0101_0101) & ~x & 0x8080_8080_8080_8080
            if hits != 0 {
                // The lowest hit is exact; the bits below it belong to the bytes before the newline.
                high |= word & ((hits & (0 &- hits)) &- 1)
                isASCII = high & 0x8080_8080_8080_8080 == 0
                return i + hits.trailingZeroBitCount / 8
            }
            high |= word
            i += 8
        }
        var tail: UInt8 = 0
        while i < count, chunk[i] != 0x0A {
            tail |= chunk[i]
            i += 1
        }
        isASCII = high & 0x8080_8080_8080_8080 == 0 && tail < 0x80
        return i
    }
}
