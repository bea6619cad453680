extension LineReader {
    mutating func registered() -> Event? {
        open(
            defaults.defaultUtility == nil ? ["device", "utility"] : ["device"],
            optional: [
                "utility", "unit", "register", "timezone", "multiplier", "modulus", "maxRate", "gapAfter", "account",
                "tariff", "from", "alerts", "resets",
            ]
        )
        let device = fields.name("device")
        let known = device.map { admission.device($0) }
        let utility = utility()
        let isDefaulted = !fields.has("utility")
        // What a known device resets is no field left out: nothing fills it in.
        let told = resets()
        let resets = known?.isRegistered ?? false ? told : []
        let filledUnit = isDefaulted ? defaults.defaultUnit : defaults.unit.flatMap(MeterUnit.init)
        let given = fields.unit("unit") ?? (resets.contains("unit") ? nil : filledUnit)
        let filledRegister = isDefaulted ? defaults.defaultRegister : defaults.register.map { Text($0) }
        let register = fields.name("register") ?? (resets.contains("register") ? nil : filledRegister)
        let unit = given ?? (resets.contains("unit") ? nil : known?.declaredUnit) ?? utility?.unit
        check(utility, unit, against: known?.dimension)

        var registration = Registration(utility: utility ?? .electricity, unit: given, register: register, alerts: [])
        registration.timezone = fields.timezone("timezone")
        registration.multiplier = multiplier()
        // Section 3: "`modulus` and `maxRate` are in its unit".
        registration.modulus = fields.quantity("modulus", unit, in: 1...maximumCount)
        registration.maxRate = fields.quantity("maxRate", unit, in: 1...maximumCount)
        registration.gapAfter = fields.duration("gapAfter")
        registration.account = fields.name("account")
        registration.tariff = tariff(for: device, dimension: unit?.dimension)
        registration.from = fields.date("from")
        registration.alerts = alerts()
        registration.resets = resets
        guard let device, utility != nil else { return nil }
        return .registered(device: device, registration)
    }

    /// Section 9: "`null` goes back to the default", as the event that `apply` makes of it says it.
    private mutating func resets() -> Set<Text> {
        guard let json = fields["resets"] else { return [] }
        let known: [Text] = [
            "unit", "register", "timezone", "multiplier", "modulus", "maxRate", "gapAfter", "account", "alerts",
        ]
        guard case .array(let items) = json else {
            fields.faults.add(.valueSyntax)
            return []
        }
        var names: Set<Text> = []
        for item in items {
            guard case .string(let name) = item, known.contains(name), !fields.has(name) else {
                fields.faults.add(.valueSyntax)
                continue
            }
            names.insert(name)
        }
        return names
    }

    private mutating func utility() -> Utility? {
        guard let text = fields.text("utility") else { return fields.has("utility") ? nil : defaults.defaultUtility }
        let utility = Utility(rawValue: text.string)
        if utility == nil { fields.faults.add(.valueSyntax) }
        return utility
    }

    /// Section 1: electricity counts energy, water volume, gas "either, as its declared unit says".
    private mutating func check(_ utility: Utility?, _ unit: MeterUnit?, against known: Dimension?) {
        guard let utility, let unit else { return }
        let isOfKind = utility == .gas || utility.unit.dimension == unit.dimension
        if !isOfKind || (known ?? unit.dimension) != unit.dimension { fields.faults.add(.unitMismatch) }
    }

    private mutating func alerts() -> [RuleChange] {
        guard let json = fields["alerts"] else { return [] }
        guard case .array(let items) = json else {
            fields.faults.add(.valueSyntax)
            return []
        }
        return items.compactMap { item in
            guard case .object(let members) = item else {
                fields.faults.add(.valueSyntax)
                return nil
            }
            var rule = RuleReader(Fields(members))
            let change = rule.read(besides: [])
            if let fault = rule.fields.faults.first { fields.faults.add(fault) }
            return change
        }
    }

    mutating func ruleSet() -> Event? {
        let device = registeredDevice()
        fields.require("device")
        var rule = RuleReader(fields)
        let change = rule.read(besides: ["device", "event", "note", "record"])
        fields = rule.fields
        guard let device, let change else { return nil }
        return .ruleSet(device: device, change)
    }

    mutating func tariffPublished() -> Event? {
        open(["tariff", "unit", "currency", "versions"], optional: ["timezone"])
        let name = fields.name("tariff")
        let currency = fields.currency("currency")
        let timezone = fields.timezone("timezone")
        // Section 5: "a version prices one unit (kWh or m3)".
        let unit = fields.unit("unit")
        if let unit, unit != .kilowattHour, unit != .cubicMetre { fields.faults.add(.tariffInvalid) }
        var versions: [TariffVersion] = []
        if let json = fields["versions"] {
            var reader = TariffReader()
            versions = reader.versions(json)
            if let fault = reader.faults.first { fields.faults.add(fault) }
        }
        // Section 9: "replaces the tariff; `unit` and `currency` stay".
        if let former = name.flatMap({ admission.tariffs[$0] }) {
            if let unit, unit != former.unit { fields.faults.add(.unitMismatch) }
            if let currency, currency != former.currency { fields.faults.add(.currencyMismatch) }
        }
        guard let name, let unit, let currency else { return nil }
        return .tariffPublished(
            tariff: name,
            Tariff(unit: unit, currency: currency, timezone: timezone, versions: versions)
        )
    }

    mutating func tariffAssigned() -> Event? {
        open(["device", "tariff", "from"])
        let device = registeredDevice()
        let tariff = tariff(for: device, dimension: device.flatMap { admission.device($0).dimension })
        let from = fields.date("from")
        guard let device, let tariff, let from else { return nil }
        return .tariffAssigned(device: device, tariff: tariff, from: from)
    }

    mutating func dayTurned() -> Event? {
        open(["timezone", "at"])
        let timezone = fields.timezone("timezone")
        let at = instant("at")
        guard let timezone, let at else { return nil }
        return .dayTurned(timezone: timezone, at: at)
    }

    mutating func pushOutcome(_ outcome: PushOutcome) -> Event? {
        open(["job", "at"], optional: ["channel", "attempt", "response"])
        _ = instant("at")
        _ = fields.text("channel")
        _ = fields.count("attempt", places: 0, in: 0...maximumCount)
        let response = fields.text("response")
        guard let job = fields.text("job") else { return nil }
        return .pushOutcome(job: job, outcome, response: response)
    }
}

