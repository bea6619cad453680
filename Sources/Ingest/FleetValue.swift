import MeterModel
import Yams

/// A value of a fleet file with the line it stands on; scalars keep the digits and words they were written with.
struct FleetValue {
    struct Field {
        var name: String
        var value: FleetValue
    }

    enum Content {
        /// Back to the default.
        case null
        case text(String)
        /// A plain `true` or `false`, which is one where a flag is expected and a text elsewhere.
        case flag(Bool)
        case list([FleetValue])
        case fields([Field])
    }

    var content: Content
    /// From 1.
    var line: Int

    /// How many values one entry may hold, aliases counted as often as they stand there.
    static let maximumValueCount = 20_000
    /// How deep lists and mappings may lie in each other.
    static let maximumDepth = 16

    init(_ content: Content, line: Int) {
        self.content = content
        self.line = line
    }

    /// The value of a node of YAML.
    ///
    /// - Parameters:
    ///   - node: the node.
    ///   - line: that of what the node stands in, for nodes that know none.
    ///   - depth: in how many lists and mappings it lies.
    ///   - budget: how many values may still come.
    /// - Throws: `FleetFault` without a source.
    init(_ node: Node, line: Int, depth: Int = 0, budget: inout Int) throws(FleetFault) {
        let line = node.mark?.line ?? line
        budget -= 1
        guard budget >= 0 else {
            throw FleetFault(line: line, text: "an entry of more than \(FleetValue.maximumValueCount) values")
        }
        guard depth <= FleetValue.maximumDepth else { throw FleetFault(line: line, text: "nested too deep") }
        switch node {
        case .scalar(let scalar): self.init(FleetValue.content(of: scalar), line: line)
        case .sequence(let sequence):
            var elements: [FleetValue] = []
            for element in sequence {
                elements.append(try FleetValue(element, line: line, depth: depth + 1, budget: &budget))
            }
            self.init(.list(elements), line: line)
        case .mapping(let mapping):
            self.init(.fields(try FleetValue.fields(of: mapping, line, depth, &budget)), line: line)
        case .alias: throw FleetFault(line: line, text: "an alias that stands for nothing")
        }
    }

    private static func content(of scalar: Node.Scalar) -> Content {
        guard scalar.style == .plain || scalar.style == .any else { return .text(scalar.string) }
        switch scalar.string {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .flag(true)
        case "false", "False", "FALSE": return .flag(false)
        default: return .text(scalar.string)
        }
    }

    /// A mapping's own fields, then those of what `<<` merges into it.
    private static func fields(of mapping: Node.Mapping, _ line: Int, _ depth: Int, _ budget: inout Int)
        throws(FleetFault) -> [Field]
    {
        var fields: [Field] = []
        var merged: [FleetValue] = []
        for (key, node) in mapping {
            let place = key.mark?.line ?? line
            guard let name = key.string else { throw FleetFault(line: place, text: "a key must be a text") }
            var value = try FleetValue(node, line: place, depth: depth + 1, budget: &budget)
            if name == "<<" {
                if case .list(let values) = value.content { merged += values } else { merged.append(value) }
            } else {
                // An alias stands where it is used.
                value.line = max(value.line, place)
                fields.append(Field(name: name, value: value))
            }
        }
        for value in merged {
            guard case .fields(let others) = value.content else {
                throw FleetFault(line: value.line, text: "<< merges mappings alone")
            }
            for other in others where !fields.contains(where: { $0.name == other.name }) { fields.append(other) }
        }
        return fields
    }

    // MARK: Reading

    var fields: [Field]? {
        guard case .fields(let fields) = content else { return nil }
        return fields
    }

    var isNull: Bool {
        guard case .null = content else { return false }
        return true
    }

    subscript(name: String) -> FleetValue? { fields?.first { $0.name == name }?.value }

    /// A scalar's text.
    var text: String? {
        switch content {
        case .text(let text): text
        case .flag(let flag): flag ? "true" : "false"
        case .null, .list, .fields: nil
        }
    }

    /// The line of what a path such as `versions[0].default` leads to, as far as it leads; nil where not even its first
    /// step is there.
    func line(atPath path: Substring) -> Int? {
        var value = self
        var steps = path.split { $0 == "." || $0 == "[" || $0 == "]" }[...]
        guard let first = steps.popFirst(), let start = value[String(first)] else { return nil }
        value = start
        while let step = steps.popFirst() {
            if let index = Int(step), case .list(let elements) = value.content, elements.indices.contains(index) {
                value = elements[index]
            } else if let next = value[String(step)] {
                value = next
            } else {
                break
            }
        }
        return value.line
    }

    // MARK: JSON

    /// Appends the value as JSON: scalars as strings, from which numbers are read exactly.
    func appendJSON(to text: inout String, isFlag: Bool = false) {
        switch content {
        case .null: text += "null"
        case .flag(let flag) where isFlag: text += flag ? "true" : "false"
        case .text, .flag: text += JSONString.quoted(self.text ?? "")
        case .list(let elements):
            text += "["
            for (i, element) in elements.enumerated() {
                if i > 0 { text += "," }
                element.appendJSON(to: &text)
            }
            text += "]"
        case .fields(let fields):
            text += "{"
            for (i, field) in fields.enumerated() {
                if i > 0 { text += "," }
                text += JSONString.quoted(field.name)
                text += ":"
                field.value.appendJSON(to: &text, isFlag: field.name == "cleared")
            }
            text += "}"
        }
    }
}
