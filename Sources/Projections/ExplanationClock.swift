package import MeterModel

/// How instants, spans and quantities are read aloud: by the local clock, in kWh or m3.
package struct ExplanationClock: Sendable {
    package let zone: ZoneRules

    package init(_ zone: ZoneRules) { self.zone = zone }

    /// "2026-03-01 08:00"
    package func dateTime(_ instant: Instant) -> String {
        "\(LocalDate(dayNumber: Int32(zone.day(at: instant.milliseconds)))) \(time(instant))"
    }

    /// "08:00"; with its offset on days that have not 24 hours, for then a clock may read it twice.
    package func time(_ instant: Instant) -> String {
        let day = zone.day(at: instant.milliseconds)
        let length = zone.start(ofDay: day + 1) - zone.start(ofDay: day)
        let offset = zone.offsetSeconds(at: instant.milliseconds)
        var text = clock(instant, offset)
        if length != Milliseconds.day { text += " (UTC\(instant.rfc3339(offsetSeconds: offset).suffix(6)))" }
        return text
    }

    /// As `time`, the midnight that ends a day as 24:00 of that day.
    package func endTime(_ instant: Instant, ofDay day: Int) -> String {
        instant.milliseconds == zone.start(ofDay: day + 1) ? "24:00" : time(instant)
    }

    /// The local clock to the minute, or as fine as it must be.
    private func clock(_ instant: Instant, _ offset: Int32) -> String {
        let text = instant.rfc3339(offsetSeconds: offset).dropLast(6).split(separator: "T")[1]
        return String(text.hasSuffix(":00") && text.count == 8 ? text.dropLast(3) : text)
    }

    /// "30 h", "45 min", "2 days"
    package static func span(_ milliseconds: Int64) -> String {
        if milliseconds % Milliseconds.day == 0 {
            let days = milliseconds / Milliseconds.day
            return days == 1 ? "1 day" : "\(days) days"
        }
        if milliseconds % Milliseconds.hour == 0 { return "\(milliseconds / Milliseconds.hour) h" }
        let minutes = milliseconds / Milliseconds.minute
        if minutes == 0 { return "\(decimalText(Int128(milliseconds), fractionDigits: 3)) s" }
        if minutes < 60 { return "\(minutes) min" }
        return minutes % 60 == 0 ? "\(minutes / 60) h" : "\(minutes / 60) h \(minutes % 60) min"
    }
}

/// mWh or mL as kWh or m3.
package func shownQuantity(_ milli: Int128, _ unit: Unit?) -> String {
    decimalText(milli, fractionDigits: 6) + (unit.map { " \($0.symbol)" } ?? "")
}
