/// What a verification found and how much it looked at.
package struct VerificationReport: Sendable {
    /// Everything noticed, in the log's order.
    ///
    /// No damage among it means the log is sound.
    package var findings: [LogFinding] = []
    /// Segments looked at.
    package var segmentCount = 0
    /// Sound blocks.
    package var blockCount = 0
    /// Records in sound blocks.
    package var recordCount: UInt64 = 0
    /// Bytes of headers, blocks, indexes and footers.
    package var liveByteCount = 0
    /// Bytes of pre-written space.
    package var prewrittenByteCount = 0
    /// The positions of records that were given up, in order.
    package var holes: [ClosedRange<UInt64>] = []
    /// The last position; 0 for an empty log.
    package var head: UInt64 = 0
    /// The chain value after the last sound block.
    package var chain = Digest32.zero
    /// The chain value after the log's first block; zero for an empty log.
    package var firstChain = Digest32.zero
    /// Of the positions asked for, those at which a block ends.
    package var chains: [UInt64: ChainValue] = [:]

    /// The chain at the end of a block.
    package struct ChainValue: Sendable, Hashable {
        /// The value.
        package var chain: Digest32
        /// Whether it was computed from the content of every block up to there, rather than read behind damage.
        package var isProved: Bool
    }

    /// Whether anything is damaged.
    package var hasDamage: Bool { findings.contains { $0.severity == .damage } }
    /// How many records were given up.
    package var lostCount: Int { holes.reduce(0) { $0 + $1.count } }
}

