package import MeterModel

/// The optional first line of a connection: `meterfold/1 {"ack":true,"token":"…"}`.
///
/// It says how the lines behind it are read, and whether they are answered. All keys are optional; an unknown one is a
/// fault, so that a misspelt key is not silently disregarded.
package struct LineGreeting: Hashable, Sendable {
    /// Whether lines are answered by `ok` and `err`.
    package var acknowledges = false
    package var token: String?
    /// `format`, `precision`, `profile`, `utility`, `unit`, `register`, as given.
    package var words: [String: String] = [:]

    package init() {}

    /// What the first line begins with.
    package static let prefix: [UInt8] = Array("meterfold/1 ".utf8)
    /// The longest first line, in bytes.
    package static let maximumByteCount = 4096
    private static let wordNames = ["format", "precision", "profile", "utility", "unit", "register"]

    /// - Parameter line: the line without its end.
    /// - Throws: `Refusal`, of code `bad-json` or what is wrong with a key; its text names the key.
    package init(_ line: UnsafeRawBufferPointer) throws(Refusal) {
        let text = UnsafeRawBufferPointer(rebasing: line.dropFirst(LineGreeting.prefix.count))
        if UTF8Validation.firstFault(text, from: 0, to: text.count) != nil {
            throw Refusal(.badUTF8, "the first line is no UTF-8")
        }
        let value: JSONValue
        do throws(JSONFault) {
            let start = text.baseAddress?.assumingMemoryBound(to: UInt8.self)
            value = try JSONParser.parse(UnsafeBufferPointer(start: start, count: text.count))
        } catch {
            let column = LineGreeting.prefix.count + error.byteOffset + 1
            throw Refusal(.badJSON, "first line, column \(column): \(error.cause)")
        }
        let fields = try JSONFields(value, path: "the first line", else: .badJSON)
        try fields.check(required: [], optional: ["ack", "token"] + LineGreeting.wordNames)
        acknowledges = try fields.bool("ack", .valueSyntax)
        token = try fields.optionalText("token")
        for name in LineGreeting.wordNames { words[name] = try fields.optionalText(name) }
    }

    /// Whether bytes begin with a first line of ours.
    ///
    /// - Parameter bytes: the first bytes of a connection.
    /// - Returns: nil while there are too few to tell.
    package static func begins(_ bytes: some Collection<UInt8>) -> Bool? {
        if bytes.count >= prefix.count { return bytes.starts(with: prefix) }
        return prefix.starts(with: bytes) ? nil : false
    }
}
