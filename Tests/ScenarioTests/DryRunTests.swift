import Foundation
import Testing

/// What a late file would change, told before it is taken in: a meter of 24 kWh a day at 0.10 a kWh, five paid at
/// first.
struct DryRunTests {
    private static let declarations = [
        #"{"event":"TariffPublished","tariff":"home","unit":"kWh","currency":"EUR","versions":[{"#
            + #""from":"2026-01-01","default":"0.1"}]}"#,
        #"{"event":"DeviceRegistered","device":"E-1","utility":"electricity","gapAfter":"25h","tariff":"home","#
            + #""from":"2026-01-01"}"#,
        #"{"event":"DeviceRegistered","device":"E-2","utility":"electricity","tariff":"home","from":"2026-01-01"}"#,
        #"{"event":"TopUpReceived","device":"E-1","amount":"5","currency":"EUR","provider":"cash","reference":"1","#
            + #""at":"2026-01-01T00:00:00Z"}"#,
    ]

    private static func reading(_ day: Int, _ value: Int, device: String = "E-1") -> String {
        #"{"device":"\#(device)","readAt":"2026-01-0\#(day)T00:00:00Z","value":\#(value)}"#
    }

    private func scenario() throws -> Scenario {
        let scenario = try Scenario()
        let lines = Self.declarations + [Self.reading(1, 0), Self.reading(2, 24), Self.reading(3, 48)]
        try scenario.ingest(lines.joined(separator: "\n"))
        return scenario
    }

    private func files(_ scenario: Scenario) throws -> [String: [UInt8]] {
        let paths = try scenario.segments() + [scenario.data + "/views.sqlite"]
        return Dictionary(uniqueKeysWithValues: try paths.map { ($0, try Scenario.bytes($0)) })
    }

