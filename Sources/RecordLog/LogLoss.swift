/// What cannot be read any more of one segment, as it would be given up: everything from the first block on that the
/// chain does not prove. What follows in the same segment cannot be told without it, for decoders go on from it.
package struct LogLoss: Sendable, Equatable {
    /// The segment's name.
    package var segment: String
    /// The positions that are lost; nil: none is, header, index or footer alone are to be made anew from the blocks.
    package var positions: ClosedRange<UInt64>?
    /// What is wrong.
    package var text: String
    /// Whether the log itself says where the loss ends. If not, more may have been acknowledged than `positions` has.
    package var isEndKnown: Bool
    /// Whether there is such a file.
    package var isPresent: Bool
    /// The position of the segment's first record.
    package var firstPosition: UInt64 { header.firstPosition }
    /// The header of the new file.
    var header: SegmentHeader
    /// What of the old file stays.
    var kept: ProvenBlocks
    /// The chain value behind the loss, where somebody behind it says so.
    var chainAfter: Digest32?
}

/// The blocks of a segment from its first on, each proved by the chain.
struct ProvenBlocks: Sendable, Equatable {
    private(set) var entries: [BlockEntry] = []
    /// Behind the last one.
    private(set) var endOffset = SegmentHeader.byteCount
    private(set) var nextPosition: UInt64
    private(set) var chain: Digest32

    init(behind header: SegmentHeader) {
        nextPosition = header.firstPosition
        chain = header.chainBefore
    }

    /// Takes in blocks for as long as they are proved.
    ///
    /// - Returns: Why the next one is not; nil where none stands.
    mutating func extend(
        over segment: UnsafeRawBufferPointer,
        segmentID: UInt64,
        _ contentDigest: RecordLogVerification.ContentDigest
    ) -> String? {
        let decoder = BlockDecoder()
        while let block = SegmentScan.soundBlock(segment, at: endOffset, segmentID: segmentID) {
            guard block.firstPosition == nextPosition else {
                return "a block begins with position \(block.firstPosition) where \(nextPosition) must follow"
            }
            let bytes = UnsafeRawBufferPointer(rebasing: segment[block.offset..<block.end])
            guard let body = decoder.body(of: bytes, header: block) else {
                return "the block at byte \(block.offset) does not decompress"
            }
            guard let digest = try? contentDigest(BlockView(block, body: body)) else {
                return "the content of the block at byte \(block.offset) cannot be understood"
            }
            let proved = chain.appending(
                firstPosition: block.firstPosition,
                recordCount: block.recordCount,
                contentDigest: digest
            )
            // Across records that are lost nothing proves the chain; it goes on as the next segment says.
            guard block.isHole || proved == block.chain else {
                return "the chain does not prove the content of the block at byte \(block.offset)"
            }
            entries.append(
                BlockEntry(offset: block.offset, recordCount: block.recordCount, firstPosition: block.firstPosition)
            )
            endOffset = block.end
            nextPosition = block.lastPosition + 1
            chain = block.chain
        }
        return nil
    }
}

/// Goes through a log for what is lost of it.
///
/// Invariant: `link` is what the next segment must continue; its chain value is nil behind a loss of which nobody says
/// where the chain goes on.
struct LossSearch {
    private struct Link {
        var segmentID: UInt64 = 1
        var position: UInt64 = 1
        var chain: Digest32? = Digest32.zero
    }

    private let fileSystem: any FileSystem
    private let folder: String
    private let contentDigest: RecordLogVerification.ContentDigest
    private let buffer = ByteBuffer()
    private var link = Link()
    private var losses: [LogLoss] = []

    init(
        _ fileSystem: any FileSystem,
        folder: String,
        contentDigest: @escaping RecordLogVerification.ContentDigest
    ) {
        self.fileSystem = fileSystem
        self.folder = folder
        self.contentDigest = contentDigest
    }

    /// All losses in order; of several that follow each other the later ones as they look before the first is filled.
    mutating func run(expectedHead: UInt64) throws(RecordLogError) -> [LogLoss] {
        let names = try SegmentListing(fileSystem, directory: folder).names
        for (i, name) in names.enumerated() {
            try takeMissing(before: name, followedBy: names[(i + 1)...])
            try judge(name, next: i + 1 < names.count ? names[i + 1] : nil, expectedHead: expectedHead)
        }
        if link.position <= expectedHead {
            addMissing(1, through: expectedHead, chainAfter: nil, isEndKnown: false)
        }
        return losses
    }

