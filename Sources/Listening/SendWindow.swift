import Glibc
package import NIOCore

/// What a client has taken from its source and holds until it is acknowledged: whole lines, in the source's order.
///
/// Invariants:
/// - lines count from 1 over the whole source; `ackedLine <= sentLine <= lastLine`;
/// - the chunks hold the lines after `releasedLine` up to `lastLine`, each chunk whole lines and at least one;
/// - `releasedLine <= ackedLine`: of a chunk that is acknowledged in part all bytes are held until `rewind`;
/// - `heldByteCount` is the sum of the chunks' bytes and of `chunkOverhead` for each, so that many short chunks count.
package struct SendWindow {
    /// Bytes held at most by a client that is told nothing else: 8 MiB.
    package static let defaultByteLimit = 8 << 20
    /// Bytes that a chunk costs beside its lines.
    static let chunkOverhead = 256

    private struct Chunk {
        var bytes: ByteBuffer
        var lineCount: Int
        var dueAt: NIODeadline?
    }

    /// The lines of some chunk, acknowledged to the last: how many, and when they were due to be sent.
    package struct Release: Equatable {
        package var lineCount: Int
        package var dueAt: NIODeadline?
    }

    private let byteLimit: Int
    private var chunks = CircularBuffer<Chunk>()
    /// How many chunks, from the first, this connection was given.
    private var givenCount = 0
    private var releasedLine: UInt64
    package private(set) var heldByteCount = 0
    /// The last line that is known to be durable or refused.
    package private(set) var ackedLine: UInt64
    /// The last line that this connection was given.
    package private(set) var sentLine: UInt64
    /// The last line that came in.
    package private(set) var lastLine: UInt64

    /// - Parameters:
    ///   - byteLimit: bytes held at which there is no room any more; one chunk may go beyond it.
    ///   - line: the last line of the source that is kept elsewhere; the window begins behind it.
    package init(byteLimit: Int = SendWindow.defaultByteLimit, after line: UInt64 = 0) {
        self.byteLimit = byteLimit
        releasedLine = line
        ackedLine = line
        sentLine = line
        lastLine = line
    }

    /// Whether another chunk may come in.
    package var hasRoom: Bool { heldByteCount < byteLimit }

    /// Whether so much has been released that it is worth waking who waits for room.
    package var hasAmpleRoom: Bool { heldByteCount <= byteLimit / 2 }

    /// Whether every line that came in is acknowledged.
    package var isSettled: Bool { ackedLine == lastLine }

    /// Whether lines are on their way whose acknowledgement has not come.
    package var hasOutstanding: Bool { sentLine > ackedLine }

    /// Whether there are lines to give to this connection.
    package var hasUnsent: Bool { givenCount < chunks.count }

    /// Takes whole lines in.
    ///
    /// - Parameters:
    ///   - bytes: ends in a line end.
    ///   - lineCount: how many lines that is, at least one.
    ///   - dueAt: when they were due to be sent, where that is measured.
    package mutating func append(_ bytes: ByteBuffer, lineCount: Int, dueAt: NIODeadline? = nil) {
        precondition(lineCount > 0 && bytes.readableBytes >= lineCount)
        chunks.append(Chunk(bytes: bytes, lineCount: lineCount, dueAt: dueAt))
        heldByteCount += bytes.readableBytes + SendWindow.chunkOverhead
        lastLine += UInt64(lineCount)
    }

    /// The next lines for this connection, which then count as sent; nil where there are none.
    package mutating func next() -> ByteBuffer? {
        guard hasUnsent else { return nil }
        let chunk = chunks[chunks.index(chunks.startIndex, offsetBy: givenCount)]
        givenCount += 1
        sentLine += UInt64(chunk.lineCount)
        return chunk.bytes
    }

    /// Notes that everything up to a line is acknowledged, and lets go of it.
    ///
    /// - Parameters:
    ///   - line: counted in the source; one before `ackedLine` says nothing new.
    ///   - released: called for each chunk that is let go of.
    /// - Returns: false, and nothing changes, for a line that was not sent.
    package mutating func release(through line: UInt64, _ released: (Release) -> Void = { _ in }) -> Bool {
        guard line <= sentLine else { return false }
        ackedLine = max(ackedLine, line)
        while givenCount > 0, let first = chunks.first, releasedLine + UInt64(first.lineCount) <= ackedLine {
            chunks.removeFirst()
            givenCount -= 1
            releasedLine += UInt64(first.lineCount)
            heldByteCount -= first.bytes.readableBytes + SendWindow.chunkOverhead
            released(Release(lineCount: first.lineCount, dueAt: first.dueAt))
        }
        return true
    }

    /// Begins anew for another connection: the line after the last acknowledged one is the next to be sent.
    package mutating func rewind() {
        let skipped = Int(ackedLine - releasedLine)
        if skipped > 0 {
            let before = chunks[chunks.startIndex].bytes.readableBytes
            chunks[chunks.startIndex].bytes.skipLines(skipped)
            chunks[chunks.startIndex].lineCount -= skipped
            heldByteCount -= before - chunks[chunks.startIndex].bytes.readableBytes
            releasedLine = ackedLine
        }
        givenCount = 0
        sentLine = ackedLine
    }
}

extension ByteBuffer {
    /// Moves the reader behind the next `count` line ends, or to the end where there are fewer.
    mutating func skipLines(_ count: Int) {
        let skipped = withUnsafeReadableBytes { bytes in
            var offset = 0
            for _ in 0..<count {
                guard let base = bytes.baseAddress, offset < bytes.count,
                    let end = memchr(base + offset, CInt(UInt8(ascii: "\n")), bytes.count - offset)
                else { return bytes.count }
                offset = UnsafeRawPointer(end) - base + 1
            }
            return offset
        }
        moveReaderIndex(forwardBy: skipped)
    }

    /// How many line ends there are to read.
    var lineEndCount: Int { withUnsafeReadableBytes { LineChunker.lineEndCount($0) } }
}
