import Foundation
import Testing

/// What the commands promise to scripts: exit codes, names, and where messages go.
struct CommandLineTests {
    static let commands = [
        ["ingest", "-"], ["topup", "E-1", "1", "--reference", "1"], ["query", "balance"], ["push", "drain"], ["replay"],
        ["rebuild"], ["verify"], ["log", "ls"], ["log", "show"], ["log", "stats"], ["log", "head"],
        ["backup", "nowhere"],
    ]

    @Test func `init makes a data directory and leaves one that is there alone`() throws {
        let scenario = try Scenario(initialised: false)
        scenario.expect(exit: 0, try scenario.run(["init"]))
        try scenario.ingest(Tour.text)
        let before = try Views(of: scenario)
        let again = try scenario.run(["init"])
        scenario.expect(exit: 0, again)
        #expect(again.output.contains("already"))
        #expect(try Views(of: scenario) == before)
    }

    @Test(arguments: commands)
    func `Other commands on a directory that is none say how to make one`(_ command: [String]) throws {
        let scenario = try Scenario(initialised: false)
        let outcome = try scenario.run(command)
        scenario.expect(exit: 1, outcome)
        #expect(outcome.errors.contains(scenario.data))
        #expect(outcome.errors.contains("meterfold init"))
        #expect(!FileManager.default.fileExists(atPath: scenario.data))
    }

    @Test(arguments: [
        ["frobnicate"], ["query"], ["query", "weather"], ["query", "consumption", "--by", "week"],
        ["query", "ledger", "--from", "yesterday"], ["query", "balance", "--format", "xml"],
        ["ingest", "--precision", "h"], ["ingest", "--input-format", "xml"], ["ingest", "--utility", "steam"],
        ["ingest", "--colour"], ["replay", "--kind", "Nonsense"], ["replay", "--from", "yesterday"],
        ["replay", "--format", "csv", "--with-record"], ["push", "drain", "--to", "nowhere"], ["topup", "E-1"],
        ["topup", "E-1", "much", "--reference", "1", "--currency", "EUR"], ["topup", "E-1", "1", "--reference", "1"],
        ["log", "stats", "--format", "csv"],
    ])
    func `Usage errors exit 64`(_ command: [String]) throws {
        let scenario = try Scenario()
        let outcome = try scenario.run(command)
        scenario.expect(exit: 64, outcome)
        #expect(!outcome.errors.isEmpty)
        #expect(outcome.output.isEmpty)
    }

    @Test(arguments: [
        "init", "apply", "ingest", "topup", "query", "explain", "push drain", "replay", "compare", "rebuild", "verify",
        "log ls", "log show", "log stats", "log head", "log keygen", "backup", "restore",
    ])
    func `Help names values by their words`(_ command: String) throws {
        let scenario = try Scenario(initialised: false)
        let outcome = try scenario.run(command.split(separator: " ").map(String.init) + ["--help"])
        scenario.expect(exit: 0, outcome)
        #expect(outcome.output.contains("USAGE: meterfold \(command)"))
        #expect(!outcome.output.contains("(values: 1") && !outcome.output.contains("<data>"))
    }

    @Test func `ingest's summary is one object`() throws {
        let scenario = try Scenario()
        let outcome = try scenario.run(
            ["ingest", "--format", "json", "-"],
            reading: Tour.text + "{\"device\":1}\nnonsense\n"
        )
        scenario.expect(exit: 2, outcome)
        #expect(outcome.outputLines.count == 1)
        let row = try Row(outcome.output.trimmingCharacters(in: .newlines))
        for name in ["accepted", "rejected", "reasons", "firstPosition", "lastPosition", "durable", "seconds"] {
            #expect(row.names.contains(name), "\(name)")
        }
        #expect(row[integer: "accepted"] == Tour.lineCount)
        #expect(row[integer: "rejected"] == 2)
        #expect(row[integer: "firstPosition"] == 1)
        #expect(row[integer: "lastPosition"] == Tour.lineCount)
        #expect(row[integer: "durable"] == Tour.lineCount)
        let reasons = try Row(row[json: "reasons"] ?? "")
        #expect(reasons.fields.reduce(0) { $0 + (Int($1.json) ?? 0) } == 2)
        let text = try scenario.run(["ingest", "-"], reading: "nonsense\n{\"device\":1}\n")
        #expect(text.exitCode == 1 || text.exitCode == 2)
    }

    @Test func `The text of a summary tells what was rejected and where it is kept`() throws {
        let scenario = try Scenario()
        let outcome = try scenario.run(["ingest"], reading: Tour.text + "{\"device\":1}\n")
        scenario.expect(exit: 2, outcome)
        #expect(outcome.output.contains("accepted   \(Tour.lineCount)"))
        #expect(outcome.output.contains("quarantine"))
        #expect(outcome.output.contains("1 missing-field"))
        #expect(outcome.errors.isEmpty, "nothing on stderr where it is no terminal: \(outcome.errors)")
    }

