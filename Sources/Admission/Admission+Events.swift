package import MeterModel

extension Admission {
    /// Accepts an event and fills in what it leaves out, or refuses it.
    ///
    /// - Returns: the event as it is to be logged.
    /// - Throws: `Refusal`; the state is then as it was.
    package mutating func admit(
        _ event: MeterEvent,
        defaults: AdmissionDefaults,
        recordedAt: Instant
    ) throws(Refusal) -> MeterEvent {
        let latest = recordedAt.milliseconds + Instant.acceptedLeadMilliseconds
        let filled = try check(event, defaults, latest)
        if let name = filled.device, !takesDevices, directory.devices.index(of: name) == nil {
            throw tooManyDevices(name)
        }
        directory.enter(filled)
        growDevices()
        let device = filled.device.flatMap { directory.devices.index(of: $0) }
        note(filled, device: device)
        if let device { flatten(Int(device)) }
        return filled
    }

    private func check(_ event: MeterEvent, _ defaults: AdmissionDefaults, _ latest: Int64) throws(Refusal)
        -> MeterEvent
    {
        switch event {
        case .readingCorrected(let e): return .readingCorrected(try check(e, defaults, latest))
        case .readingVoided(let e): return .readingVoided(try check(e, defaults, latest))
        case .deviceRegistered(let e): return .deviceRegistered(try check(e))
        case .meterExchanged(let e): return .meterExchanged(try check(e, defaults, latest))
        case .multiplierCorrected(let e): return .multiplierCorrected(try check(e, defaults, latest))
        case .tariffPublished(let e): return .tariffPublished(try check(e))
        case .tariffAssigned(let e): return .tariffAssigned(try check(e))
        case .topUpReceived(let e): return .topUpReceived(try check(e, .topUp, latest))
        case .topUpRefunded(let e): return .topUpRefunded(try check(e, .refund, latest))
        case .balanceAdjusted(let e): return .balanceAdjusted(try check(e, latest))
        case .pushSettled(let e): return .pushSettled(try check(e, latest))
        case .alertRuleSet(let e):
            try checkRegistered(state(of: e.device), e.device)
            return event
        case .dayTurned(let e):
            try checkTime(e.at, latest)
            try checkZone(e.timezone)
            return event
        }
    }

    // MARK: Series

    private func check(_ event: ReadingCorrected, _ defaults: AdmissionDefaults, _ latest: Int64) throws(Refusal)
        -> ReadingCorrected
    {
        var event = event
        let state = state(of: event.device)
        let unit = event.unit ?? defaults.unit ?? state.declaration.unit
        if let unit { _ = try milli(event.value, unit) }
        try checkTime(event.readAt, latest)
        event.register = try register(event.register, defaults, state, event.device)
        event.unit = try checkUnit(unit, state, event.device)
        return event
    }

    private func check(_ event: ReadingVoided, _ defaults: AdmissionDefaults, _ latest: Int64) throws(Refusal)
        -> ReadingVoided
    {
        var event = event
        try checkTime(event.readAt, latest)
        event.register = try register(event.register, defaults, state(of: event.device), event.device)
        return event
    }

    private func check(_ event: MeterExchanged, _ defaults: AdmissionDefaults, _ latest: Int64) throws(Refusal)
        -> MeterExchanged
    {
        var event = event
        let state = state(of: event.device)
        if let unit = event.unit ?? defaults.unit ?? state.declaration.unit {
            _ = try milli(event.finalValue, unit)
            _ = try milli(event.initialValue, unit)
            if let modulus = event.modulus { try checkPositive(try milli(modulus, unit), "modulus") }
        }
        if let multiplier = event.multiplier { try checkMultiplier(multiplier) }
        try checkTime(event.at, latest)
        try checkRegistered(state, event.device)
        event.register = try register(event.register, defaults, state, event.device)
        event.unit = try checkUnit(event.unit ?? defaults.unit ?? state.declaration.unit, state, event.device)
        return event
    }

    private func check(_ event: MultiplierCorrected, _ defaults: AdmissionDefaults, _ latest: Int64) throws(Refusal)
        -> MultiplierCorrected
    {
        var event = event
        let state = state(of: event.device)
        try checkMultiplier(event.multiplier)
        if let at = event.at { try checkTime(at, latest) }
        try checkRegistered(state, event.device)
        event.register = try register(event.register, defaults, state, event.device)
        return event
    }

