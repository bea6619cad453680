package import MeterModel
import RecordLog

extension EventLogReader {
    /// The last position recorded at or before an instant; nil if none was.
    ///
    /// Where the log's clock was set back it is the last all the same, whatever stands before it. Reads the index of
    /// each sealed segment from the end, and the blocks of the one that holds the position.
    ///
    /// - Throws: `RecordLogError`, `EventStorageError`.
    package func lastPosition(recordedAtOrBefore instant: Instant) throws -> Position? {
        for segment in try log.segments().reversed() {
            guard let last = segment.lastPosition else { continue }
            if segment.isSealed, let index = try log.storedIndex(ofSegmentAt: segment.firstPosition) {
                if index.recordedAt.upperBound <= instant.milliseconds { return Position(last) }
                if index.recordedAt.lowerBound > instant.milliseconds { continue }
            }
            let decoder = BlockBodyDecoder()
            var found: UInt64?
            try log.forEachBlock(from: segment.firstPosition, startingAt: .segment, through: last) { view in
                let block = try decoder.decode(view, depth: .definitions)
                if block.recordedAt <= instant { found = view.lastPosition }
                return .proceed
            }
            if let found { return Position(found) }
        }
        return nil
    }
}
