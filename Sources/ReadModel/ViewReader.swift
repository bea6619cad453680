internal import GRDB

/// Reads one snapshot of the views. Good only inside the closure that received it.
///
/// Invariants: a statement in `lent` is held by one `SQLStatement` of this reader at most.
package final class ViewReader {
    let connection: OpaquePointer
    private let database: Database
    /// What was asked for before: the connection's own statement of that text may still be stepped through.
    private var lent: Set<String> = []

    init(_ database: Database) throws {
        self.database = database
        connection = try ReadModel.connection(of: database)
    }

    /// A statement, which the connection keeps for the next reader.
    ///
    /// - Parameter sql: of a limited number of texts: values are bound.
    /// - Returns: the statement, nothing bound.
    /// - Throws: `ViewError`, or what GRDB says.
    func statement(_ sql: String) throws -> SQLStatement {
        guard lent.insert(sql).inserted else { return try SQLStatement(connection, sql) }
        return SQLStatement(connection, try database.cachedStatement(sql: sql))
    }

    /// What the views say about themselves.
    package func meta() throws -> ViewMeta { try ViewMeta(statement(ViewMeta.selection)) }
}