    private func register(_ named: String?, _ defaults: AdmissionDefaults, _ state: DeviceState, _ device: String)
        throws(Refusal) -> String
    {
        guard let register = named ?? defaults.register ?? state.declaration.registerToFillIn else {
            throw Admission.unknownDevice(device, lacks: "register")
        }
        return register
    }

    private func checkUnit(_ unit: Unit?, _ state: DeviceState, _ device: String) throws(Refusal) -> Unit {
        guard let unit else { throw Admission.unknownDevice(device, lacks: "unit") }
        if let dimension = state.declaration.dimension, dimension != unit.dimension {
            throw Admission.unitMismatch(device, unit)
        }
        return unit
    }

    private func milli(_ value: ExactDecimal, _ unit: Unit) throws(Refusal) -> Int64 {
        guard value.fractionDigits <= min(6, unit.milliDigits) else { throw Admission.tooFine }
        guard let milli = value.scaled(by: unit.milliDigits), milli.magnitude <= Int128(maximumMilliValue).magnitude
        else { throw Admission.outOfRange }
        return Int64(milli)
    }

    private func checkPositive(_ milli: Int64, _ what: String) throws(Refusal) {
        if milli <= 0 { throw Refusal(.valueRange, "the \(what) must be above 0") }
    }

    private func checkMultiplier(_ multiplier: ExactDecimal) throws(Refusal) {
        if multiplier.fractionDigits > 3 {
            throw Refusal(.valuePrecision, "a multiplier has at most 3 fraction digits")
        }
        if multiplier <= .zero || multiplier > ExactDecimal(1_000_000) {
            throw Refusal(.valueRange, "a multiplier is above 0 and at most 1,000,000")
        }
    }

    func checkTime(_ instant: Instant, _ latest: Int64) throws(Refusal) {
        if instant < Instant.earliestAccepted || instant.milliseconds > latest {
            throw Admission.timeRange(instant.milliseconds)
        }
    }

    private func checkRegistered(_ state: DeviceState, _ device: String) throws(Refusal) {
        if !state.declaration.isRegistered {
            throw Refusal(.unknownDevice, "\(device) is not registered; send DeviceRegistered first")
        }
    }

    // MARK: Declarations

    private func check(_ event: DeviceRegistered) throws(Refusal) -> DeviceRegistered {
        let state = state(of: event.device)
        var terms = state.declaration.terms
        terms.declare(event)
        if let multiplier = event.multiplier { try checkMultiplier(multiplier) }
        let unit = terms.unit ?? event.utility.defaultUnit
        if let modulus = event.modulus { try checkPositive(try milli(modulus, unit), "modulus") }
        if let maxRate = event.maxRate { try checkPositive(try milli(maxRate, unit), "maxRate") }
        if let zone = event.timezone { try checkZone(zone) }
        if !event.utility.allows(unit) || (terms.dimension ?? unit.dimension) != unit.dimension {
            throw Admission.unitMismatch(event.device, unit)
        }
        if let tariff = event.tariff { try checkTariff(tariff, unit.dimension, state, event.device) }
        if state.declaration.isRegistered { return event }
        // There is nothing to reset yet.
        var event = event
        event.resets = []
        return event
    }

    private func check(_ event: TariffPublished) throws(Refusal) -> TariffPublished {
        if let zone = event.timezone { try checkZone(zone) }
        guard let known = tariffs[ByteName(event.tariff)] else { return event }
        if known.unit != event.unit {
            throw Refusal(.unitMismatch, "the tariff \(event.tariff) prices \(known.unit.symbol), and that stays")
        }
        if known.currency != event.currency {
            throw Refusal(.currencyMismatch, "the tariff \(event.tariff) is in \(known.currency), and that stays")
        }
        return event
    }

    private func check(_ event: TariffAssigned) throws(Refusal) -> TariffAssigned {
        let state = state(of: event.device)
        try checkRegistered(state, event.device)
        try checkTariff(event.tariff, state.declaration.dimension ?? .energy, state, event.device)
        return event
    }

    private func checkTariff(_ name: String, _ dimension: Dimension, _ state: DeviceState, _ device: String)
        throws(Refusal)
    {
        guard let tariff = tariffs[ByteName(name)] else {
            throw Refusal(.unknownTariff, "the tariff \(name) is not published; send TariffPublished first")
        }
        if tariff.unit.dimension != dimension {
            throw Refusal(
                .unitMismatch,
                "the tariff \(name) prices \(tariff.unit.symbol), which \(device) does not count"
            )
        }
        try checkCurrency(tariff.currency, state, device)
    }

