import EventStorage
import Glibc
import MeterModel
import Projections
import ReadModel
import RecordLog
import TimeZones

/// Opening, remaking and folding views.
enum Views {
    /// Opens the views of a data directory to write; such as cannot be gone on with are made anew, and that is said.
    ///
    /// - Throws: `Failure` where the views have seen more of the log than there is: then the log lost something.
    static func open(
        _ directory: DataDirectory,
        _ configuration: AppConfiguration,
        head: Position,
        chain: Digest32,
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
        remove(directory.views)
        return try ViewStore.open(path: directory.views, hours: configuration.keepsHours)
    }

    /// Removes a database with what belongs to it.
    static func remove(_ path: String) {
        for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
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
    /// - Returns: the last position folded.
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
    ) throws -> Position {
        let projector = ViewProjector(store: store, zones: zones, asOf: asOf, scope: scope)
        _ = try projector.fold(EventLogReader(directory: directory.path), through: last) { block, _ in
            progress?.advance(to: block.lastPosition.rawValue)
        }
        try projector.commit(chain: chain.bytes)
        return projector.position
    }
}