    private func dryRun(_ scenario: Scenario, _ lines: [String], exit: Int32 = 0) throws -> Row {
        let before = try files(scenario)
        let outcome = try scenario.run(
            ["ingest", "--dry-run", "--format", "json"],
            reading: lines.joined(separator: "\n")
        )
        scenario.expect(exit: exit, outcome)
        #expect(try files(scenario) == before)
        #expect(try scenario.quarantined().isEmpty)
        return try Row(try #require(outcome.outputLines.first))
    }

    /// The one device of which something would change.
    private func device(_ summary: Row) throws -> Row {
        try Row(String(try #require(summary[json: "devices"]).dropFirst().dropLast()))
    }

    @Test func `A file with a day more and a reading between two known ones`() throws {
        let scenario = try scenario()
        // At noon of the second day, which keeps its quantity.
        let late = #"{"device":"E-1","readAt":"2026-01-02T12:00:00Z","value":48}"#
        let summary = try dryRun(scenario, [Self.reading(4, 54), late])
        #expect(summary[integer: "accepted"] == 2)
        #expect(summary[integer: "firstPosition"] == 8)
        #expect(summary[integer: "lastPosition"] == 9)
        #expect(summary[integer: "durable"] == 7)
        let device = try device(summary)
        #expect(device["device"] == "E-1")
        #expect(device[json: "days"] == #"[{"register":"1-0:1.8.0","day":"2026-01-03","before":null,"after":"6"}]"#)
        #expect(device[json: "ledgerDays"] == #"[{"day":"2026-01-03","before":"0","after":"-0.6"}]"#)
        #expect(device[json: "balance"] == #"{"currency":"EUR","before":"0.2","after":"-0.4"}"#)
        // 0.20 left at the beginning of the third day, of which 6 kWh cost 0.60: a third of it.
        #expect(
            device[json: "episodesOpened"]
                == #"[{"rule":"zero","episode":2,"crossedAt":"2026-01-03T08:00:00Z","balanceBefore":"0.2","#
                + #""balanceAfter":"-0.4"}]"#
        )
        #expect(device[json: "episodesClosed"] == "[]")
        #expect(
            device[json: "pushes"]
                == #"[{"job":"E-1/zero/2/crossed","rule":"zero","episode":2,"kind":"crossed","outcome":"stale"}]"#
        )
    }

    @Test func `What is said is what the ingest then does`() throws {
        let scenario = try scenario()
        let lines = [Self.reading(3, 60), Self.reading(4, 90), Self.reading(4, 90)]
        let device = try device(dryRun(scenario, lines))
        try scenario.ingest(lines.joined(separator: "\n"))
        let balance = try #require(scenario.query("balance", "--device", "E-1").first)
        #expect(device[json: "balance"]?.contains(#""after":"\#(balance["balanceExact"] ?? "")""#) == true)
        let opened = try scenario.query("episodes", "--device", "E-1").filter { $0["episode"] == "2" }
        #expect(device[json: "episodesOpened"]?.contains(opened.first?["crossedAt"] ?? "-") == true)
        let anomalies = try scenario.query("anomalies", "--device", "E-1")
        #expect(anomalies.map { $0["kind"] } == ["conflict"])
        #expect(device[json: "anomaliesAppeared"]?.contains(#""kind":"conflict""#) == true)
    }

    @Test func `A held tail that is resolved makes its anomaly vanish, and a payment closes an episode`() throws {
        let scenario = try scenario()
        try scenario.ingest([Self.reading(4, 60), Self.reading(5, 30)].joined(separator: "\n"))
        #expect(try scenario.query("anomalies").map { $0["kind"] } == ["suspected-reset"])
        #expect(try scenario.query("arrears", "--device", "E-1").count == 1)
        let payment =
            #"{"event":"TopUpReceived","device":"E-1","amount":"9","currency":"EUR","provider":"cash","reference":"2","#
            + #""at":"2026-01-05T12:00:00Z"}"#
        let device = try device(dryRun(scenario, [Self.reading(6, 72), payment]))
        #expect(device[json: "anomaliesVanished"]?.contains(#""kind":"suspected-reset""#) == true)
        #expect(device[json: "anomaliesAppeared"]?.contains(#""kind":"dip""#) == true)
        #expect(device[json: "episodesClosed"]?.contains(#""clearedAt":"2026-01-05T12:00:00Z""#) == true)
    }

    @Test func `Refused lines are told with their reasons and kept nowhere`() throws {
        let scenario = try scenario()
        let lines = ["{", Self.reading(3, 48), #"{"device":"E-9","readAt":"2026-01-02T00:00:00Z","value":1}"#]
        let summary = try dryRun(scenario, lines, exit: 2)
        #expect(summary[integer: "accepted"] == 1)
        #expect(summary[integer: "duplicates"] == 1)
        #expect(summary[integer: "rejected"] == 2)
        #expect(summary[json: "reasons"] == #"{"bad-json":1,"unknown-device":1}"#)
        #expect(summary[json: "devices"] == "[]")
        let refused = try #require(summary[json: "refused"])
        #expect(refused.contains(#""source":"-","line":1,"code":"bad-json""#))
        #expect(refused.contains(#""line":3,"code":"unknown-device""#))
        let outcome = try scenario.run(["ingest", "--dry-run"], reading: lines.joined(separator: "\n"))
        scenario.expect(exit: 2, outcome)
        #expect(outcome.output.contains("nothing was written"))
        #expect(outcome.output.contains("line 3: unknown-device"))
        #expect(!outcome.output.contains("quarantine"))
    }

    @Test func `A whole fleet in one file is told device by device, into a log with nothing in it`() throws {
        let scenario = try Scenario()
        let lines = try Fleets.small.get()
        let outcome = try scenario.run(["ingest", "--dry-run"], reading: lines.joined(separator: "\n"))
        scenario.expect(exit: 0, outcome)
        #expect(try scenario.query("devices").isEmpty)
        try scenario.ingest(lines.joined(separator: "\n"))
        for balance in try scenario.query("balance") {
            let line = "balance  - -> \(balance["balance"] ?? "") \(balance["currency"] ?? "")"
            #expect(outcome.output.contains(line), "\(balance)")
        }
    }

    @Test func `What contradicts itself is a fault of use`() throws {
        let scenario = try scenario()
        scenario.expect(exit: 64, try scenario.run(["ingest", "--dry-run", "--log-only"]))
        scenario.expect(exit: 1, try scenario.run(["ingest", "--dry-run", "/nowhere"]))
        scenario.expect(exit: 1, try Scenario(initialised: false).run(["ingest", "--dry-run"]))
    }
}
