import SharedFiles
import Testing

/// The same input again, in pieces, or in another order.
struct RepetitionTests {
    @Test func `The same input again changes no row but counts of duplicates and positions`() throws {
        let scenario = try Scenario()
        let text = try Fleets.usual.get().joined(separator: "\n")
        let first = try scenario.ingest(text)
        let accepted = try #require(first[integer: "accepted"])
        let before = try Views(of: scenario, dropping: ["duplicates", "position"])
        let duplicates = try duplicateCounts(scenario)
        let again = try scenario.ingest(text)
        #expect(again[integer: "accepted"] == accepted)
        #expect(again[integer: "firstPosition"] == accepted + 1)
        #expect(again[integer: "lastPosition"] == 2 * accepted)
        let after = try Views(of: scenario, dropping: ["duplicates", "position"])
        #expect(after == before, "\(after.differences(from: before))")
        let readings = try #require(again[integer: "duplicates"])
        #expect(try duplicateCounts(scenario) == duplicates + readings)
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
    }

    private func duplicateCounts(_ scenario: Scenario) throws -> Int {
        try scenario.query("devices").reduce(0) { $0 + ($1[integer: "duplicates"] ?? 0) }
    }

    @Test func `An example again, conflicts, corrections and exchanges included`() throws {
        for example in ExampleTests.folders where !example.hasPrefix("16") {
            let scenario = try Scenario()
            let file = SharedFolder.path("examples/\(example)/events.ndjson")
            try scenario.ingest(files: [file])
            let before = try Views(of: scenario, dropping: ["duplicates", "position"])
            try scenario.ingest(files: [file])
            let after = try Views(of: scenario, dropping: ["duplicates", "position"])
            #expect(after == before, "\(example): \(after.differences(from: before))")
        }
    }

    @Test func `Many small calls do what one does`() throws {
        let lines = try Fleets.small.get()
        let whole = try Scenario()
        try whole.ingest(lines.joined(separator: "\n"))
        let pieces = try Scenario()
        var generator = SplitMix(seed: 21)
        var start = 0
        while start < lines.count {
            let end = min(lines.count, start + 1 + generator.below(400))
            try pieces.ingest(lines[start..<end].joined(separator: "\n"))
            start = end
        }
        let dropped = positions + ["requestedAt"]
        let (one, many) = (try Views(of: whole, dropping: dropped), try Views(of: pieces, dropping: dropped))
        #expect(many == one, "\(many.differences(from: one))")
        pieces.expect(exit: 0, try pieces.run(["verify"]))
        pieces.expect(exit: 0, try pieces.run(["rebuild"]))
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `Any order of arrival gives the same consumption and balance`(_ seed: UInt64) throws {
        let lines = try Fleets.small.get()
        let ordered = try Scenario()
        try ordered.ingest(lines.joined(separator: "\n"))
        let shuffled = try Scenario()
        var generator = SplitMix(seed: seed)
        let declarations = lines.filter { $0.contains("\"event\":") && !$0.contains("Received") }
        let others = lines.filter { !declarations.contains($0) }.shuffled(using: &generator)
        try shuffled.ingest((declarations + others).joined(separator: "\n"))
        for query in [["consumption", "--by", "hour"], ["consumption", "--by", "month"], ["balance"], ["ledger"]] {
            let outcomes = try [ordered, shuffled].map {
                try $0.run(["query"] + query + ["--format", "ndjson"]).output
            }
            #expect(!outcomes[0].isEmpty)
            #expect(outcomes[0] == outcomes[1], "\(query)")
        }
    }
}
