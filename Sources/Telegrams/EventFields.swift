import MeterModel

/// Turns the fields of one line into an event (semantics, section 9).
///
/// Of several faults the first in this order is told: unknown field, missing field, value, time, name, tariff or rule,
/// money. So each kind reads its values first, then its times, then its names.
enum EventFields {
    /// What any line may carry: free text, and what `replay --with-record` adds.
    static let carriedByAll = ["event", "note", "record"]

    static func check(_ fields: JSONFields, required: [String], optional: [String] = []) throws(Refusal) {
        try fields.check(required: required, optional: optional + carriedByAll)
        if fields.has("note") { _ = try fields.text("note") }
        if let record = fields["record"] { _ = try JSONFields(record, path: "record", else: .valueSyntax) }
    }

    /// The event of kind `kind`; readings are not among them.
    static func event(
        _ kind: String,
        _ fields: JSONFields,
        defaultUtility: Utility? = nil
    ) throws(Refusal) -> MeterEvent {
        switch kind {
        case "ReadingCorrected": return .readingCorrected(try readingCorrected(fields))
        case "ReadingVoided": return .readingVoided(try readingVoided(fields))
        case "DeviceRegistered": return .deviceRegistered(try deviceRegistered(fields, defaultUtility))
        case "MeterExchanged": return .meterExchanged(try meterExchanged(fields))
        case "MultiplierCorrected": return .multiplierCorrected(try multiplierCorrected(fields))
        case "TariffPublished": return .tariffPublished(try TariffFields.published(fields))
        case "TariffAssigned": return .tariffAssigned(try tariffAssigned(fields))
        case "TopUpReceived": return .topUpReceived(try MoneyFields.topUp(fields))
        case "TopUpRefunded": return .topUpRefunded(try MoneyFields.refund(fields))
        case "BalanceAdjusted": return .balanceAdjusted(try MoneyFields.adjustment(fields))
        case "AlertRuleSet": return .alertRuleSet(try AlertRuleFields.ruleSet(fields))
        case "DayTurned": return .dayTurned(try dayTurned(fields))
        default:
            if let outcome = PushOutcome.Kind.allCases.first(where: { $0.eventName == kind }) {
                return .pushSettled(try pushOutcome(outcome, fields))
            }
            throw Refusal(.unknownEvent, "unknown event \"\(kind.prefix(40))\"")
        }
    }

    /// A register value: of at most 6 fraction digits, within 10^15 mWh or mL in any unit.
    static func registerValue(_ fields: JSONFields, _ name: String) throws(Refusal) -> ExactDecimal {
        let decimal = try fields.decimal(name)
        if case .failure(let refusal) = ReadingValue.read(decimal) { throw refusal }
        return decimal
    }

    private static func readingCorrected(_ fields: JSONFields) throws(Refusal) -> ReadingCorrected {
        try check(fields, required: ["device", "readAt", "value", "reason"], optional: ["register", "unit"])
        let value = try registerValue(fields, "value")
        let unit = try fields.unit()
        let reason = try fields.reason()
        let readAt = try fields.instant("readAt")
        return ReadingCorrected(
            device: try fields.name("device"),
            register: try fields.optionalName("register"),
            readAt: readAt,
            value: value,
            unit: unit,
            reason: reason
        )
    }

    private static func readingVoided(_ fields: JSONFields) throws(Refusal) -> ReadingVoided {
        try check(fields, required: ["device", "readAt", "reason"], optional: ["register"])
        let reason = try fields.reason()
        let readAt = try fields.instant("readAt")
        return ReadingVoided(
            device: try fields.name("device"),
            register: try fields.optionalName("register"),
            readAt: readAt,
            reason: reason
        )
    }

    private static func deviceRegistered(
        _ fields: JSONFields,
        _ defaultUtility: Utility?
    ) throws(Refusal) -> DeviceRegistered {
        try check(
            fields,
            required: defaultUtility == nil ? ["device", "utility"] : ["device"],
            optional: [
                "utility", "unit", "register", "timezone", "multiplier", "modulus", "maxRate", "gapAfter", "account",
                "tariff", "from", "alerts", "resets",
            ]
        )
        var utility = defaultUtility
        if utility == nil || fields.has("utility") {
            utility = try fields.word("utility", .valueSyntax) { Utility(name: $0) }
        }
        guard let utility else { throw fields.missing("utility") }
        var device = DeviceRegistered(device: "", utility: utility)
        device.unit = try fields.unit()
        device.multiplier = try multiplier(fields)
        device.modulus = try positive(fields, "modulus")
        device.maxRate = try positive(fields, "maxRate")
        if fields.has("gapAfter") { device.gapAfterMilliseconds = try fields.duration("gapAfter", .valueSyntax) }
        if fields.has("from") { device.from = try fields.date("from") }
        device.device = try fields.name("device")
        device.register = try fields.optionalName("register")
        device.timezone = try fields.optionalName("timezone")
        device.account = try fields.optionalName("account")
        device.tariff = try fields.optionalName("tariff")
        if fields.has("alerts") { device.alerts = try AlertRuleFields.rules(fields) }
        if fields.has("resets") { device.resets = try resets(fields) }
        return device
    }

