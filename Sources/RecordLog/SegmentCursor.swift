/// Walks one segment's blocks in order, reading the file in growing windows.
///
/// Invariants:
/// - Blocks before `offset` were sound and end with position `nextPosition - 1`.
/// - `window` holds the file's bytes from `windowStart` on as they were when read.
/// - Without a footer the file may grow while it is read: what looks wrong is read again before it is believed.
final class SegmentCursor {
    /// What comes next in the segment.
    enum Step {
        /// A sound block: its header, and its bytes until the next call.
        case block(BlockHeader, UnsafeRawBufferPointer)
        /// The segment is sealed and has no further block.
        case finished
        /// No further block for now: the end of the log if no segment follows, unless `damage` says otherwise.
        case ended(damage: RecordLogError?)
    }

    private static let firstWindowByteCount = 64 << 10
    /// Little enough to stay in a cache until the blocks in it were checked and decompressed.
    private static let largestWindowByteCount = 512 << 10
    /// How often bytes that change under the reader are read again before it takes the tail for unfinished.
    private static let rereadLimit = 8

    let segment: SegmentFile
    private(set) var offset = SegmentHeader.byteCount
    private(set) var nextPosition: UInt64
    /// The chain value after the last block passed; `nil` after a jump.
    private(set) var chain: Digest32?
    /// Whether the segment's rest was looked at as a whole when its end was first met.
    private var hasCheckedRest = false
    /// Has unsealed bytes synced before they are handed out, so that nothing is seen that a crash could take back.
    var confirmsDurability = true
    /// Whether this segment was already reopened because a later one begins beyond its end.
    var isReopened = false

    private let buffer = ByteBuffer()
    private var window = UnsafeRawBufferPointer(start: nil, count: 0)
    private var windowStart = 0
    private var windowByteCount = firstWindowByteCount
    /// Up to where is read where that is known.
    private var readEnd: Int?

    init(_ segment: SegmentFile) {
        self.segment = segment
        nextPosition = segment.header.firstPosition
        chain = segment.header.chainBefore
    }

    deinit { segment.file.close() }

    /// Continues at a block the index names.
    func jump(to entry: BlockEntry) {
        offset = entry.offset
        nextPosition = entry.firstPosition
        chain = nil
    }

    /// Continues at a block the index names, which is read up to an offset at once, and no further.
    func jump(to entry: BlockEntry, readingUpTo end: Int) {
        if offset != entry.offset { jump(to: entry) }
        readEnd = end
    }

    /// Takes the place of a cursor over the same segment.
    func resume(_ other: SegmentCursor) {
        offset = other.offset
        nextPosition = other.nextPosition
        chain = other.chain
    }

    /// The next step.
    ///
    /// `mustReach` says that a block is known to exist, so an apparent end is always looked into.
    func next(mustReach: Bool) throws(RecordLogError) -> Step {
        if let footer = segment.footer, offset == footer.indexOffset, nextPosition == footer.lastPosition + 1 {
            return .finished
        }
        if let step = try soundBlock() { return step }
        // The window may be older than the block: look again at the file itself.
        forgetWindow()
        if let step = try soundBlock() { return step }
        forgetWindow()
        if hasCheckedRest, !mustReach, try isZeroAtOffset() { return .ended(damage: nil) }
        return try resolveEnd()
    }

    /// What is to be said of a segment by its blocks up to the first place where no sound one follows.
    func summaryOfSoundBlocks() throws(RecordLogError) -> SegmentSummary {
        confirmsDurability = false
        var blockCount = 0
        while let header = try soundHeader(), header.firstPosition == nextPosition {
            pass(header)
            blockCount += 1
        }
        return segment.summary(
            lastPosition: blockCount == 0 ? nil : nextPosition - 1,
            blockCount: blockCount,
            liveByteCount: offset,
            chain: chain ?? segment.header.chainBefore
        )
    }

    private func pass(_ header: BlockHeader) {
        offset = header.end
        nextPosition = header.lastPosition + 1
        chain = header.chain
    }

