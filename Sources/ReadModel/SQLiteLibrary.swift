private import CSQLite
private import CSteadyVFS

/// What is said to SQLite as a whole, before its first connection.
enum SQLiteLibrary {
    /// Turns off the count of all memory in use, which nobody reads and which costs each allocation a lock; and has
    /// WALs and what is copied back from them synced in pieces, so that whoever syncs the log meanwhile waits for a
    /// piece and not for all. Harmless where either cannot be had: then SQLite does as it always does.
    static func prepare() { _ = once }

    private static let once: Void = {
        _ = meterfold_sqlite_count_no_memory()
        _ = meterfold_steady_vfs_install()
    }()
}
