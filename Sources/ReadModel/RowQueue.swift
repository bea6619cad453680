internal import Threading

/// Takes rows to SQLite on a thread of its own while the next are made.
///
/// Invariants: `filling` is the caller's; `draining` and the state are the thread's from `handOver` until it is held
/// again, and the caller's while it is held. After an error nothing more is run.
// Safety: as the invariants say; `thread` hands memory from one thread to the other.
final class RowQueue: @unchecked Sendable {
    private let state: WriterState
    private var filling = RowBatch()
    private var draining = RowBatch()
    private let thread = SideThread(name: "rows")
    private var error: (any Error)?

    init(_ state: WriterState) { self.state = state }

    /// Begins a row, to which the caller adds its values before it comes again.
    ///
    /// `key`: of a row of a table with an integer key or of its deletion, the first value.
    /// - Throws: what an earlier row met.
    @inline(__always)
    func row(_ statement: WriterStatement, key: Int64 = 0) throws -> RowBatch {
        if filling.isFull || !filling.mayTake(statement, key: key) { try handOver() }
        filling.begin(statement, key: key)
        return filling
    }

    /// Runs one statement after all before it.
    ///
    /// `values`: adds what is bound to it.
    /// - Returns: how many rows it wrote.
    /// - Throws: what it or an earlier row met.
    func run(_ statement: WriterStatement, _ values: (RowBatch) -> Void) throws -> Int {
        _ = try drain()
        values(try row(statement))
        return try drain().changeCount
    }

    private func handOver() throws {
        thread.hold()
        if let error {
            thread.release()
            throw error
        }
        swap(&filling, &draining)
        thread.perform { [self] in
            do { try state.run(draining) } catch { self.error = error }
            draining.removeAll()
        }
    }

    /// Runs everything that waits, and gives the state.
    ///
    /// - Throws: what an earlier row met, or one of these.
    func drain() throws -> WriterState {
        thread.hold()
        defer { thread.release() }
        if let error { throw error }
        do { try state.run(filling) } catch {
            self.error = error
            throw error
        }
        filling.removeAll()
        return state
    }

    /// Gives the connection back: it is used no more, whoever still holds this.
    func close() {
        thread.hold()
        state.close()
        thread.release()
    }

    /// Forgets what waits: the transaction failed.
    func abandon() {
        thread.hold()
        filling.removeAll()
        error = nil
        thread.release()
    }
}
