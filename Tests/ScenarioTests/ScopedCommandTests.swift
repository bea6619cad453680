import Foundation
import Testing

/// Commands about few devices fold these alone; what they leave behind is what folding everything leaves.
struct ScopedCommandTests {
    /// A fleet in several segments, without the readings of some devices, which come in files of their own.
    private func fleet(withholding devices: [String]) throws -> (Scenario, withheld: [String: [String]]) {
        let scenario = try Scenario()
        var withheld: [String: [String]] = [:]
        var lines: [String] = []
        for line in try Fleets.large.get() {
            let isReading = !line.contains("\"event\"")
            if isReading, let device = devices.first(where: { line.contains("\"device\":\"\($0)\"") }) {
                withheld[device, default: []].append(line)
            } else {
                lines.append(line)
            }
        }
        try scenario.ingest(lines.joined(separator: "\n"))
        return (scenario, withheld)
    }

    /// Those that pay in euros.
    private func devices() throws -> [String] {
        try Fleets.large.get().filter { $0.contains("DeviceRegistered") && $0.contains("\"berlin-electricity\"") }
            .compactMap { try Row($0)["device"] }
    }

    /// Views folded anew are equal to those kept, and keep the laws.
    private func expectRebuilt(_ scenario: Scenario, sourceLocation: SourceLocation = #_sourceLocation) throws {
        scenario.expect(exit: 0, try scenario.run(["verify"]), sourceLocation: sourceLocation)
        let outcome = try scenario.run(["rebuild"])
        scenario.expect(exit: 0, outcome, sourceLocation: sourceLocation)
        #expect(outcome.output.contains("equal"), sourceLocation: sourceLocation)
    }

    @Test func `Payments, once for each reference whoever told it first`() throws {
        let (scenario, _) = try fleet(withholding: [])
        let devices = try devices()
        for (i, device) in [devices[0], devices[2], devices[devices.count - 1]].enumerated() {
            let amount = ["1000.00", "0.01", "3.5"][i]
            scenario.expect(exit: 0, try scenario.run(["topup", device, amount, "--reference", "late-\(i)"]))
        }
        // The reference is another device's.
        let again = try scenario.run(["topup", devices[1], "1000.00", "--reference", "late-0"])
        scenario.expect(exit: 1, again)
        #expect(again.errors.contains("reference"))
        scenario.expect(
            exit: 0,
            try scenario.run(["topup", "new", "5", "--reference", "late-9", "--currency", "EUR"])
        )
        #expect(try scenario.query("devices", "--device", "new").count == 1)
        try expectRebuilt(scenario)
    }

