package import Admission
package import EventStorage
package import MeterModel

extension Admission {
    /// What decides about acceptance, as the log has it; `writer` reads its own state in the same pass.
    ///
    /// Sealed segments without news are passed over: those that define nothing new and tell of devices alone whose
    /// register and dimension are known. What such a one holds beside readings is read, the readings are not.
    ///
    /// - Parameters:
    ///   - writer: of the log, opened without its state.
    ///   - zones: what zones there are.
    ///   - progress: is told of each position that is read.
    /// - Returns: the state behind the log's head.
    /// - Throws: `RecordLogError`, `EventStorageError`.
    package static func replay(
        _ writer: EventLogWriter,
        zones: any ZoneSource,
        progress: (Position) -> Void = { _ in }
    ) throws -> sending Admission {
        var admission = Admission(zones: zones)
        var known = SeriesDirectory()
        func take(_ block: RecordedBlock) throws {
            try block.extend(&known)
            admission.replay(block, directory: known)
            progress(block.lastPosition)
        }
        let active = writer.activeFirstPosition
        if active > Position(1) {
            try writer.makeReader().forEachBlock(
                through: Position(active.rawValue - 1),
                bringing: { admission.news(in: $0) },
                take
            )
        }
        try writer.readState(take)
        admission.adopt(known)
        return admission
    }

    /// What a segment tells that was not told before it.
    private func news(in segment: SegmentIndex) -> SegmentNews {
        guard segment.added == DefinitionCounts(), hasNoticed(segment.devices) else { return .beginnings }
        return segment.kinds == 1 ? .none : .events
    }

    /// Takes in a block of the log; `known` is the log's numbering, the block's included.
    package mutating func replay(_ block: RecordedBlock, directory known: SeriesDirectory) {
        for run in block.runs {
            switch run {
            case .readings(_, let readings): replay(readings, directory: known)
            case .event(_, let event): replay(event, directory: known)
            case .lost: break
            }
        }
    }
}
