/// A fleet as CSV: a header with the fields of `DeviceRegistered`, then a device a row.
///
/// An empty cell leaves the field alone, a plain `null` takes it back to its default; `alerts` holds a list as JSON.
/// Blank lines and such as begin with `#` are passed over.
struct FleetCSV {
    private struct Cell {
        var text: String
        var isQuoted: Bool

        var isEmpty: Bool { text.isEmpty && !isQuoted }
    }

    private let bytes: [UInt8]
    private var at = 0
    private var line = 1
    private var delimiter = UInt8(ascii: ",")
    private var columns: [String] = []

    private static let delimiters: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: ";"), 0x09]

    /// Whether the first line that is neither blank nor a comment is a header with the device.
    static func looksLike(_ text: String) -> Bool {
        var csv = FleetCSV(bytes: Array(text.prefix(64 * 1024).utf8))
        csv.passOver()
        csv.detectDelimiter()
        guard case .success(let header) = csv.record() else { return false }
        return header.contains { ["id", "device"].contains($0.text) }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads the header.
    init(_ text: String) throws(FleetFault) {
        self.init(bytes: Array(text.utf8))
        passOver()
        guard at < bytes.count else { return }
        detectDelimiter()
        let headerLine = line
        for cell in try record().get() {
            let name = cell.text == "device" ? "id" : cell.text
            guard name == "id" || FleetEntry.Kind.device.fields.contains(name) else {
                throw FleetFault(
                    line: headerLine,
                    text: "unknown column \"\(cell.text)\"; known are device, "
                        + FleetEntry.Kind.device.fields.joined(separator: ", ")
                )
            }
            guard !columns.contains(name) else {
                throw FleetFault(line: headerLine, text: "the column \(cell.text) stands twice")
            }
            columns.append(name)
        }
        guard columns.contains("id") else { throw FleetFault(line: headerLine, text: "there is no column device") }
    }

    /// The next row as an entry's fields; nil at the end.
    mutating func next() -> Result<FleetValue, FleetFault>? {
        passOver()
        guard at < bytes.count else { return nil }
        let start = line
        do throws(FleetFault) {
            let cells = try record().get()
            guard cells.count == columns.count else {
                throw FleetFault(line: start, text: "\(cells.count) cells under \(columns.count) columns")
            }
            var fields: [FleetValue.Field] = []
            for (name, cell) in zip(columns, cells) where !cell.isEmpty {
                fields.append(FleetValue.Field(name: name, value: try FleetCSV.value(of: cell, name, start)))
            }
            return .success(FleetValue(.fields(fields), line: start))
        } catch {
            return .failure(error)
        }
    }

    private static func value(of cell: Cell, _ name: String, _ line: Int) throws(FleetFault) -> FleetValue {
        if !cell.isQuoted, cell.text == "null" { return FleetValue(.null, line: line) }
        guard name == "alerts" else { return FleetValue(.text(cell.text), line: line) }
        var budget = FleetValue.maximumValueCount
        do throws(FleetFault) {
            guard let node = try FleetYAML.compose(cell.text) else { return FleetValue(.list([]), line: line) }
            return try FleetValue(node, line: line, budget: &budget).at(line)
        } catch {
            throw FleetFault(line: line, text: "alerts: \(error.text)")
        }
    }

    // MARK: Records

    private mutating func passOver() {
        while at < bytes.count {
            if bytes[at] == 0x0A {
                line += 1
                at += 1
            } else if bytes[at] == 0x0D, at + 1 < bytes.count, bytes[at + 1] == 0x0A {
                at += 1
            } else if bytes[at] == UInt8(ascii: "#") {
                while at < bytes.count, bytes[at] != 0x0A { at += 1 }
            } else {
                return
            }
        }
    }

    /// The delimiter that stands most often in the line at hand.
    private mutating func detectDelimiter() {
        var counts = [0, 0, 0]
        for byte in bytes[at...].prefix(while: { $0 != 0x0A }) {
            if let i = FleetCSV.delimiters.firstIndex(of: byte) { counts[i] += 1 }
        }
        let most = counts.max() ?? 0
        delimiter = FleetCSV.delimiters[counts.firstIndex(of: most) ?? 0]
    }

    /// Reads a record; after a fault `at` stands behind its line.
    private mutating func record() -> Result<[Cell], FleetFault> {
        let start = line
        var cells: [Cell] = []
        while true {
            var text: [UInt8] = []
            let isQuoted = at < bytes.count && bytes[at] == UInt8(ascii: "\"")
            if isQuoted {
                guard quoted(into: &text) else {
                    at = bytes.count
                    return .failure(FleetFault(line: start, text: "a quoted cell is not closed"))
                }
            } else {
                while at < bytes.count, bytes[at] != delimiter, bytes[at] != 0x0A {
                    text.append(bytes[at])
                    at += 1
                }
                if text.last == 0x0D { text.removeLast() }
            }
            cells.append(Cell(text: String(decoding: text, as: UTF8.self), isQuoted: isQuoted))
            if at < bytes.count, bytes[at] == delimiter {
                at += 1
                continue
            }
            if at < bytes.count, bytes[at] == 0x0D { at += 1 }
            guard at == bytes.count || bytes[at] == 0x0A else {
                while at < bytes.count, bytes[at] != 0x0A { at += 1 }
                return .failure(FleetFault(line: start, text: "text after a closing quote"))
            }
            return .success(cells)
        }
    }

    /// Reads a quoted cell; `at` then stands behind its closing quote.
    private mutating func quoted(into text: inout [UInt8]) -> Bool {
        at += 1
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "\"") {
                guard at < bytes.count, bytes[at] == byte else { return true }
                at += 1
            } else if byte == 0x0A {
                line += 1
            }
            text.append(byte)
        }
        return false
    }
}

extension FleetValue {
    /// The value and all in it, moved to one line.
    fileprivate func at(_ line: Int) -> FleetValue {
        switch content {
        case .null, .text, .flag: FleetValue(content, line: line)
        case .list(let elements): FleetValue(.list(elements.map { $0.at(line) }), line: line)
        case .fields(let fields):
            FleetValue(.fields(fields.map { Field(name: $0.name, value: $0.value.at(line)) }), line: line)
        }
    }
}
