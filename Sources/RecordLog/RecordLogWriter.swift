/// Whether the next block is the first of a segment.
///
/// An encoder with state begins afresh at `new`.
package enum SegmentTurn: Sendable, Equatable {
    /// The next block follows others in its segment.
    case same
    /// The next block is the first of its segment.
    case new
}

/// The one writer of a log: appends blocks and rolls segments.
///
/// Invariants:
/// - `head` and `chain` describe durable blocks only: they move after a write and its sync have succeeded.
/// - Block N+1 is written only after block N is durable, so an incomplete block can only be the last.
/// - Behind `endOffset` the active segment's file is zero and was so durably before the segment got its name.
/// - Once `failure` is set nothing is written any more: a failed write or sync is never repeated.
///
/// Not `Sendable`: one owner uses it from one place at a time. Calls block on the device.
package final class RecordLogWriter {
    let fileSystem: any FileSystem
    let paths: LogPaths
    let configuration: RecordLogConfiguration
    let lock: any FileLock
    let spare: SparePreparation

    var active: SegmentFile
    var entries: [BlockEntry]
    var endOffset: Int
    private var failure: RecordLogError?
    private var isClosed = false
    private let encoder = BlockEncoder()

    /// The last durable position; 0 while the log is empty.
    package private(set) var head: UInt64
    /// The chain value after the last durable block; zero while the log is empty.
    package private(set) var chain: Digest32
    /// Bytes of blocks written since opening, header and trailer included.
    package private(set) var writtenByteCount = 0
    /// How many sealed segments since opening had to leave the caller's index out because it exceeded the reserve.
    package private(set) var omittedIndexCount = 0

    /// Called when a segment is sealed, with its positions: gives the index to be stored with it, or `nil` for none.
    ///
    /// The index is derived data: at most `configuration.sealedIndexByteCount` bytes, else it is left out and
    /// `omittedIndexCount` counts it.
    package var sealedIndex: ((ClosedRange<UInt64>) -> [UInt8]?)?

    init(_ recovered: RecoveredLog, lock: any FileLock, spare: SparePreparation) {
        fileSystem = recovered.fileSystem
        paths = recovered.paths
        configuration = recovered.configuration
        self.lock = lock
        self.spare = spare
        active = recovered.active
        entries = recovered.entries
        endOffset = recovered.endOffset
        head = recovered.link.nextPosition - 1
        chain = recovered.link.chain
        startSpareIfHalfFull()
    }

    deinit { close() }

    /// The segment that takes the next block.
    package var activeSegment: SegmentSummary {
        active.summary(
            lastPosition: entries.last?.lastPosition,
            blockCount: entries.count,
            liveByteCount: endOffset,
            chain: chain
        )
    }

    /// Makes sure that a body of up to `maximumBodyByteCount` bytes fits, rolling to a new segment if it might not.
    ///
    /// To be called before the body is encoded, since an encoder's state ends with its segment.
    ///
    /// - Returns: `new` if the next block will be its segment's first, whether or not this call rolled.
    /// - Throws: `bodyTooLarge` if no segment takes so much; `noSpace` if the device has no room for a segment, after which
    ///   the call may be repeated; `failed` or `inputOutput` if the log has stopped; `closed`.
    package func prepare(maximumBodyByteCount: Int) throws(RecordLogError) -> SegmentTurn {
        try checkUsable()
        guard maximumBodyByteCount <= configuration.maximumBodyByteCount else {
            throw RecordLogError(
                .bodyTooLarge,
                "a body of \(maximumBodyByteCount) bytes exceeds the limit of \(configuration.maximumBodyByteCount)"
            )
        }
        if !fits(bodyByteCount: maximumBodyByteCount) { try roll() }
        return entries.isEmpty ? .new : .same
    }

    /// Appends one block and makes it durable.
    ///
    /// - Parameters:
    ///   - body: The block's bytes, opaque here: at most what `prepare` was asked for.
    ///   - recordCount: How many records it holds: 1 to 2^32 - 1. They get the next positions.
    ///   - contentDigest: SHA-256 of the block's canonical content, as `RecordLogVerification` will recompute it.
    /// - Returns: The positions of the records; all of them are durable.
    /// - Throws: `segmentFull` if the body does not fit; `inputOutput` or `noSpace` if the write or sync failed, and `failed`
    ///   ever after; `closed`. After any throw nothing was acknowledged.
    /// - Precondition: `recordCount` is in its range.
    package func append(
        body: UnsafeRawBufferPointer,
        recordCount: Int,
        contentDigest: Digest32
    ) throws(RecordLogError) -> ClosedRange<UInt64> {
        try checkUsable()
        guard let count = UInt32(exactly: recordCount), count > 0 else {
            preconditionFailure("a block holds 1 to 2^32 - 1 records, not \(recordCount)")
        }
        guard body.count <= RecordLogLimits.maximumBodyByteCount, fits(bodyByteCount: body.count) else {
            throw RecordLogError(
                .segmentFull,
                "a body of \(body.count) bytes does not fit the segment",
                place: LogPlace(file: active.name, byteOffset: endOffset),
                hint: "call prepare first, with the largest body that may come"
            )
        }
        let first = head + 1
        let newChain = chain.appending(firstPosition: first, recordCount: count, contentDigest: contentDigest)
        var header = BlockHeader(
            compression: BlockHeader.storedAsIs,
            mask: 0,
            segmentID: active.header.segmentID,
            offset: endOffset,
            recordCount: count,
            firstPosition: first,
            bodyByteCount: 0,
            storedByteCount: 0,
            bodyCRC: 0,
            chain: newChain
        )
        let block = try encoder.encode(body: body, header: &header)
        try stoppingOnFailure { () throws(RecordLogError) in
            try active.file.write(block, at: endOffset)
            try active.file.sync()
        }
        entries.append(BlockEntry(offset: endOffset, recordCount: count, firstPosition: first))
        endOffset = header.end
        head = header.lastPosition
        chain = newChain
        writtenByteCount += block.count
        startSpareIfHalfFull()
        return header.positions
    }

    /// Seals the current segment and begins the next; does nothing while the current one is empty.
    ///
    /// - Throws: As `prepare`.
    package func roll() throws(RecordLogError) {
        try checkUsable()
        guard !entries.isEmpty else { return }
        let file: any OpenFile
        do throws(RecordLogError) {
            file = try spare.take()
        } catch {
            // Without room for a spare the current segment stays as it is and the log is as good as before.
            if error.code != .noSpace { failure = error }
            throw error
        }
        try stoppingOnFailure { () throws(RecordLogError) in
            try seal()
            active = try SegmentCreation.create(
                file: file,
                header: SegmentHeader(
                    segmentID: active.header.segmentID + 1,
                    firstPosition: head + 1,
                    segmentByteCount: configuration.segmentByteCount,
                    createdAtMilliseconds: configuration.createdAtMilliseconds(),
                    chainBefore: chain
                ),
                fileSystem: fileSystem,
                paths: paths
            )
        }
        entries.removeAll(keepingCapacity: true)
        endOffset = SegmentHeader.byteCount
    }

    /// Gives up the lock and closes the files.
    ///
    /// Appended blocks are durable already. Closing twice is allowed.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        spare.finish()
        active.file.close()
        lock.release()
    }

    private func checkUsable() throws(RecordLogError) {
        if isClosed { throw RecordLogError(.closed, "the log is closed") }
        if let failure {
            throw RecordLogError(
                .failed,
                "the log stopped after a failure: \(failure.message)",
                place: failure.place,
                hint: "mend the device, then open the log again: what was acknowledged is checked then",
                systemError: failure.systemError
            )
        }
    }

    private func stoppingOnFailure(_ work: () throws(RecordLogError) -> Void) throws(RecordLogError) {
        do throws(RecordLogError) {
            try work()
        } catch {
            failure = error
            throw error
        }
    }

    private func fits(bodyByteCount: Int) -> Bool {
        let tail = SealedTail.byteCount(
            blockCount: entries.count + 1,
            callerByteCount: configuration.sealedIndexByteCount
        )
        let needed = endOffset + bodyByteCount + RecordLogLimits.blockOverheadByteCount + tail
        return needed <= active.header.segmentByteCount
    }

    private func startSpareIfHalfFull() {
        guard endOffset > active.header.segmentByteCount / 2 else { return }
        spare.start(inBackground: configuration.preparesSpareInBackground)
    }

    private func seal() throws(RecordLogError) {
        let positions = active.header.firstPosition...head
        let room = active.header.segmentByteCount - endOffset
        var callerIndex = sealedIndex?(positions) ?? []
        if SealedTail.byteCount(blockCount: entries.count, callerByteCount: callerIndex.count) > room {
            callerIndex = []
            omittedIndexCount += 1
        }
        let tailByteCount = SealedTail.byteCount(blockCount: entries.count, callerByteCount: callerIndex.count)
        let footer = SegmentFooter(
            segmentID: active.header.segmentID,
            firstPosition: positions.lowerBound,
            lastPosition: positions.upperBound,
            blockCount: entries.count,
            indexOffset: endOffset,
            liveByteCount: endOffset + tailByteCount,
            chain: chain
        )
        let tail = try SealedTail(footer: footer, entries: entries, callerIndex: callerIndex).encoded()
        try active.file.write(tail, at: endOffset)
        try active.file.sync()
        try active.file.truncate(to: footer.liveByteCount)
        try active.file.sync()
        active.file.close()
    }
}

/// Turns a prepared spare into the log's next segment.
enum SegmentCreation {
    /// Writes the header, gives the file its name in `log/` and makes both durable.
    static func create(
        file: any OpenFile,
        header: SegmentHeader,
        fileSystem: any FileSystem,
        paths: LogPaths
    ) throws(RecordLogError) -> SegmentFile {
        var bytes = [UInt8](repeating: 0, count: SegmentHeader.byteCount)
        bytes.withUnsafeMutableBytes { header.encode(into: $0) }
        try file.write(bytes, at: 0)
        try file.sync()
        let name = SegmentListing.name(firstPosition: header.firstPosition)
        try fileSystem.rename(paths.readySpare, to: paths.log + "/" + name)
        try fileSystem.syncDirectory(paths.log)
        try fileSystem.syncDirectory(paths.spare)
        file.close()
        return try SegmentFile(fileSystem, directory: paths.log, name: name, mode: .write)
    }
}
