import MeterModel
import RecordLog

/// What of a log is asked for: all events up to a position, and the readings of some devices.
struct ScopedQuestion {
    let scope: DeviceScope
    let last: UInt64
    /// Readings whose `readAt` lies outside are not wanted; nil: all are.
    let times: ClosedRange<Int64>?
}

/// Reads segments for a scope, in any order, each from its first block on.
///
/// Invariant: `decoder` knows the numbers of the scope's devices in all segments that it has read.
final class ScopedPass {
    private let log: RecordLogReader
    private let question: ScopedQuestion
    private let decoder: BlockBodyDecoder
    private let whole: WholeBlocks

    /// - Parameters:
    ///   - reader: the log's.
    ///   - log: reads it, and is this pass's own.
    ///   - question: what is asked for.
    init(_ reader: EventLogReader, _ log: RecordLogReader, _ question: ScopedQuestion) {
        self.log = log
        self.question = question
        decoder = BlockBodyDecoder(scope: question.scope)
        whole = WholeBlocks(reader)
    }

    /// The numbers of the scope's devices that the segments read have told.
    var knownDevices: Set<UInt32> { decoder.wanted?.knownDevices ?? [] }

    /// What is stored of a segment, if anything.
    func index(of segment: SegmentSummary) throws -> SegmentIndex? {
        segment.isSealed ? try log.storedIndex(ofSegmentAt: segment.firstPosition) : nil
    }

    /// Hands over the blocks of a segment that may matter.
    ///
    /// - Parameters:
    ///   - segment: not empty.
    ///   - index: what is stored of it; nil: nothing.
    ///   - body: receives each block.
    /// - Returns: what `body` said last; to go on where there was no block.
    /// - Throws: `RecordLogError`, `EventStorageError`, and what `body` throws.
    func read(
        _ segment: SegmentSummary,
        _ index: SegmentIndex?,
        _ body: (RecordedBlock) throws -> BlockStep
    ) throws -> BlockStep {
        let end = min(question.last, segment.lastPosition ?? 0)
        var depth = BlockBodyDecoder.Depth.wanted
        var last = BlockStep.proceed
        func take(_ view: BlockView) throws -> BlockStep {
            var block = try decoder.decode(view, depth: depth)
            if block.needsWhole { decoder.take(try whole.block(view), decodedBy: whole.decoder, into: &block) }
            guard let recorded = RecordedBlock(block, decoder, wanted: 1...question.last) else { return .proceed }
            last = try body(recorded)
            return last
        }
        guard let index, index.blocks.count == segment.blockCount else {
            try log.forEachBlock(from: segment.firstPosition, through: end, take)
            return last
        }
        let choice = BlockChoice(index, readAt: question.times)
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
        return last
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
        // A segment that was left half-way begins again.
        var next = segmentID == view.segmentID ? decoder.nextPosition : nil
        if let position = next, position > last { next = nil }
        try log.forEachBlock(from: next ?? last, startingAt: next == nil ? .segment : .block, through: last) { view in
            _ = try decoder.decode(view)
            return .proceed
        }
    }
}
