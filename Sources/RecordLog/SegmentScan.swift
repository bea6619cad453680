/// What a walk over a whole segment's bytes finds.
///
/// Invariants: `entries` are sound blocks, back to back from the segment header, with gapless positions; `end` says
/// what stops them.
struct SegmentScan {
    /// What comes behind the last sound block.
    enum End {
        /// Zeros to the end of the file, or the end of the file itself.
        case clean
        /// A sound index and footer.
        case sealed(SealedTail)
        /// A write that did not complete, up to a byte offset.
        case torn(end: Int)
        /// Damage, with the positions concerned and where the next valid structure lies.
        case corrupt(reason: String, positions: ClosedRange<UInt64>, resumeOffset: Int?)
    }

    private(set) var entries: [BlockEntry] = []
    /// The offset behind the last sound block.
    private(set) var endOffset: Int
    /// The position the next block must begin with.
    private(set) var nextPosition: UInt64
    /// The chain value after the last sound block, as its header states it.
    private(set) var chain: Digest32
    private(set) var end: End = .clean

    /// Walks a segment from its header on.
    ///
    /// Reads every byte once.
    init(_ segment: UnsafeRawBufferPointer, header: SegmentHeader) {
        endOffset = SegmentHeader.byteCount
        nextPosition = header.firstPosition
        chain = header.chainBefore
        while let block = Self.soundBlock(segment, at: endOffset, segmentID: header.segmentID) {
            guard block.firstPosition == nextPosition else {
                let known = max(nextPosition, block.firstPosition)
                end = .corrupt(
                    reason: "a block begins with position \(block.firstPosition) where \(nextPosition) must follow",
                    positions: min(nextPosition, block.firstPosition)...known,
                    resumeOffset: nil
                )
                return
            }
            entries.append(
                BlockEntry(offset: endOffset, recordCount: block.recordCount, firstPosition: block.firstPosition)
            )
            endOffset = block.end
            nextPosition = block.lastPosition + 1
            chain = block.chain
        }
        end = Self.endState(segment, at: endOffset, nextPosition: nextPosition, segmentID: header.segmentID)
    }

    /// The number of the segment that bytes are, by its header or else by the first valid header of a block in it; nil
    /// where none is left.
    static func segmentID(of segment: UnsafeRawBufferPointer) -> UInt64? {
        if segment.count >= SegmentHeader.byteCount, case .header(let header) = SegmentHeader.decode(segment) {
            return header.segmentID
        }
        var offset = 0
        while offset + BlockHeader.byteCount <= segment.count {
            if segment[offset] == Mark.block[0] {
                let id = segment.load(UInt64.self, at: offset + 8)
                if BlockHeader.decode(segment, at: offset, segmentID: id, offset: offset) != nil { return id }
            }
            offset += 1
        }
        return nil
    }

    /// The header of the sound block at `offset`; `nil` if there is none.
    static func soundBlock(_ segment: UnsafeRawBufferPointer, at offset: Int, segmentID: UInt64) -> BlockHeader? {
        guard let header = BlockHeader.decode(segment, at: offset, segmentID: segmentID, offset: offset),
            header.end <= segment.count,
            BlockDecoder.isSound(UnsafeRawBufferPointer(rebasing: segment[offset..<header.end]), header: header)
        else { return nil }
        return header
    }

    /// What stands at `offset`, where no sound block does.
    static func endState(
        _ segment: UnsafeRawBufferPointer,
        at offset: Int,
        nextPosition: UInt64,
        segmentID: UInt64
    ) -> End {
        if let tail = SealedTail.decode(segment, at: offset, segmentID: segmentID, offset: offset) {
            guard tail.footer.lastPosition + 1 == nextPosition else {
                return .corrupt(
                    reason: "the footer ends at position \(tail.footer.lastPosition), the blocks before it do not",
                    positions: nextPosition...max(nextPosition, tail.footer.lastPosition),
                    resumeOffset: nil
                )
            }
            guard segment.isZero(tail.footer.liveByteCount..<segment.count) else {
                return .corrupt(
                    reason: "bytes that are not zero behind the footer",
                    positions: nextPosition...UInt64.max,
                    resumeOffset: nil
                )
            }
            return .sealed(tail)
        }
        switch TailRule.judge(segment, from: offset, segmentID: segmentID) {
        case .cleanEnd: return .clean
        case .torn(let end): return .torn(end: end)
        case .corrupt(let reason, let resumeOffset):
            let positions = missingPositions(
                segment,
                at: offset,
                nextPosition: nextPosition,
                resumeOffset: resumeOffset,
                segmentID: segmentID
            )
            return .corrupt(reason: reason, positions: positions, resumeOffset: resumeOffset)
        }
    }

    /// The positions lost with the damage at `offset`, as far as valid structures around it tell.
    private static func missingPositions(
        _ segment: UnsafeRawBufferPointer,
        at offset: Int,
        nextPosition: UInt64,
        resumeOffset: Int?,
        segmentID: UInt64
    ) -> ClosedRange<UInt64> {
        if let damaged = BlockHeader.decode(segment, at: offset, segmentID: segmentID, offset: offset) {
            return damaged.positions
        }
        guard let resumeOffset else { return nextPosition...UInt64.max }
        if let next = BlockHeader.decode(segment, at: resumeOffset, segmentID: segmentID, offset: resumeOffset),
            next.firstPosition > nextPosition
        {
            return nextPosition...next.firstPosition - 1
        }
        if let footer = SegmentFooter.decode(segment, at: resumeOffset, segmentID: segmentID, offset: resumeOffset),
            footer.lastPosition >= nextPosition
        {
            return nextPosition...footer.lastPosition
        }
        return nextPosition...UInt64.max
    }
}
