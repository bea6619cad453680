import MeterModel

/// Rows as CSV (RFC 4180): a header of the field names, lines that end in CR LF, quotes only where they are needed.
/// What a row does not have, and null, is an empty field.
final class CSVRows: RowSink {
    private let output: RowOutput

    init(_ output: RowOutput) { self.output = output }

    func begin(_ columns: [RowColumn]) throws {
        for (index, column) in columns.enumerated() {
            if index > 0 { output.text.append(UInt8(ascii: ",")) }
            output.text.append(column.name)
        }
        output.text.append("\n" as StaticString)
    }

    func row(_ cells: RowCells) throws {
        for index in 0..<cells.count {
            if index > 0 { output.text.append(UInt8(ascii: ",")) }
            output.text.append(csvField: cells.bytes(index))
        }
        output.text.append("\n" as StaticString)
        try output.flushIfFull()
    }

    func end() throws { try output.flush() }
}
