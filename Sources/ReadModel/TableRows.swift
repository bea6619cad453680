import MeterModel

/// Rows as a table for people. The first rows are held until their widths are known; later rows that are wider stick
/// out.
///
/// Control characters are shown as U+FFFD, so that free text cannot steer a terminal.
final class TableRows: RowSink {
    private static let heldRowsMaximum = 1000
    private static let heldBytesMaximum = 1 << 20

    private let output: RowOutput
    private var columns: [RowColumn] = []
    private var widths: [Int] = []
    private var held: [[[UInt8]]] = []
    private var heldByteCount = 0
    private var isHolding = true

    init(_ output: RowOutput) { self.output = output }

    func begin(_ columns: [RowColumn]) throws {
        self.columns = columns
        widths = columns.map { TerminalWidth.of(Array($0.name.utf8)) }
    }

    func row(_ cells: RowCells) throws {
        let fields = (0..<cells.count).map { shown(cells, $0) }
        guard isHolding else { return try write(fields) }
        for (index, field) in fields.enumerated() {
            widths[index] = max(widths[index], TerminalWidth.of(field))
            heldByteCount += field.count
        }
        held.append(fields)
        if held.count == TableRows.heldRowsMaximum || heldByteCount > TableRows.heldBytesMaximum { try writeHeld() }
    }

    func end() throws {
        if isHolding { try writeHeld() }
        try output.flush()
    }

    private func writeHeld() throws {
        isHolding = false
        try write(columns.map { Array($0.name.utf8) })
        try write(widths.map { Array(repeating: UInt8(ascii: "-"), count: $0) })
        for fields in held { try write(fields) }
        held = []
    }

    private func write(_ fields: [[UInt8]]) throws {
        let text = output.text
        for (index, field) in fields.enumerated() {
            if index > 0 { text.append("  " as StaticString) }
            let padding = max(0, widths[index] - TerminalWidth.of(field))
            let isTrailing = columns[index].alignment == .trailing
            if isTrailing { appendSpaces(padding) }
            field.withUnsafeBufferPointer { text.append($0) }
            if !isTrailing, index + 1 < fields.count { appendSpaces(padding) }
        }
        text.append(UInt8(ascii: "\n"))
        try output.flushIfFull()
    }

    private func appendSpaces(_ count: Int) {
        for _ in 0..<count { output.text.append(UInt8(ascii: " ")) }
    }

    private func shown(_ cells: RowCells, _ index: Int) -> [UInt8] {
        switch cells.kind(index) {
        case .absent, .null: [UInt8(ascii: "-")]
        case .literal: Array(cells.bytes(index))
        case .text: harmless(cells.bytes(index))
        }
    }

    private func harmless(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return Array(bytes) }
        var text = ""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            text.unicodeScalars.append(scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar)
        }
        return Array(text.utf8)
    }
}

/// How many columns of a terminal a text takes.
enum TerminalWidth {
    static func of(_ bytes: [UInt8]) -> Int {
        if bytes.allSatisfy({ $0 < 0x80 }) { return bytes.count }
        return String(decoding: bytes, as: UTF8.self).unicodeScalars.reduce(0) { $0 + of($1) }
    }

    private static func of(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        return wide.contains { $0.contains(scalar.value) } ? 2 : 1
    }

    /// The ranges that East Asian terminals show double.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
        0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD,
    ]
}
