import Admission
import MeterModel
import Testing

@Suite("Events at the gate")
struct EventAdmissionTests {
    private func gate() -> Gate {
        var gate = Gate()
        #expect(gate.refusal(published("energy")) == nil)
        #expect(gate.refusal(published("water", unit: .cubicMetre)) == nil)
        #expect(gate.refusal(published("yen", currency: "JPY")) == nil)
        #expect(gate.refusal(registered("E")) == nil)
        #expect(gate.refusal(registered("W", .water)) == nil)
        return gate
    }

    private func exchanged(_ device: String, _ change: (inout MeterExchanged) -> Void = { _ in }) -> MeterEvent {
        var event = MeterExchanged(
            device: device,
            register: nil,
            at: newYear,
            finalValue: .one,
            initialValue: .zero,
            unit: nil,
            modulus: nil,
            multiplier: nil
        )
        change(&event)
        return .meterExchanged(event)
    }

    private func multiplied(_ device: String, _ multiplier: ExactDecimal, at: Instant? = nil) -> MeterEvent {
        .multiplierCorrected(
            MultiplierCorrected(device: device, register: nil, at: at, multiplier: multiplier, reason: "r")
        )
    }

    @Test("are filled in from the device, or from what came with the input")
    func filledIn() throws {
        var gate = gate()
        let own = try gate.admission.admit(corrected("E"), defaults: .none, recordedAt: receivedAt)
        #expect(own == corrected("E", register: "1-0:1.8.0", unit: .kilowattHour))
        let given = AdmissionDefaults(unit: .wattHour, register: "dial")
        let defaulted = try gate.admission.admit(corrected("E"), defaults: given, recordedAt: receivedAt)
        #expect(defaulted == corrected("E", register: "dial", unit: .wattHour))
        let named = corrected("E", register: "own", unit: .megawattHour)
        #expect(try gate.admission.admit(named, defaults: given, recordedAt: receivedAt) == named)
    }

    @Test("take a declaration back to its defaults once there is one")
    func resets() throws {
        var gate = gate()
        let all = registered("E") { $0.resets = .all }
        #expect(try gate.admission.admit(all, defaults: .none, recordedAt: receivedAt) == all)
        let new = try gate.admission.admit(
            registered("N") { $0.resets = .all },
            defaults: .none,
            recordedAt: receivedAt
        )
        #expect(new == registered("N"))
        let own = registered("E") { ($0.unit, $0.register) = (.wattHour, "dial") }
        #expect(gate.refusal(own) == nil)
        #expect(gate.refusal(registered("E") { $0.resets = [.unit, .register] }) == nil)
        let filled = try gate.admission.admit(corrected("E"), defaults: .none, recordedAt: receivedAt)
        #expect(filled == corrected("E", register: "1-0:1.8.0", unit: .kilowattHour))
        // Its unit says that it counts energy, and a gas meter's default is a volume.
        #expect(gate.refusal(registered("G", .gas) { $0.unit = .kilowattHour }) == nil)
        #expect(gate.refusal(registered("G", .gas) { $0.resets = .unit }) == .unitMismatch)
    }

    @Test("are refused for values out of range or too fine")
    func values() {
        var gate = gate()
        let fine = ExactDecimal(1, fractionDigits: 4)
        #expect(gate.refusal(corrected("E", fine, unit: .wattHour)) == .valuePrecision)
        #expect(gate.refusal(corrected("E", ExactDecimal(1_000_000_001))) == .valueRange)
        #expect(gate.refusal(exchanged("E") { $0.finalValue = ExactDecimal(1, fractionDigits: 7) }) == .valuePrecision)
        #expect(gate.refusal(exchanged("E") { $0.initialValue = ExactDecimal(1_000_000_001) }) == .valueRange)
        #expect(gate.refusal(exchanged("E") { $0.modulus = .zero }) == .valueRange)
        #expect(gate.refusal(exchanged("E") { $0.multiplier = .zero }) == .valueRange)
        #expect(gate.refusal(multiplied("E", ExactDecimal(1, fractionDigits: 4))) == .valuePrecision)
        #expect(gate.refusal(multiplied("E", ExactDecimal(-1))) == .valueRange)
        #expect(gate.refusal(multiplied("E", ExactDecimal(1_000_001))) == .valueRange)
        #expect(gate.refusal(multiplied("E", ExactDecimal(1_000_000))) == nil)
        #expect(gate.refusal(registered("E") { $0.modulus = ExactDecimal(1, fractionDigits: 7) }) == .valuePrecision)
        #expect(gate.refusal(registered("E") { $0.maxRate = ExactDecimal(-1) }) == .valueRange)
        #expect(gate.refusal(registered("E") { $0.multiplier = .zero }) == .valueRange)
    }

    @Test("are refused for times out of range")
    func times() {
        var gate = gate()
        let early = Instant(milliseconds: Instant.earliestAccepted.milliseconds - 1)
        let late = Instant(milliseconds: receivedAt.milliseconds + Instant.acceptedLeadMilliseconds + 1)
        for at in [early, late] {
            #expect(gate.refusal(corrected("E", at: at)) == .timeRange)
            #expect(gate.refusal(exchanged("E") { $0.at = at }) == .timeRange)
            #expect(gate.refusal(multiplied("E", .one, at: at)) == .timeRange)
            #expect(gate.refusal(topUp("E", "a", at: at)) == .timeRange)
            let voided = ReadingVoided(device: "E", register: nil, readAt: at, reason: "r")
            #expect(gate.refusal(.readingVoided(voided)) == .timeRange)
            let outcome = PushOutcome(kind: .failed, job: "j", at: at, channel: nil, attempt: nil, response: nil)
            #expect(gate.refusal(.pushSettled(outcome)) == .timeRange)
        }
    }

