package import MeterModel
package import Telegrams

/// Reads an input batch by batch: bytes, lines, drafts.
///
/// Memory is bounded by `chunkByteCount`, whatever the input. Damaged compressed data ends the input with a refusal
/// (`bad-gzip`, `bad-lz4`) that carries the unfinished line before it; the lines before that are kept.
package final class InputReader {
    /// How much is decoded at a time.
    package static let chunkByteCount = 1024 * 1024

    private let source: InputSource
    private let options: InputOptions
    private var decoder: (any TelegramDecoder)?
    private let buffer: UnsafeMutableRawBufferPointer
    /// The bytes of `buffer` that belong to the chunk decoded last, and where those that were not consumed begin.
    private var filledCount = 0
    private var consumedCount = 0
    private var hasFinished = false
    /// The names that the drafts' indexes mean.
    package private(set) var names = TelegramNames()

    package init(_ source: InputSource, options: InputOptions) {
        self.source = source
        self.options = options
        buffer = .allocate(byteCount: InputReader.chunkByteCount, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// How many lines were consumed.
    package var lineCount: UInt64 { decoder?.lineCount ?? 0 }

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
        try decode(isLast: hasFinished && damage == nil, &batch)
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
        if decoder?.hasEnded == true { hasFinished = true }
        return !hasFinished || !batch.isEmpty || batch.missingValueCount > 0
    }

    private func decode(isLast: Bool, _ batch: inout DecodedBatch) throws(InputFault) {
        if decoder == nil {
            guard let format = try format(isLast: isLast) else { return }
            decoder = options.makeDecoder(format)
        }
        consumedCount = decoder?.decode(chunk, isLast: isLast, names: &names, into: &batch) ?? 0
    }

    /// The format as said, or detected once there is enough to tell. Nil where more bytes are needed, or there are
    /// none.
    private func format(isLast: Bool) throws(InputFault) -> InputFormat? {
        if let format = options.knownFormat { return format }
        let head = UnsafeRawBufferPointer(rebasing: chunk.prefix(maximumLineByteCount))
        let hasWholeLine = head.contains(0x0A)
        guard hasWholeLine || isLast || head.count == maximumLineByteCount else { return nil }
        if let format = detectFormat(head) { return format }
        // Blank lines and comments alone tell nothing yet.
        if head.count < maximumLineByteCount, !isLast { return nil }
        if isLast, holdsNoLine(head) { return .ndjson }
        throw .unknownFormat(source: source.name)
    }

    /// Whether there is nothing but a byte order mark, blank lines and comments.
    private func holdsNoLine(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        return bytes.dropFirst(bytes.starts(with: mark) ? mark.count : 0).split(separator: 0x0A).allSatisfy { line in
            line.first == UInt8(ascii: "#") || line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        }
    }
}