/// Reads a whole log and holds every byte against what it must be.
///
/// Never writes; needs no lock.
///
/// Invariant: a byte under `log/` that is not as it was written shows as a finding. What cannot be known from the files
/// alone, that something is missing at the very end, takes `expectedHead`.
package struct RecordLogVerification {
    /// Computes the SHA-256 of a block's canonical content from its uncompressed body.
    ///
    /// Blocks come in order. `isFirstInSegment` tells a decoder with state to begin afresh. If it throws, the block is
    /// reported as damaged content and the chain is taken up again at the block's stored value.
    package typealias ContentDigest = (BlockView) throws -> Digest32

    /// How often bytes that change while they are verified are read again.
    private static let rereadLimit = 8

    private let fileSystem: any FileSystem
    /// Where the segments lie.
    private let directory: String
    private let expectedHead: UInt64
    private let chainPositions: Set<UInt64>
    private let contentDigest: ContentDigest
    private let decoder = BlockDecoder()
    private let buffer = ByteBuffer()
    private var report = VerificationReport()
    /// What the next segment must continue; `nil` where damage leaves it unknown.
    private var link: SegmentLink?

    private init(
        folder: String,
        fileSystem: any FileSystem,
        link: SegmentLink?,
        expectedHead: UInt64 = 0,
        chainPositions: Set<UInt64> = [],
        contentDigest: @escaping ContentDigest
    ) {
        self.fileSystem = fileSystem
        directory = folder
        self.link = link
        self.expectedHead = expectedHead
        self.chainPositions = chainPositions
        self.contentDigest = contentDigest
    }

    /// Verifies the log of a data directory.
    ///
    /// Linear in its size.
    ///
    /// - Parameters:
    ///   - directory: The data directory.
    ///   - fileSystem: Where it is.
    ///   - expectedHead: A position known to have been acknowledged, 0 = none.
    ///   - chainPositions: Positions at which the chain's value is wanted in the report.
    ///   - contentDigest: See `ContentDigest`.
    /// - Returns: The findings and totals. Damage is reported there, not thrown.
    /// - Throws: `notALog`, `newerVersion`; `inputOutput` where the directory cannot be read.
    package static func run(
        directory: String,
        fileSystem: any FileSystem = PosixFileSystem(),
        expectedHead: UInt64 = 0,
        chainPositions: Set<UInt64> = [],
        contentDigest: @escaping ContentDigest
    ) throws(RecordLogError) -> VerificationReport {
        var verification = RecordLogVerification(
            folder: LogPaths(directory: directory).log,
            fileSystem: fileSystem,
            link: .origin,
            expectedHead: expectedHead,
            chainPositions: chainPositions,
            contentDigest: contentDigest
        )
        try verification.walk()
        return verification.report
    }

    /// Verifies segments that follow each other from anywhere in a log, such as one that was copied: the first one's
    /// own word for the chain before it is taken.
    ///
    /// - Parameters:
    ///   - folder: Where the segments lie.
    ///   - fileSystem: Where the folder is.
    ///   - contentDigest: See `ContentDigest`.
    /// - Returns: The findings and totals.
    /// - Throws: `notALog`, `newerVersion`, `inputOutput`.
    package static func run(
        segmentsIn folder: String,
        fileSystem: any FileSystem,
        contentDigest: @escaping ContentDigest
    ) throws(RecordLogError) -> VerificationReport {
        var verification = RecordLogVerification(
            folder: folder,
            fileSystem: fileSystem,
            link: nil,
            contentDigest: contentDigest
        )
        try verification.walk()
        return verification.report
    }

    private mutating func walk() throws(RecordLogError) {
        let listing: SegmentListing
        do throws(RecordLogError) {
            listing = try SegmentListing(fileSystem, directory: directory)
        } catch  where error.code == .notFound {
            throw RecordLogError(.notALog, "there is no log", place: LogPlace(file: directory))
        }
        for name in listing.strayNames {
            add(.notice, .strayFile, name, nil, nil, "not a segment; no checksum covers it")
        }
        for name in listing.names {
            do throws(RecordLogError) {
                try check(name, isLast: name == listing.names.last)
            } catch  where error.code == .corruption {
                let place = error.place ?? LogPlace(file: name)
                add(.damage, .segment, place.file, place.byteOffset, place.positions, error.message)
                link = nil
            } catch  where error.code == .inputOutput {
                // The device does not give these bytes: lost like any others, and the rest is looked at all the same.
                let first = max(1, SegmentListing.firstPosition(ofName: name) ?? 1)
                add(.damage, .segment, name, nil, first...UInt64.max, "the file cannot be read: \(error.message)")
                link = nil
            }
        }
        if report.head < expectedHead {
            add(
                .damage,
                .missing,
                listing.names.last ?? directory,
                nil,
                (report.head + 1)...expectedHead,
                "the log ends at position \(report.head), but \(expectedHead) was acknowledged"
            )
        }
    }

    private mutating func check(_ name: String, isLast: Bool) throws(RecordLogError) {
        let segment = try SegmentFile(fileSystem, directory: directory, name: name)
        defer { segment.file.close() }
        report.segmentCount += 1
        if let mismatch = link?.mismatch(segment.header) {
            let expected = link?.nextPosition ?? 1
            let first = segment.header.firstPosition
            let lower = min(expected, first)
            let kind: LogFinding.Kind = expected == first ? .chain : .missing
            add(.damage, kind, name, 0, lower...max(lower, max(expected, first) - 1), mismatch)
        }
        let bytes = try settledBytes(of: segment, isLast: isLast)
        var walk = SegmentWalk(header: segment.header)
        while true {
            try checkBlocks(bytes, segment: segment, walk: &walk)
            guard let resumeOffset = try checkEnd(bytes, segment: segment, walk: walk, isLast: isLast) else { break }
            guard
                let next = BlockHeader.decode(
                    bytes,
                    at: resumeOffset,
                    segmentID: segment.header.segmentID,
                    offset: resumeOffset
                )
            else { break }
            walk.skip(to: next)
        }
        report.head = max(report.head, walk.nextPosition - 1)
        report.chain = walk.chain ?? report.chain
        link = walk.chain.map {
            SegmentLink(
                nextSegmentID: segment.header.segmentID + 1,
                nextPosition: walk.nextPosition,
                chain: $0
            )
        }
    }

    /// The file's bytes.
    ///
    /// The last segment may be growing: what looks damaged there is read again until it stands still.
    private func settledBytes(of segment: SegmentFile, isLast: Bool) throws(RecordLogError) -> UnsafeRawBufferPointer {
        var bytes = try segment.readAll(into: buffer)
        guard isLast, !segment.isSealed else { return bytes }
        for _ in 0..<Self.rereadLimit {
            let scan = SegmentScan(bytes, header: segment.header)
            guard case .corrupt = scan.end, scan.endOffset <= bytes.count else { break }
            let before = bytes.crc32c(scan.endOffset..<bytes.count)
            bytes = try segment.readAll(into: buffer)
            if scan.endOffset <= bytes.count, bytes.crc32c(scan.endOffset..<bytes.count) == before { break }
        }
        return bytes
    }

    /// Checks sound blocks from where `walk` stands until something else comes.
    private mutating func checkBlocks(
        _ bytes: UnsafeRawBufferPointer,
        segment: SegmentFile,
        walk: inout SegmentWalk
    ) throws(RecordLogError) {
        while let header = SegmentScan.soundBlock(bytes, at: walk.offset, segmentID: segment.header.segmentID) {
            if header.firstPosition != walk.nextPosition {
                let lower = min(header.firstPosition, walk.nextPosition)
                let upper = max(header.firstPosition, walk.nextPosition)
                let text = "a block begins with position \(header.firstPosition) where \(walk.nextPosition) must follow"
                add(.damage, .block, segment.name, header.offset, lower...upper, text)
                walk.chain = nil
            }
            checkContent(bytes, header: header, segment: segment, chainBefore: walk.chain)
            walk.pass(header)
            note(header)
            report.blockCount += 1
            report.recordCount += UInt64(header.recordCount)
        }
    }

    /// Keeps the chain's value where somebody wants to know it.
    private mutating func note(_ header: BlockHeader) {
        if header.firstPosition == 1 { report.firstChain = header.chain }
        guard chainPositions.contains(header.lastPosition) else { return }
        let isProved = !report.hasDamage && report.holes.isEmpty
        report.chains[header.lastPosition] = .init(chain: header.chain, isProved: isProved)
    }

    private mutating func checkContent(
        _ bytes: UnsafeRawBufferPointer,
        header: BlockHeader,
        segment: SegmentFile,
        chainBefore: Digest32?
    ) {
        let block = UnsafeRawBufferPointer(rebasing: bytes[header.offset..<header.end])
        guard let body = decoder.body(of: block, header: header) else {
            let text = "a block's body does not decompress"
            return add(.damage, .block, segment.name, header.offset, header.positions, text)
        }
        let digest: Digest32
        do {
            digest = try contentDigest(BlockView(header, body: body))
        } catch {
            let text = "a block's content cannot be understood: \(error)"
            return add(.damage, .content, segment.name, header.offset, header.positions, text)
        }
        if header.isHole {
            report.holes.append(header.positions)
            let text = "these records are lost and were given up; the chain is not proved across them"
            return add(.notice, .hole, segment.name, header.offset, header.positions, text)
        }
        // Behind damage there is no chain value to start from; the next block is checked again from this one's.
        guard let chainBefore else { return }
        let expected = chainBefore.appending(
            firstPosition: header.firstPosition,
            recordCount: header.recordCount,
            contentDigest: digest
        )
        if expected != header.chain {
            let text = "the chain does not prove this block's content"
            add(.damage, .chain, segment.name, header.offset, header.positions, text)
        }
    }

    /// Judges what stands where no sound block does; returns where blocks go on behind damage.
    private mutating func checkEnd(
        _ bytes: UnsafeRawBufferPointer,
        segment: SegmentFile,
        walk: SegmentWalk,
        isLast: Bool
    ) throws(RecordLogError) -> Int? {
        let end = SegmentScan.endState(
            bytes,
            at: walk.offset,
            nextPosition: walk.nextPosition,
            segmentID: segment.header.segmentID
        )
        switch end {
        case .sealed(let tail):
            checkSealed(tail, segment: segment, walk: walk)
        case .clean where isLast && !segment.isSealed:
            count(live: walk.offset, of: segment)
        case .torn(let tornEnd) where isLast && !segment.isSealed:
            count(live: walk.offset, of: segment)
            let text = "a write of \(tornEnd - walk.offset) bytes that has not completed; not acknowledged"
            add(.notice, .tornTail, segment.name, walk.offset, nil, text)
        case .corrupt(let reason, let positions, let resumeOffset?)
        where BlockHeader.decode(bytes, at: resumeOffset, segmentID: segment.header.segmentID, offset: resumeOffset)
            != nil:
            add(.damage, .block, segment.name, walk.offset, positions, reason)
            return resumeOffset
        case .corrupt(let reason, let positions, _):
            try checkDerived(segment, walk: walk, reason: reason, positions: positions)
        case .clean, .torn:
            let text = "the segment ends without a sound index and footer"
            try checkDerived(segment, walk: walk, reason: text, positions: walk.nextPosition...UInt64.max)
        }
        return nil
    }

    /// Tells damage to derived data from damage to blocks: the next segment's beginning, or this one's footer, vouches
    /// for the blocks.
    private mutating func checkDerived(
        _ segment: SegmentFile,
        walk: SegmentWalk,
        reason: String,
        positions: ClosedRange<UInt64>
    ) throws(RecordLogError) {
        count(live: segment.byteCount, of: segment)
        var isVouchedFor = segment.footer.map {
            $0.lastPosition + 1 == walk.nextPosition && $0.indexOffset == walk.offset
        }
        if isVouchedFor == nil {
            let next = SegmentListing.name(firstPosition: walk.nextPosition)
            let listing = try SegmentListing(fileSystem, directory: directory)
            isVouchedFor = next != segment.name && listing.names.contains(next)
        }
        if isVouchedFor == true {
            let text = "index or footer damaged (\(reason)); the blocks are sound and it is rebuilt from them"
            add(.damage, .derivedData, segment.name, walk.offset, nil, text)
        } else {
            add(.damage, .block, segment.name, walk.offset, positions, reason)
        }
    }

    private mutating func checkSealed(_ tail: SealedTail, segment: SegmentFile, walk: SegmentWalk) {
        count(live: tail.footer.liveByteCount, of: segment)
        if segment.byteCount != tail.footer.liveByteCount {
            let text = "sealed, but its file is not cut yet; the next opening for writing does it"
            add(.notice, .unfinishedSeal, segment.name, tail.footer.indexOffset, nil, text)
        }
        let agrees =
            tail.footer.firstPosition == segment.header.firstPosition
            && (walk.isDamaged || tail.entries == walk.entries)
            && (walk.chain == nil || tail.footer.chain == walk.chain)
        if !agrees {
            let text = "index or footer disagree with the blocks"
            add(.damage, .derivedData, segment.name, tail.footer.indexOffset, nil, text)
        }
    }

    private mutating func count(live: Int, of segment: SegmentFile) {
        report.liveByteCount += live
        report.prewrittenByteCount += segment.byteCount - live
    }

    private mutating func add(
        _ severity: LogFinding.Severity,
        _ kind: LogFinding.Kind,
        _ file: String,
        _ byteOffset: Int?,
        _ positions: ClosedRange<UInt64>?,
        _ text: String
    ) {
        let place = LogPlace(file: file, byteOffset: byteOffset, positions: positions)
        report.findings.append(LogFinding(severity: severity, kind: kind, place: place, text: text))
    }
}

/// How far a verification has come in a segment.
private struct SegmentWalk {
    var offset = SegmentHeader.byteCount
    var nextPosition: UInt64
    /// The last block's chain value; `nil` behind damage.
    var chain: Digest32?
    var entries: [BlockEntry] = []
    var isDamaged = false

    init(header: SegmentHeader) {
        nextPosition = header.firstPosition
        chain = header.chainBefore
    }

    mutating func pass(_ header: BlockHeader) {
        entries.append(
            BlockEntry(offset: header.offset, recordCount: header.recordCount, firstPosition: header.firstPosition)
        )
        offset = header.end
        nextPosition = header.lastPosition + 1
        chain = header.chain
    }

    mutating func skip(to header: BlockHeader) {
        offset = header.offset
        nextPosition = header.firstPosition
        chain = nil
        isDamaged = true
    }
}
