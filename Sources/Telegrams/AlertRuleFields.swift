import MeterModel

/// Alert rules (semantics, sections 7 and 9).
enum AlertRuleFields {
    static let maximumReminderCount = 32
    static let maximumRuleCount = 64

    private static let fieldsOfRule = ["level", "rearm", "cleared", "staleAfter", "reminders"]

    static func ruleSet(_ fields: JSONFields) throws(Refusal) -> AlertRuleSet {
        let isRemoval = fields["remove"] == .bool(true)
        try EventFields.check(
            fields,
            required: ["device", "rule"] + (isRemoval || isZero(fields) ? [] : ["level"]),
            optional: fieldsOfRule + ["remove"]
        )
        let device = try fields.name("device")
        guard isRemoval else {
            _ = try fields.bool("remove", .ruleInvalid)
            return AlertRuleSet(device: device, change: .set(try rule(fields)))
        }
        let name = try ruleName(fields)
        guard name != AlertRule.zero.rule else { throw Refusal(.ruleInvalid, "the rule zero cannot be removed") }
        for field in fieldsOfRule where fields.has(field) {
            throw Refusal(.ruleInvalid, "a rule that is removed has no \(field)")
        }
        return AlertRuleSet(device: device, change: .remove(name))
    }

    /// The rules of a device's declaration, each name once.
    static func rules(_ fields: JSONFields) throws(Refusal) -> [AlertRule] {
        let elements = try fields.list("alerts", .ruleInvalid)
        guard elements.count <= maximumRuleCount else {
            throw Refusal(.ruleInvalid, "more than \(maximumRuleCount) alert rules")
        }
        var rules: [AlertRule] = []
        var names: Set<[UInt8]> = []
        for (index, element) in elements.enumerated() {
            let fields = try JSONFields(element, path: "alerts[\(index)]", else: .ruleInvalid)
            try fields.check(required: ["rule"] + (isZero(fields) ? [] : ["level"]), optional: fieldsOfRule)
            let rule = try rule(fields)
            guard names.insert(Array(rule.rule.utf8)).inserted else {
                throw Refusal(.ruleInvalid, "the rule \(rule.rule) stands twice")
            }
            rules.append(rule)
        }
        return rules
    }

    private static func isZero(_ fields: JSONFields) -> Bool { fields["rule"] == .string(AlertRule.zero.rule) }

    private static func ruleName(_ fields: JSONFields) throws(Refusal) -> String {
        let name = try fields.name("rule")
        guard !name.utf8.contains(UInt8(ascii: "/")) else {
            throw Refusal(.ruleInvalid, "\(fields.place("rule")): a rule's name has no \"/\"")
        }
        return name
    }

    private static func rule(_ fields: JSONFields) throws(Refusal) -> AlertRule {
        let level = try balance(fields, "level") ?? .zero
        let rearm = try balance(fields, "rearm") ?? level
        let name = try ruleName(fields)
        guard rearm >= level else {
            throw Refusal(.ruleInvalid, "\(fields.place("rearm")) \(rearm) lies below the level \(level)")
        }
        guard !isZero(fields) || level == .zero else {
            throw Refusal(.ruleInvalid, "the level of the rule zero is 0")
        }
        var rule = AlertRule(rule: name, level: level, rearm: rearm, cleared: try fields.bool("cleared", .ruleInvalid))
        if fields.has("staleAfter") {
            rule.staleAfterMilliseconds = try fields.duration("staleAfter", .ruleInvalid)
        }
        if fields.has("reminders") { rule.remindersMilliseconds = try reminders(fields) }
        return rule
    }

    /// A level of the balance: at most 6 fraction digits, within 10^15.
    private static func balance(_ fields: JSONFields, _ name: String) throws(Refusal) -> ExactDecimal? {
        guard let value = try fields.optionalDecimal(name) else { return nil }
        guard value.fractionDigits <= 6 else {
            throw Refusal(.ruleInvalid, "\(fields.place(name)) has more than 6 fraction digits")
        }
        guard value.coefficient.magnitude <= 1_000_000_000_000_000_000_000 else {
            throw Refusal(.ruleInvalid, "\(fields.place(name)) exceeds 10^15")
        }
        return value
    }

    private static func reminders(_ fields: JSONFields) throws(Refusal) -> [Int64] {
        let elements = try fields.list("reminders", .ruleInvalid)
        let place = fields.place("reminders")
        guard elements.count <= maximumReminderCount else {
            throw Refusal(.ruleInvalid, "\(place): more than \(maximumReminderCount) delays")
        }
        var delays: [Int64] = []
        for element in elements {
            let delay = try JSONFields.duration(element, place, .ruleInvalid)
            guard delay > delays.last ?? 0 else { throw Refusal(.ruleInvalid, "\(place) must ascend from above 0") }
            delays.append(delay)
        }
        return delays
    }
}
