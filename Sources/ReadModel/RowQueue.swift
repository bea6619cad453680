internal import Threading

/// Takes rows to SQLite on a thread of its own while the next are made, or gathers them for another queue that does.
///
/// Invariants: `filling` is the caller's; those `away` and the state are the thread's from `handOver` until it is held
/// again, and the caller's while it is held. After an error nothing more is run. Of a queue that gathers for another,
/// the latest two that were taken are away; the first of them is empty again by the time that the next is taken.
// Safety: as the invariants say; `thread` hands memory from one thread to the other.
final class RowQueue: @unchecked Sendable {
    /// Nil: another queue takes them.
    private let state: WriterState?
    private var filling = RowBatch() {
        didSet { fillingBatch = Unmanaged.passUnretained(filling) }
    }
    /// `filling`, to which nobody counts a reference for each row.
    private var fillingBatch: Unmanaged<RowBatch>
    /// Batches that were given away, the latest last.
    private var away: [RowBatch] = []
    private let thread = SideThread(name: "rows")
    private var error: (any Error)?
    /// While tables of new views are written as pages, by statement: the greatest key put.
    private var bulkKeys: [Int64?]?

    convenience init(_ state: WriterState) { self.init(state: state) }

    /// Gathers rows for another queue, as many as may come.
    convenience init() { self.init(state: nil) }

    private init(state: WriterState?) {
        self.state = state
        fillingBatch = Unmanaged.passUnretained(filling)
    }

    /// Puts a row.
    ///
    /// - Parameters:
    ///   - statement: one that puts a row, or another that is run once for what is bound to it.
    ///   - key: of a table with an integer key, the first value.
    ///   - values: adds what is bound to it.
    /// - Throws: what an earlier row met.
    @inline(__always)
    func put(_ statement: WriterStatement, key: Int64 = 0, _ values: (RowBatch) -> Void) throws {
        if bulkKeys != nil { try checkBulk(statement, key: key) }
        if fillingBatch._withUnsafeGuaranteedRef({ $0.isFull }) && state != nil { try handOver() }
        fillingBatch._withUnsafeGuaranteedRef {
            $0.begin(statement, key: key)
            values($0)
        }
    }

    /// Deletes rows, in the same way.
    ///
    /// `keys`: those of what it deletes, as first values of rows.
    func delete(_ statement: WriterStatement, of keys: Range<Int64>, _ values: (RowBatch) -> Void) throws {
        if !filling.mayTake(statement, of: keys) { try handOver() }
        try put(statement, key: keys.lowerBound, values)
    }

    /// Runs one statement after all before it.
    ///
    /// `values`: adds what is bound to it.
    /// - Returns: how many rows it wrote.
    /// - Throws: what it or an earlier row met.
    func run(_ statement: WriterStatement, _ values: (RowBatch) -> Void) throws -> Int {
        _ = try drain()
        try put(statement, values)
        return try drain().changeCount
    }

    private func handOver() throws {
        let state = try holdThread()
        let batch = giveAway(1)
        thread.perform { [self] in
            do { try state.run([batch]) } catch { self.error = error }
            batch.removeAll()
        }
    }

    /// Takes what other queues have gathered, behind all that came before.
    ///
    /// `meanwhile`: called once the others may gather again.
    /// - Throws: what an earlier row met.
    func take(from others: [RowQueue], meanwhile: () -> Void) throws {
        if bulkKeys != nil { try checkBulk(others.map(\.filling)) }
        if filling.count > 0 { try handOver() }
        // The one before the last is not run yet.
        let gathered = others.map { $0.giveAway(2) }
        meanwhile()
        let state = try holdThread()
        thread.perform { [self] in
            do { try state.run(gathered) } catch { self.error = error }
            for batch in gathered { batch.removeAll() }
        }
    }

    /// Gives the rows away, and goes on in an empty batch.
    ///
    /// `count`: how many batches are away from then on at most; those given away before are empty again.
    private func giveAway(_ count: Int) -> RowBatch {
        let batch = filling
        filling = away.count < count ? RowBatch() : away.removeFirst()
        away.append(batch)
        return batch
    }

    /// Holds the thread, where nothing has gone wrong and there is room for more.
    private func holdThread() throws -> WriterState {
        guard let state else { preconditionFailure("rows that are gathered do not replace each other") }
        thread.hold()
        do {
            if let error { throw error }
            try state.makeRoomInBulk()
        } catch {
            self.error = error
            thread.release()
            throw error
        }
        return state
    }

    /// Runs everything that waits, and gives the state.
    ///
    /// - Throws: what an earlier row met, or one of these.
    func drain() throws -> WriterState {
        guard let state else { preconditionFailure("rows that are gathered are run by another queue") }
        thread.hold()
        defer { thread.release() }
        if let error { throw error }
        do { try state.run([filling]) } catch {
            self.error = error
            throw error
        }
        filling.removeAll()
        return state
    }

    /// Ends the rows of a transaction: all that waits is run.
    ///
    /// - Throws: what an earlier row met, or one of these.
    func end() throws {
        bulkKeys = nil
        try drain().endBulk()
    }

    /// Has large tables of new views written as pages, up to the next `end`.
    ///
    /// `execute`: runs a statement, on the caller's thread.
    func beginBulk(execute: @escaping (String) throws -> Void) throws {
        let state = try drain()
        try state.beginBulk(execute: execute)
        guard let bulk = state.bulk else { return }
        var keys = [Int64?](repeating: nil, count: WriterStatement.allCases.count)
        for statement in bulk.openStatements { keys[statement.rawValue] = Int64.min }
        bulkKeys = keys
    }

    /// Leaves a table to SQLite where a row does not follow those before it.
    private func checkBulk(_ statement: WriterStatement, key: Int64) throws {
        let put = statement.deletesWhatIsPutBy
        let table = put ?? statement
        guard let last = bulkKeys?[table.rawValue] else { return }
        if put == nil, key > last {
            bulkKeys?[table.rawValue] = key
        } else {
            bulkKeys?[table.rawValue] = nil
            try drain().closeBulk(of: table)
        }
    }

    /// Leaves tables to SQLite whose rows do not follow those before them, or each other.
    private func checkBulk(_ gathered: [RowBatch]) throws {
        for statement in WriterStatement.allCases {
            let streams = gathered.map { $0.stream(of: statement) }.filter { $0.rowCount > 0 }
            guard !streams.isEmpty else { continue }
            let table = statement.deletesWhatIsPutBy ?? statement
            guard let last = bulkKeys?[table.rawValue] else { continue }
            if table == statement, streams.allSatisfy({ $0.ascends && $0.cells[0].value > last }) {
                bulkKeys?[table.rawValue] = streams.map(\.greatestKey).max()
            } else {
                bulkKeys?[table.rawValue] = nil
                try drain().closeBulk(of: table)
            }
        }
    }

    /// Gives the connection back: it is used no more, whoever still holds this.
    func close() {
        thread.hold()
        state?.close()
        thread.release()
    }

    /// Forgets what waits: the transaction failed.
    func abandon() {
        thread.hold()
        filling.removeAll()
        error = nil
        bulkKeys = nil
        thread.release()
    }
}
