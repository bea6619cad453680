package import MeterModel
package import RecordLog

extension EventLogReader {
    /// Hands blocks to `body` in position order, from the first of the log: all events, and of the readings those of
    /// the devices in a scope alone, in pieces with gaps between them. Positions are those of the log.
    ///
    /// Costs little more than reading the bytes: of readings that are not wanted the series alone is decoded. Sealed
    /// segments are passed over whose index says that they have nothing but readings of other devices and define
    /// nothing new, so that `RecordedBlock.extend` works from an empty directory on.
    ///
    /// Every block's checksum is compared. Not checked is what readings of other devices say: that their series are
    /// defined, their times, values and traits; of a run without a wanted reading the columns beside the series.
    ///
    /// - Parameters:
    ///   - scope: the devices; nil: all, and every block is decoded whole.
    ///   - last: The last position wanted, known to be durable; nil is as far as there is now.
    ///   - body: Receives each block read, also such in which nothing is wanted; must not use this reader.
    /// - Throws: `RecordLogError`, `EventStorageError`, and what `body` throws.
    package func forEachBlock(
        of scope: DeviceScope?,
        through last: Position? = nil,
        _ body: (RecordedBlock) throws -> BlockStep
    ) throws {
        guard let scope else {
            try forEachBlock(from: Position(1), through: last, body)
            return
        }
        if let last, last < Position(1) { return }
        let decoder = BlockBodyDecoder(scope: scope)
        let whole = WholeBlocks(self)
        let wanted = 1...(last?.rawValue ?? .max)
        var isStopped = false
        for segment in try log.segments() {
            guard let segmentLast = segment.lastPosition else { continue }
            if segment.firstPosition > wanted.upperBound { return }
            if segment.isSealed, let index = try storedIndex(ofSegmentAt: segment.firstPosition),
                decoder.mayPassOver(index)
            {
                continue
            }
            try log.forEachBlock(
                from: segment.firstPosition,
                through: min(wanted.upperBound, segmentLast)
            ) { view in
                var block = try decoder.decode(view, depth: .wanted)
                if block.needsWhole { decoder.take(try whole.block(view), decodedBy: whole.decoder, into: &block) }
                guard let recorded = RecordedBlock(block, decoder, wanted: wanted) else { return .proceed }
                let step = try body(recorded)
                isStopped = step == .stop
                return step
            }
            if isStopped { return }
        }
    }
}

/// Decodes blocks whole behind a reader that does not, each with those of its segment before it that it did not decode
/// yet: no block twice while they are asked for in order.
private final class WholeBlocks {
    let decoder = BlockBodyDecoder()
    private let reader: EventLogReader
    private var log: RecordLogReader?
    private var segmentID: UInt64?

    init(_ reader: EventLogReader) { self.reader = reader }

    /// The whole of a block as the log reader hands it over, in whose closure this is; good until the next call.
    func block(_ view: BlockView) throws -> BlockBodyDecoder.Block {
        if !view.isFirstInSegment, segmentID != view.segmentID || decoder.nextPosition != view.firstPosition {
            try catchUp(with: view)
        }
        segmentID = view.segmentID
        return try decoder.decode(view)
    }

    private func catchUp(with view: BlockView) throws {
        let log = try self.log ?? reader.makeLogReader()
        self.log = log
        let last = view.firstPosition - 1
        let next = segmentID == view.segmentID ? decoder.nextPosition : nil
        try log.forEachBlock(from: next ?? last, startingAt: next == nil ? .segment : .block, through: last) { view in
            _ = try decoder.decode(view)
            return .proceed
        }
    }
}
