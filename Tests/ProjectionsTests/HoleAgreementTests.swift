import MeterModel
import OracleRows
import Projections
import ReadModel
import ReferenceFold
import Testing

/// The fold of a log with holes: what is left is folded as if nothing else had ever been said, however little sense it
/// makes by itself.
@Suite("The fold of a log with holes")
struct HoleAgreementTests {
    @Test("agrees with the oracle that forgot the same, and says what is missing", arguments: 0..<Seeds.shards)
    func agree(shard: Int) throws {
        var lostCount: UInt64 = 0
        for seed in Seeds.ofShard(shard, count: 300) {
            var history = FleetHistory(seed: seed &+ 2_000_000, isLawful: false)
            let trial = Trial(lines: history.arrival().map(\.text), seed: seed)
            var random = TestRandom(seed: seed)
            let (pipeline, outcomes) = try trial.ingested(&random)
            guard pipeline.head > .origin else { continue }
            var oracle = ReferenceFold(recordedAt: testRecordedAt.milliseconds)
            for (line, outcome) in zip(trial.lines, outcomes) {
                if let fault = trial.tell(line, outcome, &oracle) { Issue.record("seed \(seed): \(fault)") }
            }
            let holes = try pipeline.loseSegments(&random)
            for hole in holes {
                oracle.forget(Int(hole.lowerBound.rawValue)...Int(hole.upperBound.rawValue))
                lostCount += hole.upperBound.rawValue - hole.lowerBound.rawValue + 1
            }
            // A hole at the end is a position that the oracle has no event for.
            let line = #"{"device":"end","register":"r","readAt":"2020-01-01T00:00:00Z","value":"1","unit":"kWh"}"#
            let outcome = try pipeline.ingest([line])[0]
            #expect(outcome == .accepted(pipeline.head.rawValue))
            if let fault = trial.tell(line, outcome, &oracle) { Issue.record("seed \(seed): \(fault)") }
            try pipeline.commit()
            #expect(try pipeline.store.read { try $0.meta() }.holes == holes)
            for query in AskedQuery.allCases {
                // Of a tariff whose publication is lost nobody knows the currency: the oracle has an empty account.
                let expected = oracle.rows(query.reference).filter { !$0.contains(#""currency":null"#) }
                if let text = difference(try pipeline.store.compactRows(query), expected) {
                    Issue.record("seed \(seed): \(query.rawValue): \(text)")
                    return
                }
            }
            let rebuilt = try pipeline.rebuilt(gatherCapacity: random.pick([2, 40, ViewProjector.usualGatherCapacity]))
            let comparison = try ViewComparison.compare(pipeline.store, rebuilt)
            #expect(comparison.isEqual, "seed \(seed): \(comparison.tables.filter { $0.differenceCount > 0 })")
            let findings = try pipeline.lawFindings()
            #expect(findings.isEmpty, "seed \(seed): \(findings)")
        }
        #expect(lostCount > 0)
    }
}
