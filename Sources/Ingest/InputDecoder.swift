package import MeterModel
package import Telegrams

/// Bytes of one input to drafts: detects the format where it is not said, then decodes.
package struct InputDecoder {
    private let options: InputOptions
    private let source: String
    private var decoder: (any TelegramDecoder)?

    /// - Parameters:
    ///   - options: how the input is read.
    ///   - source: what faults call the input.
    package init(options: InputOptions, source: String) {
        self.options = options
        self.source = source
    }

    /// How many lines were consumed.
    package var lineCount: UInt64 { decoder?.lineCount ?? 0 }

    /// Whether the input cannot be read on.
    package var hasEnded: Bool { decoder?.hasEnded == true }

    /// To be called when the table of names is begun anew.
    package mutating func forgetNames() { decoder?.forgetNames() }

    /// Decodes the whole lines of `chunk`.
    ///
    /// - Parameters:
    ///   - chunk: the bytes behind those consumed so far.
    ///   - isLast: whether the input ends with them.
    ///   - names: the table that drafts count in.
    ///   - batch: what was found is appended to it.
    /// - Returns: how many bytes were consumed; the rest is to be given again with more.
    /// - Throws: `InputFault.unknownFormat`.
    package mutating func decode(
        _ chunk: UnsafeRawBufferPointer,
        isLast: Bool,
        names: inout TelegramNames,
        into batch: inout DecodedBatch
    ) throws(InputFault) -> Int {
        if decoder == nil {
            guard let format = try format(chunk, isLast: isLast) else { return 0 }
            decoder = options.makeDecoder(format)
        }
        return decoder?.decode(chunk, isLast: isLast, names: &names, into: &batch) ?? 0
    }

    /// The format as said, or detected once there is enough to tell. Nil where more bytes are needed, or there are
    /// none.
    private func format(_ chunk: UnsafeRawBufferPointer, isLast: Bool) throws(InputFault) -> InputFormat? {
        if let format = options.knownFormat { return format }
        let head = UnsafeRawBufferPointer(rebasing: chunk.prefix(maximumLineByteCount))
        let hasWholeLine = head.contains(0x0A)
        guard hasWholeLine || isLast || head.count == maximumLineByteCount else { return nil }
        if let format = detectFormat(head) { return format }
        // Blank lines and comments alone tell nothing yet.
        if head.count < maximumLineByteCount, !isLast { return nil }
        if isLast, holdsNoLine(head) { return .ndjson }
        throw .unknownFormat(source: source)
    }

    /// Whether there is nothing but a byte order mark, blank lines and comments.
    private func holdsNoLine(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        return bytes.dropFirst(bytes.starts(with: mark) ? mark.count : 0).split(separator: 0x0A).allSatisfy { line in
            line.first == UInt8(ascii: "#") || line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        }
    }
}
