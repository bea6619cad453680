import SharedFiles
import Testing

@testable import ReferenceFold

/// Years of real meters' readings against what another implementation of the semantics made of them.
struct FixtureTests {
    static var meters: [String] {
        SharedFolder.names(in: "fixtures/expected/semantics")
    }

    @Test(arguments: meters)
    func `A real meter's series folds to the expected rows`(_ meter: String) throws {
        var fold = ReferenceFold(recordedAt: recordedAt)
        for line in try SharedFolder.gzipLines("fixtures/normalised/\(meter).ndjson.gz") {
            guard case .accepted = fold.ingest(ndjsonLine: line) else {
                Issue.record("\(line) is refused")
                return
            }
        }
        let queries: [(file: String, query: ReferenceQuery)] = [
            ("consumption-day", .consumption(by: .day)), ("consumption-month", .consumption(by: .month)),
            ("anomalies", .anomalies), ("devices", .devices),
        ]
        for (file, query) in queries {
            let expected = try SharedFolder.lines("fixtures/expected/semantics/\(meter)/\(file).ndjson")
            let rows = fold.rows(query)
            let firstDifference = zip(rows, expected).first { $0 != $1 }
            #expect(rows.count == expected.count, "\(meter)/\(file)")
            #expect(firstDifference == nil, "\(meter)/\(file)")
        }
    }
}
