/// A JSON object built field by field, compact.
struct Row {
    private var fields: [String] = []

    var text: String {
        "{\(fields.joined(separator: ","))}"
    }

    /// Section 10: fields without a value are null.
    mutating func add(_ name: String, _ value: String?) {
        fields.append("\"\(name)\":\(value.map(Row.quoted) ?? "null")")
    }

    mutating func add(_ name: String, _ value: Text?) {
        add(name, value?.string)
    }

    /// Section 10: counts and positions are JSON numbers.
    mutating func add(_ name: String, _ value: Int) {
        fields.append("\"\(name)\":\(value)")
    }

    mutating func add(_ name: String, _ value: Bool) {
        fields.append("\"\(name)\":\(value)")
    }

    /// Section 10: "instants in UTC with `Z`".
    mutating func add(_ name: String, at instant: Instant?) {
        add(name, instant.map { timeText($0) })
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case "\u{8}": quoted += "\\b"
            case "\u{c}": quoted += "\\f"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
