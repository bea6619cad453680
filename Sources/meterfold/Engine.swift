import Admission
import EventStorage
import Glibc
import Ingest
import MeterModel
import Projections
import ReadModel
import RecordLog
import TimeZones

/// The write side with its lock, and the views folded from it: what every command that writes works on.
///
/// Invariants: while it lives nobody else writes the log or the views; `admission` knows all that the log holds when it
/// is handed out; the projector has folded every position up to the log's head after `load` and after each batch that
/// was logged without an appender; of one that was, after `settle`.
///
/// With a scope (`scope` is not nil) both hold of the devices in it, and of what concerns no device in particular:
/// whatever is then logged must be about these devices. What it costs to start is in proportion to them and a pass over
/// the log, and what it writes into the views is what the engine of all devices would: the rows of these devices under
/// the log's numbers, the checkpoint and the chain.
final class Engine {
    /// What a command is going to do.
    enum Task {
        /// Anything.
        case anything
        /// Log facts about these devices alone.
        case facts(DeviceScope)
        /// Look at the views.
        case views
        /// Make views where there are none.
        case newViews
        /// Log what comes, and leave the views for later.
        case logOnly

        /// Whether what the log defines is not needed at once.
        var putsStateOff: Bool {
            switch self {
            case .logOnly, .newViews: true
            case .anything, .facts, .views: false
            }
        }
    }

    /// Blocks that are appended together where nobody waits for each: each of a part of the devices, so that they take
    /// fewer bytes and few are read for one device.
    private static let gatheredBlockCount = 16
    /// Events from which on the first rows of views are made as a rebuild makes them.
    private static let leastCountMadeAnew: UInt64 = 1 << 18

    let directory: DataDirectory
    let configuration: AppConfiguration
    let zones: any ZoneSource = FoundationZoneSource()
    let clock: any WallClock = SystemClock()
    let writer: EventLogWriter
    /// The positions of the log that were given up.
    private let holes: [ClosedRange<Position>]
    /// Nil where the views are left for later.
    private(set) var store: ViewStore?
    private(set) var projector: ViewProjector?
    private(set) var admission: Admission
    /// The devices that are known; nil: all.
    private(set) var scope: DeviceScope?
    /// Where the segment began that was in use when the log was opened.
    private let openedSegment: Position

    /// Takes the lock, opens the log and folds what the views do not show yet.
    ///
    /// - Parameters:
    ///   - directory: the data directory.
    ///   - task: what is going to be done; views that are behind are folded of all devices all the same.
    /// - Throws: `Failure`, `RecordLogError`, `EventStorageError`, `ViewError`.
    init(_ directory: DataDirectory, for task: Task = .anything) throws {
        try directory.requireWritable()
        self.directory = directory
        configuration = try AppConfiguration.load(directory)
        let opened = try Views.openLog(behind: directory, configuration, readsState: !task.putsStateOff)
        writer = opened.writer
        openedSegment = writer.activeFirstPosition
        holes = opened.report.holes.map { ClosedRange($0) }
        for finding in opened.report.findings { Terminal.error("meterfold: \(finding)") }
        admission = Admission(zones: zones)
        defer { admission.deviceLimit = configuration.deviceLimit }
        switch task {
        case .logOnly:
            let progress = Progress("reading the log", total: writer.head.rawValue, unit: "events")
            admission = try Admission.replay(writer, zones: zones) { progress.advance(to: $0.rawValue) }
            progress.finish()
        case .newViews: break
        case .anything:
            try openViews()
            try load()
        case .views:
            try openViews()
            if try !isAtHead { try load() }
        case .facts(let scope):
            try openViews()
            if try isAtHead { try load(scope) } else { try load() }
        }
    }

    /// Closes views and log, and makes parity of the segments that were sealed meanwhile.
    func close() throws {
        leaveToTheEnd(self)
        try store?.close()
        writer.close()
        if configuration.makesParity, writer.activeFirstPosition > openedSegment {
            ParityUpkeep(directory).make(from: openedSegment)
        }
    }

    /// Folds a batch as it was logged.
    private func fold(_ batch: EventBatch, _ first: Position, _ recordedAt: Instant, _ directory: SeriesDirectory)
        throws
    {
        projector?.apply(batch, firstPosition: first, recordedAt: recordedAt, directory: directory)
    }

    /// Brings the views to the log's head.
    func commit() throws {
        guard let projector, writer.head > .origin else { return }
        try projector.commit(chain: writer.chain.bytes)
    }

    /// Keeps the fold for whoever is next, if much is folded that is not kept yet; the views show all of it.
    ///
    /// - Parameter known: the log's numbering.
    /// - Throws: `ViewError`.
    func keepFold(_ known: SeriesDirectory) throws {
        guard scope == nil, let projector, let store else { return }
        let snapshots = directory.foldSnapshots(zones, configuration)
        snapshots.look(upTo: try store.read { try $0.meta().checkpoint })
        snapshots.keep(projector, known, .end(by: nil))
    }

    /// An intake whose batches are folded as they are logged. The engine's own admission is given away with it.
    func makeIntake(recordedBy: String) -> Intake {
        Intake(
            writer: writer,
            admission: admission,
            clock: clock,
            quarantine: Quarantine(directory: directory.quarantine, startedAt: clock.now()),
            recordedBy: recordedBy,
            logged: { [unowned self] in try fold($0, $1, $2, $3) }
        )
    }

