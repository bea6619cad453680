package import MeterModel
package import RecordLog

extension EventLogReader {
    /// Hands blocks to `body` in position order, from the first of the log: all events, and of the readings those of
    /// the devices in a scope alone, in pieces with gaps between them. Positions are those of the log.
    ///
    /// Costs little more than reading the bytes: of readings that are not wanted the series alone is decoded. Sealed
    /// segments are passed over whose index says that they have nothing but readings of other devices or times and
    /// define nothing new, and of the others blocks that do not matter, so that `RecordedBlock.extend` works from an
    /// empty directory on.
    ///
    /// Every checksum of a block read is compared. Not checked is what readings of other devices say: that their series
    /// are defined, their times, values and traits; of a run without a wanted reading the columns beside the series.
    ///
    /// - Parameters:
    ///   - scope: the devices; nil: all, and every block is decoded whole.
    ///   - last: The last position wanted, known to be durable; nil is as far as there is now.
    ///   - times: Readings whose `readAt` lies outside are not wanted, and may be left out; nil: all are.
    ///   - body: Receives each block read, also such in which nothing is wanted; must not use this reader.
    /// - Throws: `RecordLogError`, `EventStorageError`, and what `body` throws.
    package func forEachBlock(
        of scope: DeviceScope?,
        through last: Position? = nil,
        readAt times: ClosedRange<Int64>? = nil,
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
        var head: UInt64 = 0
        var depth = BlockBodyDecoder.Depth.wanted
        func take(_ view: BlockView) throws -> BlockStep {
            var block = try decoder.decode(view, depth: depth)
            if block.needsWhole { decoder.take(try whole.block(view), decodedBy: whole.decoder, into: &block) }
            guard let recorded = RecordedBlock(block, decoder, wanted: wanted) else { return .proceed }
            let step = try body(recorded)
            isStopped = step == .stop
            return step
        }
        for segment in try log.segments(through: last?.rawValue) {
            guard let segmentLast = segment.lastPosition else { continue }
            let end = min(wanted.upperBound, segmentLast)
            head = segmentLast
            depth = .wanted
            var choice: BlockChoice?
            if segment.isSealed, let index = try storedIndex(ofSegmentAt: segment.firstPosition) {
                if decoder.mayPassOver(index, readAt: times) { continue }
                if index.blocks.count == segment.blockCount { choice = BlockChoice(index, readAt: times) }
            }
            if let choice {
                try log.forEachBlock(
                    ofSegmentAt: segment.firstPosition,
                    through: end,
                    where: { number in
                        if number > choice.lastNeeded { depth = .events }
                        // The first begins the segment for the decoder.
                        return number == 0 || decoder.wanted.map { choice.contains(number, $0) } ?? true
                    },
                    take
                )
            } else {
                try log.forEachBlock(from: segment.firstPosition, through: end, take)
            }
            if isStopped { return }
        }
        // A log that ends before what is known to be durable is damaged: that is said as ever.
        if let last, last.rawValue > head {
            try log.forEachBlock(from: last.rawValue, through: last.rawValue) { _ in .stop }
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
