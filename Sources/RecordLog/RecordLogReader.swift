/// A block as it is handed to a reader's closure: good for the duration of that call.
package struct BlockView {
    /// The segment it lies in.
    package let segmentID: UInt64
    /// Whether it is the first of its segment, where a decoder with state begins afresh.
    package let isFirstInSegment: Bool
    /// Whether it stands in the place of records that were given up.
    package let isHole: Bool
    /// The position of its first record.
    package let firstPosition: UInt64
    /// The number of its records, at least 1.
    package let recordCount: Int
    /// The chain value after it, as stored; `RecordLogVerification` proves it.
    package let chain: Digest32
    /// The uncompressed body.
    ///
    /// Its checksum was compared. Do not keep the pointer.
    package let body: UnsafeRawBufferPointer

    /// The position of its last record.
    package var lastPosition: UInt64 { firstPosition + UInt64(recordCount) - 1 }
}

extension BlockView {
    init(_ header: BlockHeader, body: UnsafeRawBufferPointer) {
        self.init(
            segmentID: header.segmentID,
            isFirstInSegment: header.offset == SegmentHeader.byteCount,
            isHole: header.isHole,
            firstPosition: header.firstPosition,
            recordCount: Int(header.recordCount),
            chain: header.chain,
            body: body
        )
    }
}

/// Whether to go on to the next block.
package enum BlockStep: Sendable {
    /// Hand over the next block.
    case proceed
    /// Return from the iteration; the block just handed over counts as read.
    case stop
}

/// Where an iteration begins.
package enum ReadStart: Sendable {
    /// With the block that holds the position.
    case block
    /// With the first block of the segment that holds the position, for decoders whose state begins there.
    case segment
}

