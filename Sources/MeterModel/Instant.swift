/// A point in time: UTC milliseconds since 1970-01-01T00:00Z. Finer digits are floored where text is read.
package struct Instant: Hashable, Comparable, Sendable {
    package var milliseconds: Int64

    @inlinable
    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    @inlinable
    package static func < (a: Instant, b: Instant) -> Bool { a.milliseconds < b.milliseconds }

    /// The earliest `readAt` that is accepted: 2000-01-01T00:00Z (semantics, section 1).
    package static let earliestAccepted = Instant(milliseconds: 946_684_800_000)

    /// How far after `recordedAt` an instant may lie.
    package static let acceptedLeadMilliseconds: Int64 = 24 * Milliseconds.hour

    /// RFC 3339 in UTC with `Z`; `.mmm` only where it is not 0.
    package var rfc3339: String {
        PaddedDigits.text { digits in
            appendTime(in: milliseconds, to: &digits)
            digits.append("Z")
        }
    }

    /// RFC 3339 with the offset given, as local buckets are shown: `2025-01-10T00:00:00+01:00`.
    package func rfc3339(offsetSeconds: Int32) -> String {
        PaddedDigits.text { digits in
            appendTime(in: milliseconds + Int64(offsetSeconds) * 1000, to: &digits)
            let minutes = abs(Int64(offsetSeconds)) / 60
            digits.append(offsetSeconds < 0 ? "-" : "+")
            digits.append(minutes / 60, width: 2)
            digits.append(":")
            digits.append(minutes % 60, width: 2)
        }
    }

    private func appendTime(in milliseconds: Int64, to digits: inout PaddedDigits) {
        let (day, rest) = floorDivide(milliseconds, Milliseconds.day)
        LocalDate(dayNumber: Int32(clamping: day)).append(to: &digits)
        digits.append("T")
        digits.append(rest / Milliseconds.hour, width: 2)
        digits.append(":")
        digits.append(rest / Milliseconds.minute % 60, width: 2)
        digits.append(":")
        digits.append(rest / Milliseconds.second % 60, width: 2)
        if rest % 1000 != 0 {
            digits.append(".")
            digits.append(rest % 1000, width: 3)
        }
    }
}

/// Spans of time in milliseconds, as the semantics name them: an integer and `s`, `m`, `h` or `d` (24 h).
package enum Milliseconds {
    package static let second: Int64 = 1000
    package static let minute: Int64 = 60 * second
    package static let hour: Int64 = 60 * minute
    package static let day: Int64 = 24 * hour

    /// Milliseconds of a duration's text, or nil where it is none or outgrows 100,000 days.
    package static func count(of text: String) -> Int64? {
        guard let suffix = text.utf8.last, let first = text.utf8.first, (0x30...0x39).contains(first),
            let count = Int64(text.dropLast())
        else { return nil }
        let unit: Int64
        switch suffix {
        case UInt8(ascii: "s"): unit = second
        case UInt8(ascii: "m"): unit = minute
        case UInt8(ascii: "h"): unit = hour
        case UInt8(ascii: "d"): unit = day
        default: return nil
        }
        let (product, overflow) = count.multipliedReportingOverflow(by: unit)
        return overflow || product > 100_000 * day ? nil : product
    }

    /// The shortest text that reads back as `milliseconds`; whole seconds only.
    package static func text(_ milliseconds: Int64) -> String {
        for (unit, suffix) in [(day, "d"), (hour, "h"), (minute, "m")]
        where milliseconds % unit == 0 && milliseconds > 0 {
            return "\(milliseconds / unit)\(suffix)"
        }
        return "\(milliseconds / second)s"
    }
}

/// Quotient and remainder with the remainder never negative; `divisor` > 0.
@inlinable
package func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (q, r) = value.quotientAndRemainder(dividingBy: divisor)
    return r < 0 ? (q - 1, r + divisor) : (q, r)
}
