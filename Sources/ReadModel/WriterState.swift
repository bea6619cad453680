/// What a store keeps for its writers from one transaction to the next: prepared statements, hour rows that wait for
/// their batch, and memory for text.
///
/// It belongs to the connection that writes, and is used only where that connection is.
final class WriterState {
    struct HourRow {
        var id: Int64
        var seconds: Int64
        var quantity: Int64
        var estimated: Int64
        var complete: Int64
    }

    let connection: OpaquePointer
    let scratch = TextScratch(capacity: 2048)
    private var statements = [SQLStatement?](repeating: nil, count: WriterStatement.allCases.count)
    private let hours: UnsafeMutablePointer<HourRow>
    private var hourCount = 0

    init(connection: OpaquePointer) {
        self.connection = connection
        hours = .allocate(capacity: WriterStatement.hourBatchCount)
    }

    deinit { hours.deallocate() }

    func statement(_ statement: WriterStatement) throws -> SQLStatement {
        if let prepared = statements[statement.rawValue] { return prepared }
        let prepared = try SQLStatement(connection, statement.sql)
        statements[statement.rawValue] = prepared
        return prepared
    }

    // MARK: Hours

    @inline(__always)
    func add(_ row: HourRow) throws {
        hours[hourCount] = row
        hourCount += 1
        if hourCount == WriterStatement.hourBatchCount { try flushHours() }
    }

    /// Writes the rows that wait.
    func flushHours() throws {
        let count = hourCount
        guard count > 0 else { return }
        hourCount = 0
        if count == WriterStatement.hourBatchCount {
            let statement = try statement(.putHours)
            for index in 0..<count { bind(hours[index], to: statement, first: Int32(index) * 5 + 1) }
            try statement.run()
        } else {
            let statement = try statement(.putHour)
            for index in 0..<count {
                bind(hours[index], to: statement, first: 1)
                try statement.run()
            }
        }
    }

    /// Forgets the rows that wait: their transaction failed.
    func forgetHours() { hourCount = 0 }

    @inline(__always)
    private func bind(_ row: HourRow, to statement: SQLStatement, first: Int32) {
        statement.bind(first, row.id)
        statement.bind(first + 1, row.seconds)
        statement.bind(first + 2, row.quantity)
        statement.bind(first + 3, row.estimated)
        statement.bind(first + 4, row.complete)
    }

    // MARK: Values

    /// Binds a `_milli` column: an integer, or the text of one that outgrew 64 bits.
    func bind(_ quantity: Int128, to statement: SQLStatement, _ parameter: Int32) {
        if let value = Int64(exactly: quantity) {
            statement.bind(parameter, value)
        } else {
            statement.bind(parameter, String(quantity))
        }
    }

    /// Binds what `write` appends to the scratch. The scratch must have been emptied with room for the whole row.
    func bindText(to statement: SQLStatement, _ parameter: Int32, _ write: (TextScratch) -> Void) {
        let offset = scratch.count
        write(scratch)
        statement.bind(parameter, borrowing: scratch.bytes(from: offset, to: scratch.count))
    }
}
