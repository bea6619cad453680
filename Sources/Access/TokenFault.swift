/// What went wrong with the tokens of a data directory: place, cause and a hint.
package struct TokenFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file, with its line where one is meant.
    package var place: String
    package var cause: String
    package var hint: String

    init(_ place: String, _ cause: String, hint: String) {
        self.place = place
        self.cause = cause
        self.hint = hint
    }

    package var description: String { "\(place): \(cause)\n  hint: \(hint)" }
}
