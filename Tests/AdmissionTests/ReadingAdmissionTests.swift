import Admission
import MeterModel
import Testing

@Suite("Readings at the gate")
struct ReadingAdmissionTests {
    private func gate() -> Gate {
        var gate = Gate()
        #expect(gate.refusal(registered("E")) == nil)
        #expect(gate.refusal(registered("W", .water) { $0.unit = .litre }) == nil)
        return gate
    }

    @Test("get unit and register from their device, and their value in thousandths")
    func filledIn() {
        var gate = gate()
        let drafts = [
            gate.draft("E", 12_345, fractionDigits: 3), gate.draft("W", 7), gate.draft("E", 2, unit: .wattHour),
        ]
        let (accepted, refused) = gate.admit(drafts)
        #expect(refused == [:])
        #expect(accepted.map(\.value) == [12_345_000, 7000, 2000])
        #expect(accepted.map(\.traits.unit) == [.kilowattHour, .litre, .wattHour])
        let directory = gate.admission.directory
        #expect(
            accepted.map { directory.registerName(ofSeries: $0.series) } == ["1-0:1.8.0", "8-0:1.0.0", "1-0:1.8.0"]
        )
        #expect(accepted.map { directory.deviceName(ofSeries: $0.series) } == ["E", "W", "E"])
    }

    @Test("take what came with the input before what the device declares")
    func defaults() {
        var gate = gate()
        let utility = AdmissionDefaults(utility: .gas)
        #expect(utility.unit == .cubicMetre)
        #expect(utility.register == "7-0:3.0.0")
        let drafts = [gate.draft("G", 3), gate.draft("W", 3), gate.draft("W", 3, register: "own", unit: .litre)]
        let (accepted, refused) = gate.admit(drafts, defaults: utility)
        #expect(refused == [:])
        #expect(accepted.map(\.value) == [3_000_000, 3_000_000, 3000])
        let directory = gate.admission.directory
        #expect(accepted.map { directory.registerName(ofSeries: $0.series) } == ["7-0:3.0.0", "7-0:3.0.0", "own"])
        // They belong to that input alone: the next one has none.
        #expect(gate.refusal(gate.draft("G", 3, unit: .cubicMetre)) == .unknownDevice)
    }

    @Test("of ever new devices come to an end, and those known go on")
    func deviceLimit() {
        var gate = gate()
        gate.admission.deviceLimit = 3
        let unit = Unit.kilowattHour
        #expect(gate.refusal(gate.draft("third", 1, register: "r", unit: unit)) == nil)
        #expect(gate.refusal(gate.draft("fourth", 1, register: "r", unit: unit)) == .tooManyDevices)
        #expect(gate.refusal(registered("fifth")) == .tooManyDevices)
        let known = gate.admission.directory.deviceCount
        #expect(known == 3, "what was refused has no number")
        for name in ["E", "W"] { #expect(gate.refusal(gate.draft(name, 2)) == nil) }
        #expect(gate.refusal(gate.draft("third", 2, register: "r", unit: unit)) == nil)
        #expect(gate.refusal(registered("E")) == nil)
        // Three devices have twelve registers.
        let results = (0..<20).map { gate.refusal(gate.draft("E", 1, register: "r\($0)", unit: unit)) }
        #expect(results.count { $0 == nil } == 9)
        #expect(results.last == .some(.tooManyDevices))
        #expect(gate.refusal(gate.draft("E", 3, register: "r0", unit: unit)) == nil)
        #expect(gate.refusal(gate.draft("E", 3)) == nil)
        #expect(gate.admission.directory.seriesCount == 12)
    }

    @Test("are refused for what is wrong with their value")
    func values() {
        var gate = gate()
        #expect(gate.refusal(gate.draft("E", 5, fractionDigits: 4, unit: .wattHour)) == .valuePrecision)
        #expect(gate.refusal(gate.draft("E", 5, fractionDigits: 3, unit: .wattHour)) == nil)
        #expect(gate.refusal(gate.draft("E", 1_000_000_001)) == .valueRange)
        #expect(gate.refusal(gate.draft("E", 1_000_000_000)) == nil)
        #expect(gate.refusal(gate.draft("E", -1_000_000_000)) == nil)
        #expect(gate.refusal(gate.draft("E", -1_000_000_001)) == .valueRange)
        #expect(gate.refusal(gate.draft("E", 999_999_999_999_999_999, unit: .megawattHour)) == .valueRange)
        let start = newYear.milliseconds - 1000
        #expect(gate.refusal(gate.draft("E", -1, start: start)) == .valueRange)
        #expect(gate.refusal(gate.draft("E", 0, start: start)) == nil)
    }

    @Test("are refused for what is wrong with their time")
    func times() {
        var gate = gate()
        let earliest = Instant.earliestAccepted.milliseconds
        let latest = receivedAt.milliseconds + 24 * Milliseconds.hour
        #expect(gate.refusal(gate.draft("E", at: earliest - 1)) == .timeRange)
        #expect(gate.refusal(gate.draft("E", at: earliest)) == nil)
        #expect(gate.refusal(gate.draft("E", at: latest)) == nil)
        #expect(gate.refusal(gate.draft("E", at: latest + 1)) == .timeRange)
        let end = newYear.milliseconds
        #expect(gate.refusal(gate.draft("E", start: end)) == .timeRange)
        #expect(gate.refusal(gate.draft("E", start: end + 1)) == .timeRange)
        #expect(gate.refusal(gate.draft("E", start: end - 400 * Milliseconds.day)) == nil)
        #expect(gate.refusal(gate.draft("E", start: end - 400 * Milliseconds.day - 1)) == .timeRange)
        #expect(gate.refusal(gate.draft("E", at: earliest + 5, start: earliest - 1)) == .timeRange)
        var draft = gate.draft("E")
        draft.receivedAt = latest + 1
        #expect(gate.refusal(draft) == .timeRange)
    }

    @Test("told without a time are of when they are received")
    func now() {
        var gate = gate()
        let draft = gate.draft("E", at: ReadingDraft.absentInstant)
        #expect(gate.admit([draft]).accepted.map(\.at) == [receivedAt.milliseconds])
    }

    @Test("of a device that nobody registered name register and unit, every time")
    func unknown() {
        var gate = gate()
        #expect(gate.refusal(gate.draft("X")) == .unknownDevice)
        #expect(gate.refusal(gate.draft("X", unit: .litre)) == .unknownDevice)
        #expect(gate.refusal(gate.draft("X", register: "r")) == .unknownDevice)
        #expect(gate.refusal(gate.draft("X", register: "r", unit: .litre)) == nil)
        #expect(gate.refusal(gate.draft("X", unit: .litre)) == .unknownDevice)
        #expect(gate.refusal(gate.draft("X", register: "r")) == .unknownDevice)
        #expect(gate.refusal(gate.draft("X", register: "r", unit: .kilowattHour)) == .unitMismatch)
        #expect(gate.refusal(registered("X")) == .unitMismatch)
        #expect(gate.refusal(registered("X", .water)) == nil)
        #expect(gate.refusal(gate.draft("X")) == nil)
    }

    @Test("tell of several faults the first: value, time, device")
    func order() {
        var gate = gate()
        #expect(gate.refusal(gate.draft("E", 5, fractionDigits: 4, unit: .wattHour, at: 0)) == .valuePrecision)
        #expect(gate.refusal(gate.draft("E", 1, unit: .litre, at: 0)) == .timeRange)
        #expect(gate.refusal(gate.draft("E", 1, unit: .litre)) == .unitMismatch)
        #expect(gate.refusal(gate.draft("X", at: 0)) == .timeRange)
        #expect(gate.refusal(gate.draft("X", 1_000_000_000_001, unit: .litre, at: 0)) == .valueRange)
    }

    @Test("that are refused leave no trace")
    func noTrace() {
        var gate = gate()
        let before = gate.admission.directory
        let drafts = [
            gate.draft("X"), gate.draft("Y", unit: .litre), gate.draft("Z", register: "new", at: 0),
            gate.draft("E", 1, register: "other", unit: .litre),
        ]
        let (accepted, refused) = gate.admit(drafts)
        #expect(accepted == [])
        #expect(refused.count == 4)
        let after = gate.admission.directory
        #expect(after.deviceCount == before.deviceCount)
        #expect(after.seriesCount == before.seriesCount)
        #expect(after.registers.count == before.registers.count)
        // The same names are given numbers when a line of theirs is accepted.
        #expect(gate.refusal(gate.draft("Y", register: "r", unit: .litre)) == nil)
        #expect(gate.admission.directory.devices.index(of: "Y") == UInt32(before.deviceCount))
    }
}
