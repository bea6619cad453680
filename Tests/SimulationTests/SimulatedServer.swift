import Admission
import EventStorage
import FleetSimulator
import Logging
import MeterModel
import ReadModel
import RecordLog
import TimeZones

@testable import Ingest
@testable import Notifications
@testable import Projections
@testable import meterfold

/// Zones are read once for all runs.
let simulatedZones = FoundationZoneSource()

/// Keeps what is refused and not answered: nothing here.
private final class SimulatedQuarantine: RefusedLineKeeping {
    var path: String? { nil }
    func add(source: String, line: UInt64, refusal: Refusal, raw: UnsafeRawBufferPointer) throws {}
    func sync() throws {}
}

/// What is to be done by the one thread that takes things in, and what if it cannot be.
private struct IntakeWork {
    var run: (LiveIntake) throws -> Void
    var refuse: (any Error) -> Void
}

/// One life of the serving process over a simulated disk: the parts of `serve` without its threads and sockets, moved
/// step by step.
///
/// Invariants: everything but the views and the disk is gone with it; after `failure` nothing is taken in any more;
/// `intake` is touched by one piece of work at a time: what comes while the disk keeps it waiting queues in `works`.
// Safety: one thread moves it and all that is attached to it.
final class SimulatedServer: @unchecked Sendable {
    /// The data directory.
    static let directory = "data"

    private let intake: LiveIntake
    private var works: [IntakeWork] = []
    private var isTakingIn = false
    private var hasAbandoned = false
    private let writer: EventLogWriter
    private let projector: ViewProjector
    private let reader: EventLogReader
    private var directory = SeriesDirectory()
    private let store: ViewStore
    private let snapshots: FoldSnapshots?
    /// Whether it began with a fold that was kept.
    let hasLoadedFold: Bool
    private let quietUntil: Position
    private let time: SimulatedTime
    private var notifier: Notifier?
    private let executor: SimulatedExecutor
    private var delivering: Task<Void, any Error>?
    private var turning: Task<Void, any Error>?
    private(set) var failure: (any Error)?
    /// The highest position that was told to anybody as durable.
    private(set) var toldHead: Position

    /// Opens the log and the views as a new process does.
    ///
    /// `foldDisk`: where the fold is kept; nil: nowhere.
    ///
    /// - Throws: what keeps it from starting.
    init(
        _ fileSystem: any FileSystem,
        foldDisk: (any FileSystem)?,
        segmentByteCount: Int,
        _ store: ViewStore,
        _ witness: SimulatedWitness,
        _ time: SimulatedTime,
        _ receiver: SimulatedReceiver,
        _ executor: SimulatedExecutor
    ) throws {
        let checkpoint = try store.read { try $0.meta().checkpoint }
        let configuration = RecordLogConfiguration(
            segmentByteCount: segmentByteCount,
            sealedIndexByteCount: segmentByteCount / 4,
            preparesSpareInBackground: false,
            expectedHead: checkpoint.rawValue
        )
        writer = try EventLogWriter.open(
            directory: SimulatedServer.directory,
            fileSystem: fileSystem,
            configuration: configuration,
            lockDescription: "a simulation",
            readsState: false
        ).writer
        self.store = store
        snapshots = foldDisk.map { SimulatedServer.snapshots(on: $0) }
        self.time = time
        self.executor = executor
        do {
            // Safety: the writer is kept beside it only to be closed.
            nonisolated(unsafe) let writer = writer
            intake = LiveIntake(
                writer: WitnessedLog(writer, witness),
                admission: try Admission.replay(writer, zones: simulatedZones),
                clock: time,
                quarantine: SimulatedQuarantine()
            )
            reader = try writer.makeReader()
            projector = ViewProjector(store: store, zones: simulatedZones, gatherCapacity: 64)
            quietUntil = writer.head
            toldHead = writer.head
            let kept = snapshots?.load(upTo: checkpoint)
            hasLoadedFold = kept != nil
            if let kept {
                projector.begin(with: kept.fold)
                directory = kept.directory
            }
            try projector.goOn(reader, through: checkpoint, directory: &directory)
        } catch {
            writer.close()
            throw error
        }
        projector.assumeWritten()
        projector.fold.untoldJobs = []
        notifier = try Notifier(
            channels: [SimulatedServer.channel],
            queue: LivePushQueue(stage: self),
            recorder: LiveOutcomes(stage: self),
            courier: receiver,
            clock: time,
            pause: time,
            chance: NoChance()
        )
        let notifier = notifier
        delivering = Task(executorPreference: executor) { try await notifier?.run() }
        var logger = Logger(label: "simulated")
        logger.logLevel = .critical
        let turner = DayTurner(stage: self, clock: time, pause: time, logger: logger)
        turning = Task(executorPreference: executor) { try await turner.turn() }
    }

    private static func snapshots(on disk: any FileSystem) -> FoldSnapshots {
        FoldSnapshots(
            directory: SimulatedServer.directory,
            fileSystem: disk,
            zones: simulatedZones,
            program: "simulated",
            cadence: FoldSnapshots.Cadence(leastCount: 60, leastCountAtEnd: 1)
        )
    }

