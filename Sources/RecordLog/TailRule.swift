import Glibc

/// What lies where the next block would begin and none is sound: the torn-tail rule of `docs/record-log-format.md` as a pure function.
enum TailRule {
    /// The verdict.
    enum Verdict: Equatable {
        /// Nothing but zeros.
        case cleanEnd
        /// A write that did not complete: the bytes from the offset asked about up to `end` are to be wiped.
        case torn(end: Int)
        /// Damage to bytes that were durable. `resumeOffset` is where the next valid structure lies, if any.
        case corrupt(reason: String, resumeOffset: Int?)
    }

    /// Judges the bytes of a whole segment from `offset` on, where no sound block stands.
    static func judge(_ segment: UnsafeRawBufferPointer, from offset: Int, segmentID: UInt64) -> Verdict {
        guard let lastUsed = segment.lastNonZero(in: offset..<segment.count) else { return .cleanEnd }
        let header = BlockHeader.decode(segment, at: offset, segmentID: segmentID, offset: offset)
        let searchStart = min(segment.count, header?.end ?? offset + 1)
        if let next = nextStructure(
            in: segment,
            origin: offset,
            from: searchStart,
            through: lastUsed,
            segmentID: segmentID
        ) {
            let reason = header == nil ? "no valid block header" : "a block's body does not match its checksum"
            return .corrupt(reason: reason, resumeOffset: next)
        }
        if let header {
            return judgeBody(segment, header: header, lastUsed: lastUsed)
        }
        if isSealAttempt(segment, at: offset, through: lastUsed, segmentID: segmentID) {
            return .torn(end: lastUsed + 1)
        }
        return judgeHeader(segment, offset: offset, lastUsed: lastUsed)
    }

    /// The header is valid, the body or trailer is not.
    private static func judgeBody(_ segment: UnsafeRawBufferPointer, header: BlockHeader, lastUsed: Int) -> Verdict {
        guard header.end <= segment.count else {
            return .corrupt(reason: "a block reaches beyond the segment's end", resumeOffset: nil)
        }
        guard lastUsed < header.end else {
            return .corrupt(reason: "bytes that are not zero behind the last block", resumeOffset: nil)
        }
        let isIncomplete =
            segment[header.end - 1] == 0
            || SectorPieces(header.offset..<header.end).contains { segment.isZero($0) }
        guard isIncomplete else {
            return .corrupt(reason: "a block's body does not match its checksum", resumeOffset: nil)
        }
        return .torn(end: header.end)
    }

    /// No valid header, and nothing valid behind.
    private static func judgeHeader(_ segment: UnsafeRawBufferPointer, offset: Int, lastUsed: Int) -> Verdict {
        let corrupt = Verdict.corrupt(reason: "no valid block header", resumeOffset: nil)
        guard lastUsed < offset + RecordLogLimits.maximumBlockByteCount else { return corrupt }
        let extent = offset..<min(segment.count, offset + BlockHeader.byteCount)
        let pieces = Array(SectorPieces(extent))
        guard let first = pieces.first else { return corrupt }
        if isBeingWiped(segment, at: offset) { return .torn(end: lastUsed + 1) }
        guard segment.isZero(first) else {
            let isIncomplete = segment[extent.upperBound - 1] == 0 || pieces.contains { segment.isZero($0) }
            return isIncomplete && segment[offset] == Mark.block[0] ? .torn(end: lastUsed + 1) : corrupt
        }
        for piece in SectorPieces(first.upperBound..<lastUsed + 1) {
            let wholePiece = piece.lowerBound..<min(segment.count, nextSector(after: piece.lowerBound))
            if segment.isWeak(wholePiece), !segment.isZero(wholePiece) {
                return .corrupt(reason: "bytes that are not zero in pre-written space", resumeOffset: nil)
            }
        }
        // The first piece may reach beyond the header within its sector.
        let firstSector = first.lowerBound..<min(segment.count, nextSector(after: first.lowerBound))
        return segment.isZero(firstSector)
            ? .torn(end: lastUsed + 1)
            : .corrupt(reason: "bytes that are not zero in pre-written space", resumeOffset: nil)
    }

    /// Whether the first two bytes are what recovery leaves there while it wipes a torn tail: the first byte of a mark, then zero.
    private static func isBeingWiped(_ segment: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        offset + 1 < segment.count && segment[offset] == Mark.block[0] && segment[offset + 1] == 0
    }

    private static func nextSector(after offset: Int) -> Int {
        (offset / RecordLogLimits.sectorByteCount + 1) * RecordLogLimits.sectorByteCount
    }

    /// Whether what lies at `offset` is an index and footer that did not get there whole: either one says that no block follows.
    private static func isSealAttempt(
        _ segment: UnsafeRawBufferPointer,
        at offset: Int,
        through last: Int,
        segmentID: UInt64
    ) -> Bool {
        if IndexHeader.decode(segment, at: offset, segmentID: segmentID, offset: offset) != nil { return true }
        let found = firstMark(in: segment, from: offset + 1, through: last) { candidate in
            SegmentFooter.decode(segment, at: candidate, segmentID: segmentID, offset: candidate)?.indexOffset == offset
        }
        return found != nil
    }

    /// The offset of the first structure in a range that proves something durable before it.
    ///
    /// A footer whose index begins at `origin` was written together with that index and proves nothing.
    private static func nextStructure(
        in segment: UnsafeRawBufferPointer,
        origin: Int,
        from start: Int,
        through last: Int,
        segmentID: UInt64
    ) -> Int? {
        firstMark(in: segment, from: start, through: last) { offset in
            if BlockHeader.decode(segment, at: offset, segmentID: segmentID, offset: offset) != nil { return true }
            if IndexHeader.decode(segment, at: offset, segmentID: segmentID, offset: offset) != nil { return true }
            let footer = SegmentFooter.decode(segment, at: offset, segmentID: segmentID, offset: offset)
            return footer.map { $0.indexOffset != origin } ?? false
        }
    }

    /// The first offset in a range where a mark may begin and `isWanted` agrees.
    private static func firstMark(
        in segment: UnsafeRawBufferPointer,
        from start: Int,
        through last: Int,
        where isWanted: (Int) -> Bool
    ) -> Int? {
        guard let base = segment.baseAddress else { return nil }
        var offset = start
        while offset <= last {
            guard let found = memchr(base + offset, Int32(Mark.block[0]), last + 1 - offset) else { return nil }
            offset = UnsafeRawPointer(found) - base
            if isWanted(offset) { return offset }
            offset += 1
        }
        return nil
    }
}
