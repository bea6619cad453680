package import MeterModel
package import Telegrams

/// Reads an input batch by batch: bytes, lines, drafts.
///
/// Memory is bounded by `chunkByteCount`, whatever the input. Damaged compressed data ends the input with a refusal
/// (`bad-gzip`, `bad-lz4`) that carries the unfinished line before it; the lines before that are kept.
package final class InputReader {
    /// How much is decoded at a time.
    package static let chunkByteCount = 256 * 1024

    private let source: InputSource
    private var decoder: InputDecoder
    private let buffer: UnsafeMutableRawBufferPointer
    /// The bytes of `buffer` that belong to the chunk decoded last, and where those that were not consumed begin.
    private var filledCount = 0
    private var consumedCount = 0
    private var hasFinished = false
    /// The names that the drafts' indexes mean.
    package private(set) var names = TelegramNames()

    package init(_ source: InputSource, options: InputOptions) {
        self.source = source
        decoder = InputDecoder(options: options, source: source.name)
        buffer = .allocate(byteCount: InputReader.chunkByteCount, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// How many lines were consumed.
    package var lineCount: UInt64 { decoder.lineCount }

    /// The bytes that the offsets of the last batch count in; valid until the next one is read.
    package var chunk: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<filledCount]) }

    /// Replaces what is in `batch` by what comes next.
    ///
    /// - Parameter batch: emptied first.
    /// - Returns: false at the end of the input, the batch then being empty.
    /// - Throws: `InputFault`, damaged data aside.
    package func next(into batch: inout DecodedBatch) throws(InputFault) -> Bool {
        batch.removeAll(keepingCapacity: true)
        guard !hasFinished else { return false }
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[consumedCount..<filledCount]))
        filledCount -= consumedCount
        consumedCount = 0
        var damage: Refusal?
        do throws(InputFault) {
            let count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filledCount...]))
            filledCount += count
            hasFinished = count == 0
        } catch {
            guard case .damaged(let refusal) = error else { throw error }
            damage = refusal
            hasFinished = true
        }
        consumedCount = try decoder.decode(chunk, isLast: hasFinished && damage == nil, names: &names, into: &batch)
        if let damage {
            batch.refusals.append(
                RefusedLine(
                    line: lineCount + 1,
                    refusal: damage,
                    rawOffset: consumedCount,
                    rawByteCount: filledCount - consumedCount
                )
            )
        }
        if decoder.hasEnded { hasFinished = true }
        return !hasFinished || !batch.isEmpty || batch.missingValueCount > 0
    }
}
