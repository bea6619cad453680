/// The bytes that a copy of a segment is to have: the file's, if it is sealed and all of it is wanted; else its header
/// and its blocks up to a position, and zeros up to the full size of an unsealed one.
///
/// Invariant: what it hands out was durable when it was made, so that a writer beside it changes none of it.
package final class SegmentContent {
    /// What is to be said of the copy.
    package let summary: SegmentSummary
    private let file: any OpenFile

    /// Looks at a segment of a log.
    ///
    /// Of one that is cut the blocks that are wanted are read, and their checksums compared.
    ///
    /// - Parameters:
    ///   - segment: As `RecordLogReader.segments` has it.
    ///   - last: The last position wanted: known to be durable, and the last of a block.
    ///   - directory: The data directory.
    ///   - fileSystem: Where it is.
    /// - Throws: `RecordLogError`: `corruption` where the wanted blocks are not sound.
    package init(
        _ segment: SegmentSummary,
        through last: UInt64,
        directory: String,
        fileSystem: any FileSystem
    ) throws(RecordLogError) {
        let folder = LogPaths(directory: directory).log
        let opened = try SegmentFile(fileSystem, directory: folder, name: segment.file)
        // The cursor closes the file that it was given.
        file = try fileSystem.open(folder + "/" + segment.file, mode: .read)
        if segment.isSealed, let end = segment.lastPosition, end <= last {
            opened.file.close()
            summary = segment
            return
        }
        let cursor = SegmentCursor(opened)
        cursor.confirmsDurability = false
        var blockCount = 0
        while cursor.nextPosition <= last {
            switch try cursor.next(mustReach: true) {
            case .block: blockCount += 1
            case .ended(let damage?): throw damage
            case .finished, .ended:
                throw .corruption(
                    "the segment ends at position \(cursor.nextPosition - 1), but \(last) was acknowledged",
                    file: segment.file,
                    byteOffset: cursor.offset,
                    positions: cursor.nextPosition...last
                )
            }
        }
        precondition(cursor.nextPosition == last + 1, "a copy ends where a block ends")
        var summary = segment
        summary.lastPosition = blockCount == 0 ? nil : last
        summary.blockCount = blockCount
        summary.liveByteCount = cursor.offset
        summary.byteCount = opened.header.segmentByteCount
        summary.isSealed = false
        summary.chain = cursor.chain ?? segment.chainBefore
        self.summary = summary
    }

    deinit { file.close() }

    /// Reads live bytes at an offset: fewer than `target` takes where they end.
    ///
    /// - Returns: How many.
    /// - Throws: `RecordLogError` with `inputOutput`; `corruption` if the file is shorter than it was.
    package func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(RecordLogError) -> Int {
        let wanted = min(target.count, max(0, summary.liveByteCount - offset))
        let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<wanted]), at: offset)
        guard count == wanted else {
            throw .corruption(
                "the file ends at byte \(offset + count), it had \(summary.liveByteCount)",
                file: summary.file,
                byteOffset: offset + count,
                positions: summary.firstPosition...(summary.lastPosition ?? .max)
            )
        }
        return count
    }
}
