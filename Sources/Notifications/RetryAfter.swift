import MeterModel

/// The header `Retry-After`: seconds, or a date as HTTP writes it.
enum RetryAfter {
    /// - Parameters:
    ///   - value: the header's value.
    ///   - now: from when a date is counted.
    /// - Returns: milliseconds from now, never below 0; nil where the value is neither.
    static func milliseconds(_ value: String, now: Instant) -> Int64? {
        let words = value.split(separator: " ")
        if words.count == 1, words[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            // More seconds than fit are as good as many.
            return min(Int64(words[0]) ?? .max, 1_000_000_000) * Milliseconds.second
        }
        return date(words).map { max(0, $0.milliseconds - now.milliseconds) }
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `Sun, 06 Nov 1994 08:49:37 GMT`. The two older forms of HTTP are not sent any more and not read.
    private static func date(_ words: [Substring]) -> Instant? {
        guard words.count == 6, words[0].hasSuffix(","), words[5] == "GMT", let day = Int(words[1]),
            let month = months.firstIndex(of: String(words[2])), let year = Int(words[3]), (1...31).contains(day),
            (1970...9999).contains(year)
        else { return nil }
        let clock = words[4].split(separator: ":", omittingEmptySubsequences: false).compactMap { Int64($0) }
        guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2])
        else { return nil }
        let days = dayNumber(year: year, month: month + 1, day: day)
        let seconds = (clock[0] * 60 + clock[1]) * 60 + clock[2]
        return Instant(milliseconds: days * Milliseconds.day + seconds * Milliseconds.second)
    }

    /// Days since 1970-01-01, counted in years that begin in March so that leap days come last.
    private static func dayNumber(year: Int, month: Int, day: Int) -> Int64 {
        let marchYear = month > 2 ? year : year - 1
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return Int64(marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + dayOfYear - 719_468)
    }
}
