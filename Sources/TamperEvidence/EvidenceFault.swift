/// Why evidence cannot be made or does not count: place, cause and what to do.
package struct EvidenceFault: Error, Hashable {
    /// The file concerned.
    package var place: String
    /// What is wrong.
    package var cause: String
    /// What to do about it.
    package var hint: String

    init(_ place: String, _ cause: String, hint: String) {
        self.place = place
        self.cause = cause
        self.hint = hint
    }
}
