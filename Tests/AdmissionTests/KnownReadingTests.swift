import MeterModel
import Testing

@testable import Admission

/// Random readings and declarations, the seed in the failure's message.
@Suite("Readings of known series")
struct KnownReadingTests {
    private static let units: [MeterModel.Unit?] = [
        nil, nil, .wattHour, .kilowattHour, .megawattHour, .litre, .cubicMetre,
    ]

    private static func draft(_ gate: inout Gate, _ random: inout Random) -> ReadingDraft {
        let device = "E-\(random.below(12))"
        let register: String? = random.below(2) == 0 ? nil : random.below(8) == 0 ? "r\(random.below(3))" : "1-0:1.8.0"
        let coefficient = random.below(20) == 0 ? Int64(random.next() >> 1) : Int64(random.below(1_000_000)) - 1000
        let isInterval = random.below(10) == 0
        let at = newYear.milliseconds + Int64(random.below(1000)) * 60_000
        var draft = gate.draft(
            device,
            coefficient,
            fractionDigits: UInt8(random.below(7)),
            register: register,
            unit: units[random.below(units.count)],
            at: random.below(30) == 0 ? 5 : random.below(30) == 0 ? ReadingDraft.absentInstant : at,
            start: isInterval ? at - Int64(random.below(3)) * 60_000 : nil
        )
        if random.below(20) == 0 { draft.receivedAt = random.below(2) == 0 ? 7 : at }
        draft.quality = random.below(5) == 0 ? .estimated : .measured
        return draft
    }

    @Test("are judged the same on both paths", arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func bothPaths(seed: UInt64) {
        var random = Random(seed: seed)
        var (fast, slow) = (Gate(), Gate())
        slow.admission.takesKnownFirst = false
        var (acceptedCount, refusedCount) = (0, 0)
        for _ in 0..<200 {
            if random.below(4) == 0 {
                let event = registered("E-\(random.below(12))", random.below(4) == 0 ? .water : .electricity)
                #expect(fast.refusal(event) == slow.refusal(event))
            }
            var drafts: [ReadingDraft] = []
            for _ in 0..<random.below(60) { drafts.append(KnownReadingTests.draft(&fast, &random)) }
            slow.names = fast.names
            let defaults = random.below(3) == 0 ? AdmissionDefaults(utility: .electricity) : .none
            let (a, b) = (fast.admit(drafts, defaults: defaults), slow.admit(drafts, defaults: defaults))
            #expect(a.accepted == b.accepted, "seed \(seed)")
            #expect(a.refused == b.refused, "seed \(seed)")
            acceptedCount += a.accepted.count
            refusedCount += a.refused.count
        }
        #expect(fast.admission.directory.seriesCount == slow.admission.directory.seriesCount)
        #expect(acceptedCount > 500 && refusedCount > 500, "\(acceptedCount), \(refusedCount)")
    }
}

private struct Random {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
