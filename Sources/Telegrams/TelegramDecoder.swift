package import MeterModel

/// Untrusted bytes to events: a seam with one conformer for each format.
package protocol TelegramDecoder {
    /// Decodes the whole lines of `chunk` and appends what they hold to `batch`.
    ///
    /// - Parameters:
    ///   - chunk: the bytes that follow those consumed so far, below 4 GiB. A chunk of more than twice
    ///     `maximumLineByteCount` is always consumed in part.
    ///   - isLast: whether the input ends with this chunk; its last line may then lack the newline.
    ///   - names: the same table on every call.
    ///   - batch: what was found is appended to it.
    /// - Returns: how many bytes were consumed; the rest is an unfinished line, to be given again with more.
    mutating func decode(
        _ chunk: UnsafeRawBufferPointer,
        isLast: Bool,
        names: inout TelegramNames,
        into batch: inout DecodedBatch
    ) -> Int

    /// Whether the input cannot be read on: what follows is consumed and yields nothing.
    var hasEnded: Bool { get }

    /// How many lines were consumed, blank ones, comments and refused ones too.
    var lineCount: UInt64 { get }

    /// To be called when the table of names is begun anew: what was remembered of its numbers no longer holds.
    mutating func forgetNames()
}

extension TelegramDecoder {
    package mutating func forgetNames() {}
}

/// The longest line that is read, without its line end; longer ones are refused (`line-too-long`).
package let maximumLineByteCount = 64 * 1024
