package import MeterModel

/// The kind byte of an event in a block; 0 is a run of readings. Codes are never used again.
package enum EventKind: UInt8, Sendable, CaseIterable {
    case readingCorrected = 1
    case readingVoided = 2
    case deviceRegistered = 3
    case meterExchanged = 4
    case multiplierCorrected = 5
    case tariffPublished = 6
    case tariffAssigned = 7
    case topUpReceived = 8
    case topUpRefunded = 9
    case balanceAdjusted = 10
    case alertRuleSet = 11
    case dayTurned = 12
    case pushSettled = 13
    /// A `DeviceRegistered` that takes fields back to their defaults.
    case deviceRegisteredWithResets = 14

    /// The kind of an event.
    package init(_ event: MeterEvent) {
        self =
            switch event {
            case .readingCorrected: .readingCorrected
            case .readingVoided: .readingVoided
            case .deviceRegistered(let event):
                event.resets.isEmpty ? .deviceRegistered : .deviceRegisteredWithResets
            case .meterExchanged: .meterExchanged
            case .multiplierCorrected: .multiplierCorrected
            case .tariffPublished: .tariffPublished
            case .tariffAssigned: .tariffAssigned
            case .topUpReceived: .topUpReceived
            case .topUpRefunded: .topUpRefunded
            case .balanceAdjusted: .balanceAdjusted
            case .alertRuleSet: .alertRuleSet
            case .dayTurned: .dayTurned
            case .pushSettled: .pushSettled
            }
    }
}

/// Events to payloads (event format, "Events"). Equal events give equal bytes.
enum EventWriter {
    static func write(_ event: MeterEvent, into out: inout ByteWriter) {
        switch event {
        case .readingCorrected(let event): write(event, &out)
        case .readingVoided(let event): write(event, &out)
        case .deviceRegistered(let event): write(event, &out)
        case .meterExchanged(let event): write(event, &out)
        case .multiplierCorrected(let event): write(event, &out)
        case .tariffPublished(let event): write(event, &out)
        case .tariffAssigned(let event): write(event, &out)
        case .topUpReceived(let payment), .topUpRefunded(let payment): write(payment, &out)
        case .balanceAdjusted(let event): write(event, &out)
        case .alertRuleSet(let event): write(event, &out)
        case .dayTurned(let event):
            out.append(text: event.timezone)
            out.append(event.at)
        case .pushSettled(let event): write(event, &out)
        }
    }

    private static func write(_ event: ReadingCorrected, _ out: inout ByteWriter) {
        out.append(presence: [event.register != nil, event.unit != nil])
        out.append(text: event.device)
        if let register = event.register { out.append(text: register) }
        out.append(event.readAt)
        out.append(event.value)
        if let unit = event.unit { out.append(unit.rawValue) }
        out.append(text: event.reason)
    }

    private static func write(_ event: ReadingVoided, _ out: inout ByteWriter) {
        out.append(presence: [event.register != nil])
        out.append(text: event.device)
        if let register = event.register { out.append(text: register) }
        out.append(event.readAt)
        out.append(text: event.reason)
    }

    private static func write(_ event: DeviceRegistered, _ out: inout ByteWriter) {
        out.append(presence: [
            event.unit != nil, event.register != nil, event.timezone != nil, event.multiplier != nil,
            event.modulus != nil, event.maxRate != nil, event.gapAfterMilliseconds != nil, event.account != nil,
            event.tariff != nil, event.from != nil, event.alerts != nil,
        ])
        if !event.resets.isEmpty { out.append(varint: UInt64(event.resets.rawValue)) }
        out.append(text: event.device)
        out.append(event.utility.rawValue)
        if let unit = event.unit { out.append(unit.rawValue) }
        if let register = event.register { out.append(text: register) }
        if let timezone = event.timezone { out.append(text: timezone) }
        if let multiplier = event.multiplier { out.append(multiplier) }
        if let modulus = event.modulus { out.append(modulus) }
        if let maxRate = event.maxRate { out.append(maxRate) }
        if let gapAfter = event.gapAfterMilliseconds { out.append(zigzag: gapAfter) }
        if let account = event.account { out.append(text: account) }
        if let tariff = event.tariff { out.append(text: tariff) }
        if let from = event.from { out.append(from) }
        if let alerts = event.alerts {
            out.append(varint: UInt64(alerts.count))
            for rule in alerts { write(rule, &out) }
        }
    }

    private static func write(_ event: MeterExchanged, _ out: inout ByteWriter) {
        out.append(presence: [
            event.register != nil, event.unit != nil, event.modulus != nil, event.multiplier != nil,
        ])
        out.append(text: event.device)
        if let register = event.register { out.append(text: register) }
        out.append(event.at)
        out.append(event.finalValue)
        out.append(event.initialValue)
        if let unit = event.unit { out.append(unit.rawValue) }
        if let modulus = event.modulus { out.append(modulus) }
        if let multiplier = event.multiplier { out.append(multiplier) }
    }

