package import MeterModel
import RecordLog

/// What there is to read of a sealed segment for somebody who knows what is before it.
package enum SegmentNews: Sendable {
    /// Nothing in it is new to them.
    case none
    /// Its events are; its readings are not.
    case events
    /// Everything may be.
    case all
}

extension EventLogReader {
    /// Hands blocks to `body` in position order, from the first of the log, but of sealed segments that bring no news.
    ///
    /// A segment whose events alone are wanted costs its decompression: its readings are passed over. Of one that is
    /// passed over the footer and the index are read. `verify` checks all.
    ///
    /// - Parameters:
    ///   - last: The last position wanted, known to be durable.
    ///   - news: Says what is wanted of a sealed segment by its index; a segment without one is read whole. Not `none`
    ///     or `events` where the segment defines something new.
    ///   - body: Receives each block read; must not use this reader.
    /// - Throws: `RecordLogError`, `EventStorageError`, and what `body` throws.
    package func forEachBlock(
        through last: Position,
        bringing news: (SegmentIndex) throws -> SegmentNews,
        _ body: (RecordedBlock) throws -> Void
    ) throws {
        let whole = BlockBodyDecoder()
        let events = BlockBodyDecoder(scope: DeviceScope([]))
        for segment in try log.segments(through: last.rawValue) {
            guard let segmentLast = segment.lastPosition else { continue }
            var wanted = SegmentNews.all
            if segment.isSealed, let index = try storedIndex(ofSegmentAt: segment.firstPosition) {
                wanted = try news(index)
                precondition(wanted == .all || index.added == DefinitionCounts(), "a definition is news")
            }
            if wanted == .none { continue }
            let decoder = wanted == .all ? whole : events
            try log.forEachBlock(
                from: segment.firstPosition,
                through: min(last.rawValue, segmentLast)
            ) { view in
                let block = try decoder.decode(view, depth: wanted == .all ? .all : .wanted)
                if let recorded = RecordedBlock(block, decoder, wanted: 1...last.rawValue) { try body(recorded) }
                return .proceed
            }
        }
    }
}
