/// Gives up what cannot be read any more, so that the rest of the log can be read and gone on with.
///
/// A segment that is damaged beyond repair gets another file: what of its blocks the chain proves, and in the place of
/// the others one block that says so, a **hole**. The damaged file is kept. Positions, segment numbers and the chain
/// value that the next segment continues stay what they were.
///
/// Invariants: nobody writes the log meanwhile, for it holds the log's lock; at every moment a segment's name leads to
/// the old file or to the whole new one.
package final class LogHoles {
    private let fileSystem: any FileSystem
    private let paths: LogPaths
    private let holder: String
    private let lock: any FileLock

    /// Takes the log's lock.
    ///
    /// - Parameters:
    ///   - directory: The data directory.
    ///   - fileSystem: Where it is.
    ///   - holder: What to tell whoever wants to write meanwhile.
    /// - Throws: `locked`, naming who holds it; `inputOutput`.
    package init(
        directory: String,
        fileSystem: any FileSystem = PosixFileSystem(),
        holder: String
    ) throws(RecordLogError) {
        self.fileSystem = fileSystem
        self.holder = holder
        paths = LogPaths(directory: directory)
        lock = try fileSystem.lock(paths.lock, holder: holder)
    }

    /// Gives the lock back.
    package func close() { lock.release() }

    /// What is lost of a log, in order. Linear in its size; writes nothing.
    ///
    /// - Parameters:
    ///   - expectedHead: A position known to have been acknowledged, 0 = none.
    ///   - contentDigest: As of `RecordLogVerification`; begins afresh with each segment.
    /// - Returns: One for each segment concerned. Of several the later ones may turn out smaller once those before are
    ///   filled.
    /// - Throws: `corruption` where segments overlap, which giving up does not mend; `newerVersion`; `inputOutput`.
    package func losses(
        expectedHead: UInt64,
        contentDigest: @escaping RecordLogVerification.ContentDigest
    ) throws(RecordLogError) -> [LogLoss] {
        var search = LossSearch(fileSystem, folder: paths.log, contentDigest: contentDigest)
        return try search.run(expectedHead: expectedHead)
    }

    /// The first positions of the segments that there are, in order.
    package func segments() throws(RecordLogError) -> [UInt64] {
        let listing = try SegmentListing(fileSystem, directory: paths.log)
        return listing.names.compactMap { SegmentListing.firstPosition(ofName: $0) }
    }

    /// Hands the sound blocks at the beginning of a segment to `body`, whatever follows them.
    ///
    /// - Parameters:
    ///   - firstPosition: The segment's.
    ///   - body: Receives each block; false ends it.
    /// - Throws: `inputOutput`; and what `body` throws.
    package func forEachSoundBlock(ofSegmentAt firstPosition: UInt64, _ body: (BlockView) throws -> Bool) throws {
        let buffer = ByteBuffer()
        let name = SegmentListing.name(firstPosition: firstPosition)
        let bytes = try fileSystem.salvage(paths.log + "/" + name, into: buffer)
        guard let id = SegmentScan.segmentID(of: bytes) else { return }
        try forEachSoundBlock(bytes, segmentID: id, body)
    }

    /// Hands those blocks of a segment to `body` that stay when it is given up.
    ///
    /// - Throws: `inputOutput`; and what `body` throws.
    package func forEachKeptBlock(of loss: LogLoss, _ body: (BlockView) throws -> Void) throws {
        guard !loss.kept.entries.isEmpty else { return }
        let buffer = ByteBuffer()
        let bytes = try fileSystem.salvage(paths.log + "/" + loss.segment, into: buffer)
        let kept = UnsafeRawBufferPointer(rebasing: bytes[..<min(bytes.count, loss.kept.endOffset)])
        try forEachSoundBlock(kept, segmentID: loss.header.segmentID) { view in
            try body(view)
            return true
        }
    }

    private func forEachSoundBlock(
        _ bytes: UnsafeRawBufferPointer,
        segmentID: UInt64,
        _ body: (BlockView) throws -> Bool
    ) throws {
        let decoder = BlockDecoder()
        var offset = SegmentHeader.byteCount
        while let block = SegmentScan.soundBlock(bytes, at: offset, segmentID: segmentID),
            let content = decoder.body(
                of: UnsafeRawBufferPointer(rebasing: bytes[block.offset..<block.end]),
                header: block
            ),
            try body(BlockView(block, body: content))
        {
            offset = block.end
        }
    }

    /// Puts a hole in the place of what is lost of a segment.
    ///
    /// - Parameters:
    ///   - loss: As `losses` has it, while no loss before it is left.
    ///   - last: The last position of the hole: that of the loss, or a later one where its end is not known.
    ///   - body: What the block says that stands for the lost ones, in the caller's terms; not used where none is lost.
    ///   - time: Goes into the name under which the damaged file is kept.
    ///   - contentDigest: Is given that block, which follows those kept.
    /// - Returns: Where the damaged file is kept; nil where there was none.
    /// - Throws: `bodyTooLarge`; `locked` where a repair is going on; `noSpace`, `inputOutput`.
    package func giveUp(
        _ loss: LogLoss,
        through last: UInt64,
        body: UnsafeRawBufferPointer,
        at time: String,
        contentDigest: RecordLogVerification.ContentDigest
    ) throws -> String? {
        precondition(loss.positions.map { loss.isEndKnown ? $0.upperBound == last : $0.upperBound <= last } ?? true)
        var file = try keptBytes(of: loss)
        var entries = loss.kept.entries
        var chain = loss.kept.chain
        if let positions = loss.positions {
            guard body.count <= RecordLogLimits.maximumBodyByteCount, last - positions.lowerBound < UInt32.max else {
                throw RecordLogError(
                    .bodyTooLarge,
                    "what the lost blocks defined does not fit one block",
                    place: LogPlace(file: loss.segment, positions: positions.lowerBound...last),
                    hint: "restore this segment from a backup"
                )
            }
            let count = UInt32(last - positions.lowerBound + 1)
            var header = BlockHeader(
                compression: 0,
                mask: 0,
                isHole: true,
                segmentID: loss.header.segmentID,
                offset: file.count,
                recordCount: count,
                firstPosition: positions.lowerBound,
                bodyByteCount: 0,
                storedByteCount: 0,
                bodyCRC: 0,
                chain: chain
            )
            let digest = try contentDigest(BlockView(header, body: body))
            if last == positions.upperBound, let after = loss.chainAfter {
                chain = after
            } else {
                chain = chain.appending(firstPosition: positions.lowerBound, recordCount: count, contentDigest: digest)
            }
            header.chain = chain
            entries.append(BlockEntry(offset: file.count, recordCount: count, firstPosition: positions.lowerBound))
            // The bytes lie in the encoder's memory.
            let encoder = BlockEncoder()
            try withExtendedLifetime(encoder) { file += try encoder.encode(body: body, header: &header) }
        }
        try seal(&file, loss.header, entries, chain)
        let parity = LogParity(directory: paths.directory, fileSystem: fileSystem, holder: holder)
        return try parity.locked { () throws(RecordLogError) -> String? in
            let replacement = SegmentReplacement(fileSystem: fileSystem, paths: paths)
            return try file.replacing(loss.segment, with: replacement, at: time)
        }
    }

    /// The beginning of the new file: its header, and the old one's proved blocks.
    private func keptBytes(of loss: LogLoss) throws(RecordLogError) -> [UInt8] {
        let count = loss.kept.endOffset
        guard loss.isPresent else { return [UInt8](repeating: 0, count: count) }
        let file = try fileSystem.open(paths.log + "/" + loss.segment, mode: .read)
        defer { file.close() }
        let bytes = try file.bytes(at: 0, count: count)
        guard bytes.count == count || loss.kept.entries.isEmpty else {
            throw .inputOutput("the file ends before blocks that were read from it", path: loss.segment)
        }
        return bytes + [UInt8](repeating: 0, count: count - bytes.count)
    }

    /// Adds index and footer, and writes the header.
    private func seal(
        _ file: inout [UInt8],
        _ header: SegmentHeader,
        _ entries: [BlockEntry],
        _ chain: Digest32
    ) throws(RecordLogError) {
        guard let last = entries.last else { preconditionFailure("a segment without blocks is not given up") }
        let footer = SegmentFooter(
            segmentID: header.segmentID,
            firstPosition: header.firstPosition,
            lastPosition: last.lastPosition,
            blockCount: entries.count,
            indexOffset: file.count,
            liveByteCount: file.count + SealedTail.byteCount(blockCount: entries.count, callerByteCount: 0),
            chain: chain
        )
        file += try SealedTail(footer: footer, entries: entries, callerIndex: []).encoded()
        var header = header
        header.segmentByteCount = max(header.segmentByteCount, file.count)
        file.withUnsafeMutableBytes { header.encode(into: $0) }
    }
}

extension [UInt8] {
    fileprivate func replacing(
        _ segment: String,
        with replacement: SegmentReplacement,
        at time: String
    ) throws(RecordLogError) -> String? {
        let result: Result<String?, RecordLogError> = withUnsafeBytes { bytes in
            do throws(RecordLogError) {
                return .success(try replacement.replace(segment, by: bytes, at: time))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
