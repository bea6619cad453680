import MeterModel
import ReadModel
import Testing

@testable import Projections

/// The conservation laws, over random histories with every kind of trouble.
@Suite("The conservation laws")
struct LawAuditTests {
    @Test("hold for every history", arguments: 0..<Seeds.shards)
    func hold(shard: Int) throws {
        for seed in Seeds.ofShard(shard, count: 600) {
            var history = FleetHistory(seed: seed &+ 2_000_000, isLawful: false)
            let lines = history.arrival().map(\.text)
            guard try !findings(lines, seed).isEmpty else { continue }
            let fewest = shrunk(lines) { (try? findings($0, seed))?.isEmpty == false }
            let texts = try findings(fewest, seed).map(\.description) + fewest
            Issue.record("seed \(seed): \(texts.joined(separator: "\n"))")
            return
        }
    }

    private func findings(_ lines: [String], _ seed: UInt64) throws -> [LawFinding] {
        var random = TestRandom(seed: seed)
        return try Trial(lines: lines, seed: seed).ingested(&random).0.lawFindings()
    }

    @Test("let intervals differ from the dial by their rounding alone")
    func rounding() {
        let dial = CountedSum(sum: 100, count: 2)
        #expect(dial.gives(CountedSum(sum: 100, count: 2), thousandths: 1000))
        #expect(!dial.gives(CountedSum(sum: 101, count: 2), thousandths: 1000))
        // 100 x 1.5: each of the two was rounded by half a milliwatt-hour at most.
        #expect(dial.gives(CountedSum(sum: 151, count: 2), thousandths: 1500))
        #expect(dial.gives(CountedSum(sum: 149, count: 2), thousandths: 1500))
        #expect(!dial.gives(CountedSum(sum: 152, count: 2), thousandths: 1500))
    }
}
