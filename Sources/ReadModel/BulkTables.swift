import MeterModel

/// Writes the large tables of new views as pages of the file, in place of a statement for each row.
///
/// A table is written so as long as the keys of its rows ascend and nothing is deleted from it. Then, and at the end,
/// it is closed: its tree is put in place, and from there on it is SQLite's. Rows that are too long for a page wait for
/// that.
///
/// Invariants: whose views these are is in a transaction whenever this is used, and nobody reads them before it is
/// closed, so that the transaction may be ended and another begun where pages are added to the file. An open table is
/// empty to SQLite: its rows so far are `pages` behind `leaves`, and those in `tooLong`.
final class BulkTables {
    /// Bytes that may wait to be added to the file, of a table.
    private static let maximumWaitingByteCount = 8 << 20
    /// The tables that have an integer key and, while views are new, no further index, by what puts their rows.
    private static let statements: [(statement: WriterStatement, table: String)] = [
        (.putDevice, "device"), (.putSeries, "series"),
        (.putHour, "consumption_hour"), (.putDay, "consumption_day"), (.putMonth, "consumption_month"),
        (.putBalance, "balance"), (.putLedger, "ledger"),
    ]

    private struct Table {
        let root: UInt32
        let pages: TablePages
        var leaves: ContiguousArray<TableTree.Child> = []
        var tooLong: RowBatch?
    }

    private let connection: OpaquePointer
    private let execute: (String) throws -> Void
    private var tables = [Table?](repeating: nil, count: WriterStatement.allCases.count)
    /// Whether `makeRoom` is to be called before more is put.
    private(set) var isFull = false

    /// Nil where the file has not the form that pages are made for.
    ///
    /// - Parameters:
    ///   - connection: of new views, in no transaction.
    ///   - execute: runs a statement on it; called by those methods that may throw alone.
    /// - Throws: `ViewError`.
    init?(_ connection: OpaquePointer, execute: @escaping (String) throws -> Void) throws {
        self.connection = connection
        self.execute = execute
        guard let file = try PageFile(connection) else { return nil }
        for (statement, name) in BulkTables.statements {
            let root = try SQLStatement(connection, "SELECT rootpage FROM sqlite_schema WHERE name = '\(name)'")
            guard try root.step() else { continue }
            tables[statement.rawValue] = Table(
                root: UInt32(root.integer(0)),
                pages: TablePages(pageByteCount: file.pageByteCount)
            )
        }
    }

    /// The statements whose rows it takes.
    var openStatements: [WriterStatement] { BulkTables.statements.map(\.statement).filter { isOpen($0) } }

    private func isOpen(_ statement: WriterStatement) -> Bool { tables[statement.rawValue] != nil }

    /// Takes the rows of a statement from batches that have some, in the order of their keys, if its table is open.
    ///
    /// - Precondition: the keys ascend in each batch, are no other's, and are greater than those before.
    func put(_ statement: WriterStatement, _ batches: [RowBatch]) -> Bool {
        guard let table = tables[statement.rawValue] else { return false }
        var places = batches.map { _ in 0 }
        while let (next, end) = nextRows(of: statement, in: batches, from: places) {
            places[next] = put(statement, batches[next], from: places[next], below: end, into: table.pages)
        }
        let tooLong = tables[statement.rawValue]?.tooLong?.text.count ?? 0
        if max(table.pages.waiting.count, tooLong) >= BulkTables.maximumWaitingByteCount { isFull = true }
        return true
    }

    /// Takes the rows of one batch from a place on, up to a key.
    ///
    /// - Returns: the place behind them.
    private func put(
        _ statement: WriterStatement,
        _ batch: RowBatch,
        from first: Int,
        below end: Int64,
        into pages: TablePages
    ) -> Int {
        let stream = batch.stream(of: statement)
        let text = batch.text
        let columnCount = stream.cells.count / stream.rowCount
        let cells = stream.cells
        var row = first
        repeat {
            let some = UnsafeBufferPointer(rebasing: cells[row * columnCount..<(row + 1) * columnCount])
            if !pages.append(some, text) { keep(some, text, of: statement) }
            row += 1
        } while row < stream.rowCount && cells[row * columnCount].value < end
        return row
    }

