import MeterModel

/// Payloads to events, trusting nothing they say.
enum EventReader {
    static func read(kind: UInt8, payload: UnsafeRawBufferPointer) throws(MalformedBytes) -> MeterEvent {
        var reader = ByteReader(payload)
        guard let kind = EventKind(rawValue: kind) else { throw reader.malformed("unknown kind of event \(kind)") }
        let event = try read(kind, &reader)
        guard reader.isAtEnd else { throw reader.malformed("bytes behind an event") }
        return event
    }

    private static func read(_ kind: EventKind, _ reader: inout ByteReader) throws(MalformedBytes) -> MeterEvent {
        switch kind {
        case .readingCorrected: .readingCorrected(try readingCorrected(&reader))
        case .readingVoided: .readingVoided(try readingVoided(&reader))
        case .deviceRegistered: .deviceRegistered(try deviceRegistered(&reader, hasResets: false))
        case .deviceRegisteredWithResets: .deviceRegistered(try deviceRegistered(&reader, hasResets: true))
        case .meterExchanged: .meterExchanged(try meterExchanged(&reader))
        case .multiplierCorrected: .multiplierCorrected(try multiplierCorrected(&reader))
        case .tariffPublished: .tariffPublished(try tariffPublished(&reader))
        case .tariffAssigned:
            .tariffAssigned(
                TariffAssigned(device: try reader.text(), tariff: try reader.text(), from: try reader.date())
            )
        case .topUpReceived: .topUpReceived(try payment(&reader))
        case .topUpRefunded: .topUpRefunded(try payment(&reader))
        case .balanceAdjusted:
            .balanceAdjusted(
                BalanceAdjusted(
                    device: try reader.text(),
                    amount: try reader.decimal(),
                    currency: try reader.currency(),
                    reference: try reader.text(),
                    at: try reader.instant(),
                    reason: try reader.text()
                )
            )
        case .alertRuleSet: .alertRuleSet(try alertRuleSet(&reader))
        case .dayTurned: .dayTurned(DayTurned(timezone: try reader.text(), at: try reader.instant()))
        case .pushSettled: .pushSettled(try pushOutcome(&reader))
        }
    }

    private static func readingCorrected(_ reader: inout ByteReader) throws(MalformedBytes) -> ReadingCorrected {
        let present = try reader.presence(2)
        return ReadingCorrected(
            device: try reader.text(),
            register: present[0] ? try reader.text() : nil,
            readAt: try reader.instant(),
            value: try reader.decimal(),
            unit: present[1] ? try reader.unit() : nil,
            reason: try reader.text()
        )
    }

    private static func readingVoided(_ reader: inout ByteReader) throws(MalformedBytes) -> ReadingVoided {
        let present = try reader.presence(1)
        return ReadingVoided(
            device: try reader.text(),
            register: present[0] ? try reader.text() : nil,
            readAt: try reader.instant(),
            reason: try reader.text()
        )
    }

    private static func deviceRegistered(_ reader: inout ByteReader, hasResets: Bool) throws(MalformedBytes)
        -> DeviceRegistered
    {
        let present = try reader.presence(11)
        let resets = hasResets ? try reader.resets(besides: present) : []
        return DeviceRegistered(
            device: try reader.text(),
            utility: try reader.utility(),
            unit: present[0] ? try reader.unit() : nil,
            register: present[1] ? try reader.text() : nil,
            timezone: present[2] ? try reader.text() : nil,
            multiplier: present[3] ? try reader.decimal() : nil,
            modulus: present[4] ? try reader.decimal() : nil,
            maxRate: present[5] ? try reader.decimal() : nil,
            gapAfterMilliseconds: present[6] ? try reader.zigzag() : nil,
            account: present[7] ? try reader.text() : nil,
            tariff: present[8] ? try reader.text() : nil,
            from: present[9] ? try reader.date() : nil,
            alerts: present[10] ? try rules(&reader) : nil,
            resets: resets
        )
    }

