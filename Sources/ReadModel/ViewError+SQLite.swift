internal import GRDB
internal import GRDBSQLite

extension ViewError {
    /// What the connection says of its last call.
    init(connection: OpaquePointer, code: Int32) {
        self.init(
            extendedCode: sqlite3_extended_errcode(connection),
            primaryCode: code & 0xFF,
            String(cString: sqlite3_errmsg(connection))
        )
    }

    init(_ error: DatabaseError) {
        self.init(
            extendedCode: error.extendedResultCode.rawValue,
            primaryCode: error.resultCode.primaryResultCode.rawValue,
            error.message ?? "no message"
        )
    }

    private init(extendedCode: Int32, primaryCode: Int32, _ message: String) {
        switch primaryCode {
        case SQLITE_CORRUPT, SQLITE_NOTADB: self = .corrupt(message)
        case SQLITE_BUSY, SQLITE_LOCKED: self = .busy(message)
        default: self = .failed(code: extendedCode, message)
        }
    }
}

/// Runs `body` and says GRDB's errors in our words.
func withViewErrors<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as DatabaseError {
        throw ViewError(error)
    }
}
