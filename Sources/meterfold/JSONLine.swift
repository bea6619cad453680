import MeterModel

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
        let scratch = TextScratch()
        var text = text
        text.withUTF8 { scratch.append(jsonString: $0) }
        return String(decoding: scratch.bytes, as: UTF8.self)
    }
}