    @Test("about a device need it registered, but for readings' corrections and money")
    func unknownDevices() {
        var gate = gate()
        #expect(gate.refusal(exchanged("X")) == .unknownDevice)
        #expect(gate.refusal(multiplied("X", .one)) == .unknownDevice)
        #expect(gate.refusal(assigned("X", "energy")) == .unknownDevice)
        #expect(gate.refusal(corrected("X")) == .unknownDevice)
        #expect(gate.refusal(corrected("X", register: "r")) == .unknownDevice)
        #expect(gate.refusal(topUp("X", "x")) == nil)
        #expect(gate.refusal(corrected("X", register: "r", unit: .litre)) == nil)
        #expect(gate.refusal(corrected("X", unit: .litre)) == .unknownDevice)
        #expect(gate.refusal(exchanged("X")) == .unknownDevice)
    }

    @Test("keep a device to its dimension and a tariff to its unit")
    func units() {
        var gate = gate()
        #expect(gate.refusal(corrected("E", unit: .litre)) == .unitMismatch)
        #expect(gate.refusal(exchanged("E") { $0.unit = .litre }) == .unitMismatch)
        #expect(gate.refusal(registered("E", .water)) == .unitMismatch)
        #expect(gate.refusal(registered("N", .electricity) { $0.unit = .litre }) == .unitMismatch)
        #expect(gate.refusal(registered("N", .gas) { $0.unit = .kilowattHour }) == nil)
        #expect(gate.refusal(assigned("E", "water")) == .unitMismatch)
        #expect(gate.refusal(registered("W", .water) { $0.tariff = "energy" }) == .unitMismatch)
        #expect(gate.refusal(published("energy", unit: .wattHour)) == .unitMismatch)
        #expect(gate.refusal(published("energy", currency: "USD")) == .currencyMismatch)
    }

    @Test("name tariffs and zones that are there")
    func references() {
        var gate = gate()
        #expect(gate.refusal(assigned("E", "none")) == .unknownTariff)
        #expect(gate.refusal(registered("N") { $0.tariff = "none" }) == .unknownTariff)
        #expect(gate.refusal(registered("N") { $0.timezone = "Mars/Base" }) == .unknownTimezone)
        #expect(gate.refusal(published("new", zone: "PST")) == .unknownTimezone)
        #expect(gate.refusal(assigned("E", "new")) == .unknownTariff)
    }

    @Test("keep money to one currency and a reference to one payment")
    func money() {
        var gate = gate()
        #expect(gate.refusal(topUp("E", "a")) == nil)
        #expect(gate.refusal(topUp("E", "a", at: receivedAt)) == nil)
        #expect(gate.refusal(topUp("E", "a", amount: 6)) == .referenceReused)
        #expect(gate.refusal(topUp("W", "a")) == .referenceReused)
        #expect(gate.refusal(topUp("E", "a", currency: "JPY")) == .referenceReused)
        #expect(gate.refusal(topUp("E", "b", currency: "JPY")) == .currencyMismatch)
        #expect(gate.refusal(assigned("E", "yen")) == .currencyMismatch)
        #expect(gate.refusal(registered("E") { $0.tariff = "yen" }) == .currencyMismatch)
        #expect(gate.refusal(assigned("W", "water")) == nil)
        #expect(gate.refusal(topUp("W", "c", currency: "JPY")) == .currencyMismatch)
        // A reference is compared by its bytes.
        #expect(gate.refusal(topUp("E", "\u{E9}")) == nil)
        #expect(gate.refusal(topUp("E", "e\u{301}", amount: 9)) == nil)
    }

    @Test("tell of several faults the first: value, time, device, tariff, money")
    func order() {
        var gate = gate()
        let early = Instant(milliseconds: 0)
        #expect(gate.refusal(corrected("E", ExactDecimal(1_000_000_001), at: early)) == .valueRange)
        #expect(gate.refusal(corrected("E", unit: .litre, at: early)) == .timeRange)
        #expect(gate.refusal(exchanged("X") { $0.at = early }) == .timeRange)
        #expect(gate.refusal(multiplied("X", .zero)) == .valueRange)
        #expect(gate.refusal(assigned("X", "none")) == .unknownDevice)
        #expect(gate.refusal(topUp("E", "a")) == nil)
        #expect(gate.refusal(assigned("E", "water")) == .unitMismatch)
        #expect(gate.refusal(topUp("E", "a", amount: 9, at: early)) == .timeRange)
    }

    @Test("that are refused leave no trace")
    func noTrace() {
        var gate = gate()
        let count = gate.admission.directory.deviceCount
        #expect(gate.refusal(registered("N1") { $0.tariff = "none" }) == .unknownTariff)
        #expect(gate.refusal(exchanged("N2")) == .unknownDevice)
        #expect(gate.refusal(topUp("N3", "n", at: Instant(milliseconds: 0))) == .timeRange)
        #expect(gate.refusal(corrected("N4", unit: .litre)) == .unknownDevice)
        #expect(gate.admission.directory.deviceCount == count)
        #expect(gate.admission.currency(of: "N3") == nil)
        // The reference is free, the dimension open.
        #expect(gate.refusal(topUp("E", "n", amount: 77)) == nil)
        #expect(gate.refusal(corrected("N4", register: "r", unit: .kilowattHour)) == nil)
    }
}