/// Reads one alert rule (section 9, `AlertRuleSet`).
struct RuleReader {
    var fields: Fields

    init(_ fields: Fields) {
        self.fields = fields
    }

    private static let levelRange: ClosedRange<Int128> = (-powerOfTen(21))...powerOfTen(21)

    /// A figure that a rule may not have is `rule-invalid`, as one of a tariff is `tariff-invalid`.
    private mutating func level(_ name: Text) -> Int128? {
        var figure = fields
        figure.faults = Faults()
        let level = figure.count(name, places: 6, in: RuleReader.levelRange)
        if let fault = figure.faults.first { fields.faults.add(fault == .valueSyntax ? fault : .ruleInvalid) }
        return level
    }

    mutating func read(besides others: [Text]) -> RuleChange? {
        fields.allow(["rule", "level", "rearm", "cleared", "staleAfter", "reminders", "remove"] + others)
        fields.require("rule")
        let name = fields.name("rule")
        // "No `/` in it."
        if let name, name.bytes.contains(UInt8(ascii: "/")) { fields.faults.add(.nameSyntax) }
        let isZero = name == World.zeroRule
        if fields.bool("remove") == true {
            // Section 7: `zero` "may be set (with level 0), not removed".
            let hasMore = ["level", "rearm", "cleared", "staleAfter", "reminders"].contains { fields.has($0) }
            if isZero || hasMore { fields.faults.add(.ruleInvalid) }
            return name.map { RuleChange(name: $0, rule: nil) }
        }
        if !isZero { fields.require("level") }
        // "Both at most 6 fraction digits."
        let level = level("level") ?? 0
        let rearm = self.level("rearm") ?? level
        if isZero && level != 0 || rearm < level { fields.faults.add(.ruleInvalid) }
        let asksForCleared = fields.bool("cleared") ?? false
        _ = fields.duration("staleAfter")
        let rule = AlertRule(
            level: level * powerOfTen(10),
            rearm: rearm * powerOfTen(10),
            asksForCleared: asksForCleared,
            reminders: reminders()
        )
        return name.map { RuleChange(name: $0, rule: rule) }
    }

    /// Section 7: "delays (`1d, 3d, 7d`, ascending)".
    private mutating func reminders() -> [Int64] {
        guard let json = fields["reminders"] else { return [] }
        guard case .array(let items) = json else {
            fields.faults.add(.valueSyntax)
            return []
        }
        let delays = items.compactMap { item -> Int64? in
            guard case .string(let text) = item, let delay = durationRead(text) else {
                fields.faults.add(.valueSyntax)
                return nil
            }
            return delay
        }
        if !zip([0] + delays, delays).allSatisfy({ $0 < $1 }) { fields.faults.add(.ruleInvalid) }
        return delays
    }
}