    private static func meterExchanged(_ reader: inout ByteReader) throws(MalformedBytes) -> MeterExchanged {
        let present = try reader.presence(4)
        return MeterExchanged(
            device: try reader.text(),
            register: present[0] ? try reader.text() : nil,
            at: try reader.instant(),
            finalValue: try reader.decimal(),
            initialValue: try reader.decimal(),
            unit: present[1] ? try reader.unit() : nil,
            modulus: present[2] ? try reader.decimal() : nil,
            multiplier: present[3] ? try reader.decimal() : nil
        )
    }

    private static func multiplierCorrected(_ reader: inout ByteReader) throws(MalformedBytes) -> MultiplierCorrected {
        let present = try reader.presence(2)
        return MultiplierCorrected(
            device: try reader.text(),
            register: present[0] ? try reader.text() : nil,
            at: present[1] ? try reader.instant() : nil,
            multiplier: try reader.decimal(),
            reason: try reader.text()
        )
    }

    private static func payment(_ reader: inout ByteReader) throws(MalformedBytes) -> Payment {
        let present = try reader.presence(2)
        return Payment(
            device: try reader.text(),
            amount: try reader.decimal(),
            currency: try reader.currency(),
            provider: try reader.text(),
            reference: try reader.text(),
            of: present[0] ? try reader.text() : nil,
            at: try reader.instant(),
            reason: present[1] ? try reader.text() : nil
        )
    }

    private static func alertRuleSet(_ reader: inout ByteReader) throws(MalformedBytes) -> AlertRuleSet {
        let device = try reader.text()
        switch try reader.byte() {
        case 1: return AlertRuleSet(device: device, change: .set(try rule(&reader)))
        case 2: return AlertRuleSet(device: device, change: .remove(try reader.text()))
        case let code: throw reader.malformed("change of a rule \(code)")
        }
    }

    private static func pushOutcome(_ reader: inout ByteReader) throws(MalformedBytes) -> PushOutcome {
        let present = try reader.presence(3)
        let code = try reader.byte()
        guard let kind = PushOutcome.Kind(rawValue: code) else { throw reader.malformed("outcome of a push \(code)") }
        return PushOutcome(
            kind: kind,
            job: try reader.text(),
            at: try reader.instant(),
            channel: present[0] ? try reader.text() : nil,
            attempt: present[1] ? Int(try reader.zigzag()) : nil,
            response: present[2] ? try reader.text() : nil
        )
    }

    private static func rules(_ reader: inout ByteReader) throws(MalformedBytes) -> [AlertRule] {
        var rules: [AlertRule] = []
        for _ in 0..<(try reader.elementCount()) { rules.append(try rule(&reader)) }
        return rules
    }

    private static func rule(_ reader: inout ByteReader) throws(MalformedBytes) -> AlertRule {
        var rule = AlertRule(
            rule: try reader.text(),
            level: try reader.decimal(),
            rearm: try reader.decimal(),
            cleared: try reader.flag(),
            staleAfterMilliseconds: try reader.zigzag()
        )
        for _ in 0..<(try reader.elementCount()) { rule.remindersMilliseconds.append(try reader.zigzag()) }
        return rule
    }

    private static func tariffPublished(_ reader: inout ByteReader) throws(MalformedBytes) -> TariffPublished {
        let present = try reader.presence(1)
        var event = TariffPublished(
            tariff: try reader.text(),
            unit: try reader.unit(),
            currency: try reader.currency(),
            timezone: present[0] ? try reader.text() : nil,
            versions: []
        )
        for _ in 0..<(try reader.elementCount()) { event.versions.append(try version(&reader)) }
        return event
    }

    private static func version(_ reader: inout ByteReader) throws(MalformedBytes) -> TariffVersion {
        let present = try reader.presence(3)
        var version = TariffVersion(from: try reader.date(), defaultPrice: try reader.decimal())
        for _ in 0..<(try reader.elementCount()) {
            var period = TariffPeriod(name: try reader.text(), price: try reader.decimal(), windows: [])
            for _ in 0..<(try reader.elementCount()) {
                period.windows.append(
                    TariffWindow(
                        weekdays: try reader.byte(),
                        fromMinute: Int(try reader.zigzag()),
                        toMinute: Int(try reader.zigzag())
                    )
                )
            }
            version.periods.append(period)
        }
        if present[0] { version.tiers = try tiers(&reader) }
        if present[1] { version.standingCharge = try reader.decimal() }
        if present[2] { version.tax = try reader.decimal() }
        return version
    }