    /// Segments that should be there before one and are not.
    private mutating func takeMissing(
        before name: String,
        followedBy later: ArraySlice<String>
    ) throws(RecordLogError) {
        let first = SegmentListing.firstPosition(ofName: name) ?? 0
        guard first != link.position else { return }
        let header = soundHeader(of: name)
        // Nothing may be left of it that says its number: then those behind it do, as none is missing between.
        var id = segmentID(of: name)
        for (i, other) in later.enumerated() where id == nil {
            id = segmentID(of: other).flatMap { $0 > UInt64(i) ? $0 - UInt64(i) - 1 : nil }
        }
        let count = id.map { $0 > link.segmentID ? $0 - link.segmentID : 0 } ?? 1
        guard first > link.position, count > 0, first - link.position >= count else {
            throw .corruption(
                "it does not follow the segments before it, and none is missing between",
                file: name,
                byteOffset: 0,
                positions: min(first, link.position)...max(first, link.position)
            )
        }
        addMissing(count, through: first - 1, chainAfter: header?.chainBefore, isEndKnown: true)
    }

    /// Adds segments of which there is no file. Which position lay in which nobody knows, and it does not matter.
    private mutating func addMissing(_ count: UInt64, through last: UInt64, chainAfter: Digest32?, isEndKnown: Bool) {
        for i in 0..<count {
            let end = i + 1 == count ? last : link.position
            let header = madeHeader(first: link.position, byteCount: 0)
            losses.append(
                LogLoss(
                    segment: SegmentListing.name(firstPosition: link.position),
                    positions: link.position...end,
                    text: "the segment is missing",
                    isEndKnown: isEndKnown,
                    isPresent: false,
                    header: header,
                    kept: ProvenBlocks(behind: header),
                    chainAfter: i + 1 == count ? chainAfter : nil
                )
            )
            link = Link(segmentID: link.segmentID + 1, position: end + 1, chain: i + 1 == count ? chainAfter : nil)
        }
    }

    private mutating func judge(_ name: String, next: String?, expectedHead: UInt64) throws(RecordLogError) {
        let bytes = try fileSystem.salvage(folder + "/" + name, into: buffer)
        let own = fitting(try header(bytes, of: name))
        let header = own ?? madeHeader(first: link.position, byteCount: bytes.count)
        var kept = ProvenBlocks(behind: header)
        let flaw = kept.extend(over: bytes, segmentID: header.segmentID, contentDigest)
        let footerOffset = bytes.count - SegmentFooter.byteCount
        let footer = SegmentFooter.decode(bytes, at: footerOffset, segmentID: header.segmentID, offset: footerOffset)
        var loss = LogLoss(
            segment: name,
            text: flaw ?? (own == nil ? "the segment header is damaged" : "index or footer are damaged"),
            isEndKnown: true,
            isPresent: true,
            header: header,
            kept: kept
        )
        let end: UInt64
        if let next {
            end = self.end(of: &loss, before: next, footer: footer)
        } else if let footer {
            end = footer.lastPosition
            loss.chainAfter = footer.chain
        } else {
            end = unsealedEnd(of: &loss, bytes, flaw: flaw, expectedHead: expectedHead)
        }
        guard kept.nextPosition - 1 <= end else {
            throw .corruption(
                "its blocks reach beyond the next segment's beginning",
                file: name,
                byteOffset: nil,
                positions: end + 1...kept.nextPosition - 1
            )
        }
        if kept.nextPosition <= end {
            loss.positions = kept.nextPosition...end
            if flaw == nil { loss.text = "blocks are damaged" }
            losses.append(loss)
        } else if own == nil || (next != nil || footer != nil) && !hasSoundTail(bytes, loss) {
            losses.append(loss)
        }
        let isWhole = kept.nextPosition - 1 == end
        link = Link(segmentID: header.segmentID + 1, position: end + 1, chain: isWhole ? kept.chain : loss.chainAfter)
    }

