package import Admission
internal import Dispatch
package import EventStorage
package import MeterModel
internal import Synchronization

extension Admission {
    /// What decides about acceptance, as the log has it; `writer` reads its own state meanwhile.
    ///
    /// Segments without news are passed over: those that define nothing new and tell of devices alone whose register
    /// and dimension are known. What such a one holds beside readings is read, the readings are not.
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
        let (active, head) = (writer.activeFirstPosition, writer.head)
        let reader = try writer.makeReader()
        try whileReadingState(of: writer) {
            guard active > Position(1) else { return }
            let end = Position(active.rawValue - 1)
            try reader.forEachBlock(through: end, bringing: { admission.news(in: $0) }, take)
        }
        if head >= active {
            try reader.forEachBlock(
                from: active,
                through: head,
                active: writer.activeIndex,
                bringing: { admission.news(in: $0) },
                take
            )
        }
        admission.adopt(known)
        return admission
    }

    /// Does `work`, which leaves the writer alone, while the writer reads its state on another thread.
    private static func whileReadingState(of writer: EventLogWriter, _ work: () throws -> Void) throws {
        let state = Mutex<Result<Void, any Error>>(.success(()))
        let hasRead = DispatchSemaphore(value: 0)
        // Safety: nobody but that thread uses it until the semaphore says that it is done.
        nonisolated(unsafe) let writer = writer
        DispatchQueue.global().async {
            let result = Result { try writer.readState() }
            state.withLock { $0 = result }
            hasRead.signal()
        }
        let done = Result { try work() }
        hasRead.wait()
        try done.get()
        try state.withLock { $0 }.get()
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
