/// One JSON object, field by field.
struct JSONLine {
    private var fields: [String] = []

    var text: String { "{" + fields.joined(separator: ", ") + "}" }

    mutating func add(_ name: String, _ value: String?) { add(name, raw: value.map(JSONLine.quoted) ?? "null") }
    mutating func add(_ name: String, _ value: Int64?) { add(name, raw: value.map(String.init) ?? "null") }
    mutating func add(_ name: String, _ value: Int) { add(name, raw: String(value)) }
    mutating func add(_ name: String, _ value: Bool) { add(name, raw: value ? "true" : "false") }
    mutating func add(_ name: String, raw: String) { fields.append("\(JSONLine.quoted(name)): \(raw)") }

    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
