package import EventStorage
package import MeterModel
package import ReadModel
package import RecordLog

/// Keeps views at the log: folds what is appended, and commits rows, push outbox and checkpoint in one transaction.
///
/// Invariants: the fold has applied every position up to `position` and none beyond; the store shows exactly what it
/// had applied when `commit` was last called. What is not committed is folded again after a restart.
package final class ViewProjector {
    /// Series that a commit writes of which the unpacked entries take much memory.
    private static let manySeries = 4096

    private var store: ViewStore
    /// How many readings may wait to be folded device by device, where it is not said.
    package static let usualGatherCapacity = ReadingGather.usualCapacity

    /// What the views are written from; while there are lanes, the first of them.
    package private(set) var fold: Fold
    /// The lanes beside `fold`, until their rows are written.
    private var otherLanes: [Fold] = []
    private let zones: any ZoneSource
    private let gatherCapacity: Int
    private var lanePieceCount = FoldLanes.usualPieceCount
    /// Where the fold's older readings lie; nil: in memory.
    let scratch: ScratchFile?
    private var pipeline: FoldPipeline
    /// Whether something was found wrong with what it wrote: then its fold is kept nowhere.
    package var isDoubted = false

    /// - Parameters:
    ///   - store: new views, or such as `assumeWritten` is told to bring the fold to.
    ///   - zones: the rules by which local hours and days are cut.
    ///   - asOf: only what was true at this instant counts; nil: all that is known. Good for consumption, balance and
    ///     ledger.
    ///   - supposition: what is supposed in place of what the log says; the store is then no data directory's.
    ///   - scope: the devices that are folded, and whose rows are written; nil: all. The store has all rows of the
    ///     others, or is asked for none.
    ///   - gatherCapacity: how many readings may wait to be folded device by device.
    ///   - scratch: where the fold's older readings lie; nil: in memory.
    package init(
        store: ViewStore,
        zones: any ZoneSource,
        asOf: Instant? = nil,
        supposing supposition: Supposition? = nil,
        scope: DeviceScope? = nil,
        gatherCapacity: Int = ViewProjector.usualGatherCapacity,
        scratch: ScratchFile? = nil
    ) {
        self.store = store
        self.zones = zones
        self.scratch = scratch
        fold = Fold(zones: zones, asOf: asOf, supposing: supposition, scope: scope, scratch: scratch)
        self.gatherCapacity = gatherCapacity
        pipeline = FoldPipeline([fold], capacity: gatherCapacity)
    }

    /// Has what is gathered folded in lanes side by side, up to the first commit. It costs room for twice as many
    /// numbers of devices and series.
    ///
    /// - Precondition: nothing is folded yet, nothing is supposed, and the store is empty. Up to the commit all is
    ///   gathered, and nobody asks what is folded.
    package func beginLanes() {
        beginLanes(pieceBits: FoldLane.usualPieceBits, writtenAtOnce: FoldLanes.usualPieceCount)
    }

    /// As above.
    ///
    /// - Parameters:
    ///   - pieceBits: how many devices that follow each other are in one lane, as a power of two.
    ///   - writtenAtOnce: after how many devices or series at most lanes wait for each other where rows are made.
    func beginLanes(pieceBits: UInt32, writtenAtOnce: Int) {
        precondition(fold.position == .origin && fold.supposition == nil && fold.asOf == nil, "lanes of a fold")
        let lanes = (0..<FoldLane.count).map {
            Fold(zones: zones, scope: fold.scope, lane: FoldLane(number: $0, pieceBits: pieceBits), scratch: scratch)
        }
        fold = lanes[0]
        otherLanes = Array(lanes[1...])
        lanePieceCount = writtenAtOnce
        pipeline = FoldPipeline(lanes, capacity: gatherCapacity, growth: ReadingGather.largestGrowth)
    }

    /// Begins from what was folded before, in place of nothing.
    func begin(with fold: Fold) {
        self.fold = fold
        pipeline = FoldPipeline([fold], capacity: gatherCapacity)
    }

    /// Goes on in another store, which shows the same as the one so far.
    package func goOn(in store: ViewStore) { self.store = store }

    /// The last position folded.
    package var position: Position { fold.position }

    /// Folds a block of the log; `directory` is extended by it already.
    package func apply(_ block: RecordedBlock, directory: SeriesDirectory) {
        for run in block.runs {
            switch run {
            case .readings(let first, let readings):
                fold.applyCounting(readings, firstPosition: first, recordedAt: block.recordedAt, directory: directory)
            case .event(let position, let event):
                fold.applyCounting(event, position: position, recordedAt: block.recordedAt, directory: directory)
            case .lost(let positions, _): fold.lose(positions, directory: directory)
            }
        }
    }

    /// Takes in a block that follows, to be folded with others: device by device, beside the caller, at the latest by
    /// `foldGathered`. Until then nobody looks at the fold.
    ///
    /// `directory`: is extended by the block already.
    package func gather(_ block: RecordedBlock, directory: SeriesDirectory) {
        // What supposes a point in time looks at each reading by itself.
        if fold.supposition?.isBounded ?? false { return apply(block, directory: directory) }
        pipeline.take(block, directory: directory)
    }

    /// Takes in a batch as it was logged from `firstPosition` on, in the same way.
    ///
    /// - Precondition: nothing is supposed.
    package func gather(_ batch: EventBatch, firstPosition: Position, recordedAt: Instant, directory: SeriesDirectory) {
        precondition(fold.supposition == nil, "a batch taken in by a fold that supposes something")
        pipeline.take(batch, first: firstPosition, recordedAt: recordedAt, directory: directory)
    }

    /// Folds all that `gather` took in, and gives back the memory in which it waited.
    package func foldGathered(directory: SeriesDirectory) { pipeline.finish(directory) }

    /// Folds a batch as it was logged from `firstPosition` on.
    package func apply(_ batch: EventBatch, firstPosition: Position, recordedAt: Instant, directory: SeriesDirectory) {
        batch.readings.withUnsafeBufferPointer { readings in
            batch.forEachRun(
                readings: { offset, range in
                    fold.apply(
                        UnsafeBufferPointer(rebasing: readings[range]),
                        firstPosition: firstPosition.advanced(by: offset),
                        recordedAt: recordedAt,
                        directory: directory
                    )
                },
                event: { offset, index in
                    fold.apply(
                        batch.events[index].event,
                        position: firstPosition.advanced(by: offset),
                        recordedAt: recordedAt,
                        directory: directory
                    )
                }
            )
        }
    }

    /// Folds a log from its beginning, of the scope alone if there is one.
    ///
    /// - Parameters:
    ///   - reader: the log's.
    ///   - last: a durable position up to which it is folded; nil is as far as there is.
    ///   - willFold: called with each block that is read, before it is folded, and the log's numbering that knows it.
    /// - Returns: the log's numbering at the end.
    /// - Throws: `RecordLogError`, `EventStorageError`, and what `willFold` throws.
    package func fold(
        _ reader: EventLogReader,
        through last: Position? = nil,
        _ willFold: (RecordedBlock, SeriesDirectory) throws -> Void = { _, _ in }
    ) throws -> SeriesDirectory {
        var directory = SeriesDirectory()
        // Behind the last block that is read of a scope there may be more of others.
        let end = fold.scope == nil ? last : try last ?? reader.lastPosition()
        try reader.forEachBlock(of: fold.scope, through: end) { block in
            try block.extend(&directory)
            try willFold(block, directory)
            gather(block, directory: directory)
            return .proceed
        }
        foldGathered(directory: directory)
        if let end { for lane in [fold] + otherLanes { lane.passOver(through: end, directory: directory) } }
        return directory
    }

    /// Folds what follows in a log, up to a position.
    ///
    /// - Parameters:
    ///   - reader: the log's; it costs nothing to go on with the one used last.
    ///   - last: a durable position.
    ///   - directory: knows the log up to here, and is extended.
    ///   - step: called with each block once it is taken in; says whether to go on. All are folded on return.
    /// - Throws: `RecordLogError`, `EventStorageError`.
    package func goOn(
        _ reader: EventLogReader,
        through last: Position,
        directory: inout SeriesDirectory,
        _ step: (RecordedBlock) -> BlockStep = { _ in .proceed }
    ) throws {
        // What a failed attempt took in is read again.
        pipeline.abandon()
        guard position < last else { return }
        try reader.forEachBlock(from: position.advanced(by: 1), through: last) { block in
            try block.extend(&directory)
            gather(block, directory: directory)
            return step(block)
        }
        foldGathered(directory: directory)
    }

    /// Gives back the memory through which the fold's scratch file was looked at, that of empty rooms, and that of the
    /// views' pages.
    package func giveBackMemory() {
        fold.giveBackMemory()
        store.giveBackMemory()
    }

    /// Says that the store already shows everything folded so far.
    package func assumeWritten() { fold.assumeWritten() }

    /// Commits what differs, and that it speaks for `position`.
    ///
    /// - Parameters:
    ///   - chain: the log's chain value at `position`, its bytes.
    ///   - isLast: whether little or nothing is folded after it: then no memory is given back, which takes time.
    /// - Throws: `ViewError`; the store is then as it was, and the same commit may be tried again, but not into views
    ///   that were begun, nor of lanes.
    package func commit(chain: [UInt8], isLast: Bool = false) throws {
        let folds = [fold] + otherLanes
        let lanes = FoldLanes(folds, pieceCount: lanePieceCount)
        let seriesCount = folds.reduce(0) { $0 + $1.queuedSeries.count }
        try store.transaction { writer in
            try lanes.writeRows(to: writer, givesBackMemory: !isLast)
            try writer.setTimeZoneDatabase(zones.version)
            if !fold.holes.isEmpty { try writer.setHoles(fold.holes) }
            try writer.setCheckpoint(fold.position, chainHead: chain)
        }
        lanes.markWritten()
        endLanes()
        // What many readings needed is empty now.
        if !isLast, seriesCount >= ViewProjector.manySeries { fold.giveBackRooms() }
    }

    private func endLanes() {
        guard !otherLanes.isEmpty else { return }
        for lane in otherLanes { fold.absorb(lane) }
        fold.endLanes()
        otherLanes = []
        pipeline = FoldPipeline([fold], capacity: gatherCapacity)
    }

    /// Makes durable what was committed.
    ///
    /// - Throws: `ViewError`.
    func settle() throws { try store.settle() }

    /// Whether a job has nothing to tell any more: a crossing or reminder whose episode closed, a clearing whose
    /// crossing nobody was told of (semantics, section 7).
    package func isSuperseded(_ job: PushJobRow) -> Bool {
        if job.kind == "cleared" {
            let crossed = String(job.job.dropLast("cleared".count)) + "crossed"
            return fold.jobs[ByteName(crossed)]?.state != .delivered
        }
        return !fold.devices[Int(job.deviceID)].alerts.isOpen(rule: job.rule, episode: job.episode)
    }
}

extension ViewProjector {
    /// How many readings so far were duplicates, of all series folded.
    package var duplicateCount: Int { fold.series.reduce(0) { $0 + $1.duplicateCount } }

    /// The episode of which a job tells.
    package func episode(of job: PushJobRow) -> EpisodeRow? {
        fold.devices[Int(job.deviceID)].alerts.episode(job.episode, ofRule: job.rule)
    }
}