/// Reads a log without its lock, also while a writer appends to it, in this process or another.
///
/// Invariants: never writes; hands out blocks in order without gaps, each with a sound checksum; keeps a cursor behind
/// the last block handed out so that following costs one small read when nothing is new.
///
/// Not `Sendable`: one reader for each place that reads. Calls block on the device.
package final class RecordLogReader {
    private let fileSystem: any FileSystem
    private let directory: String
    private let decoder = BlockDecoder()
    private var cursor: SegmentCursor?
    private var listing: SegmentListing

    /// Looks at the log of a data directory.
    ///
    /// - Throws: `notALog` if there is none.
    package convenience init(
        directory: String,
        fileSystem: any FileSystem = PosixFileSystem()
    ) throws(RecordLogError) {
        try self.init(segmentsIn: LogPaths(directory: directory).log, fileSystem: fileSystem)
    }

    /// Looks at segments in a folder.
    ///
    /// - Throws: `notALog` if there is no such folder.
    package init(segmentsIn folder: String, fileSystem: any FileSystem) throws(RecordLogError) {
        self.fileSystem = fileSystem
        directory = folder
        do throws(RecordLogError) {
            listing = try SegmentListing(fileSystem, directory: self.directory)
        } catch  where error.code == .notFound {
            throw RecordLogError(
                .notALog,
                "there is no log",
                place: LogPlace(file: self.directory),
                hint: "name the data directory, or make one with init"
            )
        }
    }

    /// Hands blocks to `body`, in order, from the one that holds `position` (or its segment's first).
    ///
    /// A block is handed over whole, also if it begins before `position`. The end of the durable blocks ends the
    /// iteration; call again with the returned position to follow the log, over any rolls.
    ///
    /// - Parameters:
    ///   - position: The first position wanted; 0 counts as 1.
    ///   - start: Whether to begin with the block or with its segment.
    ///   - last: The last position wanted; the caller knows it to be acknowledged, so that a log that ends before it is
    ///     corrupt. `nil` = as far as there are durable blocks: unsealed bytes are then synced before they are handed
    ///     out.
    ///   - body: Receives each block; must not use this reader.
    /// - Returns: The position after the last block passed, where the next call may begin. Smaller than `position` if
    ///   the log ends before it.
    /// - Throws: `RecordLogError` with `corruption` naming segment, offset and positions, `newerVersion` or
    ///   `inputOutput`; and what `body` throws.
    @discardableResult
    package func forEachBlock(
        from position: UInt64,
        startingAt start: ReadStart = .block,
        through last: UInt64? = nil,
        _ body: (BlockView) throws -> BlockStep
    ) throws -> UInt64 {
        let position = max(1, position)
        if let last, last < position { return position }
        guard var current = try cursor(for: position, start: start) else {
            if let last { throw endError(nextPosition: 1, last: last) }
            return 1
        }
        while true {
            current.confirmsDurability = last == nil
            cursor = current
            if let last, current.nextPosition > last { return current.nextPosition }
            switch try current.next(mustReach: last != nil) {
            case .block(let header, let bytes):
                if start == .block, header.lastPosition < position { continue }
                // Until the closure returns, the cursor is not where the next call may go on.
                cursor = nil
                let step = try body(try view(header, bytes, in: current))
                cursor = current
                if step == .stop { return current.nextPosition }
            case .finished:
                guard let next = try successor(of: current, damage: nil) else {
                    if let last { throw endError(nextPosition: current.nextPosition, last: last) }
                    return current.nextPosition
                }
                current = next
            case .ended(let damage):
                if let next = try successor(of: current, damage: damage) {
                    current = next
                } else if let damage {
                    cursor = nil
                    throw damage
                } else {
                    if let last { throw endError(nextPosition: current.nextPosition, last: last) }
                    return current.nextPosition
                }
            }
        }
    }

    /// Hands those blocks of a sealed segment to `body` that are asked for, in order, jumping from one to the next.
    ///
    /// - Parameters:
    ///   - firstPosition: The segment's first position.
    ///   - last: The last position wanted, known to be in the segment.
    ///   - isWanted: Says of each block by its number in the segment, from 0, whether to read it; asked once the wanted
    ///     ones before it were handed over. All are read where the segment has no sound index.
    ///   - body: Receives each block; must not use this reader.
    /// - Throws: as `forEachBlock(from:startingAt:through:)`.
    package func forEachBlock(
        ofSegmentAt firstPosition: UInt64,
        through last: UInt64,
        where isWanted: (Int) -> Bool,
        _ body: (BlockView) throws -> BlockStep
    ) throws {
        let name = SegmentListing.name(firstPosition: firstPosition)
        let current = SegmentCursor(try SegmentFile(fileSystem, directory: directory, name: name))
        guard let tail = try current.segment.sealedTail() else {
            try forEachBlock(from: firstPosition, through: last, body)
            return
        }
        let end = current.segment.footer?.indexOffset ?? current.segment.byteCount
        for (number, entry) in tail.entries.enumerated() where entry.firstPosition <= last && isWanted(number) {
            // Few may be wanted: each is read by itself.
            let isLast = number + 1 == tail.entries.count
            current.jump(to: entry, readingUpTo: isLast ? end : tail.entries[number + 1].offset)
            switch try current.next(mustReach: true) {
            case .block(let header, let bytes):
                if try body(try view(header, bytes, in: current)) == .stop { return }
            case .ended(let damage?): throw damage
            case .finished, .ended: throw endError(nextPosition: current.nextPosition, last: last)
            }
        }
    }

    /// All segments in order.
    ///
    /// Reads header and footer of each, and the blocks of one that is not sealed.
    ///
    /// - Parameter last: Segments that begin behind this position are left out; nil: none is.
    /// - Returns: What is to be said of each.
    /// - Throws: `corruption` or `newerVersion` where a segment's header or size is wrong.
    package func segments(through last: UInt64? = nil) throws(RecordLogError) -> [SegmentSummary] {
        try refresh()
        var summaries: [SegmentSummary] = []
        for name in listing.names {
            if let last, let first = SegmentListing.firstPosition(ofName: name), first > last { break }
            let segment = try SegmentFile(fileSystem, directory: directory, name: name)
            if let footer = segment.footer {
                defer { segment.file.close() }
                summaries.append(segment.summary(of: footer))
            } else {
                summaries.append(try SegmentCursor(segment).summaryOfSoundBlocks())
            }
        }
        return summaries
    }

    /// The index the caller stored with a sealed segment; `nil` if there is none, or it is damaged: it is derived data.
    ///
    /// - Parameter firstPosition: The segment's first position.
    /// - Returns: The caller's bytes, as they were given when the segment was sealed.
    /// - Throws: `notFound` if there is no such segment; `corruption`; `inputOutput`.
    package func sealedIndex(ofSegmentAt firstPosition: UInt64) throws(RecordLogError) -> [UInt8]? {
        let name = SegmentListing.name(firstPosition: firstPosition)
        let segment = try SegmentFile(fileSystem, directory: directory, name: name)
        defer { segment.file.close() }
        guard let tail = try segment.sealedTail(), !tail.callerIndex.isEmpty else { return nil }
        return tail.callerIndex
    }

    /// The positions of records that were given up, in order.
    ///
    /// Costs a few small reads for each sealed segment.
    ///
    /// - Throws: `RecordLogError`.
    package func holes() throws(RecordLogError) -> [ClosedRange<UInt64>] {
        try refresh()
        var holes: [ClosedRange<UInt64>] = []
        for name in listing.names {
            let segment = try SegmentFile(fileSystem, directory: directory, name: name)
            defer { segment.file.close() }
            if let hole = try segment.hole() { holes.append(hole) }
        }
        return holes
    }

    private func refresh() throws(RecordLogError) {
        listing = try SegmentListing(fileSystem, directory: directory)
    }

    private func view(
        _ header: BlockHeader,
        _ bytes: UnsafeRawBufferPointer,
        in current: SegmentCursor
    ) throws(RecordLogError) -> BlockView {
        guard let body = decoder.body(of: bytes, header: header) else {
            throw .corruption(
                "a block's body does not decompress",
                file: current.segment.name,
                byteOffset: header.offset,
                positions: header.positions
            )
        }
        return BlockView(header, body: body)
    }

    private func endError(nextPosition: UInt64, last: UInt64) -> RecordLogError {
        .corruption(
            "the log ends at position \(nextPosition - 1), but \(last) was acknowledged",
            file: listing.names.last ?? directory,
            byteOffset: nil,
            positions: nextPosition...max(nextPosition, last)
        )
    }

    /// A cursor at or before the block that holds `position`; `nil` if the log has no segment.
    private func cursor(for position: UInt64, start: ReadStart) throws(RecordLogError) -> SegmentCursor? {
        if start == .block, let cursor, cursor.nextPosition == position { return cursor }
        try refresh()
        let name = listing.names.last { (SegmentListing.firstPosition(ofName: $0) ?? .max) <= position }
        guard let name = name ?? listing.names.first else { return nil }
        let segment = try SegmentFile(fileSystem, directory: directory, name: name)
        if let mismatch = SegmentLink.origin.mismatch(segment.header), segment.header.firstPosition > position {
            throw .corruption(mismatch, file: name, byteOffset: 0, positions: 1...segment.header.firstPosition - 1)
        }
        let made = SegmentCursor(segment)
        if start == .block, position > segment.header.firstPosition, let tail = try segment.sealedTail(),
            let entry = tail.entries.last(where: { $0.firstPosition <= position })
        {
            made.jump(to: entry)
        }
        return made
    }

    /// The cursor that goes on behind a segment's end; `nil` if no segment follows.
    ///
    /// Throws `damage`, if any, where the next segment does not follow: it says more about what is missing.
    private func successor(
        of current: SegmentCursor,
        damage: RecordLogError?
    ) throws(RecordLogError) -> SegmentCursor? {
        try refresh()
        let first = current.segment.header.firstPosition
        guard let name = listing.names.first(where: { (SegmentListing.firstPosition(ofName: $0) ?? 0) > first })
        else { return nil }
        let next = try SegmentFile(fileSystem, directory: directory, name: name)
        if next.header.firstPosition > current.nextPosition, !current.isReopened {
            // More blocks and a roll may have come between the look at this segment and the look at the directory.
            next.file.close()
            let reopened = SegmentCursor(
                try SegmentFile(fileSystem, directory: directory, name: current.segment.name)
            )
            reopened.resume(current)
            reopened.isReopened = true
            return reopened
        }
        let link = SegmentLink(
            nextSegmentID: current.segment.header.segmentID + 1,
            nextPosition: current.nextPosition,
            chain: current.chain ?? next.header.chainBefore
        )
        if let mismatch = link.mismatch(next.header) {
            if let damage { throw damage }
            let lower = min(link.nextPosition, next.header.firstPosition)
            let upper = max(link.nextPosition, next.header.firstPosition)
            throw .corruption(mismatch, file: name, byteOffset: 0, positions: lower...max(lower, upper - 1))
        }
        return SegmentCursor(next)
    }
}
