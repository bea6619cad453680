import OracleRows
import SharedFiles
import Testing

/// Years of real meters' readings against what another implementation of the semantics made of them.
@Suite("Real meters")
struct FixtureTests {
    static var meters: [String] { SharedFolder.names(in: "fixtures/expected/semantics") }

    @Test("A real meter's series folds to the expected rows", arguments: meters)
    func folds(_ meter: String) throws {
        let pipeline = try Pipeline()
        var random = TestRandom(seed: UInt64(meter.utf8.count))
        var rest = try SharedFolder.gzipLines("fixtures/normalised/\(meter).ndjson.gz")[...]
        while !rest.isEmpty {
            let outcomes = try pipeline.ingest(Array(rest.prefix(Int(random.int(1...4000)))))
            for outcome in outcomes {
                guard case .accepted = outcome else {
                    Issue.record("a line of \(meter) came to \(outcome)")
                    return
                }
            }
            rest = rest.dropFirst(outcomes.count)
            if random.oneIn(3) { try pipeline.commit() }
        }
        try pipeline.commit()
        for query in [AskedQuery.day, .month, .anomalies, .devices] {
            let expected = try SharedFolder.lines("fixtures/expected/semantics/\(meter)/\(query.rawValue).ndjson")
            let rows = try pipeline.store.compactRows(query)
            let difference = zip(rows, expected).first { $0 != $1 }
            #expect(rows.count == expected.count, "\(meter)/\(query)")
            #expect(difference == nil, "\(meter)/\(query)")
        }
    }
}
