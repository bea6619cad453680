internal import GRDB
internal import GRDBSQLite

/// A prepared statement on a connection: bind, step, read columns; nothing is allocated per row.
///
/// Use only where the connection may be used: it has no lock of its own.
final class SQLStatement {
    private let connection: OpaquePointer
    private let pointer: OpaquePointer
    /// What keeps the statement beyond this use of it; nil: it is this one's own.
    private let owner: Statement?
    let parameterCount: Int

    init(_ connection: OpaquePointer, _ sql: String) throws {
        self.connection = connection
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard code == SQLITE_OK, let prepared else { throw ViewError(connection: connection, code: code) }
        pointer = prepared
        owner = nil
        parameterCount = Int(sqlite3_bind_parameter_count(prepared))
    }

    /// Uses a statement that is kept, and that nobody else uses meanwhile.
    init(_ connection: OpaquePointer, _ owner: Statement) {
        self.connection = connection
        self.owner = owner
        pointer = owner.sqliteStatement
        parameterCount = Int(sqlite3_bind_parameter_count(pointer))
    }

    deinit {
        guard owner != nil else {
            sqlite3_finalize(pointer)
            return
        }
        sqlite3_reset(pointer)
        sqlite3_clear_bindings(pointer)
    }

    // MARK: Binding (parameters count from 1)

    @inline(__always)
    func bind(_ parameter: Int32, _ value: Int64) { sqlite3_bind_int64(pointer, parameter, value) }

    func bind(_ parameter: Int32, _ value: Int64?) {
        if let value { bind(parameter, value) } else { bindNull(parameter) }
    }

    func bindNull(_ parameter: Int32) { sqlite3_bind_null(pointer, parameter) }

    /// SQLite takes a copy.
    func bind(_ parameter: Int32, _ text: String?) {
        guard var text else { return bindNull(parameter) }
        text.withUTF8 { bytes in
            // A zero-length blob of text still needs an address: nil would bind NULL.
            let start = UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
            let empty: StaticString = ""
            let address = start ?? UnsafeRawPointer(empty.utf8Start).assumingMemoryBound(to: CChar.self)
            sqlite3_bind_text(pointer, parameter, address, Int32(bytes.count), SQLStatement.transient)
        }
    }

    /// The bytes must stay where they are until the next `run`, `step` or `reset` is over.
    func bind(_ parameter: Int32, borrowing bytes: UnsafeBufferPointer<UInt8>) {
        let start = UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
        sqlite3_bind_text(pointer, parameter, start, Int32(bytes.count), nil)
    }

    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    // MARK: Running

    /// Goes to the next row; false: there is none, and the statement is ready to be bound anew.
    @inline(__always)
    func step() throws -> Bool {
        let code = sqlite3_step(pointer)
        if code == SQLITE_ROW { return true }
        sqlite3_reset(pointer)
        guard code == SQLITE_DONE else { throw ViewError(connection: connection, code: code) }
        return false
    }

    /// Runs a statement that returns no rows.
    @inline(__always)
    func run() throws { while try step() {} }

    /// Forgets the rows not yet read.
    func reset() { sqlite3_reset(pointer) }

    // MARK: Columns (count from 0)

    var columnCount: Int32 { sqlite3_column_count(pointer) }

    func name(ofColumn column: Int32) -> String { String(cString: sqlite3_column_name(pointer, column)) }

    func type(_ column: Int32) -> Int32 { sqlite3_column_type(pointer, column) }

    func isNull(_ column: Int32) -> Bool { type(column) == SQLITE_NULL }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(pointer, column) }

    func integerOrNil(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

    /// The bytes of a text; they hold until the next step.
    func bytes(_ column: Int32) -> UnsafeBufferPointer<UInt8> {
        let start = sqlite3_column_text(pointer, column)
        return UnsafeBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(pointer, column)))
    }

    func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }

    func textOrNil(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

    /// A `_milli` column: an integer, or the text of one that outgrew 64 bits.
    func wideInteger(_ column: Int32) throws -> Int128 {
        if type(column) == SQLITE_INTEGER { return Int128(integer(column)) }
        guard let value = Int128(text(column)) else { throw ViewError.corrupt("no integer: \(text(column))") }
        return value
    }
}