    @Test func `log stats counts what is in the log`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Tour.text)
        let outcome = try scenario.run(["log", "stats", "--format", "json"])
        scenario.expect(exit: 0, outcome)
        let row = try Row(outcome.output.trimmingCharacters(in: .newlines))
        for name in ["head", "events", "readings", "segments", "blocks", "bytes", "bytesPerReading"] {
            #expect(row.names.contains(name), "\(name)")
        }
        #expect(row[integer: "head"] == Tour.lineCount)
        #expect(row[integer: "events"] == Tour.lineCount)
        #expect(row[integer: "readings"] == 3)
        #expect(row[integer: "segments"] == 1)
        let bytes = try #require(row[integer: "bytes"])
        #expect(bytes > 0 && bytes < 16_384, "live bytes alone: \(bytes)")
        for format in ["table", "json"] {
            scenario.expect(exit: 0, try scenario.run(["log", "ls", "--format", format]))
        }
        let shown = try scenario.run(["log", "show"])
        #expect(shown.output.contains("TariffPublished"))
    }

    @Test func `log looks without touching`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Tour.text)
        let before = try scenario.segments().map(Scenario.bytes)
        for command in [["log", "ls"], ["log", "show"], ["log", "stats"], ["verify"], ["replay"]] {
            scenario.expect(exit: 0, try scenario.run(command))
        }
        #expect(try scenario.segments().map(Scenario.bytes) == before)
    }

    @Test func `topup records a payment once per reference`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Tour.text)
        for _ in 1...2 {
            scenario.expect(exit: 0, try scenario.run(["topup", "E-1", "20.00", "--reference", "2"]))
        }
        #expect(try scenario.query("balance").first?["balance"] == "18.00")
        let other = try scenario.run(["topup", "E-1", "21.00", "--reference", "2"])
        scenario.expect(exit: 1, other)
        #expect(other.errors.contains("reference-reused"))
        let foreign = try scenario.run(["topup", "E-1", "1", "--reference", "3", "--currency", "USD"])
        scenario.expect(exit: 1, foreign)
        #expect(foreign.errors.contains("currency-mismatch"))
        #expect(try scenario.query("balance").first?["balance"] == "18.00")
    }

    @Test func `The tour's figures`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Tour.text)
        let quantities = try scenario.query("consumption", "--by", "day", "--device", "E-1").map { $0["quantity"] }
        #expect(quantities == ["12.5", "13.75", "13.75"])
        let balance = try #require(scenario.query("balance").first)
        #expect(balance["balance"] == "-2.00")
        #expect(balance["balanceExact"] == "-2")
        #expect(try scenario.query("arrears").map { $0["since"] } == ["2026-01-03T11:21:50Z"])
        #expect(try scenario.query("pushes").map { $0["job"] } == ["E-1/zero/2/crossed"])
        #expect(try scenario.query("consumption", "--from", "2026-01-03").count == 1)
        #expect(try scenario.query("consumption", "--to", "2026-01-03T00:00:00+01:00").count == 2)
        #expect(try scenario.query("consumption", "--device", "nobody").isEmpty)
    }

    @Test func `Settings come from the file, and the environment goes before it`() throws {
        let scenario = try Scenario()
        let file = scenario.data + "/meterfold.yaml"
        try Data("views: { hours: off }\ningest: { defaults: { utility: water } }\n".utf8)
            .write(to: URL(fileURLWithPath: file))
        let readings = "device,readAt,value\nW-1,2025-01-01T00:00:00Z,1\nW-1,2025-01-01T02:00:00Z,3\n"
        try scenario.ingest(readings)
        #expect(try scenario.query("consumption", "--by", "hour").map { $0["quantity"] } == ["1", "1"])
        #expect(try scenario.query("devices").map { $0["lastValue"] } == ["3"])
        scenario.environment["METERFOLD_VIEWS_HOURS"] = "on"
        #expect(try scenario.query("consumption", "--by", "hour").map { $0["quantity"] } == ["1", "1"])
        try Data("views: { colour: red }\n".utf8).write(to: URL(fileURLWithPath: file))
        let outcome = try scenario.run(["ingest", "-"], reading: readings)
        scenario.expect(exit: 1, outcome)
        #expect(outcome.errors.contains("colour"))
    }
}

/// A device, its tariff, a payment and three readings, the last of which takes it below zero.
enum Tour {
    static let declarations = """
        {"event":"TariffPublished","tariff":"home","unit":"kWh","currency":"EUR","versions":[{"from":"2026-01-01",\
        "default":"0.30"}]}
        {"event":"DeviceRegistered","device":"E-1","utility":"electricity","timezone":"Europe/Berlin",\
        "gapAfter":"25h","tariff":"home","from":"2026-01-01"}
        {"event":"TopUpReceived","device":"E-1","amount":"10.00","currency":"EUR","provider":"cash","reference":"1",\
        "at":"2026-01-01T08:00:00Z"}

        """

    static let readings = """
        {"device":"E-1","readAt":"2026-01-01T00:00:00+01:00","value":"1000.0"}
        {"device":"E-1","readAt":"2026-01-02T00:00:00+01:00","value":"1012.5"}
        {"device":"E-1","readAt":"2026-01-04T00:00:00+01:00","value":"1040.0"}

        """

    static let text = declarations + readings
    static let lineCount = 6
}
