import Foundation
import SharedFiles

/// A JSON object as it was printed: names in order, values as their text.
struct Row: Hashable, CustomStringConvertible {
    struct Field: Hashable {
        var name: String
        /// The value's JSON, spaces outside strings left out.
        var json: String
    }

    struct Fault: Error, CustomStringConvertible {
        var description: String
    }

    var fields: [Field] = []

    /// - Parameter line: one object; a comma behind it is passed over.
    /// - Throws: `Fault` where it is none.
    init(_ line: String) throws {
        let text = compactRow(line)
        guard text.first == "{", text.last == "}" else { throw Fault(description: "no object: \(line)") }
        for part in Row.split(text.dropFirst().dropLast(), at: UInt8(ascii: ",")) {
            let halves = Row.split(part, at: UInt8(ascii: ":"))
            guard halves.count == 2 else { throw Fault(description: "no field: \(part)") }
            fields.append(Field(name: Row.text(String(halves[0])), json: String(halves[1])))
        }
    }

    /// The rows of an array that is printed with one row a line.
    static func array(_ text: String) throws -> [Row] {
        let lines = text.split(separator: "\n").map(String.init)
        return try lines.filter { !["[", "]", "[]"].contains($0) }.map { try Row($0) }
    }

    var names: [String] { fields.map(\.name) }

    /// The value's JSON.
    subscript(json name: String) -> String? { fields.first { $0.name == name }?.json }

    /// The value as text, without quotes; nil where it is absent or null.
    subscript(name: String) -> String? {
        guard let json = self[json: name], json != "null" else { return nil }
        return Row.text(json)
    }

    subscript(integer name: String) -> Int? { self[json: name].flatMap { Int($0) } }

    func dropping(_ names: [String]) -> Row {
        var row = self
        row.fields.removeAll { names.contains($0.name) }
        return row
    }

    /// The row with another text for a field that it has.
    func with(_ name: String, _ text: String) -> Row {
        var row = self
        for i in row.fields.indices where row.fields[i].name == name { row.fields[i].json = "\"\(text)\"" }
        return row
    }

    var description: String {
        "{" + fields.map { "\"\($0.name)\":\($0.json)" }.joined(separator: ",") + "}"
    }

    // MARK: Text

    /// Splits at a byte that lies in no string and no inner object.
    private static func split(_ text: Substring, at separator: UInt8) -> [Substring] {
        var parts: [Substring] = []
        var start = text.startIndex
        var depth = 0
        var isInString = false
        var isEscaped = false
        let bytes = text.utf8
        for i in bytes.indices {
            let byte = bytes[i]
            if byte == UInt8(ascii: "\""), !isEscaped { isInString.toggle() }
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
            if isInString { continue }
            if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") { depth += 1 }
            if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") { depth -= 1 }
            if byte == separator, depth == 0 {
                parts.append(text[start..<i])
                start = bytes.index(after: i)
            }
        }
        if start < text.endIndex || !parts.isEmpty { parts.append(text[start...]) }
        return parts
    }

    private static func text(_ json: String) -> String {
        guard json.first == "\"" else { return json }
        let decoded = try? JSONSerialization.jsonObject(with: Data(json.utf8), options: .fragmentsAllowed)
        return decoded as? String ?? json
    }
}
