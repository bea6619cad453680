/// The fields of one JSON object, read one by one; what is wrong is noted, and the first fault in section 9's order
/// told.
struct Fields {
    private let members: [Text: JSON]
    var faults = Faults()

    /// Section 1: "`null` counts as left out".
    init(_ members: [Text: JSON]) {
        self.members = members.filter { $0.value != .null }
    }

    /// Section 9: "unknown fields are refused"; `note` and `record` are allowed on every event.
    mutating func allow(_ names: [Text]) {
        for name in members.keys where !names.contains(name) { faults.add(.unknownField) }
    }

    func has(_ name: Text) -> Bool {
        members[name] != nil
    }

    mutating func require(_ name: Text) {
        if !has(name) { faults.add(.missingField) }
    }

    subscript(name: Text) -> JSON? {
        members[name]
    }

    /// A text; another kind of value is `value-syntax`.
    mutating func text(_ name: Text, orElse code: RefusalCode = .valueSyntax) -> Text? {
        guard let member = members[name] else { return nil }
        guard case .string(let text) = member else {
            faults.add(code)
            return nil
        }
        return text
    }

    /// A name (section 1).
    mutating func name(_ name: Text) -> Text? {
        guard let text = text(name, orElse: .nameSyntax) else { return nil }
        if !text.isName { faults.add(.nameSyntax) }
        return text
    }

    mutating func bool(_ name: Text) -> Bool? {
        guard let member = members[name] else { return nil }
        guard case .bool(let value) = member else {
            faults.add(.valueSyntax)
            return nil
        }
        return value
    }

    /// Section 9: "decimals are JSON strings or numbers, read exactly from their digits".
    mutating func decimal(_ name: Text) -> ExactDecimal? {
        guard let member = members[name] else { return nil }
        switch member {
        case .string(let text), .number(let text):
            if let decimal = ExactDecimal(text) { return decimal }
        default: break
        }
        faults.add(.valueSyntax)
        return nil
    }

    /// A decimal as a count of 10^-places, with at most so many fraction digits and within a range.
    mutating func count(
        _ name: Text,
        places: Int,
        fractionDigits: Int? = nil,
        in range: ClosedRange<Int128>
    ) -> Int128? {
        guard let decimal = decimal(name) else { return nil }
        return count(of: decimal, places: places, fractionDigits: fractionDigits ?? places, in: range)
    }

    private mutating func count(
        of decimal: ExactDecimal,
        places: Int,
        fractionDigits: Int,
        in range: ClosedRange<Int128>
    ) -> Int128? {
        do throws(ExactDecimal.Fault) {
            if decimal.fractionDigitCount > fractionDigits { throw .tooFine }
            let count = try decimal.count(places: places)
            if !range.contains(count) { throw .tooLarge }
            return count
        } catch {
            faults.add(error == .tooFine ? .valuePrecision : .valueRange)
            return nil
        }
    }

    /// A register value (section 1): "at most 6 fraction digits", not "finer than 1 mWh / 1 mL", nor "beyond 10^15 of
    /// them".
    mutating func quantity(
        _ name: Text,
        _ unit: MeterUnit?,
        in range: ClosedRange<Int128> = -maximumCount...maximumCount
    ) -> Int128? {
        guard let decimal = decimal(name) else { return nil }
        if let unit { return count(of: decimal, places: unit.places, fractionDigits: 6, in: range) }
        // Section 9: a fault of the value is told before that of an unknown device, where it is one in every unit.
        if decimal.fractionDigitCount > 6 { faults.add(.valuePrecision) }
        return nil
    }

    mutating func unit(_ name: Text) -> MeterUnit? {
        guard let text = text(name) else { return nil }
        if let unit = MeterUnit(rawValue: text.string) { return unit }
        faults.add(.valueSyntax)
        return nil
    }

    mutating func duration(_ name: Text) -> Int64? {
        guard let text = text(name) else { return nil }
        let duration = durationRead(text)
        if duration == nil { faults.add(.valueSyntax) }
        return duration
    }

    /// An instant (section 1), from 2000-01-01T00:00Z to `recordedAt` + 24 h.
    mutating func instant(_ name: Text, recordedAt: Instant) -> Instant? {
        guard let member = members[name] else { return nil }
        let instant: Instant?
        switch member {
        case .string(let text):
            instant = instantRead(text)
        case .number(let text) where !text.string.contains(where: { ".eE".contains($0) }):
            let count = ExactDecimal(text).flatMap { try? $0.count(places: 0) }
            guard let known = count.flatMap(instantRead(unix:)) else {
                faults.add(.timeRange)
                return nil
            }
            instant = known
        default:
            instant = nil
        }
        guard let instant else {
            faults.add(.timeSyntax)
            return nil
        }
        if instant < firstInstant || instant > recordedAt + day { faults.add(.timeRange) }
        return instant
    }

    mutating func date(_ name: Text) -> LocalDate? {
        guard let text = text(name, orElse: .timeSyntax) else { return nil }
        let date = LocalDate(text)
        if date == nil { faults.add(.timeSyntax) }
        return date
    }

    mutating func timezone(_ name: Text) -> Text? {
        guard let text = text(name, orElse: .unknownTimezone) else { return nil }
        if Zone.named(text) == nil { faults.add(.unknownTimezone) }
        return text
    }

    mutating func currency(_ name: Text) -> Text? {
        guard let text = text(name) else { return nil }
        let letters = UInt8(ascii: "A")...UInt8(ascii: "Z")
        let isCode = text.bytes.count == 3 && text.bytes.allSatisfy { letters.contains($0) }
        if !isCode { faults.add(.valueSyntax) }
        return text
    }
}