    private static func tiers(_ reader: inout ByteReader) throws(MalformedBytes) -> TariffTiers {
        let code = try reader.byte()
        guard let period = TariffTiers.Period(rawValue: code) else { throw reader.malformed("tier period \(code)") }
        var tiers = TariffTiers(period: period, steps: [])
        for _ in 0..<(try reader.elementCount()) {
            let isBounded = try reader.flag()
            tiers.steps.append(
                TariffTiers.Step(upTo: isBounded ? try reader.decimal() : nil, add: try reader.decimal())
            )
        }
        return tiers
    }
}

/// Which optional fields of a payload are there.
private struct Presence {
    var bits: UInt64

    subscript(field: Int) -> Bool { bits >> UInt64(field) & 1 == 1 }
}

extension ByteReader {
    fileprivate mutating func presence(_ fieldCount: Int) throws(MalformedBytes) -> Presence {
        let bits = try varint()
        guard bits >> UInt64(fieldCount) == 0 else { throw malformed("presence of unknown fields") }
        return Presence(bits: bits)
    }

    /// At least one, none of a field that is there.
    fileprivate mutating func resets(besides present: Presence) throws(MalformedBytes) -> DeviceResets {
        let bits = try varint()
        guard bits != 0, bits & ~UInt64(DeviceResets.all.rawValue) == 0, bits & present.bits == 0 else {
            throw malformed("resets \(bits) beside fields \(present.bits)")
        }
        return DeviceResets(rawValue: UInt16(bits))
    }

    fileprivate mutating func text() throws(MalformedBytes) -> String {
        try text(atMost: EventStorageLimits.maximumTextByteCount)
    }

    fileprivate mutating func instant() throws(MalformedBytes) -> Instant { Instant(milliseconds: try zigzag()) }

    fileprivate mutating func flag() throws(MalformedBytes) -> Bool {
        let code = try byte()
        guard code <= 1 else { throw malformed("flag \(code)") }
        return code == 1
    }

    fileprivate mutating func date() throws(MalformedBytes) -> LocalDate {
        guard let day = Int32(exactly: try zigzag()) else { throw malformed("date out of range") }
        return LocalDate(dayNumber: day)
    }

    fileprivate mutating func unit() throws(MalformedBytes) -> Unit {
        let code = try byte()
        guard let unit = Unit(rawValue: code) else { throw malformed("unit \(code)") }
        return unit
    }

    fileprivate mutating func utility() throws(MalformedBytes) -> Utility {
        let code = try byte()
        guard let utility = Utility(rawValue: code) else { throw malformed("utility \(code)") }
        return utility
    }

    fileprivate mutating func currency() throws(MalformedBytes) -> Currency {
        guard let code = String(validating: try slice(3), as: UTF8.self), let currency = Currency(code) else {
            throw malformed("currency is not three capital letters")
        }
        return currency
    }

    /// How many elements of at least one byte follow.
    fileprivate mutating func elementCount() throws(MalformedBytes) -> Int {
        let count = try varint()
        guard count <= UInt64(remaining) else { throw malformed("more elements than bytes") }
        return Int(count)
    }

    fileprivate mutating func decimal() throws(MalformedBytes) -> ExactDecimal {
        let fractionDigits = Int(try byte())
        guard fractionDigits <= ExactDecimal.maximumDigitCount else { throw malformed("fraction digits") }
        var bits: UInt128 = 0
        var shift: UInt128 = 0
        while true {
            let byte = try byte()
            if shift == 126, byte > 3 { throw malformed("decimal outgrows 128 bits") }
            bits |= UInt128(byte & 0x7F) << shift
            if byte < 0x80 {
                if byte == 0, shift > 0 { throw malformed("decimal is not in its shortest form") }
                break
            }
            shift += 7
        }
        let coefficient = Int128(bitPattern: bits >> 1) ^ -Int128(bitPattern: bits & 1)
        let decimal = ExactDecimal(coefficient, fractionDigits: fractionDigits)
        guard decimal.fractionDigits == fractionDigits else { throw malformed("decimal is not in lowest terms") }
        return decimal
    }
}
