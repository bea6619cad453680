/// Reads one snapshot of the views. Good only inside the closure that received it.
package final class ViewReader {
    let connection: OpaquePointer

    init(connection: OpaquePointer) { self.connection = connection }

    func statement(_ sql: String) throws -> SQLStatement { try SQLStatement(connection, sql) }

    /// What the views say about themselves.
    package func meta() throws -> ViewMeta { try ViewMeta(connection) }
}