    /// The header of the sound block at `offset`; nil if there is none.
    private func soundHeader() throws(RecordLogError) -> BlockHeader? {
        let start = try bytes(at: offset, count: BlockHeader.byteCount)
        guard
            let header = BlockHeader.decode(start, at: 0, segmentID: segment.header.segmentID, offset: offset),
            header.end <= segment.header.segmentByteCount,
            BlockDecoder.isSound(try bytes(at: offset, count: header.blockByteCount), header: header)
        else { return nil }
        return header
    }

    private func soundBlock() throws(RecordLogError) -> Step? {
        guard let header = try soundHeader() else { return nil }
        let block = try bytes(at: offset, count: header.blockByteCount)
        guard header.firstPosition == nextPosition else {
            throw .corruption(
                "a block begins with position \(header.firstPosition) where \(nextPosition) must follow",
                file: segment.name,
                byteOffset: offset,
                positions: min(nextPosition, header.firstPosition)...max(nextPosition, header.firstPosition)
            )
        }
        pass(header)
        return .block(header, block)
    }

    private func isZeroAtOffset() throws(RecordLogError) -> Bool {
        let start = try bytes(at: offset, count: BlockHeader.byteCount)
        defer { forgetWindow() }
        return start.isZero(0..<start.count)
    }

    /// Looks at the whole rest of the segment to say what the missing block means.
    private func resolveEnd() throws(RecordLogError) -> Step {
        var seen: UInt32?
        for _ in 0..<Self.rereadLimit {
            let rest = ByteBuffer()
            let byteCount = try segment.file.byteCount()
            let memory = rest.reserve(byteCount)
            let count = try segment.file.read(into: memory, at: 0)
            let whole = UnsafeRawBufferPointer(rebasing: memory[..<count])
            if SegmentScan.soundBlock(whole, at: offset, segmentID: segment.header.segmentID) != nil,
                let step = try soundBlock()
            {
                return step
            }
            guard offset <= whole.count else {
                return .ended(damage: cutShort(byteCount: byteCount))
            }
            let end = SegmentScan.endState(
                whole,
                at: offset,
                nextPosition: nextPosition,
                segmentID: segment.header.segmentID
            )
            switch end {
            case .sealed: return .finished
            case .clean, .torn:
                hasCheckedRest = true
                let isWhole = byteCount == segment.header.segmentByteCount && segment.footer == nil
                return .ended(damage: isWhole ? nil : cutShort(byteCount: byteCount))
            case .corrupt(let reason, let positions, _):
                let digest = whole.crc32c(offset..<whole.count)
                if digest == seen {
                    return .ended(
                        damage: .corruption(reason, file: segment.name, byteOffset: offset, positions: positions)
                    )
                }
                seen = digest
            }
        }
        return .ended(damage: nil)
    }

    private func cutShort(byteCount: Int) -> RecordLogError {
        .corruption(
            "the segment's blocks end before its file or footer says",
            file: segment.name,
            byteOffset: min(offset, byteCount),
            positions: nextPosition...max(nextPosition, segment.footer?.lastPosition ?? .max)
        )
    }

    /// `count` bytes at a file offset, fewer where the file ends; good until the next call.
    private func bytes(at start: Int, count: Int) throws(RecordLogError) -> UnsafeRawBufferPointer {
        if start < windowStart || start + count > windowStart + window.count {
            try load(start, atLeast: count)
        }
        let index = start - windowStart
        return UnsafeRawBufferPointer(rebasing: window[index..<min(window.count, index + count)])
    }

    private func forgetWindow() {
        window = UnsafeRawBufferPointer(start: nil, count: 0)
        windowByteCount = Self.firstWindowByteCount
    }

    private func load(_ start: Int, atLeast count: Int) throws(RecordLogError) {
        let ahead = readEnd.map { $0 - start } ?? windowByteCount
        let wanted = min(max(count, ahead), max(count, segment.byteCount - start))
        if readEnd == nil { windowByteCount = min(2 * windowByteCount, Self.largestWindowByteCount) }
        let memory = buffer.reserve(wanted)
        let readByteCount = try segment.file.read(into: memory, at: start)
        if confirmsDurability, segment.footer == nil { try segment.file.sync() }
        window = UnsafeRawBufferPointer(rebasing: memory[..<readByteCount])
        windowStart = start
    }
}
