import MeterModel

/// The cells of the record at hand, by slot.
struct CSVRow: Sendable {
    /// Where a cell's text lies, its quotes not counted.
    struct Cell {
        var start: Int
        var end: Int
        /// Whether quotes within it are doubled.
        var hasDoubledQuotes: Bool

        static let absent = Cell(start: 0, end: 0, hasDoubledQuotes: false)

        var isEmpty: Bool { start == end }
    }

    enum Outcome {
        case whole
        /// A quoted field goes on beyond the chunk.
        case unfinished
        case fault(StaticString, at: Int)
    }

    var cells: ContiguousArray<Cell>
    /// How many columns the record had.
    private(set) var columnCount = 0
    /// How many further lines it went on over.
    private(set) var furtherLineCount: UInt64 = 0
    /// Whether a cell that is used has doubled quotes.
    private(set) var hasDoubledQuotes = false

    static let unclosed: StaticString = "a quoted field is not closed, or the record is longer than 65536 bytes"

    init(slotCount: Int) { cells = ContiguousArray(repeating: .absent, count: slotCount) }

    /// Splits the record that begins on `line`, whose end moves where a quoted field goes on over further lines.
    @inline(__always)
    mutating func split(
        _ base: UnsafePointer<UInt8>,
        _ chunkCount: Int,
        _ line: inout Line,
        isLast: Bool,
        _ columns: borrowing CSVColumns,
        _ delimiter: UInt8
    ) -> Outcome {
        columnCount = 0
        furtherLineCount = 0
        hasDoubledQuotes = false
        var i = line.start
        while true {
            var cell = Cell(start: i, end: i, hasDoubledQuotes: false)
            if i < line.end, base[i] == UInt8(ascii: "\"") {
                let outcome = scanQuoted(base, chunkCount, &line, isLast: isLast, &cell, &i)
                guard case .whole = outcome else { return outcome }
                guard i == line.end || base[i] == delimiter else {
                    return .fault("text after a closing quote", at: i)
                }
            } else {
                while i < line.end, base[i] != delimiter {
                    if base[i] == UInt8(ascii: "\"") {
                        return .fault("a quote within a field that does not begin with one", at: i)
                    }
                    i += 1
                }
                cell.end = i
            }
            if columnCount < columns.slotOfColumn.count {
                let slot = columns.slotOfColumn[columnCount]
                if slot != CSVColumns.unused {
                    cells[Int(slot)] = cell
                    hasDoubledQuotes = hasDoubledQuotes || cell.hasDoubledQuotes
                }
            }
            columnCount += 1
            guard i < line.end else { return .whole }
            guard columnCount < CSVProfile.maximumColumnCount else { return .fault("more than 4096 columns", at: i) }
            i += 1
        }
    }

    /// Reads a quoted field; `i` then stands behind its closing quote.
    private mutating func scanQuoted(
        _ base: UnsafePointer<UInt8>,
        _ chunkCount: Int,
        _ line: inout Line,
        isLast: Bool,
        _ cell: inout Cell,
        _ i: inout Int
    ) -> Outcome {
        let limit = min(chunkCount, line.start + maximumLineByteCount + 2)
        i += 1
        cell.start = i
        while true {
            guard i < limit else { return missingEnd(limit, chunkCount, isLast: isLast, at: cell.start - 1) }
            if base[i] != UInt8(ascii: "\"") {
                i += 1
            } else if i + 1 < chunkCount, base[i + 1] == UInt8(ascii: "\"") {
                cell.hasDoubledQuotes = true
                i += 2
            } else if i + 1 == chunkCount, !isLast {
                return .unfinished
            } else {
                break
            }
        }
        cell.end = i
        i += 1
        return i > line.end ? extend(base, chunkCount, &line, isLast: isLast, from: i) : .whole
    }

    /// Moves the record's end to that of the line in which a field that went on over line ends was closed.
    private mutating func extend(
        _ base: UnsafePointer<UInt8>,
        _ chunkCount: Int,
        _ line: inout Line,
        isLast: Bool,
        from closing: Int
    ) -> Outcome {
        for k in line.end..<closing where base[k] == 0x0A { furtherLineCount += 1 }
        let limit = min(chunkCount, line.start + maximumLineByteCount + 2)
        var newline = closing
        while newline < limit, base[newline] != 0x0A { newline += 1 }
        guard newline < limit || (isLast && newline == chunkCount) else {
            return missingEnd(limit, chunkCount, isLast: isLast, at: line.start)
        }
        let end = newline > closing && base[newline - 1] == 0x0D ? newline - 1 : newline
        guard end - line.start <= maximumLineByteCount else { return .fault(CSVRow.unclosed, at: line.start) }
        line.end = end
        line.next = min(newline + 1, chunkCount)
        line.isASCII = false
        return .whole
    }

    private func missingEnd(_ limit: Int, _ chunkCount: Int, isLast: Bool, at place: Int) -> Outcome {
        limit < chunkCount || isLast ? .fault(CSVRow.unclosed, at: place) : .unfinished
    }

    /// The record's bytes with the cells in use unescaped behind them; the cells then lie in what is returned.
    mutating func unescape(_ base: UnsafePointer<UInt8>, _ line: Line) -> ContiguousArray<UInt8> {
        var text = ContiguousArray(UnsafeBufferPointer(start: base + line.start, count: line.end - line.start))
        for slot in cells.indices where !cells[slot].isEmpty {
            let cell = cells[slot]
            guard cell.hasDoubledQuotes else {
                cells[slot].start -= line.start
                cells[slot].end -= line.start
                continue
            }
            let start = text.count
            CSVRow.unescape(base, cell, into: &text)
            cells[slot] = Cell(start: start, end: text.count, hasDoubledQuotes: false)
        }
        return text
    }

    private static func unescape(_ base: UnsafePointer<UInt8>, _ cell: Cell, into text: inout ContiguousArray<UInt8>) {
        var i = cell.start
        while i < cell.end {
            text.append(base[i])
            i += base[i] == UInt8(ascii: "\"") ? 2 : 1
        }
    }

    /// All cells of a record that was split without fault.
    static func texts(_ base: UnsafePointer<UInt8>, _ line: Line, _ delimiter: UInt8) -> [String] {
        var texts: [String] = []
        var i = line.start
        while true {
            var text: ContiguousArray<UInt8> = []
            if i < line.end, base[i] == UInt8(ascii: "\"") {
                i += 1
                while base[i] != UInt8(ascii: "\"") || (i + 1 < line.end && base[i + 1] == UInt8(ascii: "\"")) {
                    text.append(base[i])
                    i += base[i] == UInt8(ascii: "\"") ? 2 : 1
                }
                i += 1
            } else {
                while i < line.end, base[i] != delimiter {
                    text.append(base[i])
                    i += 1
                }
            }
            texts.append(String(decoding: text, as: UTF8.self))
            guard i < line.end else { return texts }
            i += 1
        }
    }
}
