import Admission
import EventStorage
import Ingest
import Logging
import MeterModel
import Projections
import QueryAPI
import ReadModel
import RecordLog
import Synchronization
import TimeZones

/// The log with its intake, and the views with their projector: what everything that serves works on.
///
/// Invariants: while it lives nobody else writes the log or the views; the intake takes in only what `admission` of the
/// whole log lets in; the projector follows what the intake made durable, and nothing else.
final class LiveCore: Sendable {
    let directory: DataDirectory
    let configuration: AppConfiguration
    let zones: FoundationZoneSource
    let clock: SystemClock
    let intake: IntakeThread
    let projector: LiveProjector
    let feed: FeedRing
    let follower: LiveFollower
    let logger: Logger
    /// Records of the log that were given up.
    let lostEventCount: UInt64
    private let writer: WriterBox
    private let store: Mutex<ViewStore>
    private let failures: FailureBox

    /// Items that the feed remembers: more than devices whose balances change between two commits, mostly.
    private static let feedCapacity = 131_072

    /// Takes the lock, opens log and views, and reads what decides about acceptance.
    ///
    /// - Throws: `Failure`, `RecordLogError`, `EventStorageError`, `ViewError`.
    static func open(
        _ directory: DataDirectory,
        _ configuration: AppConfiguration,
        logger: Logger,
        onFailure: @escaping @Sendable (any Error) -> Void
    ) throws -> LiveCore {
        try directory.requireWritable()
        let zones = FoundationZoneSource()
        let opened = try Views.openLog(behind: directory, configuration, readsState: false)
        for finding in opened.report.findings { logger.warning("log opened", metadata: ["finding": "\(finding)"]) }
        do {
            let holes: [ClosedRange<Position>] = opened.report.holes.map { ClosedRange($0) }
            return try LiveCore(directory, configuration, opened.writer, holes, zones, logger, onFailure)
        } catch {
            opened.writer.close()
            throw error
        }
    }

    private init(
        _ directory: DataDirectory,
        _ configuration: AppConfiguration,
        _ writer: EventLogWriter,
        _ holes: [ClosedRange<Position>],
        _ zones: FoundationZoneSource,
        _ logger: Logger,
        _ onFailure: @escaping @Sendable (any Error) -> Void
    ) throws {
        self.directory = directory
        self.configuration = configuration
        self.zones = zones
        self.logger = logger
        clock = SystemClock()
        let failures = FailureBox(onFailure)
        self.failures = failures
        let head = writer.head
        let store = try Views.open(
            directory,
            configuration,
            head: head,
            chain: writer.chain,
            holes: holes,
            zones: zones
        )
        lostEventCount = holes.reduce(0) { $0 + $1.upperBound.rawValue - $1.lowerBound.rawValue + 1 }
        for hole in holes { logger.warning("the log has a hole", metadata: ["text": "\(HoleText(hole))"]) }
        let checkpoint = try store.read { try $0.meta().checkpoint }
        feed = FeedRing(capacity: LiveCore.feedCapacity, from: checkpoint)
        follower = LiveFollower(feed: feed, logger: logger, onFailure: { failures.note($0) })
        projector = LiveProjector(
            ViewProjector(store: store, zones: zones, scratch: directory.makeScratch()),
            reader: try EventLogReader(directory: directory.path),
            checkpoint: checkpoint,
            head: head,
            snapshots: directory.foldSnapshots(zones, reserve: configuration.serve.diskReserveByteCount) {
                logger.note($0)
            },
            follower: follower,
            willRun: ThreadPriority.giveWayToIntake
        )
        var admission = try Admission.replay(writer, zones: zones)
        admission.deviceLimit = configuration.deviceLimit
        // Not sooner: what is read before readings are accepted keeps the cores busy.
        projector.start()
        // Safety: the writer is kept beside it only to be closed once the intake's thread has ended.
        nonisolated(unsafe) let live = LiveIntake(
            writer: writer,
            admission: admission,
            clock: clock,
            quarantine: Quarantine(directory: directory.quarantine, startedAt: clock.now())
        )
        let projector = projector
        intake = IntakeThread(
            live,
            onDurable: { projector.advance(to: $0) },
            onFailure: { error in
                logger.critical("the log cannot be written", metadata: ["error": "\(error)"])
                failures.note(error)
            }
        )
        self.writer = WriterBox(writer: writer)
        self.store = Mutex(store)
        intake.start()
    }

    /// The views; another file after a rebuild.
    var views: ViewStore { store.withLock { $0 } }

    /// Goes on with other views, which show the same.
    func replaceViews(_ other: ViewStore) { store.withLock { $0 = other } }

    /// What ended it before its time.
    var failure: (any Error)? { failures.first }

    /// Ends it: everything handed in becomes durable, the views show it as far as there is time, the lock is given up.
    func close() throws {
        intake.stop()
        defer { writer.writer.close() }
        guard projector.stop() else {
            logger.warning(
                "the views are left behind the log; the next start folds the rest",
                metadata: ["position": "\(projector.committed.rawValue)"]
            )
            return
        }
        let store = views
        try store.checkpoint()
        try store.close()
    }
}

/// Keeps the writer until it is closed.
// Safety: the intake's thread alone uses it while that lives; it is closed after that has ended.
private struct WriterBox: @unchecked Sendable {
    let writer: EventLogWriter
}

/// Remembers what failed first, and says so once.
private final class FailureBox: Sendable {
    private let box = Mutex<(any Error)?>(nil)
    private let onFailure: @Sendable (any Error) -> Void

    init(_ onFailure: @escaping @Sendable (any Error) -> Void) { self.onFailure = onFailure }

    var first: (any Error)? { box.withLock { $0 } }

    func note(_ error: any Error) {
        let isFirst = box.withLock { box in
            guard box == nil else { return false }
            box = error
            return true
        }
        if isFirst { onFailure(error) }
    }
}
