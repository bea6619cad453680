import MeterModel

/// Rows on their way to SQLite, by statement: what is bound to each, in memory that is used again and again.
///
/// A batch runs deletions first and then each table's rows together, whatever the order in which they came; `mayTake`
/// says where that would make a difference.
///
/// Invariants: of `streams` the one of a statement has as many cells a row as the statement has parameters, in their
/// order; a text's bytes lie in `text` at its cell's value; `count` is that of the rows of all streams.
final class RowBatch {
    /// What is bound to one parameter.
    struct Cell: BitwiseCopyable {
        /// The integer, or where the text begins.
        var value: Int64
        /// Of a text; else one of those below.
        var byteCount: Int32

        static let integer: Int32 = -1
        static let null: Int32 = -2
    }

    /// The rows of one statement.
    struct Stream: BitwiseCopyable {
        private var start: UnsafeMutablePointer<Cell>
        private var capacity: Int
        private var count = 0
        fileprivate(set) var rowCount = 0
        /// The greatest first value of a row.
        fileprivate(set) var greatestKey = Int64.min
        /// Whether each row's first value is greater than the one before.
        fileprivate(set) var ascends = true

        fileprivate init() {
            capacity = 64
            start = .allocate(capacity: capacity)
        }

        fileprivate func deallocate() { start.deallocate() }

        /// Good until the next row.
        var cells: UnsafeBufferPointer<Cell> { UnsafeBufferPointer(start: start, count: count) }

        @inline(__always)
        fileprivate mutating func append(_ cell: Cell) {
            if count == capacity { grow() }
            start[count] = cell
            count += 1
        }

        private mutating func grow() {
            let grown = UnsafeMutablePointer<Cell>.allocate(capacity: capacity * 2)
            grown.update(from: start, count: count)
            start.deallocate()
            start = grown
            capacity *= 2
        }

        /// Whether the first value of a row is one of these.
        fileprivate func hasKey(in keys: Range<Int64>) -> Bool {
            guard rowCount > 0 else { return false }
            return stride(from: 0, to: count, by: count / rowCount).contains { keys.contains(start[$0].value) }
        }

        fileprivate mutating func removeAll() {
            count = 0
            rowCount = 0
            greatestKey = Int64.min
            ascends = true
        }
    }

    private static let streamCount = WriterStatement.allCases.count
    /// By statement. They are the batch's own memory: rows come by the million.
    private let streams: UnsafeMutablePointer<Stream>
    private(set) var count = 0
    let text = TextScratch(capacity: 1 << 16)
    private var current = 0

    /// A batch of so many rows is full: enough that rows of each table can go many at once.
    static let capacity = 8192

    init() {
        streams = .allocate(capacity: RowBatch.streamCount)
        for i in 0..<RowBatch.streamCount { (streams + i).initialize(to: Stream()) }
    }

    deinit {
        for i in 0..<RowBatch.streamCount { streams[i].deallocate() }
        streams.deallocate()
    }

    var isFull: Bool { count >= RowBatch.capacity }

    /// The rows of a statement; good until more come.
    func stream(of statement: WriterStatement) -> Stream { streams[statement.rawValue] }

    func removeAll() {
        for i in 0..<RowBatch.streamCount where streams[i].rowCount > 0 { streams[i].removeAll() }
        text.removeAll()
        count = 0
    }

    /// Whether a deletion may join these: it comes before all that is put, so it must find nothing among these that it
    /// means.
    ///
    /// `keys`: those of what it deletes, as first values of rows.
    func mayTake(_ deletion: WriterStatement, of keys: Range<Int64>) -> Bool {
        guard let put = deletion.deletesWhatIsPutBy else { preconditionFailure("\(deletion) deletes nothing") }
        let stream = streams[put.rawValue]
        if stream.greatestKey < keys.lowerBound { return true }
        // Series come in another order than their devices do.
        return !stream.hasKey(in: keys)
    }

    /// Begins a row; its values follow, each with a call of `add`. `key` is the first of them.
    @inline(__always)
    func begin(_ statement: WriterStatement, key: Int64) {
        current = statement.rawValue
        streams[current].rowCount += 1
        if key <= streams[current].greatestKey { streams[current].ascends = false }
        streams[current].greatestKey = max(streams[current].greatestKey, key)
        count += 1
    }

    @inline(__always)
    private func add(_ cell: Cell) { streams[current].append(cell) }

    /// Adds a value of another batch, whose texts lie in `source`.
    func add(_ cell: Cell, from source: TextScratch) {
        guard cell.byteCount >= 0 else { return add(cell) }
        add { $0.append(source.bytes(from: Int(cell.value), to: Int(cell.value) + Int(cell.byteCount))) }
    }

    @inline(__always)
    func add(_ value: Int64) { add(Cell(value: value, byteCount: Cell.integer)) }

    func add(_ value: Int64?) {
        if let value { add(value) } else { addNull() }
    }

    func addNull() { add(Cell(value: 0, byteCount: Cell.null)) }

    func add(_ text: String?) {
        guard let text else { return addNull() }
        add { $0.append(text) }
    }

    /// Adds the text that `write` appends.
    @inline(__always)
    func add(_ write: (TextScratch) -> Void) {
        let start = text.count
        write(text)
        add(Cell(value: Int64(start), byteCount: Int32(text.count - start)))
    }

    /// Adds a `_milli` column: an integer, or the text of one that outgrew 64 bits.
    @inline(__always)
    func add(milli quantity: Int128) {
        if let value = Int64(exactly: quantity) { add(value) } else { add(String(quantity)) }
    }

    func add(_ money: Money) { add { $0.append(decimal: money.units, fractionDigits: Money.fractionDigits) } }
}