    private static func write(_ event: MultiplierCorrected, _ out: inout ByteWriter) {
        out.append(presence: [event.register != nil, event.at != nil])
        out.append(text: event.device)
        if let register = event.register { out.append(text: register) }
        if let at = event.at { out.append(at) }
        out.append(event.multiplier)
        out.append(text: event.reason)
    }

    private static func write(_ event: TariffAssigned, _ out: inout ByteWriter) {
        out.append(text: event.device)
        out.append(text: event.tariff)
        out.append(event.from)
    }

    private static func write(_ payment: Payment, _ out: inout ByteWriter) {
        out.append(presence: [payment.of != nil, payment.reason != nil])
        out.append(text: payment.device)
        out.append(payment.amount)
        out.append(payment.currency)
        out.append(text: payment.provider)
        out.append(text: payment.reference)
        if let of = payment.of { out.append(text: of) }
        out.append(payment.at)
        if let reason = payment.reason { out.append(text: reason) }
    }

    private static func write(_ event: BalanceAdjusted, _ out: inout ByteWriter) {
        out.append(text: event.device)
        out.append(event.amount)
        out.append(event.currency)
        out.append(text: event.reference)
        out.append(event.at)
        out.append(text: event.reason)
    }

    private static func write(_ event: AlertRuleSet, _ out: inout ByteWriter) {
        out.append(text: event.device)
        switch event.change {
        case .set(let rule):
            out.append(1)
            write(rule, &out)
        case .remove(let name):
            out.append(2)
            out.append(text: name)
        }
    }

    private static func write(_ event: PushOutcome, _ out: inout ByteWriter) {
        out.append(presence: [event.channel != nil, event.attempt != nil, event.response != nil])
        out.append(event.kind.rawValue)
        out.append(text: event.job)
        out.append(event.at)
        if let channel = event.channel { out.append(text: channel) }
        if let attempt = event.attempt { out.append(zigzag: Int64(attempt)) }
        if let response = event.response { out.append(text: response) }
    }

    private static func write(_ rule: AlertRule, _ out: inout ByteWriter) {
        out.append(text: rule.rule)
        out.append(rule.level)
        out.append(rule.rearm)
        out.append(rule.cleared ? 1 : 0)
        out.append(zigzag: rule.staleAfterMilliseconds)
        out.append(varint: UInt64(rule.remindersMilliseconds.count))
        for reminder in rule.remindersMilliseconds { out.append(zigzag: reminder) }
    }

    private static func write(_ event: TariffPublished, _ out: inout ByteWriter) {
        out.append(presence: [event.timezone != nil])
        out.append(text: event.tariff)
        out.append(event.unit.rawValue)
        out.append(event.currency)
        if let timezone = event.timezone { out.append(text: timezone) }
        out.append(varint: UInt64(event.versions.count))
        for version in event.versions { write(version, &out) }
    }

    private static func write(_ version: TariffVersion, _ out: inout ByteWriter) {
        out.append(presence: [version.tiers != nil, version.standingCharge != nil, version.tax != nil])
        out.append(version.from)
        out.append(version.defaultPrice)
        out.append(varint: UInt64(version.periods.count))
        for period in version.periods {
            out.append(text: period.name)
            out.append(period.price)
            out.append(varint: UInt64(period.windows.count))
            for window in period.windows {
                out.append(window.weekdays)
                out.append(zigzag: Int64(window.fromMinute))
                out.append(zigzag: Int64(window.toMinute))
            }
        }
        if let tiers = version.tiers {
            out.append(tiers.period.rawValue)
            out.append(varint: UInt64(tiers.steps.count))
            for step in tiers.steps {
                out.append(step.upTo == nil ? 0 : 1)
                if let upTo = step.upTo { out.append(upTo) }
                out.append(step.add)
            }
        }
        if let charge = version.standingCharge { out.append(charge) }
        if let tax = version.tax { out.append(tax) }
    }
}

extension ByteWriter {
    /// Bit n says whether the nth optional field is there.
    fileprivate mutating func append(presence fields: [Bool]) {
        var bits: UInt64 = 0
        for (i, isPresent) in fields.enumerated() where isPresent { bits |= 1 << UInt64(i) }
        append(varint: bits)
    }

    fileprivate mutating func append(_ instant: Instant) { append(zigzag: instant.milliseconds) }

    fileprivate mutating func append(_ date: LocalDate) { append(zigzag: Int64(date.dayNumber)) }

    fileprivate mutating func append(_ currency: Currency) {
        for byte in currency.code.utf8 { append(byte) }
    }

    fileprivate mutating func append(_ decimal: ExactDecimal) {
        append(UInt8(decimal.fractionDigits))
        var rest = UInt128(bitPattern: decimal.coefficient << 1 ^ decimal.coefficient >> 127)
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}