    /// The fields that go back to their defaults: names of such as the event does not give.
    private static func resets(_ fields: JSONFields) throws(Refusal) -> DeviceResets {
        var resets: DeviceResets = []
        for element in try fields.list("resets", .valueSyntax) {
            guard case .string(let name) = element,
                let reset = DeviceResets.fields.first(where: { $0.name == name })?.reset
            else {
                let names = DeviceResets.fields.map(\.name).joined(separator: ", ")
                throw Refusal(.valueSyntax, "\(fields.place("resets")) names fields among \(names)")
            }
            guard !fields.has(name) else {
                throw Refusal(.valueSyntax, "\(fields.place(name)) is given and among resets; say one of both")
            }
            resets.insert(reset)
        }
        return resets
    }

    private static func meterExchanged(_ fields: JSONFields) throws(Refusal) -> MeterExchanged {
        try check(
            fields,
            required: ["device", "at", "finalValue", "initialValue"],
            optional: ["register", "unit", "modulus", "multiplier"]
        )
        let finalValue = try registerValue(fields, "finalValue")
        let initialValue = try registerValue(fields, "initialValue")
        let unit = try fields.unit()
        let modulus = try positive(fields, "modulus")
        let multiplier = try multiplier(fields)
        let at = try fields.instant("at")
        return MeterExchanged(
            device: try fields.name("device"),
            register: try fields.optionalName("register"),
            at: at,
            finalValue: finalValue,
            initialValue: initialValue,
            unit: unit,
            modulus: modulus,
            multiplier: multiplier
        )
    }

    private static func multiplierCorrected(_ fields: JSONFields) throws(Refusal) -> MultiplierCorrected {
        try check(fields, required: ["device", "multiplier", "reason"], optional: ["register", "at"])
        guard let multiplier = try multiplier(fields) else { throw fields.missing("multiplier") }
        let reason = try fields.reason()
        let at = try fields.optionalInstant("at")
        return MultiplierCorrected(
            device: try fields.name("device"),
            register: try fields.optionalName("register"),
            at: at,
            multiplier: multiplier,
            reason: reason
        )
    }

    private static func tariffAssigned(_ fields: JSONFields) throws(Refusal) -> TariffAssigned {
        try check(fields, required: ["device", "tariff", "from"])
        let from = try fields.date("from")
        return TariffAssigned(device: try fields.name("device"), tariff: try fields.name("tariff"), from: from)
    }

    private static func dayTurned(_ fields: JSONFields) throws(Refusal) -> DayTurned {
        try check(fields, required: ["timezone", "at"])
        let at = try fields.instant("at")
        return DayTurned(timezone: try fields.name("timezone"), at: at)
    }

    /// The longest id of a push job: two names, an episode's number and a kind, with their slashes.
    private static let maximumJobByteCount = 2 * Name.maximumByteCount + 64

    private static func pushOutcome(_ kind: PushOutcome.Kind, _ fields: JSONFields) throws(Refusal) -> PushOutcome {
        try check(fields, required: ["job", "at"], optional: ["channel", "attempt", "response"])
        var attempt: Int?
        if let value = fields["attempt"] {
            guard case .number(let digits) = value, let count = Int(digits), count >= 0 else {
                throw Refusal(.valueSyntax, "attempt must be a count")
            }
            attempt = count
        }
        let channel = try fields.optionalText("channel")
        let response = try fields.optionalText("response")
        let at = try fields.instant("at")
        let job = try fields.text("job", .nameSyntax)
        guard !job.isEmpty, job.utf8.count <= maximumJobByteCount,
            !job.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else { throw Refusal(.nameSyntax, "job: no id of a push job") }
        return PushOutcome(kind: kind, job: job, at: at, channel: channel, attempt: attempt, response: response)
    }

    /// A factor above 0 and up to 1,000,000 of at most 3 fraction digits (semantics, section 3).
    private static func multiplier(_ fields: JSONFields) throws(Refusal) -> ExactDecimal? {
        guard let multiplier = try positive(fields, "multiplier") else { return nil }
        guard multiplier.fractionDigits <= 3 else {
            throw Refusal(.valuePrecision, "multiplier has more than 3 fraction digits")
        }
        guard multiplier <= ExactDecimal(1_000_000) else { throw Refusal(.valueRange, "multiplier exceeds 1000000") }
        return multiplier
    }

    /// A register value above 0.
    private static func positive(_ fields: JSONFields, _ name: String) throws(Refusal) -> ExactDecimal? {
        guard fields.has(name) else { return nil }
        let value = try registerValue(fields, name)
        guard value > .zero else { throw Refusal(.valueRange, "\(name) must be above 0") }
        return value
    }
}