    private func checkCurrency(_ currency: Currency, _ state: DeviceState, _ device: String) throws(Refusal) {
        if let known = state.currency, known != currency {
            throw Refusal(.currencyMismatch, "\(device) has its money in \(known), not \(currency)")
        }
    }

    private func checkZone(_ name: String) throws(Refusal) {
        if zones.rules(of: name) == nil {
            throw Refusal(.unknownTimezone, "\(name) is no IANA time zone that \(zones.version) knows")
        }
    }

    // MARK: Money

    private func check(_ event: Payment, _ kind: ReferenceKey.Kind, _ latest: Int64) throws(Refusal) -> Payment {
        try checkTime(event.at, latest)
        let key = ReferenceKey(kind: kind, provider: ByteName(event.provider), reference: ByteName(event.reference))
        let terms = PaymentTerms(device: ByteName(event.device), amount: event.amount, currency: event.currency)
        try checkReference(key, terms)
        try checkCurrency(event.currency, state(of: event.device), event.device)
        return event
    }

    private func check(_ event: BalanceAdjusted, _ latest: Int64) throws(Refusal) -> BalanceAdjusted {
        try checkTime(event.at, latest)
        let key = ReferenceKey(kind: .adjustment, provider: ByteName(""), reference: ByteName(event.reference))
        try checkReference(
            key,
            PaymentTerms(device: ByteName(event.device), amount: event.amount, currency: event.currency)
        )
        try checkCurrency(event.currency, state(of: event.device), event.device)
        return event
    }

    /// Whether this very payment was accepted before, under its reference.
    package func hasTopUp(_ payment: Payment) -> Bool {
        let key = ReferenceKey(
            kind: .topUp,
            provider: ByteName(payment.provider),
            reference: ByteName(payment.reference)
        )
        let terms = PaymentTerms(
            device: ByteName(payment.device),
            amount: payment.amount,
            currency: payment.currency
        )
        return references[key] == terms
    }

    private func checkReference(_ key: ReferenceKey, _ terms: PaymentTerms) throws(Refusal) {
        guard let known = references[key], known != terms else { return }
        throw Refusal(
            .referenceReused,
            "the reference \(key.reference.text) stands for \(known.amount) \(known.currency) of \(known.device.text)"
        )
    }

    private func check(_ event: PushOutcome, _ latest: Int64) throws(Refusal) -> PushOutcome {
        try checkTime(event.at, latest)
        return event
    }

    // MARK: State

    /// Takes an accepted event into the state; `device` is the number of the device it names.
    mutating func note(_ event: MeterEvent, device index: UInt32?) {
        if case .tariffPublished(let e) = event {
            tariffs[ByteName(e.tariff)] = TariffState(unit: e.unit, currency: e.currency)
        }
        guard let index else { return }
        let device = Int(index)
        switch event {
        case .readingCorrected(let e): devices[device].declaration.notice(register: e.register, unit: e.unit, in: &pool)
        case .readingVoided(let e): devices[device].declaration.notice(register: e.register, unit: nil, in: &pool)
        case .meterExchanged(let e): devices[device].declaration.notice(register: e.register, unit: e.unit, in: &pool)
        case .deviceRegistered(let e):
            devices[device].declaration.declare(e, in: &pool)
            if let tariff = e.tariff { noteCurrency(device, tariffs[ByteName(tariff)]?.currency) }
        case .tariffAssigned(let e): noteCurrency(device, tariffs[ByteName(e.tariff)]?.currency)
        case .topUpReceived(let e): notePayment(device, e, .topUp)
        case .topUpRefunded(let e): notePayment(device, e, .refund)
        case .balanceAdjusted(let e):
            noteCurrency(device, e.currency)
            references[ReferenceKey(kind: .adjustment, provider: ByteName(""), reference: ByteName(e.reference))] =
                PaymentTerms(
                    device: ByteName(e.device),
                    amount: e.amount,
                    currency: e.currency
                )
        case .multiplierCorrected, .alertRuleSet, .tariffPublished, .dayTurned, .pushSettled: break
        }
    }

    private mutating func notePayment(_ device: Int, _ event: Payment, _ kind: ReferenceKey.Kind) {
        noteCurrency(device, event.currency)
        references[ReferenceKey(kind: kind, provider: ByteName(event.provider), reference: ByteName(event.reference))] =
            PaymentTerms(
                device: ByteName(event.device),
                amount: event.amount,
                currency: event.currency
            )
    }

    private mutating func noteCurrency(_ device: Int, _ currency: Currency?) {
        if devices[device].currency == nil { devices[device].currency = currency }
    }
}