    /// Which batch has the row with the least key, and the key up to which none of the others has one; nil: all are
    /// through.
    private func nextRows(
        of statement: WriterStatement,
        in batches: [RowBatch],
        from places: [Int]
    ) -> (batch: Int, end: Int64)? {
        var next: (batch: Int, key: Int64)?
        var end = Int64.max
        for (i, batch) in batches.enumerated() {
            let stream = batch.stream(of: statement)
            guard places[i] < stream.rowCount else { continue }
            let key = stream.cells[places[i] * (stream.cells.count / stream.rowCount)].value
            if let former = next, former.key < key {
                end = min(end, key)
            } else {
                end = min(end, next?.key ?? end)
                next = (i, key)
            }
        }
        return next.map { ($0.batch, end) }
    }

    private func keep(
        _ cells: UnsafeBufferPointer<RowBatch.Cell>,
        _ text: TextScratch,
        of statement: WriterStatement
    ) {
        let batch = tables[statement.rawValue]?.tooLong ?? RowBatch()
        tables[statement.rawValue]?.tooLong = batch
        batch.begin(statement, key: cells[0].value)
        for cell in cells { batch.add(cell, from: text) }
    }

    /// Adds what waits to the file.
    ///
    /// - Returns: rows of tables that were closed, to be put by their statements.
    func makeRoom() throws -> [RowBatch] {
        isFull = false
        return try outsideTransaction { file in
            try openStatements.compactMap { statement in
                let tooLong = tables[statement.rawValue]?.tooLong?.text.count ?? 0
                if tooLong >= BulkTables.maximumWaitingByteCount { return try close(statement, in: &file) }
                try addWaiting(statement, to: &file)
                return nil
            }
        }
    }

    /// Closes a table.
    ///
    /// - Returns: rows that are to be put by the statement.
    func close(_ statement: WriterStatement) throws -> RowBatch? {
        guard isOpen(statement) else { return nil }
        return try outsideTransaction { try close(statement, in: &$0) }
    }

    /// Closes all that are open.
    ///
    /// - Returns: rows that are to be put by their statements.
    func closeAll() throws -> [RowBatch] {
        try outsideTransaction { file in try openStatements.compactMap { try close($0, in: &file) } }
    }

    private func close(_ statement: WriterStatement, in file: inout PageFile) throws -> RowBatch? {
        guard let table = tables[statement.rawValue] else { return nil }
        table.pages.endPage()
        if table.leaves.isEmpty, table.pages.waitingKeys.count <= 1 {
            // The only page is the root.
            if !table.pages.waiting.isEmpty {
                try table.pages.waiting.withUnsafeBytes { try file.replace(table.root, by: $0) }
            }
        } else {
            try addWaiting(statement, to: &file)
            let leaves = tables[statement.rawValue]?.leaves ?? []
            let root = try TableTree.root(over: leaves, pageByteCount: file.pageByteCount) { page in
                try page.withUnsafeBytes { try file.add($0) }[0]
            }
            try root.withUnsafeBytes { try file.replace(table.root, by: $0) }
        }
        tables[statement.rawValue] = nil
        return table.tooLong
    }

    private func addWaiting(_ statement: WriterStatement, to file: inout PageFile) throws {
        guard let pages = tables[statement.rawValue]?.pages else { return }
        let numbers = try pages.waiting.withUnsafeBytes { try file.add($0) }
        for (page, key) in zip(numbers, pages.waitingKeys) {
            tables[statement.rawValue]?.leaves.append(TableTree.Child(page: page, greatestKey: key))
        }
        pages.removeWaiting()
    }

    /// Lets `body` add to the file, between two transactions.
    private func outsideTransaction<R>(_ body: (inout PageFile) throws -> R) throws -> R {
        try execute("COMMIT")
        guard var file = try PageFile(connection) else { preconditionFailure("the file changed its form") }
        let result = try body(&file)
        try file.end()
        try execute("BEGIN IMMEDIATE")
        return result
    }
}