    private static let channel = ChannelConfiguration(
        name: "app",
        url: "https://push.example/hook",
        secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        concurrency: 2,
        timeoutMilliseconds: 1000,
        retryDelays: [2000, 60_000, 600_000]
    )

    /// The last durable position.
    var head: Position { intake.head }

    /// The segment that is written to, and the bytes of it that are in use.
    var activeSegment: SegmentSummary { writer.activeSegment }

    /// Whether the views show everything durable.
    var isLevel: Bool {
        get throws { try store.read { try $0.meta().checkpoint } == head }
    }

    /// Whether the log tells of every midnight up to now.
    var isDayTold: Bool { DayTurner.due(projector.fold.zonesInUse, now: time.now()).events.isEmpty }

    // MARK: Taking in

    /// Takes in bytes of a session, later where the intake is kept waiting.
    func take(_ bytes: [UInt8], from session: LineSession) {
        works.append(
            IntakeWork {
                try $0.take(bytes, isLast: false, from: session)
            } refuse: {
                session.end(SessionFault(.unavailable, "\($0)"))
            }
        )
        takeIn()
    }

    /// Ends a session.
    func end(_ session: LineSession) {
        works.append(
            IntakeWork {
                try $0.end(session, nil)
            } refuse: { _ in
                session.end(nil)
            }
        )
        takeIn()
    }

    func commitIntake() { takeIn(committing: true) }

    /// Begins another segment.
    func roll() {
        works.append(
            IntakeWork { [writer] _ in
                try writer.roll()
            } refuse: { _ in
            }
        )
        takeIn()
    }

    /// What the one thread that takes in does.
    private func takeIn(committing: Bool = false) {
        guard !isTakingIn else { return }
        isTakingIn = true
        while !works.isEmpty {
            let work = works.removeFirst()
            perform(work)
        }
        if committing {
            perform(
                IntakeWork {
                    try $0.commit()
                } refuse: { _ in
                }
            )
        }
        isTakingIn = false
        if let failure { abandon(failure) }
    }

    private func perform(_ work: IntakeWork) {
        if let failure { return work.refuse(failure) }
        do { try work.run(intake) } catch {
            fail(error)
            work.refuse(error)
        }
        toldHead = max(toldHead, head)
    }

    // MARK: Steps

    /// Does something that fails with the log, and dies of it.
    private func attempt(_ work: () throws -> Void) {
        guard failure == nil else { return }
        do { try work() } catch { fail(error) }
    }

    /// Folds towards the head, so many blocks at most.
    func fold(blockCount: Int = .max) {
        attempt {
            var left = blockCount
            try projector.goOn(reader, through: head, directory: &directory) { _ in
                left -= 1
                return left > 0 ? .proceed : .stop
            }
            guard projector.position >= quietUntil else { return }
            let jobs = projector.fold.takeUntoldJobs()
            if !jobs.isEmpty { notifier?.offer(jobs.map { PushJob($0) }) }
        }
    }

    func commitViews() {
        attempt {
            _ = projector.fold.takeChangedBalances()
            if projector.position > .origin { try projector.commit(chain: reader.chain.bytes) }
            snapshots?.keep(projector, directory)
            notifier?.wake()
        }
    }

    private func fail(_ error: any Error) {
        guard failure == nil else { return }
        failure = error
        delivering?.cancel()
        turning?.cancel()
        if !isTakingIn { abandon(error) }
    }

    private func abandon(_ error: any Error) {
        guard !hasAbandoned else { return }
        hasAbandoned = true
        intake.abandon(error)
        while !works.isEmpty { works.removeFirst().refuse(error) }
    }

    // MARK: Ends

    /// The process is gone: what ran is cut off where it is.
    func crash(_ random: inout SeededGenerator) {
        if failure == nil { fail(Crash()) }
        executor.runAll(&random)
        writer.close()
        notifier = nil
        delivering = nil
        turning = nil
    }

    /// The process ends in order.
    func stop(_ random: inout SeededGenerator) {
        notifier?.stop()
        executor.runAll(&random)
        commitIntake()
        executor.runAll(&random)
        fold()
        commitViews()
        crash(&random)
    }

    struct Crash: Error {}
}

/// Delays are not drawn out.
private struct NoChance: Chance {
    func fraction() -> Double { 0 }
}

extension SimulatedServer: PushStage {
    var durablePosition: Position { head }

    func unsettledRows(after last: (position: Position, job: String)?, limit: Int) throws -> [PushJobRow] {
        try store.read { try $0.unsettledPushJobs(after: last, limit: limit) }
    }

    func perform<T: Sendable>(
        after position: Position,
        _ body: @escaping @Sendable (ViewProjector) throws -> T
    ) async throws -> T {
        if projector.position < position { fold() }
        if let failure { throw failure }
        return try body(projector)
    }

    func record(_ events: [MeterEvent], by name: String) async throws -> Position {
        try await withCheckedThrowingContinuation { continuation in
            if let failure { return continuation.resume(throwing: failure) }
            // Not at once: who records does not wait for the disk within his own thread.
            works.append(
                IntakeWork {
                    try $0.take(events, recordedBy: name) { continuation.resume(with: $0) }
                } refuse: {
                    continuation.resume(throwing: $0)
                }
            )
        }
    }
}
