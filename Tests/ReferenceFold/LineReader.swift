/// Turns one line of section 9 into an event, or refuses it.
struct LineReader {
    var fields: Fields
    let admission: Admission
    let recordedAt: Instant
    let defaults: InputDefaults
    /// The unit the event came in, filled in where it had none.
    private(set) var unit: MeterUnit?

    private static let everyEvent: [Text] = ["event", "note", "record"]

    init(_ line: String, _ admission: Admission, recordedAt: Instant, defaults: InputDefaults) throws(Refusal) {
        guard case .object(let members) = try JSONReader.read(line) else { throw Refusal(.badJSON) }
        fields = Fields(members)
        self.admission = admission
        self.recordedAt = recordedAt
        self.defaults = defaults
    }

    mutating func read() throws(Refusal) -> Event {
        // "No `event` field: `ReadingReceived`."
        var kind: Text = "ReadingReceived"
        if fields.has("event") {
            guard case .string(let named)? = fields["event"] else { throw Refusal(.unknownEvent) }
            kind = named
        }
        _ = fields.text("note")
        let event = try event(kind)
        if let fault = fields.faults.first { throw Refusal(fault) }
        // Every field that is missing or misread has left a fault.
        guard let event else { throw Refusal(.missingField) }
        return event
    }

    private mutating func event(_ kind: Text) throws(Refusal) -> Event? {
        switch kind {
        case "ReadingReceived": return fields["kind"] == .string("interval") ? interval() : reading()
        case "ReadingCorrected": return corrected()
        case "ReadingVoided": return voided()
        case "DeviceRegistered": return registered()
        case "MeterExchanged": return exchanged()
        case "MultiplierCorrected": return multiplierCorrected()
        case "TariffPublished": return tariffPublished()
        case "TariffAssigned": return tariffAssigned()
        case "TopUpReceived": return topUp()
        case "TopUpRefunded": return refund()
        case "BalanceAdjusted": return adjusted()
        case "AlertRuleSet": return ruleSet()
        case "DayTurned": return dayTurned()
        case "PushDelivered": return pushOutcome(.delivered)
        case "PushFailed": return pushOutcome(.failed)
        case "PushSuperseded": return pushOutcome(.superseded)
        case "PushStale": return pushOutcome(.stale)
        case "PushDied": return pushOutcome(.dead)
        default: throw Refusal(.unknownEvent)
        }
    }

    /// The fields an event has, and which of them it must have.
    mutating func open(_ required: [Text], optional: [Text] = []) {
        fields.allow(required + optional + LineReader.everyEvent)
        required.forEach { fields.require($0) }
    }

    mutating func instant(_ name: Text) -> Instant? {
        fields.instant(name, recordedAt: recordedAt)
    }

    /// Section 1: a `register` left out comes from the input's defaults, else from the device's declaration, else it is
    /// `unknown-device`.
    mutating func register(of device: Text?) -> Text? {
        if let given = fields.name("register") { return given }
        if let filled = defaults.defaultRegister ?? device.flatMap({ admission.device($0).register }) { return filled }
        fields.faults.add(.unknownDevice)
        return nil
    }

    /// The same for a `unit`; one of the other dimension is `unit-mismatch`.
    mutating func unit(of device: Text?) -> MeterUnit? {
        let known = device.map { admission.device($0) }
        let given = fields.unit("unit")
        if given == nil, fields.has("unit") { return nil }
        guard let unit = given ?? defaults.defaultUnit ?? known?.unit else {
            fields.faults.add(.unknownDevice)
            return nil
        }
        if let dimension = known?.dimension, dimension != unit.dimension { fields.faults.add(.unitMismatch) }
        self.unit = unit
        return unit
    }

    /// Section 9: "whatever else concerns a device needs it registered".
    mutating func registeredDevice() -> Text? {
        guard let device = fields.name("device") else { return nil }
        if !admission.device(device).isRegistered { fields.faults.add(.unknownDevice) }
        return device
    }

    /// Sections 6 and 9: a tariff named must be published, price the device's dimension and keep its currency.
    mutating func tariff(for device: Text?, dimension: Dimension?) -> Text? {
        guard let name = fields.name("tariff") else { return nil }
        guard let tariff = admission.tariffs[name] else {
            fields.faults.add(.unknownTariff)
            return nil
        }
        if let dimension, dimension != tariff.unit.dimension { fields.faults.add(.unitMismatch) }
        if let currency = device.flatMap({ admission.device($0).currency }), currency != tariff.currency {
            fields.faults.add(.currencyMismatch)
        }
        return name
    }
}
