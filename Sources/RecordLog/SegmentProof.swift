/// What shows that bytes are a sealed segment of this log, and nothing else.
struct SegmentProof {
    let header: SegmentHeader
    let tail: SealedTail

    /// Why bytes are none.
    struct Flaw: Error {
        var text: String
    }

    /// What the segments around say of one; nil where nothing sound is left of them.
    struct Neighbours {
        /// What the segment must continue.
        var before: SegmentLink?
        /// What the next one continues.
        var after: SegmentLink?
    }

    /// Proves the bytes of a whole file.
    ///
    /// - Parameters:
    ///   - bytes: The file's.
    ///   - name: The segment's.
    ///   - neighbours: Between which segments it must fit.
    ///   - contentDigest: Has the blocks' content held against the chain too; nil: their checksums alone are.
    /// - Throws: The first flaw.
    init(
        _ bytes: UnsafeRawBufferPointer,
        name: String,
        neighbours: Neighbours = Neighbours(),
        contentDigest: RecordLogVerification.ContentDigest? = nil
    ) throws(Flaw) {
        guard bytes.count >= SegmentHeader.byteCount, case .header(let header) = SegmentHeader.decode(bytes) else {
            throw Flaw(text: "the segment header is damaged")
        }
        guard header.firstPosition == SegmentListing.firstPosition(ofName: name) else {
            throw Flaw(text: "its header is of another segment")
        }
        let scan = SegmentScan(bytes, header: header)
        guard case .sealed(let tail) = scan.end else {
            throw Flaw(text: Self.words(scan.end) + " at byte \(scan.endOffset)")
        }
        guard tail.footer.liveByteCount == bytes.count, tail.entries == scan.entries,
            tail.footer.firstPosition == header.firstPosition, tail.footer.chain == scan.chain
        else { throw Flaw(text: "index or footer disagree with the blocks") }
        self.header = header
        self.tail = tail
        if let mismatch = neighbours.before?.mismatch(header) { throw Flaw(text: mismatch) }
        if let after = neighbours.after, after != Self.link(behind: tail.footer) {
            throw Flaw(text: "the next segment does not go on where it ends")
        }
        guard let contentDigest else { return }
        var proven = ProvenBlocks(behind: header)
        if let flaw = proven.extend(over: bytes, segmentID: header.segmentID, contentDigest) { throw Flaw(text: flaw) }
    }

    static func link(behind footer: SegmentFooter) -> SegmentLink {
        SegmentLink(nextSegmentID: footer.segmentID + 1, nextPosition: footer.lastPosition + 1, chain: footer.chain)
    }

    private static func words(_ end: SegmentScan.End) -> String {
        switch end {
        case .clean, .sealed, .torn: "the segment ends without a sound index and footer"
        case .corrupt(let reason, _, _): reason
        }
    }

    /// The positions of the blocks that byte ranges touch.
    func positions(of ranges: [Range<Int>]) -> [ClosedRange<UInt64>] { tail.positions(of: ranges) }
}

extension SealedTail {
    /// The positions of the blocks that byte ranges touch, those that follow each other joined.
    func positions(of ranges: [Range<Int>]) -> [ClosedRange<UInt64>] {
        let ends = entries.dropFirst().map(\.offset) + [footer.indexOffset]
        var found: [ClosedRange<UInt64>] = []
        // The index may be somebody else's: checksums alone do not make its entries follow each other.
        for (entry, end) in zip(entries, ends) where entry.offset < end && entry.recordCount > 0 {
            guard ranges.contains(where: { $0.overlaps(entry.offset..<end) }),
                entry.firstPosition < UInt64.max - UInt64(entry.recordCount)
            else { continue }
            if let last = found.last, last.lowerBound < entry.firstPosition, last.upperBound + 1 == entry.firstPosition
            {
                found[found.count - 1] = last.lowerBound...entry.lastPosition
            } else {
                found.append(entry.firstPosition...entry.lastPosition)
            }
        }
        return found
    }
}
