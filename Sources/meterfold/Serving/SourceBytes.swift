import Ingest
import MeterModel
import NIOCore

/// The bytes of a file or of standard input, inflated, as a body.
///
/// Bytes behind the last line end are held back until more come, so that a line which is cut off by an interrupt or by
/// damage is not taken for a whole one; of a line that is longer than any may be only so many are.
// Safety: gone through once, by the one task that sends it; the rest is asked for after that.
final class SourceBytes: AsyncSequence, AsyncIteratorProtocol, @unchecked Sendable {
    typealias Element = ByteBuffer

    private static let chunkByteCount = 256 * 1024
    private let source: InputSource
    private let progress: IngestProgress
    private var held: [UInt8]
    private var lineCount: UInt64 = 0
    private var isAtEnd = false
    /// What ended it before its time.
    private(set) var fault: InputFault?

    /// - Parameters:
    ///   - path: a file, or `-`.
    ///   - head: bytes that go ahead of it.
    ///   - progress: is told how far it is.
    /// - Throws: where it cannot be opened.
    init(path: String, after head: [UInt8], _ progress: IngestProgress) throws(InputFault) {
        self.progress = progress
        held = head
        source = try InputSource(path: path, isInterrupted: { Signals.isInterrupted })
    }

    func makeAsyncIterator() -> SourceBytes { self }

    @concurrent
    func next() async throws -> ByteBuffer? {
        guard !isAtEnd else { return nil }
        var chunk = [UInt8](repeating: 0, count: SourceBytes.chunkByteCount)
        while true {
            let count: Int
            do throws(InputFault) {
                guard !Signals.isInterrupted else { throw .interrupted }
                count = try source.readChunk(&chunk)
            } catch {
                (fault, isAtEnd) = (error, true)
                return nil
            }
            guard count > 0 else {
                isAtEnd = true
                return held.isEmpty ? nil : ByteBuffer(bytes: held)
            }
            let end = chunk[..<count].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 }
            if end == nil, held.count < SourceBytes.chunkByteCount {
                held += chunk[..<count]
                continue
            }
            let whole = ByteBuffer(bytes: held + chunk[..<(end ?? count)])
            held = Array(chunk[(end ?? count)..<count])
            for byte in chunk[..<count] where byte == UInt8(ascii: "\n") { lineCount += 1 }
            progress.advance(lineCount: lineCount, byteCount: source.readByteCount)
            return whole
        }
    }

    /// Where compressed data is cut off or damaged.
    struct Damage {
        var refusal: Refusal
        /// The line that it is in, and what of that came before it.
        var line: UInt64
        var raw: [UInt8]
    }

    /// Nil where it is whole, as far as it was read.
    var damage: Damage? {
        guard case .damaged(let refusal)? = fault else { return nil }
        return Damage(refusal: refusal, line: lineCount + 1, raw: held)
    }

    /// Says to the progress that the next input is another one.
    func end() { progress.endFile(lineCount: lineCount, byteCount: source.readByteCount) }
}
