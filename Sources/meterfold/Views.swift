import EventStorage
import Glibc
import MeterModel
import Projections
import ReadModel
import RecordLog
import TimeZones

/// Opening, remaking and folding views.
enum Views {
    /// Takes the lock and opens the log for writing. It must reach as far as the views have seen: what ends earlier is
    /// damaged, though it may look as if only the last write had not come to its end.
    ///
    /// - Throws: `RecordLogError`, `EventStorageError`.
    static func openLog(
        behind directory: DataDirectory,
        _ configuration: AppConfiguration,
        readsState: Bool
    ) throws -> (writer: EventLogWriter, report: OpenReport) {
        var log = configuration.log
        log.expectedHead = seenPosition(directory).rawValue
        do {
            return try EventLogWriter.open(
                directory: directory.path,
                configuration: log,
                lockDescription: CommandLine.arguments.joined(separator: " "),
                readsState: readsState
            )
        } catch var error as RecordLogError
            where error.code == .corruption && log.expectedHead > 0
            && error.place?.positions?.upperBound == log.expectedHead
        {
            error.hint += "; if the log is right as it is, delete \(directory.views)"
            throw error
        }
    }

    /// The last position that the views have seen, which was acknowledged; `.origin` where none can be read.
    static func seenPosition(_ directory: DataDirectory) -> Position {
        let meta = try? ViewStore.openForReading(path: directory.views).read { try $0.meta() }
        guard let meta, meta.whatIf == nil else { return .origin }
        return meta.checkpoint
    }

    /// Opens the views of a data directory to write; such as cannot be gone on with are made anew, and that is said.
    ///
    /// - Throws: `Failure` where the views have seen more of the log than there is: then the log lost something.
    static func open(
        _ directory: DataDirectory,
        _ configuration: AppConfiguration,
        head: Position,
        chain: Digest32,
        holes: [ClosedRange<Position>],
        zones: any ZoneSource
    ) throws -> ViewStore {
        let store: ViewStore
        do {
            store = try ViewStore.open(path: directory.views, hours: configuration.keepsHours)
        } catch let error as ViewError where error.callsForRebuild {
            return try remake(directory, configuration, because: error.description)
        }
        let meta = try store.read { try $0.meta() }
        if let words = meta.whatIf {
            throw Failure(
                place: directory.views,
                cause: "these views are a what-if (\(words)), not what the log says",
                hint: "move the file away; views are then made anew"
            )
        }
        if meta.checkpoint > head {
            throw Failure(
                place: directory.log,
                cause: "the log ends at position \(head.rawValue), but the views have seen \(meta.checkpoint.rawValue)",
                hint:
                    "records are missing: run 'meterfold verify', restore the log from a backup; if the log is right, "
                    + "delete \(directory.views)"
            )
        }
        if meta.checkpoint == head, head > .origin, meta.chainHead != chain.description {
            throw Failure(
                place: directory.log,
                cause: "the chain at position \(head.rawValue) is not the one that the views were folded from",
                hint: "run 'meterfold verify'; if the log is right, delete \(directory.views)"
            )
        }
        if !meta.timeZoneDatabase.isEmpty, meta.timeZoneDatabase != zones.version {
            try store.close()
            return try remake(
                directory,
                configuration,
                because: "the time-zone database is now \(zones.version)"
            )
        }
        if meta.holes != holes.filter({ $0.lowerBound <= meta.checkpoint }) {
            try store.close()
            return try remake(directory, configuration, because: "other positions of the log are given up now")
        }
        if meta.hoursAreOn, !configuration.keepsHours { try store.transaction { try $0.turnHoursOff() } }
        if !meta.hoursAreOn, configuration.keepsHours {
            try store.close()
            return try remake(directory, configuration, because: "hours are to be kept now")
        }
        return store
    }

    private static func remake(
        _ directory: DataDirectory,
        _ configuration: AppConfiguration,
        because reason: String
    ) throws -> ViewStore {
        Terminal.error("meterfold: views are made anew: \(reason)")
        unlink(directory.foldSnapshot)
        remove(directory.views)
        return try ViewStore.open(path: directory.views, hours: configuration.keepsHours)
    }

    /// What belongs to a database beside its file, which comes last.
    private static let suffixes = ["-wal", "-shm", ""]

    /// Removes a database with what belongs to it.
    static func remove(_ path: String) {
        for suffix in suffixes.reversed() { unlink(path + suffix) }
    }

    /// Moves the views to `DIR/damaged`, and removes the fold that was kept beside them; whoever opens them next makes
    /// them anew.
    ///
    /// - Returns: where they are; nil if there were none.
    /// - Throws: `Failure` if they cannot be moved.
    static func moveAside(_ directory: DataDirectory, at time: String) throws -> String? {
        unlink(directory.foldSnapshot)
        guard access(directory.views, F_OK) == 0 else { return nil }
        // Brings what waits in the write-ahead log into the file; views that cannot be opened are kept as they lie.
        try? ViewStore.open(path: directory.views, hours: true).close()
        let folder = "\(directory.path)/damaged"
        mkdir(folder, 0o755)
        let kept = "\(folder)/views.\(time).sqlite"
        for suffix in suffixes where access(directory.views + suffix, F_OK) == 0 {
            guard rename(directory.views + suffix, kept + suffix) == 0 else {
                throw Failure(
                    place: directory.views,
                    cause: "the views cannot be moved to \(kept): \(String(cString: strerror(errno)))",
                    hint: "make \(folder) writable"
                )
            }
        }
        return kept
    }

    /// Folds the log up to a position into a store, all rows anew.
    ///
    /// - Parameters:
    ///   - directory: whose log.
    ///   - last: nil is as far as there is.
    ///   - store: new views.
    ///   - zones: the rules of local time.
    ///   - chain: the log's chain value at `last`.
    ///   - asOf: only what was true at this instant counts.
    ///   - scope: the devices whose rows are wanted; nil: all.
    ///   - progress: told of every block.
    /// - Returns: what is folded, and the log's numbering up to there.
    /// - Throws: `RecordLogError`, `EventStorageError`, `ViewError`.
    static func fold(
        _ directory: DataDirectory,
        through last: Position?,
        into store: ViewStore,
        zones: any ZoneSource,
        chain: Digest32 = .zero,
        asOf: Instant? = nil,
        scope: DeviceScope? = nil,
        progress: Progress? = nil
    ) throws -> (projector: ViewProjector, known: SeriesDirectory) {
        let projector = ViewProjector(
            store: store,
            zones: zones,
            asOf: asOf,
            scope: scope,
            scratch: directory.makeScratch()
        )
        if asOf == nil, scope == nil { projector.beginLanes() }
        let known = try projector.fold(EventLogReader(directory: directory.path), through: last) { block, _ in
            progress?.advance(to: block.lastPosition.rawValue)
        }
        try projector.commit(chain: chain.bytes, isLast: true)
        return (projector, known)
    }
}
