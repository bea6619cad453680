package import MeterModel
package import RecordLog

/// Reads the events of a log, also while a writer appends to it. One for each place that reads: it is not `Sendable`.
///
/// Invariant: `decoder` is behind the block passed last, so that going on from there costs nothing; any other start is
/// decoded from the beginning of its segment.
package final class EventLogReader {
    let log: RecordLogReader
    private let decoder = BlockBodyDecoder()
    private let directoryPath: String
    private let fileSystem: any FileSystem
    /// The log's chain value after the block that `forEachBlock` passed last; zero before any.
    package private(set) var chain = Digest32.zero

    /// - Parameters:
    ///   - directory: The data directory.
    ///   - fileSystem: Where it is.
    /// - Throws: `RecordLogError` with `notALog` if there is none.
    package init(directory: String, fileSystem: any FileSystem = PosixFileSystem()) throws {
        log = try RecordLogReader(directory: directory, fileSystem: fileSystem)
        directoryPath = directory
        self.fileSystem = fileSystem
    }

    /// Another reader of the same log.
    func makeLogReader() throws -> RecordLogReader {
        try RecordLogReader(directory: directoryPath, fileSystem: fileSystem)
    }

    /// Hands blocks to `body` in position order, the first and last cut to what is asked for.
    ///
    /// Blocks of the first segment before `from` are decoded for their state and not delivered. At the end of the
    /// durable blocks it returns; called again with the position returned it goes on from there.
    ///
    /// - Parameters:
    ///   - from: The first position wanted; `.origin` counts as 1.
    ///   - last: The last position wanted, known to be durable; nil is as far as there is.
    ///   - body: Receives each block; must not use this reader.
    /// - Returns: The position after the last block read, where the next call may begin.
    /// - Throws: `RecordLogError`, `EventStorageError`, and what `body` throws.
    @discardableResult
    package func forEachBlock(
        from: Position,
        through last: Position? = nil,
        _ body: (RecordedBlock) throws -> BlockStep
    ) throws -> Position {
        let first = max(1, from.rawValue)
        if let last, last.rawValue < first { return Position(first) }
        let wanted = first...(last?.rawValue ?? .max)
        let goesOn = decoder.nextPosition == first
        do {
            let next = try log.forEachBlock(
                from: first,
                startingAt: goesOn ? .block : .segment,
                through: last?.rawValue
            ) { view in
                let block = try decoder.decode(view)
                chain = view.chain
                guard let recorded = RecordedBlock(block, decoder, wanted: wanted) else { return .proceed }
                return try body(recorded)
            }
            return Position(last.map { min(next, $0.rawValue + 1) } ?? next)
        } catch {
            decoder.reset()
            throw error
        }
    }

    /// All segments in order.
    ///
    /// - Throws: `RecordLogError`.
    package func segments() throws -> [SegmentSummary] { try log.segments() }

    /// The positions of records that were given up, in order.
    ///
    /// - Throws: `RecordLogError`.
    package func holes() throws -> [ClosedRange<Position>] {
        try log.holes().map { ClosedRange($0) }
    }

    /// The last position there is now.
    ///
    /// - Parameter limit: what lies behind it is not looked at, and it is the last then; nil: all is.
    /// - Returns: it; `.origin` of an empty log.
    /// - Throws: `RecordLogError`.
    package func lastPosition(upTo limit: Position? = nil) throws -> Position {
        let last = Position(try log.segments(through: limit?.rawValue).compactMap(\.lastPosition).last ?? 0)
        return limit.map { min($0, last) } ?? last
    }

    /// What a segment holds: the index stored with it, or one built from its blocks.
    ///
    /// - Returns: nil for a segment without blocks.
    /// - Throws: `RecordLogError`, `EventStorageError`.
    package func index(of segment: SegmentSummary) throws -> SegmentIndex? {
        guard let last = segment.lastPosition else { return nil }
        if segment.isSealed, let stored = try log.storedIndex(ofSegmentAt: segment.firstPosition) { return stored }
        return try rebuiltIndex(ofSegmentAt: segment.firstPosition, through: last)
    }

    /// A segment's index, built from its blocks.
    ///
    /// - Throws: `RecordLogError`, `EventStorageError`.
    package func rebuiltIndex(ofSegmentAt first: UInt64, through last: UInt64) throws -> SegmentIndex? {
        let state = try state(at: Position(last), depth: .states)
        defer { decoder.reset() }
        return state.index.finish(segment: decoder.segment)
    }

    /// The log's numbering as it was at a position: reads the definitions of those segments that have new ones.
    ///
    /// - Parameter last: The last position that counts; nil is as far as there is.
    /// - Returns: devices, registers and series under the log's numbers.
    /// - Throws: `RecordLogError`, `EventStorageError`.
    package func directory(through last: Position? = nil) throws -> SeriesDirectory {
        var directory = SeriesDirectory()
        defer { decoder.reset() }
        for segment in try log.segments() {
            guard let segmentLast = segment.lastPosition else { continue }
            if let last, segment.firstPosition > last.rawValue { break }
            if segment.isSealed, let index = try log.storedIndex(ofSegmentAt: segment.firstPosition),
                index.added == DefinitionCounts()
            {
                continue
            }
            try log.forEachBlock(
                from: segment.firstPosition,
                startingAt: .segment,
                through: min(last?.rawValue ?? segmentLast, segmentLast)
            ) { view in
                let block = try decoder.decode(view, depth: .definitions)
                try decoder.extend(&directory, by: block)
                return .proceed
            }
        }
        return directory
    }

    /// What an encoder needs to go on behind a position.
    struct State {
        var decoder: BlockBodyDecoder
        var index: SegmentIndexBuilder
        var counts: DefinitionCounts
    }

    /// Decodes the segment that holds a position, up to its block: its definitions or states.
    func state(at position: Position, depth: BlockBodyDecoder.Depth) throws -> State {
        var index = SegmentIndexBuilder()
        var counts = DefinitionCounts()
        decoder.reset()
        try log.forEachBlock(from: position.rawValue, startingAt: .segment, through: position.rawValue) { view in
            let block = try decoder.decode(view, depth: depth)
            index.add(block, decoder)
            counts = block.after
            return .proceed
        }
        return State(decoder: decoder, index: index, counts: counts)
    }

}

extension RecordLogReader {
    /// What is stored of a sealed segment, if anything.
    func storedIndex(ofSegmentAt first: UInt64) throws -> SegmentIndex? {
        guard let bytes = try sealedIndex(ofSegmentAt: first) else { return nil }
        // Derived data: what cannot be read is rebuilt.
        return try? SegmentIndex(decoding: bytes)
    }
}

extension ClosedRange<Position> {
    /// Positions as the record log has them.
    package init(_ positions: ClosedRange<UInt64>) {
        self = Position(positions.lowerBound)...Position(positions.upperBound)
    }
}

extension SegmentIndexBuilder {
    /// Adds the block that `decoder` decoded last.
    mutating func add(_ block: BlockBodyDecoder.Block, _ decoder: BlockBodyDecoder) {
        addBlock(
            block.firstPosition...block.firstPosition + UInt64(block.recordCount) - 1,
            recordedAt: block.recordedAt,
            before: block.before,
            after: block.after,
            segment: decoder.segment
        )
        for run in block.runs {
            switch run {
            case .readings(let range): add(decoder.records(range))
            case .passedOver: precondition(block.bounds != nil, "an index of a part of a block")
            case .event(_, _, let event): add(event, segment: decoder.segment)
            case .lost: break
            }
        }
        if let bounds = block.bounds { add(bounds) }
    }
}
