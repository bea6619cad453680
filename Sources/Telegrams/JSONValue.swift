/// A JSON text as a tree, numbers by their digits: the general way, off the path of plain readings.
enum JSONValue: Hashable {
    case null
    case bool(Bool)
    /// The digits as written, which fit JSON's grammar.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    /// What it is, for refusals.
    var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

struct JSONMember: Hashable {
    var name: String
    var value: JSONValue
}

/// Where and why a text is no JSON.
struct JSONFault: Error, Hashable {
    /// Bytes from the start of the text.
    var byteOffset: Int
    var cause: String
}
