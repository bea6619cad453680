import SharedFiles
import Testing

/// The log poured out again: whole, in part, and into another data directory.
struct ReplayTests {
    private func replayed(_ scenario: Scenario, _ arguments: [String] = []) throws -> Scenario {
        let copy = try Scenario()
        let outcome = try scenario.run(["replay"] + arguments)
        scenario.expect(exit: 0, outcome)
        try copy.ingest(outcome.output)
        return copy
    }

    private func expectEqualViews(_ ours: Scenario, _ theirs: Scenario) throws {
        let dropped = positions + ["requestedAt"]
        let (one, other) = (try Views(of: ours, dropping: dropped), try Views(of: theirs, dropping: dropped))
        #expect(other == one, "\(other.differences(from: one))")
    }

    @Test(arguments: [[], ["--with-record"]])
    func `A log poured into an empty directory gives the same views`(_ arguments: [String]) throws {
        let scenario = try Scenario()
        try scenario.ingest(Fleets.usual.get().joined(separator: "\n"))
        let copy = try replayed(scenario, arguments)
        try expectEqualViews(scenario, copy)
        #expect(try copy.replay() == scenario.replay(), "what is replayed again is the same text")
    }

    @Test(.enabled(if: SharedFolder.isThere, "shared examples are absent"), arguments: ExampleTests.folders)
    func `An example's log poured into an empty directory`(_ example: String) throws {
        let scenario = try Scenario()
        let exit: Int32 = example.hasPrefix("16") ? 2 : 0
        try scenario.ingest(files: [SharedFolder.path("examples/\(example)/events.ndjson")], exit: exit)
        try expectEqualViews(scenario, replayed(scenario))
    }

    @Test func `Filters choose by device, kind, time and position`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Fleets.small.get().joined(separator: "\n"))
        let all = try scenario.replay("--with-record").map { try Row($0) }
        #expect(all.enumerated().allSatisfy { position($0.element) == $0.offset + 1 })
        func expect(_ arguments: [String], _ isWanted: (Row) -> Bool) throws {
            let outcome = try scenario.run(["replay", "--with-record"] + arguments)
            scenario.expect(exit: 0, outcome)
            let rows = try outcome.outputLines.map { try Row($0) }
            let wanted = all.filter(isWanted)
            #expect(!wanted.isEmpty && wanted.count < all.count, "\(arguments) tests nothing")
            #expect(rows == wanted, "\(arguments)")
        }
        let device = try #require(all.last?["device"])
        try expect(["--device", device]) { $0["device"] == device }
        for kind in ["TariffPublished", "DeviceRegistered", "ReadingReceived", "TopUpReceived"] {
            try expect(["--kind", kind]) { ($0["event"] ?? "ReadingReceived") == kind }
        }
        try expect(["--from-position", "100"]) { position($0) >= 100 }
        try expect(["--to-position", "100"]) { position($0) <= 100 }
        try expect(["--from-position", "77", "--to-position", "1234"]) { (77...1234).contains(position($0)) }
        // Times of this fleet are printed in UTC to the second or millisecond, so their first 19 characters sort.
        let from = "2026-01-03T07:00:00"
        let to = "2026-01-04T00:00:00"
        func time(_ row: Row) -> String? { (row["readAt"] ?? row["end"] ?? row["at"]).map { String($0.prefix(19)) } }
        try expect(["--from", from + "Z", "--to", to + "Z"]) { row in time(row).map { $0 >= from && $0 < to } ?? false }
        try expect(["--device", device, "--kind", "ReadingReceived", "--from", from + "Z"]) { row in
            row["device"] == device && row["event"] == nil && time(row).map { $0 >= from } ?? false
        }
        #expect(try scenario.replay("--device", "nobody").isEmpty)
    }

    private func position(_ row: Row) -> Int {
        (try? Row(row[json: "record"] ?? "{}"))?[integer: "position"] ?? 0
    }

    @Test func `Readings make a round trip by way of CSV`() throws {
        let scenario = try Scenario()
        let lines = try Fleets.usual.get()
        try scenario.ingest(lines.joined(separator: "\n"))
        let interval =
            #"{"device":"a,\"b\"","kind":"interval","start":1735689600,"end":1735693200,"value":"0.25","#
            + #""register":"r","unit":"kWh","quality":"edited","receivedAt":"2025-01-01T02:00:00.125Z"}"#
        try scenario.ingest(interval)
        let copy = try Scenario()
        for kind in ["TariffPublished", "DeviceRegistered"] {
            try copy.ingest(scenario.replay("--kind", kind).joined(separator: "\n"))
        }
        let table = try scenario.run(["replay", "--format", "csv"])
        scenario.expect(exit: 0, table)
        try copy.ingest(table.output)
        for bucket in ["hour", "month"] {
            let (one, other) = (
                try scenario.query("consumption", "--by", bucket), try copy.query("consumption", "--by", bucket)
            )
            #expect(other == one, "\(ExpectedRows.difference(other, one))")
        }
        let told = try scenario.replay("--kind", "ReadingReceived")
        let rows = table.outputLines.dropFirst()
        #expect(rows.count == told.count)
        for (row, line) in zip(rows, told) {
            let line = try Row(line)
            guard let at = line["readAt"] else { continue }
            let fields = ["device", "register"].map { line[$0] ?? "" } + ["", at, "", "", line["value"] ?? ""]
            #expect(row.hasPrefix(fields.joined(separator: ",") + ","), "\(row)")
        }
        let again = try copy.run(["replay", "--format", "csv"])
        #expect(again.output == table.output)
    }
}
