package import MeterModel
import RecordLog

/// What there is to read of a segment for somebody who knows what is before it.
package enum SegmentNews: Sendable {
    /// Nothing in it is new to them.
    case none
    /// Its events are; its readings are not.
    case events
    /// Its events are, and which series begin in it, with which traits.
    case beginnings
}

extension EventLogReader {
    /// Hands blocks to `body` in position order, as far as they bring news: all events and definitions, and the first
    /// reading of each series in a segment, and others.
    ///
    /// Of the readings the series and traits alone are told: their times and values are 0. Of a segment that is passed
    /// over the footer and the index are read; of another the blocks that its index does not say to be of no news, and
    /// all of them where it does not say. `verify` checks all.
    ///
    /// - Parameters:
    ///   - first: The first position of the first segment wanted.
    ///   - last: The last position wanted, known to be durable.
    ///   - activeIndex: What the segment that holds `last` has up to there, if that is known and it is not sealed.
    ///   - news: Says what is wanted of a segment by its index; of one without an index all is. Not `none` or `events`
    ///     where the segment defines something new.
    ///   - body: Receives each block read; must not use this reader.
    /// - Throws: `RecordLogError`, `EventStorageError`, and what `body` throws.
    package func forEachBlock(
        from first: Position = Position(1),
        through last: Position,
        active activeIndex: SegmentIndex? = nil,
        bringing news: (SegmentIndex) throws -> SegmentNews,
        _ body: (RecordedBlock) throws -> Void
    ) throws {
        let decoder = BlockBodyDecoder(scope: DeviceScope([]))
        for segment in try log.segments(through: last.rawValue) where segment.firstPosition >= first.rawValue {
            guard let segmentLast = segment.lastPosition else { continue }
            let end = min(last.rawValue, segmentLast)
            var wanted = SegmentNews.beginnings
            var blocks: [BlockBounds]?
            let index =
                segment.isSealed ? try log.storedIndex(ofSegmentAt: segment.firstPosition) : activeIndex
            if let index {
                wanted = try news(index)
                precondition(wanted == .beginnings || index.added == DefinitionCounts(), "a definition is news")
                if index.blocks.count == segment.blockCount { blocks = index.blocks }
            }
            if wanted == .none { continue }
            var unread = UnreadSeries()
            func take(_ view: BlockView) throws -> BlockStep {
                let block = try decoder.decode(view, depth: wanted == .beginnings ? .traits : .events)
                if wanted == .beginnings { unread.take(block, decoder) }
                if let recorded = RecordedBlock(block, decoder, wanted: 1...last.rawValue) { try body(recorded) }
                return .proceed
            }
            // The first begins the segment for the decoder.
            func isNews(_ number: Int) -> Bool {
                guard number > 0, let blocks else { return true }
                return blocks[number].defines || blocks[number].hasEvents || unread.mayBegin(in: blocks[number])
            }
            if segment.isSealed {
                try log.forEachBlock(ofSegmentAt: segment.firstPosition, through: end, where: isNews, take)
                continue
            }
            var number = 0
            try log.forEachBlock(from: segment.firstPosition, through: end) { view in
                defer { number += 1 }
                return isNews(number) ? try take(view) : .proceed
            }
        }
    }
}

extension UnreadSeries {
    /// Takes in a block that was decoded for its traits.
    fileprivate mutating func take(_ block: BlockBodyDecoder.Block, _ decoder: BlockBodyDecoder) {
        define(block, decoder.segment)
        guard !isEmpty else { return }
        for case .readings(let range) in block.runs { _ = read(decoder.records(range).lazy.map(\.series)) }
    }
}
