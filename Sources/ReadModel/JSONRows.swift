import MeterModel

/// Rows as JSON objects, one a line: as elements of one array, or by themselves (NDJSON).
final class JSONRows: RowSink {
    private let output: RowOutput
    private let asArray: Bool
    private var keys: [[UInt8]] = []
    private var isFirst = true

    init(_ output: RowOutput, asArray: Bool) {
        self.output = output
        self.asArray = asArray
    }

    func begin(_ columns: [RowColumn]) throws {
        keys = columns.map { Array("\"\($0.name)\": ".utf8) }
        if asArray { output.text.append(UInt8(ascii: "[")) }
    }

    func row(_ cells: RowCells) throws {
        let text = output.text
        if asArray { text.append(isFirst ? "\n" : ",\n" as StaticString) }
        isFirst = false
        text.append(UInt8(ascii: "{"))
        var needsComma = false
        for index in 0..<cells.count {
            let kind = cells.kind(index)
            if kind == .absent { continue }
            if needsComma { text.append(", " as StaticString) }
            needsComma = true
            keys[index].withUnsafeBufferPointer { text.append($0) }
            switch kind {
            case .absent, .null: text.append("null" as StaticString)
            case .literal: text.append(cells.bytes(index))
            case .text: text.append(jsonString: cells.bytes(index))
            }
        }
        text.append(UInt8(ascii: "}"))
        if !asArray { text.append(UInt8(ascii: "\n")) }
        try output.flushIfFull()
    }

    func end() throws {
        if asArray { output.text.append(isFirst ? "]\n" : "\n]\n" as StaticString) }
        try output.flush()
    }
}
