import CLZ4
import MeterModel

/// Inflates LZ4 frames, one after the other.
final class LZ4FrameInflater {
    private var context: OpaquePointer?
    /// Compressed bytes taken so far.
    private var consumedCount: UInt64 = 0
    private var isBetweenFrames = true

    init() {
        let result = LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
        precondition(LZ4F_isError(result) == 0, "lz4 cannot be set up")
    }

    deinit { LZ4F_freeDecompressionContext(context) }

    /// Inflates some of `input` into `output`.
    func inflate(
        _ input: UnsafeMutableRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(InputFault) -> (consumed: Int, produced: Int) {
        // Asked between frames, lz4 would take the end for the beginning of another.
        if input.isEmpty, isBetweenFrames { return (0, 0) }
        var consumed = input.count
        var produced = output.count
        let hint = LZ4F_decompress(context, output.baseAddress, &produced, input.baseAddress, &consumed, nil)
        guard LZ4F_isError(hint) == 0 else {
            throw fault(LZ4F_getErrorName(hint).map { String(cString: $0) } ?? "the data is damaged")
        }
        consumedCount += UInt64(consumed)
        isBetweenFrames = hint == 0
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
