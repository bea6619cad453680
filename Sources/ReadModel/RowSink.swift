import MeterModel

/// A column of a query's output.
package struct RowColumn: Hashable, Sendable {
    /// Where a cell stands in its column.
    package enum Alignment: Sendable {
        case leading, trailing
    }

    /// The field's name in JSON and CSV: contract.
    package let name: String
    /// Numbers and decimals stand right in tables.
    package let alignment: Alignment

    init(_ name: String, _ alignment: Alignment = .leading) {
        self.name = name
        self.alignment = alignment
    }
}

/// One row of a query's output, as text; the same object holds the next row afterwards.
package final class RowCells {
    /// What a cell holds.
    package enum Kind: Sendable {
        /// An optional field that this row does not have.
        case absent
        case null
        /// A name, a time, a decimal, free text.
        case text
        /// A count, a position, `true` or `false`: JSON without quotes.
        case literal
    }

    private struct Cell {
        var kind: Kind
        var start: Int
        var end: Int
    }

    private var cells: [Cell] = []
    private let scratch = TextScratch()

    package init() {}

    package var count: Int { cells.count }

    package func kind(_ index: Int) -> Kind { cells[index].kind }

    /// UTF-8, valid while the row is. Empty for `absent` and `null`.
    package func bytes(_ index: Int) -> UnsafeBufferPointer<UInt8> {
        scratch.bytes(from: cells[index].start, to: cells[index].end)
    }

    func removeAll() {
        cells.removeAll(keepingCapacity: true)
        scratch.removeAll()
    }

    func add(_ kind: Kind, _ write: (TextScratch) -> Void = { _ in }) {
        let start = scratch.count
        write(scratch)
        cells.append(Cell(kind: kind, start: start, end: scratch.count))
    }

    func add(text bytes: UnsafeBufferPointer<UInt8>) { add(.text) { $0.append(bytes) } }
    func add(integer value: Int64) { add(.literal) { $0.append(integer: value) } }
    func add(boolean value: Bool) { add(.literal) { $0.append(value ? "true" : "false" as StaticString) } }

    // MARK: From columns; where a column is NULL the cell is of the kind `none`

    func addText(_ statement: SQLStatement, _ column: Int32, none: Kind = .null) {
        if statement.isNull(column) { add(none) } else { add(text: statement.bytes(column)) }
    }

    func addInteger(_ statement: SQLStatement, _ column: Int32, none: Kind = .null) {
        if statement.isNull(column) { add(none) } else { add(integer: statement.integer(column)) }
    }

    func addInstant(_ statement: SQLStatement, _ column: Int32, none: Kind = .null) {
        guard !statement.isNull(column) else { return add(none) }
        add(.text) { $0.append(instant: statement.integer(column)) }
    }

    func addMilli(_ statement: SQLStatement, _ column: Int32, none: Kind = .null) throws {
        guard !statement.isNull(column) else { return add(none) }
        let quantity = try statement.wideInteger(column)
        add(.text) { $0.append(milli: quantity) }
    }
}

/// Takes the rows of a query, one after the other.
package protocol RowSink: AnyObject {
    /// Before the first row, also where there is none.
    func begin(_ columns: [RowColumn]) throws
    /// `cells` has one cell for each column, and is used again for the next row.
    func row(_ cells: RowCells) throws
    /// After the last row.
    func end() throws
}

/// How rows are written for people and programs.
package enum RowFormat: String, Sendable, CaseIterable {
    case json, ndjson, csv, table

    /// A sink that writes rows in this format.
    ///
    /// - Parameter write: takes pieces of up to some 64 KiB of UTF-8; the bytes are valid during the call.
    /// - Returns: the sink, to be used for one query.
    package func makeSink(write: @escaping (UnsafeRawBufferPointer) throws -> Void) -> any RowSink {
        let output = RowOutput(write: write)
        return switch self {
        case .json: JSONRows(output, asArray: true)
        case .ndjson: JSONRows(output, asArray: false)
        case .csv: CSVRows(output)
        case .table: TableRows(output)
        }
    }
}

/// Gathers bytes and hands them on in large pieces.
final class RowOutput {
    private static let pieceByteCount = 64 * 1024
    private let write: (UnsafeRawBufferPointer) throws -> Void
    let text = TextScratch(capacity: RowOutput.pieceByteCount + 4096)

    init(write: @escaping (UnsafeRawBufferPointer) throws -> Void) { self.write = write }

    func flushIfFull() throws {
        if text.count >= RowOutput.pieceByteCount { try flush() }
    }

    func flush() throws {
        if text.count > 0 { try write(UnsafeRawBufferPointer(text.bytes)) }
        text.removeAll()
    }
}
