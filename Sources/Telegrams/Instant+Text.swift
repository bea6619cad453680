package import MeterModel

extension Instant {
    /// Reads RFC 3339, or an integer of Unix seconds, milliseconds, microseconds or nanoseconds told apart by magnitude
    /// (semantics, section 1).
    package init?(text: String) {
        var text = text
        let parsed = text.withUTF8 { bytes -> Result<Int64, InstantScanner.Fault>? in
            bytes.baseAddress.map { InstantScanner.instant($0, 0, bytes.count) }
        }
        guard case .success(let milliseconds)? = parsed else { return nil }
        self.init(milliseconds: milliseconds)
    }
}
