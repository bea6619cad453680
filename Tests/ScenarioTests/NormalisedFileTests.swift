import Foundation
import SharedFiles
import Testing

/// The published measurements as events, compressed as they lie there.
@Suite(.enabled(if: SharedFolder.isThere, "shared fixtures are absent"))
struct NormalisedFileTests {
    static var meters: [String] {
        SharedFolder.names(in: "fixtures/normalised").compactMap { name in
            name.hasSuffix(".ndjson.gz") ? String(name.dropLast(".ndjson.gz".count)) : nil
        }
    }

    @Test(arguments: meters)
    func `A meter's events give the expected rows`(_ meter: String) throws {
        let scenario = try Scenario()
        let summary = try scenario.ingest(files: [SharedFolder.path("fixtures/normalised/\(meter).ndjson.gz")])
        #expect(summary[integer: "rejected"] == 0)
        for (query, file) in ExpectedRows.queries {
            let outcome = try scenario.run(["query"] + query + ["--format", "ndjson"])
            scenario.expect(exit: 0, outcome)
            let rows = try outcome.outputLines.map { try Row($0).dropping(["detail"]) }
            let expected = try ExpectedRows.of(meter, file)
            #expect(rows == expected, "\(ExpectedRows.difference(rows, expected))")
        }
    }

    /// With the default size of segments, and all meters in one log by one command.
    @Test func `All meters in one log give the same rows as each alone`() throws {
        let scenario = try Scenario()
        scenario.environment = [:]
        let files = Self.meters.map { SharedFolder.path("fixtures/normalised/\($0).ndjson.gz") }
        #expect(files.count == 21)
        try scenario.ingest(files: files)
        for (query, file) in ExpectedRows.queries {
            let outcome = try scenario.run(["query"] + query + ["--format", "ndjson"])
            let rows = try outcome.outputLines.map { try Row($0).dropping(["detail", "position"]) }
            let byName = Self.meters.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            let expected = try byName.flatMap { try ExpectedRows.of($0, file).map { $0.dropping(["position"]) } }
            #expect(rows == expected, "\(ExpectedRows.difference(rows, expected))")
        }
        scenario.expect(exit: 0, try scenario.run(["verify"]))
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
    }
}
