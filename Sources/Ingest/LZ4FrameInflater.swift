import CLZ4
import MeterModel

/// Inflates LZ4 frames, one after the other.
final class LZ4FrameInflater {
    private var context: OpaquePointer?
    /// Compressed bytes taken so far.
    private var consumedCount: UInt64 = 0
    /// Compressed bytes of the block that comes, and the size of the next; 0: between frames.
    private var hint = 0
    /// Whether lz4 may hold more of a block than there was room for.
    private var mayHoldMore = false

    init() {
        let result = LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
        precondition(LZ4F_isError(result) == 0, "lz4 cannot be set up")
    }

    deinit { LZ4F_freeDecompressionContext(context) }

    private var isBetweenFrames: Bool { hint == 0 }
    /// Bytes that every frame begins with, and those of a block's size.
    private static let (headerByteCount, sizeByteCount) = (7, 4)

    /// What may be inflated at once: no more than is whole or damaged together.
    private var wantedCount: Int {
        if isBetweenFrames { return LZ4FrameInflater.headerByteCount }
        return hint > LZ4FrameInflater.sizeByteCount ? hint - LZ4FrameInflater.sizeByteCount : hint
    }

    /// Inflates some of `input` into `output`: of one block, so that damage in a block costs none before it.
    func inflate(
        _ input: UnsafeMutableRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(InputFault) -> (consumed: Int, produced: Int) {
        // Asked between frames, lz4 would take the end for the beginning of another.
        if input.isEmpty, isBetweenFrames { return (0, 0) }
        if mayHoldMore, !isBetweenFrames {
            let (_, held) = try inflate(input, upTo: 0, into: output)
            if held > 0 { return (0, held) }
        }
        return try inflate(input, upTo: min(input.count, wantedCount), into: output)
    }

    private func inflate(
        _ input: UnsafeMutableRawBufferPointer,
        upTo count: Int,
        into output: UnsafeMutableRawBufferPointer
    ) throws(InputFault) -> (consumed: Int, produced: Int) {
        var consumed = count
        var produced = output.count
        let hint = LZ4F_decompress(context, output.baseAddress, &produced, input.baseAddress, &consumed, nil)
        guard LZ4F_isError(hint) == 0 else {
            throw fault(LZ4F_getErrorName(hint).map { String(cString: $0) } ?? "the data is damaged")
        }
        consumedCount += UInt64(consumed)
        self.hint = hint
        mayHoldMore = produced == output.count
        return (consumed, produced)
    }

    /// To be called at the end of the compressed bytes.
    func finish() throws(InputFault) {
        guard isBetweenFrames else { throw fault("the data ends in the middle") }
    }

    private func fault(_ cause: String) -> InputFault {
        .damaged(Refusal(.badLZ4, "at compressed byte \(consumedCount): \(cause)"))
    }
}
