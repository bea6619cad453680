import Foundation
import SharedFiles
import Testing

/// The worked examples that come with the semantics, told to the program as their page says.
@Suite(.enabled(if: SharedFolder.isThere, "shared examples are absent"))
struct ExampleTests {
    /// Those without alert rules, tiers, standing charges, periods, fleet files and `--as-of`.
    static let covered = ["01", "04", "05", "06", "07", "08", "09", "13", "16", "17"]

    static var folders: [String] {
        SharedFolder.names(in: "examples").filter { covered.contains(String($0.prefix(2))) }
    }

    @Test func `All covered examples are there`() { #expect(Self.folders.count == Self.covered.count) }

    @Test(arguments: folders)
    func `An example's queries print its expected rows`(_ example: String) throws {
        try WorkedExample(folder: SharedFolder.path("examples/\(example)")).check()
    }

    @Test func `Every expected row comes out in the other formats too`() throws {
        let scenario = try Scenario()
        let example = try #require(Self.folders.first { $0.hasPrefix("01") })
        try scenario.ingest(files: [SharedFolder.path("examples/\(example)/events.ndjson")])
        for query in ["consumption", "balance", "ledger", "arrears", "episodes", "pushes", "anomalies", "devices"] {
            let array = try Row.array(scenario.run(["query", query, "--format", "json"]).output)
            #expect(try scenario.query(query) == array, "\(query)")
            let csv = try scenario.run(["query", query, "--format", "csv"]).outputLines
            #expect(csv.count == array.count + 1, "\(query): \(csv)")
            let header = (csv.first ?? "").split(separator: ",").map(String.init)
            for row in array { #expect(row.names.allSatisfy(header.contains), "\(query): \(header)") }
            let table = try scenario.run(["query", query])
            scenario.expect(exit: 0, table)
        }
    }
}

/// A folder with `events.ndjson` and what queries print after them.
struct WorkedExample {
    let folder: String

    private func text(_ part: String) throws -> String {
        try String(contentsOfFile: "\(folder)/\(part)", encoding: .utf8)
    }

    /// Ingests the events into a data directory of their own and compares every expected file.
    func check() throws {
        let scenario = try Scenario()
        let expected = try FileManager.default.contentsOfDirectory(atPath: folder + "/expected").sorted()
        #expect(!expected.isEmpty)
        let refuses = expected.contains("refused.json")
        let events = folder + "/events.ndjson"
        try scenario.ingest(files: [events], exit: refuses ? 2 : 0)
        for file in expected where file != "refused.json" {
            let outcome = try scenario.run(try arguments(file) + ["--format", "json"])
            scenario.expect(exit: 0, outcome)
            let rows = try Row.array(outcome.output).map { $0.dropping(["detail", "requestedAt"]) }
            let wanted = try Row.array(text("expected/" + file))
            #expect(rows == wanted, "\(file): \(ExpectedRows.difference(rows, wanted))")
        }
        guard refuses else { return }
        let kept = try scenario.quarantined()
        #expect(kept.map { $0.dropping(["source", "text", "raw"]) } == (try Row.array(text("expected/refused.json"))))
        let lines = try text("events.ndjson").split(separator: "\n")
        for row in kept {
            #expect(row["source"] == events)
            #expect(row["raw"] == String(lines[(row[integer: "line"] ?? 0) - 1]))
        }
    }

    /// The query that an expected file is named after, such as `balance.at-position-5.json`.
    private func arguments(_ file: String) throws -> [String] {
        let parts = file.split(separator: ".").map(String.init)
        let query = parts[0].split(separator: "-").map(String.init)
        var arguments = ["query", query[0]]
        if query.count > 1 { arguments += ["--by", query[1]] }
        for part in parts.dropFirst().dropLast() {
            let position = try #require(part.hasPrefix("at-position-") ? part.dropFirst(12) : nil, "\(file)")
            arguments += ["--at-position", String(position)]
        }
        return arguments
    }
}

/// What lies in this repository's own folder of fixtures.
struct FixtureTests {
    @Test func `The tour's queries print the rows worked out by hand`() throws {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        try WorkedExample(folder: package.appendingPathComponent("Fixtures/tour").path).check()
    }
}
