internal import GRDB
internal import GRDBSQLite
internal import MeterModel

/// The database of views: disposable, written by one process, readable by any number of others at any time.
///
/// A file is in WAL mode: readers see the last committed transaction and never wait for the writer. Files are synced
/// when the WAL is copied back, not at each commit: after a power cut the views may be older than they were, never
/// mixed, and the log fills in what is missing.
package final class ViewStore: Sendable {
    /// Where the file is; nil in memory.
    package let path: String?
    let database: any DatabaseWriter
    private let writerBox = WriterBox()

    private init(path: String?, database: any DatabaseWriter) {
        self.path = path
        self.database = database
    }

    // MARK: Opening

    /// Opens views to write, and makes them where there are none.
    ///
    /// - Parameters:
    ///   - path: the file; its directory must exist.
    ///   - hours: whether views that are made now keep rows of hours. Views that are there stay as they are: see
    ///     `ViewMeta.hoursAreOn`.
    /// - Returns: a store that may write.
    /// - Throws: `ViewError.notViews`, `.otherSchema`, `.corrupt`, `.busy` or `.failed`; nothing is changed then.
    package static func open(path: String, hours: Bool = true) throws -> ViewStore {
        try withViewErrors {
            let isNew = try ViewFile.inspect(path: path) == .empty
            let pool = try DatabasePool(path: path, configuration: configuration())
            let store = ViewStore(path: path, database: pool)
            if isNew { try store.create(Schema.statements, hours: hours) }
            return store
        }
    }

    /// Opens views that another process may be writing. Nothing is ever written through this store.
    ///
    /// - Parameter path: the file.
    /// - Returns: a store that only reads.
    /// - Throws: `ViewError.missing` where there is no file or nothing in it yet, else as `open`.
    package static func openForReading(path: String) throws -> ViewStore {
        try withViewErrors {
            guard try ViewFile.inspect(path: path) == .views else { throw ViewError.missing(path: path) }
            var configuration = configuration()
            configuration.readonly = true
            return ViewStore(path: path, database: try DatabasePool(path: path, configuration: configuration))
        }
    }

    /// Makes new views that nobody reads before they are finished, as fast as can be: what a crash leaves of them is
    /// good for nothing, and so is what a first transaction leaves that throws.
    ///
    /// - Parameters:
    ///   - path: a file that is not there yet.
    ///   - hours: whether rows of hours are kept.
    /// - Returns: a store that may write; `finish` makes of it such views as `open` makes.
    /// - Throws: `ViewError` as SQLite says.
    package static func begin(path: String, hours: Bool = true) throws -> ViewStore {
        try withViewErrors {
            var configuration = configuration()
            configuration.prepareDatabase { db in
                // Nothing to go back to, and synced once at the end.
                try db.execute(sql: "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
            }
            let store = ViewStore(path: path, database: try DatabaseQueue(path: path, configuration: configuration))
            try store.create(Schema.tables + Schema.personViews, hours: hours)
            try store.database.writeWithoutTransaction { db in
                try store.writerBox.rows(of: db).beginBulk { [unowned db] in try db.execute(sql: $0) }
            }
            return store
        }
    }

    /// Makes views that were begun durable and closes them; the store must not be used afterwards.
    ///
    /// - Throws: `ViewError` as SQLite says.
    package func finish() throws {
        try withViewErrors {
            // Indexes cost least once all rows are there.
            try database.write { db in
                for statement in Schema.indexes { try db.execute(sql: statement) }
            }
            try database.writeWithoutTransaction { db in
                // The WAL takes in the change of mode, and is copied back as everything else is synced.
                try db.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
            }
        }
        try close()
        if let path { try ViewFile.sync(path: path) }
    }

    /// Views in memory, for one fold and its queries.
    package static func inMemory(hours: Bool = true) throws -> ViewStore {
        try withViewErrors {
            let store = ViewStore(path: nil, database: try DatabaseQueue(configuration: configuration()))
            try store.create(Schema.statements, hours: hours)
            return store
        }
    }

    /// A copy of these views in memory, to be changed by itself.
    package func copyInMemory() throws -> ViewStore {
        try withViewErrors {
            let copy = try DatabaseQueue(configuration: ViewStore.configuration())
            try database.backup(to: copy)
            return ViewStore(path: nil, database: copy)
        }
    }

    /// How long to wait for another process that holds the database, in seconds.
    private static let busyTimeoutSeconds = 10.0

    private static func configuration() -> Configuration {
        SQLiteLibrary.prepare()
        var configuration = Configuration()
        configuration.label = "views"
        configuration.foreignKeysEnabled = false
        configuration.busyMode = .timeout(busyTimeoutSeconds)
        configuration.prepareDatabase { db in
            // 64 MiB of pages to write, 8 to read; the WAL is copied back when it has 64 MiB, and cut to that.
            try db.execute(
                sql: """
                    PRAGMA cache_size = \(db.configuration.readonly ? -8192 : -65536);
                    PRAGMA synchronous = NORMAL;
                    PRAGMA wal_autocheckpoint = 16384;
                    PRAGMA journal_size_limit = 67108864;
                    PRAGMA temp_store = MEMORY;
                    """
            )
        }
        return configuration
    }

    private func create(_ statements: [String], hours: Bool) throws {
        try database.write { db in
            for statement in statements { try db.execute(sql: statement) }
            try db.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
            try db.execute(sql: "PRAGMA user_version = \(Schema.version)")
            let rows = try writerBox.rows(of: db)
            let writer = ViewWriter(rows: rows, hoursAreOn: hours)
            try writer.setMeta(.schemaVersion, Schema.version)
            try writer.setCheckpoint(.origin, chainHead: [])
            try writer.setTimeZoneDatabase("")
            try writer.setMeta(.hours, hours ? "on" : "off")
            _ = try rows.drain()
        }
    }

    /// Closes the connections; a file's WAL is copied back. The store must not be used afterwards.
    package func close() throws {
        try withViewErrors {
            try database.barrierWriteWithoutTransaction { _ in writerBox.close() }
            // The last connection to go copies the WAL back and removes it, which a reading one could not do.
            (database as? DatabasePool)?.invalidateReadOnlyConnections()
            try database.close()
        }
    }

    // MARK: Writing and reading

    /// Runs `body` in one transaction: it commits when `body` returns, and leaves no trace when `body` throws.
    ///
    /// Blocks until the transaction is over. Transactions follow one another; do not nest them.
    package func transaction<Result>(_ body: (ViewWriter) throws -> Result) throws -> Result {
        try withViewErrors {
            // What writes pages ends a transaction in between, which GRDB's own would not allow.
            try database.writeWithoutTransaction { db in
                let rows = try writerBox.rows(of: db)
                try db.beginTransaction(.immediate)
                do {
                    let meta = try ViewReader(db).meta()
                    let result = try body(ViewWriter(rows: rows, hoursAreOn: meta.hoursAreOn))
                    try rows.end()
                    try db.commit()
                    return result
                } catch {
                    rows.abandon()
                    // The first error says more than one of going back.
                    try? db.rollback()
                    throw error
                }
            }
        }
    }

    /// Runs `body` on one snapshot of the views: all it reads, meta too, is of one committed transaction.
    package func read<Result>(_ body: (ViewReader) throws -> Result) throws -> Result {
        try withViewErrors {
            try database.read { db in
                try body(ViewReader(db))
            }
        }
    }

    /// Copies the whole WAL back into the file and syncs it, so that the file can be moved or copied by itself.
    package func checkpoint() throws {
        try withViewErrors {
            try database.writeWithoutTransaction { db in
                if path != nil { _ = try db.checkpoint(.truncate) }
            }
        }
    }

    /// Makes durable what was committed: no power cut leaves older views from now on. Waits for no reader.
    package func settle() throws {
        try withViewErrors {
            try database.writeWithoutTransaction { db in
                // The WAL is synced before anything of it is copied back.
                if path != nil { _ = try db.checkpoint(.passive) }
            }
        }
    }

    /// Gives back the memory in which the writing connection has pages; they are read anew when they are wanted.
    package func giveBackMemory() {
        try? database.writeWithoutTransaction { db in
            _ = sqlite3_db_release_memory(try connection(of: db))
        }
    }

    /// What SQLite finds wrong with the file; empty: nothing. Reads all of it.
    package func check() throws -> [String] {
        try withViewErrors {
            try database.read { db in
                try String.fetchAll(db, sql: "PRAGMA integrity_check(20)").filter { $0 != "ok" }
            }
        }
    }
}

/// The connection's handle for the C interface.
func connection(of db: Database) throws -> OpaquePointer {
    guard let connection = db.sqliteConnection else { throw ViewError.failed(code: SQLITE_MISUSE, "closed") }
    return connection
}

/// Holds the rows on their way to a store.
// Safety: it is touched only while the store's one writing connection is held, which is one caller at a time.
private final class WriterBox: @unchecked Sendable {
    private var rows: RowQueue?

    func close() {
        rows?.close()
        rows = nil
    }

    func rows(of db: Database) throws -> RowQueue {
        if let rows { return rows }
        let made = RowQueue(WriterState(connection: try connection(of: db)))
        rows = made
        return made
    }
}
