/// What the log says about one device, in position order.
struct DeviceFacts: Sendable {
    var utility: Utility?
    var unit: MeterUnit?
    var register: Text?
    var timezone: Text?
    var account: Text?
    var settings = SeriesSettings(gapAfter: SeriesSettings.defaultGapAfter)
    /// Section 6: by `from`, the day the assignment holds from; nil is "everything".
    var assignments: [LocalDate?: Text] = [:]
    var rules: [Text: AlertRule] = [:]
    var series: [Text: SeriesFacts] = [:]
    /// Payments by their key, each with the earliest `at` (section 6).
    var money: [[Text]: Money] = [:]
    /// The register of the first event that has one.
    var firstRegister: Text?

    /// Section 2: "the device's billing register, itself by default" the utility's; of a device nobody registered "that
    /// of its first event" (section 1).
    var billingRegister: Text? {
        register ?? utility?.register ?? firstRegister
    }

    /// Section 7: the rule `zero` is "present on every device with a balance".
    var allRules: [Text: AlertRule] {
        rules.merging([World.zeroRule: .zero]) { set, _ in set }
    }

    mutating func declare(_ registration: Registration, position: Int) {
        utility = registration.utility
        unit = registration.declared("unit", registration.unit, else: unit)
        register = registration.declared("register", registration.register, else: register)
        timezone = registration.declared("timezone", registration.timezone, else: timezone)
        account = registration.declared("account", registration.account, else: account)
        let isMultiplierReset = registration.resets.contains("multiplier")
        if let multiplier = registration.multiplier ?? (isMultiplierReset ? Segment.defaultMultiplier : nil) {
            settings.multiplier = Placed(position: position, value: multiplier)
        }
        settings.modulus = registration.declared("modulus", registration.modulus, else: settings.modulus)
        settings.maxRate = registration.declared("maxRate", registration.maxRate, else: settings.maxRate)
        settings.gapAfter =
            registration.declared("gapAfter", registration.gapAfter, else: settings.gapAfter)
            ?? SeriesSettings.defaultGapAfter
        if registration.resets.contains("alerts") { rules = [:] }
        // "The same `from` again replaces."
        if let tariff = registration.tariff { assignments[registration.from] = tariff }
        for change in registration.alerts { rules[change.name] = change.rule }
    }

    mutating func note(register: Text, _ change: (inout SeriesFacts) -> Void) {
        firstRegister = firstRegister ?? register
        change(&series[register, default: SeriesFacts()])
    }
}

/// The log's events put in order by what they concern; nothing is derived here.
struct World: Sendable {
    static let zeroRule: Text = "zero"

    private(set) var position = 0
    private(set) var devices: [Text: DeviceFacts] = [:]
    private(set) var tariffs: [Text: Tariff] = [:]
    /// Section 5: "the latest `DayTurned` instant of its zone's name in the log".
    private(set) var latestTurns: [Text: Instant] = [:]
    /// Section 1: the dimension of each device that has one.
    private(set) var dimensions: [Text: Dimension] = [:]
    private(set) var outcomes: [Text: [(outcome: PushOutcome, response: Text?)]] = [:]

    mutating func apply(_ recorded: RecordedEvent) {
        position = recorded.position
        if let device = recorded.event.device, let dimension = recorded.dimension {
            dimensions[device] = dimensions[device] ?? dimension
        }
        func placed<Value: Sendable>(_ value: Value) -> Placed<Value> {
            Placed(position: recorded.position, value: value)
        }
        switch recorded.event {
        case .reading(let device, let register, let reading):
            devices[device, default: DeviceFacts()].note(register: register) { $0.readings.append(placed(reading)) }
        case .interval(let device, let register, let reading):
            devices[device, default: DeviceFacts()].note(register: register) { $0.intervals.append(placed(reading)) }
        case .verdict(let device, let register, let verdict):
            devices[device, default: DeviceFacts()].note(register: register) { $0.verdicts.append(placed(verdict)) }
        case .exchanged(let device, let register, let exchange):
            devices[device, default: DeviceFacts()].note(register: register) { $0.exchanges.append(placed(exchange)) }
        case .multiplierCorrected(let device, let register, let correction):
            devices[device, default: DeviceFacts()].note(register: register) {
                $0.multiplierCorrections.append(placed(correction))
            }
        case .registered(let device, let registration):
            devices[device, default: DeviceFacts()].declare(registration, position: recorded.position)
        case .tariffPublished(let name, let tariff):
            tariffs[name] = tariff
        case .tariffAssigned(let device, let tariff, let from):
            devices[device, default: DeviceFacts()].assignments[from] = tariff
        case .money(let device, let money):
            devices[device, default: DeviceFacts()].add(money)
        case .ruleSet(let device, let change):
            devices[device, default: DeviceFacts()].rules[change.name] = change.rule
        case .dayTurned(let timezone, let at):
            latestTurns[timezone] = max(latestTurns[timezone] ?? at, at)
        case .pushOutcome(let job, let outcome, let response):
            outcomes[job, default: []].append((outcome, response))
        }
    }
}

extension DeviceFacts {
    /// Section 6: the same payment again is a duplicate: "no effect, success; the earliest `at` stands".
    mutating func add(_ next: Money) {
        if let known = money[next.key], known.at <= next.at { return }
        money[next.key] = next
    }
}