    @Test func `Late files of single devices`() throws {
        let names = Array(try devices().suffix(3))
        let (scenario, withheld) = try fleet(withholding: names)
        #expect(withheld.count == 3)
        var paths: [String] = []
        for name in names {
            paths.append(
                try scenario.file("\(paths.count).ndjson", try #require(withheld[name]).joined(separator: "\n"))
            )
        }
        // Told first, by the fold of all and by that of one: the same.
        let told = try [[paths[0]], ["-"]].map { files in
            let outcome = try scenario.run(
                ["ingest", "--dry-run", "--format", "json"] + files,
                reading: Scenario.bytes(paths[0])
            )
            scenario.expect(exit: 0, outcome)
            return try Row(try #require(outcome.outputLines.first)).dropping(["seconds"])
        }
        #expect(told[0] == told[1])
        try scenario.ingest(files: [paths[0]])
        try scenario.ingest(files: Array(paths[1...]))
        // Again: duplicates, but for what is refused.
        let summary = try scenario.ingest(files: [paths[0]])
        #expect(summary[integer: "duplicates"] == summary[integer: "accepted"])
        try expectRebuilt(scenario)
        // All at once, in the order of the fleet.
        let other = try Scenario()
        try other.ingest(Fleets.large.get().joined(separator: "\n"))
        let dropped = ["position", "clearedPosition", "requestedAt", "requestedPosition", "duplicates"]
        for query in [["consumption", "--by", "day"], ["consumption", "--by", "hour"], ["ledger"]] {
            let rows = try [scenario, other].map { scenario in
                try scenario.run(["query"] + query + ["--device", names[0], "--format", "ndjson"]).outputLines
                    .map { try Row($0).dropping(dropped) }
            }
            #expect(rows[0] == rows[1] && !rows[0].isEmpty, "\(query)")
        }
    }

    @Test func `A file that is about more than devices, and views that are behind`() throws {
        let (scenario, _) = try fleet(withholding: [])
        let devices = try devices()
        let reading = #"{"device":"\#(devices[0])","readAt":"2026-01-02T03:04:05Z","value":1,"quality":"edited"}"#
        let turned = #"{"event":"DayTurned","timezone":"Europe/Berlin","at":"2026-03-01T23:00:00Z"}"#
        let tariff =
            #"{"event":"TariffPublished","tariff":"other","unit":"kWh","currency":"EUR","versions":[{"#
            + #""from":"2026-01-01","default":"0.1"}]}"#
        let mixed = try scenario.file("mixed.ndjson", [reading, turned, tariff].joined(separator: "\n"))
        try scenario.ingest(files: [mixed])
        let alone = try scenario.file("alone.ndjson", reading)
        try scenario.ingest(files: [alone], ["--log-only"])
        scenario.expect(
            exit: 0,
            try scenario.run(["topup", devices[1], "7", "--reference", "late", "--currency", "EUR", "--provider", "p"])
        )
        try scenario.ingest(files: [alone])
        try expectRebuilt(scenario)
    }

    @Test func `A device whose name begins another's, with pushes of both`() throws {
        let rule = { (device: String, rule: String) in
            #"{"event":"AlertRuleSet","device":"\#(device)","rule":"\#(rule)","level":"100"}"#
        }
        var lines = [
            #"{"event":"TariffPublished","tariff":"home","unit":"kWh","currency":"EUR","versions":[{"#
                + #""from":"2026-01-01","default":"1"}]}"#
        ]
        for device in ["a", "a/b"] {
            lines.append(
                #"{"event":"DeviceRegistered","device":"\#(device)","utility":"electricity","tariff":"home"}"#
            )
            lines.append(
                #"{"event":"TopUpReceived","device":"\#(device)","amount":"150","currency":"EUR","provider":"cash","#
                    + #""reference":"\#(device)","at":"2026-01-01T00:00:00Z"}"#
            )
        }
        lines += [rule("a", "b"), rule("a/b", "c")]
        let scenario = try Scenario()
        try scenario.ingest(lines.joined(separator: "\n"))
        func reading(_ device: String, _ day: Int, _ value: Int) -> String {
            #"{"device":"\#(device)","readAt":"2026-01-0\#(day)T00:00:00Z","value":\#(value)}"#
        }
        let base = (1...4).flatMap { day in ["a", "a/b"].map { reading($0, day, day) } }
        try scenario.ingest(base.joined(separator: "\n"))
        for (i, device) in ["a/b", "a"].enumerated() {
            let late = try scenario.file("\(i).ndjson", reading(device, 5, 60))
            try scenario.ingest(files: [late])
            scenario.expect(exit: 0, try scenario.run(["push", "drain"]))
            scenario.expect(exit: 0, try scenario.run(["topup", device, "1", "--reference", "late-\(i)"]))
        }
        try expectRebuilt(scenario)
    }

    @Test func `What was known at a position, of one device`() throws {
        let (scenario, _) = try fleet(withholding: [])
        let device = try devices()[2]
        let head = try Row(scenario.run(["log", "stats", "--format", "json"]).outputLines[0])[integer: "head"] ?? 0
        for options in [
            ["--at-position", "\(head / 2)"], ["--at-position", "\(head + 1)"], ["--at-position", "100"],
        ] {
            for query in Views.queries {
                let whole = try scenario.run(["query"] + query + options + ["--format", "ndjson"]).outputLines
                let one = try scenario.run(["query"] + query + options + ["--device", device, "--format", "ndjson"])
                let filtered = try whole.filter { try Row($0)["device"] == device }
                #expect(one.outputLines == filtered, "\(query) \(options)")
            }
        }
        let instant = ["--as-of", "2026-01-05T12:00:00Z", "--format", "ndjson"]
        for query in ["balance", "ledger", "consumption"] {
            let whole = try scenario.run(["query", query] + instant).outputLines
            let one = try scenario.run(["query", query, "--device", device] + instant)
            #expect(one.outputLines == (try whole.filter { try Row($0)["device"] == device }), "\(query)")
        }
    }
}
