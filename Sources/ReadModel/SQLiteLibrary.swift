private import CSQLite

/// What is said to SQLite as a whole, before its first connection.
enum SQLiteLibrary {
    /// Turns off the count of all memory in use, which nobody reads and which costs each allocation a lock. Harmless
    /// where a connection is open already: it then stays on.
    static func prepare() { _ = once }

    private static let once = meterfold_sqlite_count_no_memory()
}
