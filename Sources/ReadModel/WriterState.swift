internal import GRDBSQLite
import MeterModel

/// What a store keeps for its writers from one transaction to the next: prepared statements.
///
/// It belongs to the connection that writes, and is used only where that connection is.
final class WriterState {
    let connection: OpaquePointer
    private var statements = [SQLStatement?](repeating: nil, count: WriterStatement.allCases.count)
    private var manyStatements = [SQLStatement?](repeating: nil, count: WriterStatement.allCases.count)
    /// Of new views, until their first transaction ends.
    private(set) var bulk: BulkTables?

    init(connection: OpaquePointer) { self.connection = connection }

    /// Has large tables of new views written as pages from now on.
    ///
    /// `execute`: runs a statement where those are called that close tables or make room.
    func beginBulk(execute: @escaping (String) throws -> Void) throws {
        bulk = try BulkTables(connection, execute: execute)
    }

    /// Leaves a table that was written as pages to SQLite.
    func closeBulk(of statement: WriterStatement) throws {
        if let rest = try bulk?.close(statement) { try run([rest]) }
    }

    /// Puts pages that wait in place, if they are many.
    func makeRoomInBulk() throws {
        guard let bulk, bulk.isFull else { return }
        try run(bulk.makeRoom())
    }

    /// Puts what was written as pages in place.
    func endBulk() throws {
        try run(bulk?.closeAll() ?? [])
        bulk = nil
    }

    /// Gives the statements back to the connection, which cannot be closed before.
    func close() {
        for i in statements.indices {
            statements[i] = nil
            manyStatements[i] = nil
        }
    }

    func statement(_ statement: WriterStatement) throws -> SQLStatement {
        if let prepared = statements[statement.rawValue] { return prepared }
        let prepared = try SQLStatement(connection, statement.sql)
        statements[statement.rawValue] = prepared
        return prepared
    }

    /// The statement that puts `WriterStatement.manyCount` rows.
    private func many(_ statement: WriterStatement) throws -> SQLStatement {
        if let prepared = manyStatements[statement.rawValue] { return prepared }
        let prepared = try SQLStatement(connection, statement.manySQL)
        manyStatements[statement.rawValue] = prepared
        return prepared
    }

    /// How many rows the last statement wrote.
    var changeCount: Int { Int(sqlite3_changes(connection)) }

    /// Runs the statements of batches, one kind after the other, deletions first: of each kind those of one batch after
    /// those of the other, but rows that are written as pages in the order of their keys.
    func run(_ batches: [RowBatch]) throws {
        for statement in WriterStatement.allCases {
            let some = batches.filter { $0.stream(of: statement).rowCount > 0 }
            if some.isEmpty || bulk?.put(statement, some) ?? false { continue }
            for batch in some { try run(statement, batch.stream(of: statement), batch.text) }
        }
    }

    /// Runs a statement for its rows, in order, many at once where it can.
    private func run(_ statement: WriterStatement, _ stream: RowBatch.Stream, _ text: TextScratch) throws {
        let cells = stream.cells
        let single = try self.statement(statement)
        var row = 0
        var cell = 0
        while row < stream.rowCount {
            let takesMany = statement.putsRows && row + WriterStatement.manyCount <= stream.rowCount
            let prepared = takesMany ? try many(statement) : single
            for parameter in 0..<prepared.parameterCount {
                bind(cells[cell + parameter], text, to: prepared, Int32(parameter + 1))
            }
            try prepared.run()
            cell += prepared.parameterCount
            row += takesMany ? WriterStatement.manyCount : 1
        }
    }

    @inline(__always)
    private func bind(_ cell: RowBatch.Cell, _ text: TextScratch, to statement: SQLStatement, _ parameter: Int32) {
        switch cell.byteCount {
        case RowBatch.Cell.integer: statement.bind(parameter, cell.value)
        case RowBatch.Cell.null: statement.bindNull(parameter)
        default:
            let start = Int(cell.value)
            statement.bind(parameter, borrowing: text.bytes(from: start, to: start + Int(cell.byteCount)))
        }
    }
}
