/// The token in an `Authorization` header: `Bearer <token>` as RFC 6750 has it, or `Token <token>` as clients of
/// InfluxDB send it. The scheme's case does not matter.
package enum BearerHeader {
    /// - Parameter value: the header's value.
    /// - Returns: the token's text; nil where the header holds none.
    package static func token(_ value: String) -> String? {
        let parts = value.split(separator: " ", omittingEmptySubsequences: true)
        guard parts.count == 2, ["bearer", "token"].contains(parts[0].lowercased()) else { return nil }
        return String(parts[1])
    }
}