    /// Where a segment ends that others follow.
    private func end(of loss: inout LogLoss, before next: String, footer: SegmentFooter?) -> UInt64 {
        let nextFirst = SegmentListing.firstPosition(ofName: next) ?? 0
        let id = segmentID(of: next) ?? loss.header.segmentID + 1
        let missing = id > loss.header.segmentID ? id - loss.header.segmentID - 1 : 0
        if missing == 0 {
            loss.chainAfter = soundHeader(of: next)?.chainBefore
            return nextFirst - 1
        }
        loss.chainAfter = footer?.chain
        return footer?.lastPosition ?? max(loss.kept.nextPosition - 1, nextFirst - 1 - missing)
    }

    /// Where the last segment ends, which is not sealed: by what valid headers say behind the damage, and by what is
    /// known to have been acknowledged.
    private func unsealedEnd(
        of loss: inout LogLoss,
        _ bytes: UnsafeRawBufferPointer,
        flaw: String?,
        expectedHead: UInt64
    ) -> UInt64 {
        let kept = loss.kept
        // A header made anew says what the file has; that may be less than a header.
        let isUncut = bytes.count == loss.header.segmentByteCount && bytes.count >= kept.endOffset
        if flaw == nil, isUncut {
            let state = SegmentScan.endState(
                bytes,
                at: kept.endOffset,
                nextPosition: kept.nextPosition,
                segmentID: loss.header.segmentID
            )
            switch state {
            case .clean, .sealed, .torn:
                loss.isEndKnown = kept.nextPosition > expectedHead
                return max(kept.nextPosition - 1, expectedHead)
            case .corrupt: break
            }
        }
        loss.isEndKnown = false
        var end = max(kept.nextPosition, expectedHead)
        for offset in kept.endOffset..<max(kept.endOffset, bytes.count - BlockHeader.byteCount) {
            guard bytes[offset] == Mark.block[0],
                let header = BlockHeader.decode(
                    bytes,
                    at: offset,
                    segmentID: loss.header.segmentID,
                    offset: offset
                )
            else { continue }
            if header.lastPosition >= end {
                end = header.lastPosition
                loss.chainAfter = header.chain
            }
        }
        return end
    }

    private func hasSoundTail(_ bytes: UnsafeRawBufferPointer, _ loss: LogLoss) -> Bool {
        let offset = loss.kept.endOffset
        let tail = SealedTail.decode(bytes, at: offset, segmentID: loss.header.segmentID, offset: offset)
        return tail.map { $0.entries == loss.kept.entries && $0.footer.chain == loss.kept.chain } ?? false
    }

    private func header(_ bytes: UnsafeRawBufferPointer, of name: String) throws(RecordLogError) -> SegmentHeader? {
        guard bytes.count >= SegmentHeader.byteCount else { return nil }
        switch SegmentHeader.decode(bytes) {
        case .newerVersion: throw .newerVersion(file: name)
        case .damaged: return nil
        case .header(let header): return header
        }
    }

    private func fitting(_ header: SegmentHeader?) -> SegmentHeader? {
        guard let header, header.firstPosition == link.position, header.segmentID == link.segmentID,
            link.chain == nil || link.chain == header.chainBefore
        else { return nil }
        return header
    }

    private func madeHeader(first: UInt64, byteCount: Int) -> SegmentHeader {
        SegmentHeader(
            segmentID: link.segmentID,
            firstPosition: first,
            segmentByteCount: byteCount,
            createdAtMilliseconds: 0,
            chainBefore: link.chain ?? .zero
        )
    }

    /// The number of a segment, by whatever is left of it.
    private func segmentID(of name: String) -> UInt64? {
        if let header = soundHeader(of: name) { return header.segmentID }
        let buffer = ByteBuffer()
        return (try? fileSystem.salvage(folder + "/" + name, into: buffer)).flatMap { SegmentScan.segmentID(of: $0) }
    }

    /// The header of a segment, if it is sound and agrees with the name.
    private func soundHeader(of name: String) -> SegmentHeader? {
        guard let file = try? fileSystem.open(folder + "/" + name, mode: .read) else { return nil }
        defer { file.close() }
        guard let bytes = try? file.bytes(at: 0, count: SegmentHeader.byteCount),
            bytes.count == SegmentHeader.byteCount,
            case .header(let header) = bytes.withUnsafeBytes({ SegmentHeader.decode($0) }),
            header.firstPosition == SegmentListing.firstPosition(ofName: name)
        else { return nil }
        return header
    }
}
