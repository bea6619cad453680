import Admission
import MeterModel
import Testing

@Suite("Admission after a restart")
struct ReplayTests {
    private static let history: [MeterEvent] = [
        published("energy"), published("yen", currency: "JPY"), topUp("early", "e"), registered("E"),
        registered("W", .water) { $0.register = "dial" }, corrected("stranger", register: "r", unit: .litre),
        .readingVoided(ReadingVoided(device: "late", register: "side", readAt: newYear, reason: "r")),
        registered("G", .gas) { $0.unit = .kilowattHour }, assigned("E", "energy"), topUp("G", "g", currency: "JPY"),
        registered("E") { $0.unit = .wattHour },
    ]

    /// What tells one state from another.
    private static let probes: [MeterEvent] = [
        corrected("E"), corrected("W"), corrected("G"), corrected("stranger"), corrected("late"),
        corrected("stranger", register: "x", unit: .kilowattHour),
        corrected("late", register: "x", unit: .kilowattHour),
        corrected("E", unit: .litre), corrected("G", unit: .litre), assigned("E", "yen"), assigned("G", "energy"),
        assigned("G", "yen"), assigned("E", "none"), topUp("E", "e"), topUp("early", "e"),
        topUp("early", "f", currency: "JPY"),
        topUp("G", "g", amount: 6, currency: "JPY"), registered("late", .water), registered("stranger"),
        published("energy", currency: "USD"),
    ]

    private static let readings: [(device: String, register: String?, unit: Unit?)] = [
        ("E", nil, nil), ("W", nil, nil), ("G", nil, .wattHour), ("stranger", "r", .litre), ("stranger", nil, .litre),
        ("late", "side", .cubicMetre), ("new", "x", .kilowattHour), ("E", "x", nil), ("early", "1", .litre),
    ]

    private enum Verdict: Equatable {
        case accepted(MeterEvent)
        case refused(RefusalCode)
    }

    private func verdicts(_ admission: Admission) -> [Verdict] {
        ReplayTests.probes.map { probe in
            var admission = admission
            do throws(Refusal) {
                return .accepted(try admission.admit(probe, defaults: .none, recordedAt: receivedAt))
            } catch {
                return .refused(error.code)
            }
        }
    }

    @Test("decides as before, whatever part of the log was replayed")
    func equal() throws {
        for count in 0...ReplayTests.history.count {
            var gate = Gate()
            var log: [MeterEvent] = []
            for event in ReplayTests.history[..<count] {
                log.append(try gate.admission.admit(event, defaults: .none, recordedAt: receivedAt))
            }
            let drafts = ReplayTests.readings.map { gate.draft($0.device, register: $0.register, unit: $0.unit) }
            let accepted = count % 2 == 0 ? gate.admit(drafts).accepted : []

            // The log's own numbering knows what was logged, in that order.
            var directory = SeriesDirectory()
            var replayed = Gate()
            for event in log {
                directory.enter(event)
                replayed.admission.replay(event, directory: directory)
            }
            let admitted = gate.admission.directory
            for reading in accepted {
                let device = directory.device(named: admitted.deviceName(ofSeries: reading.series))
                let register = directory.register(named: admitted.registerName(ofSeries: reading.series))
                #expect(directory.series(device: device, register: register) == reading.series)
            }
            accepted.withUnsafeBufferPointer { replayed.admission.replay($0, directory: directory) }
            replayed.admission.adopt(directory)

            #expect(replayed.admission.directory.deviceCount == admitted.deviceCount)
            #expect(replayed.admission.directory.registers.count == admitted.registers.count)
            #expect(verdicts(replayed.admission) == verdicts(gate.admission), "after \(count) events")
            let again = ReplayTests.readings.map { replayed.draft($0.device, register: $0.register, unit: $0.unit) }
            gate.admission.forgetNames()
            gate.names = TelegramNames()
            let drafted = ReplayTests.readings.map { gate.draft($0.device, register: $0.register, unit: $0.unit) }
            let (one, other) = (gate.admit(drafted), replayed.admit(again))
            #expect(one.accepted == other.accepted)
            #expect(one.refused == other.refused)
        }
    }
}
