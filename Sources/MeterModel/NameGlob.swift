/// A pattern of device names: `*` stands for any run of bytes, also none, `?` for one byte; the rest is literal.
public struct NameGlob: Hashable, Sendable {
    /// The pattern as it was given.
    public let pattern: String

    /// Nil of what cannot be a pattern of names.
    ///
    /// - Parameter pattern: 1 to 128 bytes.
    public init?(_ pattern: String) {
        guard Name.isValid(pattern) else { return nil }
        self.pattern = pattern
    }

    /// Whether a name is one of those meant. Takes time in proportion to the product of the lengths, at most.
    public func matches(_ name: some Collection<UInt8>) -> Bool {
        let star = UInt8(ascii: "*")
        let pattern = Array(pattern.utf8)
        let name = Array(name)
        var p = 0
        var n = 0
        // Where to go on from when what follows the last star does not fit.
        var lastStar: (pattern: Int, name: Int)?
        while n < name.count {
            if p < pattern.count, pattern[p] == star {
                lastStar = (p + 1, n)
                p += 1
            } else if p < pattern.count, pattern[p] == name[n] || pattern[p] == UInt8(ascii: "?") {
                p += 1
                n += 1
            } else if let star = lastStar {
                lastStar = (star.pattern, star.name + 1)
                p = star.pattern
                n = star.name + 1
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == star }
    }

    /// Whether a name is one of those meant.
    public func matches(_ name: String) -> Bool { matches(name.utf8) }
}