    /// As above, of many batches: they are appended on a thread of `appender`, ahead of which the intake is, and folded
    /// together, at the latest by `settle`. The log and the projector are its own until it has settled.
    func makeIntake(recordedBy: String, over appender: inout AheadAppender?) -> Intake {
        if let projector, projector.position == .origin, scope == nil { projector.beginLanes() }
        let ahead = AheadAppender.start(writer, directory: admission.directory) { [unowned self] in
            projector?.gather($0, firstPosition: $1, recordedAt: $2, directory: $3)
        }
        appender = ahead
        return Intake(
            writer: ahead,
            admission: admission,
            clock: clock,
            quarantine: Quarantine(directory: directory.quarantine, startedAt: clock.now()),
            recordedBy: recordedBy,
            largestBlockCount: Engine.gatheredBlockCount,
            logged: { _, _, _, _ in }
        )
    }

    /// Folds what was appended over an appender, which has settled, and brings the views to the log's head.
    ///
    /// - Parameter known: the log's numbering.
    /// - Throws: `ViewError`.
    func settle(_ known: SeriesDirectory) throws {
        guard let projector, let store else { return }
        projector.foldGathered(directory: known)
        let isNew = try store.read { try $0.meta().checkpoint } == .origin
        if isNew, writer.head.rawValue >= Engine.leastCountMadeAnew {
            try makeAnew(store, projector, known)
        } else {
            try commit()
        }
    }

    /// Writes the first rows of views into a file of their own, which takes the place of the empty one.
    private func makeAnew(_ empty: ViewStore, _ projector: ViewProjector, _ known: SeriesDirectory) throws {
        let path = directory.freshViews
        do {
            let fresh = try ViewStore.begin(path: path, hours: configuration.keepsHours)
            projector.goOn(in: fresh)
            try projector.commit(chain: writer.chain.bytes, isLast: true)
            try directory.foldSnapshots(zones, configuration).finish(fresh, of: projector, known)
        } catch {
            // What is of no use must not keep a disk full.
            Views.remove(path)
            throw error
        }
        try empty.close()
        try RebuildReport.swap(path, directory.views, keepsOld: false)
        let made = try ViewStore.open(path: directory.views, hours: configuration.keepsHours)
        store = made
        projector.goOn(in: made)
    }

    // MARK: Opening

    private func openViews() throws {
        // What a run that was cut off left behind.
        Views.remove(directory.freshViews)
        let store = try Views.open(
            directory,
            configuration,
            head: writer.head,
            chain: writer.chain,
            holes: holes,
            zones: zones
        )
        self.store = store
        projector = ViewProjector(store: store, zones: zones, scratch: directory.makeScratch())
    }

    /// Whether the views show the whole log. (Those cut by another time-zone database are made anew when opened.)
    private var isAtHead: Bool {
        get throws { try writer.head > .origin && store?.read { try $0.meta().checkpoint } == writer.head }
    }

    private func load() throws {
        guard writer.head > .origin else { return }
        let checkpoint = try store?.read { try $0.meta().checkpoint } ?? .origin
        if try loadKept(upTo: checkpoint) { return }
        let reader = try EventLogReader(directory: directory.path)
        let progress = Progress("reading the log", total: writer.head.rawValue, unit: "events")
        var known = SeriesDirectory()
        func take(from first: Position, through last: Position) throws {
            guard first <= last else { return }
            try reader.forEachBlock(from: first, through: last) { block in
                try block.extend(&known)
                admission.replay(block, directory: known)
                projector?.gather(block, directory: known)
                progress.advance(to: block.lastPosition.rawValue)
                return .proceed
            }
            projector?.foldGathered(directory: known)
        }
        try take(from: Position(1), through: checkpoint)
        projector?.assumeWritten()
        try take(from: checkpoint.advanced(by: 1), through: writer.head)
        progress.finish()
        admission.adopt(known)
        if checkpoint < writer.head { try commit() }
        try keepFold(known)
    }

    /// As `load`, from where the fold was kept; false where it was not.
    private func loadKept(upTo checkpoint: Position) throws -> Bool {
        guard let projector else { return false }
        let snapshots = directory.foldSnapshots(zones, configuration)
        guard var known = snapshots.load(into: projector, upTo: checkpoint) else { return false }
        let progress = Progress("reading the log", total: writer.head.rawValue, unit: "events")
        admission = try Admission.replay(writer, zones: zones)
        let reader = try EventLogReader(directory: directory.path)
        for last in [checkpoint, writer.head] {
            try projector.goOn(reader, through: last, directory: &known) { block in
                progress.advance(to: block.lastPosition.rawValue)
                return .proceed
            }
            if last == checkpoint { projector.assumeWritten() }
        }
        progress.finish()
        if checkpoint < writer.head { try commit() }
        snapshots.keep(projector, known, .end(by: nil))
        return true
    }

    /// As `load`, of some devices alone, where the views show the whole log.
    private func load(_ scope: DeviceScope) throws {
        guard let store else { return }
        let projector = ViewProjector(store: store, zones: zones, scope: scope, scratch: directory.makeScratch())
        let progress = Progress("reading the log", total: writer.head.rawValue, unit: "events")
        let reader = try EventLogReader(directory: directory.path)
        let known = try projector.fold(reader, through: writer.head) { block, known in
            admission.replay(block, directory: known)
            progress.advance(to: block.lastPosition.rawValue)
        }
        progress.finish()
        projector.assumeWritten()
        admission.adopt(known)
        self.scope = scope
        self.projector = projector
    }
}

/// Lets an object be until the process ends: what was folded of a fleet is not worth being taken apart then.
func leaveToTheEnd(_ object: AnyObject) { _ = Unmanaged.passRetained(object) }
