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
    /// Segments that define nothing new are read ahead, here and on another thread; `body` is called on this one alone.
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
        try forEachBlock(of: scope, through: last, readAt: times, aheadLimit: ScopedRelay.usualLimit, body)
    }

    /// As above; `aheadLimit`: how much is read ahead of a segment at most.
    func forEachBlock(
        of scope: DeviceScope?,
        through last: Position?,
        readAt times: ClosedRange<Int64>?,
        aheadLimit: Int,
        _ body: (RecordedBlock) throws -> BlockStep
    ) throws {
        guard let scope else {
            try forEachBlock(from: Position(1), through: last, body)
            return
        }
        if let last, last < Position(1) { return }
        let question = ScopedQuestion(scope: scope, last: last?.rawValue ?? .max, times: times)
        let segments = try log.segments(through: last?.rawValue).filter { $0.lastPosition != nil }
        if try ScopedRelay(self, segments, question, limit: aheadLimit).run(body) == .stop { return }
        // A log that ends before what is known to be durable is damaged: that is said as ever.
        if let last, last.rawValue > segments.last?.lastPosition ?? 0 {
            try log.forEachBlock(from: last.rawValue, through: last.rawValue) { _ in .stop }
        }
    }
}
