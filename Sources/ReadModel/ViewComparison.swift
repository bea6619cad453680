/// How two stores of views differ, table by table: what a rebuild is held against.
package struct ViewComparison: Hashable, Sendable {
    /// One row that is not the same on both sides; a side without it is nil.
    package struct Difference: Hashable, Sendable {
        /// `column=value` pairs as SQLite writes them.
        package var ours: String?
        package var theirs: String?
    }

    /// One table of both stores.
    package struct Table: Hashable, Sendable {
        package var name: String
        /// Rows compared.
        package var ourCount = 0
        package var theirCount = 0
        /// Rows with the same key and other values, or on one side alone.
        package var differenceCount = 0
        /// The first of them, in order of the key.
        package var differences: [Difference] = []
    }

    package var tables: [Table]

    package var isEqual: Bool { tables.allSatisfy { $0.differenceCount == 0 } }

    /// Compares every value of every table, its type too, on one snapshot of each store.
    ///
    /// Of `meta` only the schema version, the checkpoint, the holes and whether hours are kept take part.
    /// - Parameters:
    ///   - ours: one store.
    ///   - theirs: another store, not the same.
    ///   - limit: how many differences of a table are told in full.
    /// - Returns: every table, those that agree too.
    /// - Throws: `ViewError` as SQLite says.
    package static func compare(_ ours: ViewStore, _ theirs: ViewStore, limit: Int = 10) throws -> ViewComparison {
        try ours.read { ourReader in
            try theirs.read { theirReader in
                let tables = try compared.map { table in
                    var merge = TableMerge(
                        keyCount: table.keyCount,
                        ours: try ourReader.statement(table.sql),
                        theirs: try theirReader.statement(table.sql),
                        limit: limit,
                        result: Table(name: table.name)
                    )
                    return try merge.run()
                }
                return ViewComparison(tables: tables)
            }
        }
    }

    /// The tables with the number of leading columns that are their key. In each these are the first columns.
    private static let compared: [(name: String, keyCount: Int32, sql: String)] = [
        ("meta", 1, "WHERE key IN ('schema_version', 'checkpoint', 'hours', 'holes') ORDER BY key"),
        ("device", 1, "ORDER BY device_id"),
        ("series", 1, "ORDER BY series_id"),
        ("consumption_hour", 1, "ORDER BY id"),
        ("consumption_day", 1, "ORDER BY id"),
        ("consumption_month", 1, "ORDER BY id"),
        ("balance", 1, "ORDER BY device_id"),
        ("ledger", 1, "ORDER BY id"),
        ("episode", 3, "ORDER BY device_id, rule, episode"),
        ("push_job", 1, "ORDER BY job"),
        ("anomaly", 5, "ORDER BY series_id, at, kind, position, ordinal"),
    ].map { name, keyCount, order in (name, keyCount, "SELECT * FROM \(name) \(order)") }
}

/// Walks two tables in the order of their key.
private struct TableMerge {
    let keyCount: Int32
    let ours: SQLStatement
    let theirs: SQLStatement
    let limit: Int
    var result: ViewComparison.Table

    mutating func run() throws -> ViewComparison.Table {
        var hasOurs = try ours.step()
        var hasTheirs = try theirs.step()
        while hasOurs || hasTheirs {
            let order = hasOurs && hasTheirs ? keyOrder() : hasOurs ? -1 : 1
            if order != 0 {
                note(ours: order < 0, theirs: order > 0)
            } else if !(keyCount..<ours.columnCount).allSatisfy({ ours.value($0, equals: theirs) }) {
                note(ours: true, theirs: true)
            }
            if order <= 0 {
                result.ourCount += 1
                hasOurs = try ours.step()
            }
            if order >= 0 {
                result.theirCount += 1
                hasTheirs = try theirs.step()
            }
        }
        return result
    }

    private func keyOrder() -> Int {
        for column in 0..<keyCount {
            let order = ours.key(column, comparedTo: theirs)
            if order != 0 { return order }
        }
        return 0
    }

    private mutating func note(ours hasOurs: Bool, theirs hasTheirs: Bool) {
        result.differenceCount += 1
        guard result.differences.count < limit else { return }
        let our = hasOurs ? describe(ours) : nil
        let their = hasTheirs ? describe(theirs) : nil
        result.differences.append(ViewComparison.Difference(ours: our, theirs: their))
    }

    private func describe(_ statement: SQLStatement) -> String {
        (0..<statement.columnCount).map {
            "\(statement.name(ofColumn: $0))=\(statement.textOrNil($0) ?? "NULL")"
        }.joined(separator: " ")
    }
}
