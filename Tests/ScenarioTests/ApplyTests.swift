import Foundation
import SharedFiles
import Testing

/// Fleet files: what they declare, what is left alone, and what it costs to change the past.
struct ApplyTests {
    static let fleet = """
        tariffs:
          - id: home
            unit: kWh
            currency: EUR
            timezone: Europe/Berlin
            versions:
              - { from: 2026-01-01, default: "0.30", tax: 10 }
        devices:
          - id: E-1
            utility: electricity
            gapAfter: 25h
            tariff: home
            from: 2026-01-01
            alerts: [ { rule: low, level: 5, cleared: true } ]
          - { id: E-2, utility: electricity, multiplier: 1.5, modulus: 1e5, account: flat 2 }

        """

    static let readings = """
        {"device":"E-1","readAt":"2026-01-01T00:00:00+01:00","value":"100"}
        {"device":"E-1","readAt":"2026-01-02T00:00:00+01:00","value":"110"}

        """

    private func apply(_ scenario: Scenario, _ text: String, _ arguments: [String] = [], name: String = "fleet.yaml")
        throws -> Outcome
    {
        try scenario.run(["apply", try scenario.file(name, text)] + arguments)
    }

    /// Applies what must change nothing.
    private func expectUnchanged(_ scenario: Scenario, _ text: String, name: String = "fleet.yaml") throws {
        let before = try scenario.replay()
        let outcome = try apply(scenario, text, name: name)
        scenario.expect(exit: 0, outcome)
        #expect(outcome.output.contains("nothing to change"), "\(outcome.output)")
        #expect(try scenario.replay() == before)
    }

    // MARK: Plans

    @Test func `A fleet is planned, applied once, and nothing the second time`() throws {
        let scenario = try Scenario()
        let plan = try apply(scenario, Self.fleet, ["--dry-run"])
        scenario.expect(exit: 0, plan)
        #expect(plan.outputLines.prefix(3) == ["+ tariff home", "+ device E-1", "+ device E-2"])
        #expect(plan.output.contains("nothing was written"))
        #expect(try scenario.replay().isEmpty)
        let applied = try apply(scenario, Self.fleet)
        scenario.expect(exit: 0, applied)
        #expect(applied.output.contains("appended 3 events, positions 1 to 3"))
        #expect(
            try scenario.replay("--kind", "DeviceRegistered").last
                == #"{"event": "DeviceRegistered", "device": "E-2", "utility": "electricity", "multiplier": "1.5", "#
                + #""modulus": "100000", "account": "flat 2"}"#
        )
        try expectUnchanged(scenario, Self.fleet)
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
    }

    @Test func `The plan is one object on demand`() throws {
        let scenario = try Scenario()
        let first = try Row(apply(scenario, Self.fleet, ["--format", "json"]).output.trimmingCharacters(in: .newlines))
        #expect(first[json: "applied"] == "true")
        #expect(first[integer: "firstPosition"] == 1)
        #expect(first[integer: "lastPosition"] == 3)
        #expect(first[json: "devices"] == #"{"added":2,"changed":0,"unchanged":0}"#)
        let changed = Self.fleet.replacing("flat 2", with: "flat 3")
        let second = try Row(apply(scenario, changed, ["--format", "json"]).output.trimmingCharacters(in: .newlines))
        #expect(second[json: "tariffs"] == #"{"added":0,"changed":0,"unchanged":1}"#)
        #expect(
            second[json: "changes"]
                == #"[{"device":"E-2","change":"changed","fields":"#
                + #"[{"field":"account","from":"flat 2","to":"flat 3"}]}]"#
        )
    }

    // MARK: What differs

    @Test func `What a file leaves out is left alone`() throws {
        let scenario = try Scenario()
        scenario.expect(exit: 0, try apply(scenario, Self.fleet))
        try expectUnchanged(scenario, "devices: [ { id: E-2 } ]\n")
        try expectUnchanged(scenario, "tariffs:\n  - id: home\n")
        try expectUnchanged(scenario, "# nothing\n")
        // The defaults, said.
        try expectUnchanged(scenario, "devices: [ { id: E-1, unit: kWh, register: 1-0:1.8.0, multiplier: 1.0 } ]\n")
        let outcome = try apply(
            scenario,
            "devices:\n- { id: E-1, account: flat 1, alerts: [ { rule: low, level: 5.0, cleared: true }, "
                + "{ rule: lower, level: 1 } ] }\n"
        )
        #expect(outcome.outputLines.first == "~ device E-1: account none -> flat 1, alert lower none -> at 1")
        let event = try #require(try scenario.replay().last)
        #expect(!event.contains("\"low\"") && !event.contains("gapAfter") && !event.contains("tariff"), "\(event)")
        // Another date is another assignment; the same date with the same tariff is none.
        try expectUnchanged(scenario, "devices: [ { id: E-1, tariff: home, from: 2026-01-01 } ]\n")
        let assigned = try apply(scenario, "devices: [ { id: E-1, tariff: home, from: 2026-02-01 } ]\n")
        #expect(assigned.outputLines.first == "~ device E-1: tariff from 2026-02-01 none -> home")
        try expectUnchanged(scenario, Self.fleet)
    }

    @Test func `A correction of the multiplier survives a fleet file that declares it as before`() throws {
        let scenario = try Scenario()
        scenario.expect(exit: 0, try apply(scenario, Self.fleet))
        try scenario.ingest(
            #"{"event":"MultiplierCorrected","device":"E-2","multiplier":"3","reason":"nameplate"}"# + "\n"
                + Self.readings.replacing("E-1", with: "E-2")
        )
        scenario.expect(exit: 0, try apply(scenario, Self.fleet.replacing("flat 2", with: "flat 3")))
        #expect(try scenario.query("consumption", "--device", "E-2").map { $0["quantity"] } == ["1.25", "28.75"])
    }

    @Test func `A fleet as CSV`() throws {
        let scenario = try Scenario()
        scenario.expect(exit: 0, try apply(scenario, Self.fleet))
        let csv = """
            device,utility,account,tariff,from,alerts,multiplier
            # the second floor
            E-2,,"flat 2, left",home,2026-03-01,,null

            E-3,water,,,,"[{""rule"": ""zero"", ""cleared"": true}]",2

            """
        let outcome = try apply(scenario, csv, name: "fleet.csv")
        scenario.expect(exit: 0, outcome)
        #expect(
            outcome.outputLines.prefix(2) == [
                "~ device E-2: multiplier 1.5 -> 1, account flat 2 -> flat 2, left, "
                    + "tariff from 2026-03-01 none -> home",
                "+ device E-3",
            ]
        )
        try expectUnchanged(scenario, csv, name: "fleet.csv")
        let piped = try scenario.run(["apply", "-"], reading: "id;account\nE-3;flat 3\n")
        scenario.expect(exit: 0, piped)
        #expect(piped.outputLines.first == "~ device E-3: account none -> flat 3")
        let faulty = "id;utility;gapAfter\nE-4;water\nE-5;steam;1h\nE-6;water;soon\n"
        let refused = try apply(scenario, faulty, name: "list.csv")
        scenario.expect(exit: 1, refused)
        for line in [2, 3, 4] { #expect(refused.errors.contains("list.csv:\(line): "), "\(refused.errors)") }
    }

    // MARK: Faults

    @Test func `Every entry at fault is named by its line, and nothing changes`() throws {
        let scenario = try Scenario()
        let text = """
            tariffs:
              - id: home
                unit: kWh
                currency: EUR
                versions:
                  - from: 2026-01-01
                    default: dear
              - { id: cold, unit: m3, currency: EUR, versions: [ { from: 2026-01-01, default: 1 } ] }
            devices:
              - id: E-1
                utility: electricity
                colour: red
              - id: E-2
                utility: electricity
                timezone: Mars/Olympus
              - { id: E-3, utility: electricity, tariff: home }
              - { id: E-4, utility: electricity, tariff: cold }
              - { id: E-5, utility: electricity, tariff: gone }
              - { id: E-6 }
              - { id: E-7, utility: electricity }
              - { id: E-7, utility: electricity }
              - { device: E-8, utility: electricity }
              - id: E-9
                utility: electricity
                alerts:
                  - rule: low
                    level: 5
                    rearm: 4

            """
        let outcome = try apply(scenario, text)
        scenario.expect(exit: 1, outcome)
        let lines = outcome.errors.split(separator: "\n").compactMap { line in
            line.firstRange(of: "fleet.yaml:").flatMap { Int(line[$0.upperBound...].prefix { $0.isNumber }) }
        }
        #expect(lines == [7, 12, 15, 17, 18, 19, 21, 22, 28], "\(outcome.errors)")
        #expect(try scenario.replay().isEmpty)
        let broken = try apply(scenario, "devices:\n  - id: E-1\n   utility: gas\n")
        scenario.expect(exit: 1, broken)
        #expect(broken.errors.contains("fleet.yaml:3: no YAML"), "\(broken.errors)")
        scenario.expect(exit: 1, try scenario.run(["apply", scenario.folder + "/absent.yaml"]))
    }

    @Test func `Aliases and merged defaults are understood, and cannot blow up`() throws {
        let scenario = try Scenario()
        let text = """
            devices:
              - &flat { id: E-1, utility: electricity, gapAfter: 12h }
              - { <<: *flat, id: E-2 }

            """
        scenario.expect(exit: 0, try apply(scenario, text))
        #expect(try scenario.replay().last?.contains("\"gapAfter\": \"12h\"") == true)
        var bomb = "devices:\n  - id: E-3\n    utility: electricity\n    note: &a0 [x, x, x, x, x, x, x, x]\n"
        for i in 1...9 {
            let aliases = Array(repeating: "*a\(i - 1)", count: 8).joined(separator: ", ")
            bomb +=
                "  - &b\(i) { id: E-\(i), utility: gas, note: &a\(i) [\(aliases)] }\n"
        }
        let outcome = try apply(scenario, bomb)
        scenario.expect(exit: 1, outcome)
        #expect(outcome.errors.contains("values"))
    }

    // MARK: The past

    @Test func `A tariff change that alters the past is confirmed`() throws {
        let scenario = try Scenario()
        scenario.expect(exit: 0, try apply(scenario, Self.fleet))
        try scenario.ingest(Self.readings)
        let before = try Views(of: scenario)
        let dearer = Self.fleet.replacing("\"0.30\"", with: "\"0.40\"")
        let planned = try apply(scenario, dearer, ["--dry-run"])
        scenario.expect(exit: 0, planned)
        let effect = "charges already made: 1 device changes, in total +1.10 EUR"
        #expect(planned.output.contains("~ tariff home: version 2026-01-01 default 0.3 -> 0.4"))
        #expect(planned.output.contains(effect))
        let refused = try apply(scenario, dearer)
        scenario.expect(exit: 1, refused)
        #expect(refused.errors.contains(effect) && refused.errors.contains("--yes"))
        #expect(try Views(of: scenario) == before)
        let object = try apply(scenario, dearer, ["--dry-run", "--format", "json"])
        let row = try Row(object.output.trimmingCharacters(in: .newlines))
        #expect(
            row[json: "chargesChanged"]
                == #"[{"currency":"EUR","devices":1,"total":"1.1","more":"1.1","less":"0"}]"#
        )
        scenario.expect(exit: 0, try apply(scenario, dearer, ["--yes"]))
        #expect(try scenario.query("balance").map { $0["balance"] } == ["-4.40"])
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
    }

    @Test func `What concerns the future alone, or new devices, needs no confirmation`() throws {
        let scenario = try Scenario()
        scenario.expect(exit: 0, try apply(scenario, Self.fleet))
        try scenario.ingest(Self.readings + Self.readings.replacing("E-1", with: "E-2"))
        let later = """
            tariffs:
              - id: home
                versions:
                  - { from: 2026-01-01, default: "0.30", tax: 10 }
                  - { from: 2026-07-01, default: "0.50", tax: 10 }

            """
        let outcome = try apply(scenario, later)
        scenario.expect(exit: 0, outcome)
        #expect(!outcome.output.contains("charges already made"))
        let first = try apply(scenario, "devices: [ { id: E-2, tariff: home, from: 2026-01-01 } ]\n")
        scenario.expect(exit: 0, first)
        #expect(first.output.contains("charged for the first time"))
        // A declaration moves money too.
        let multiplied = try apply(scenario, "devices: [ { id: E-2, multiplier: 3 } ]\n")
        scenario.expect(exit: 1, multiplied)
        #expect(multiplied.errors.contains("1 device changes, in total +4.95 EUR"), "\(multiplied.errors)")
    }

    // MARK: Examples

    static var examples: [String] {
        SharedFolder.names(in: "examples").filter {
            SharedFolder.names(in: "examples/\($0)").contains("fleet.yaml")
        }
    }

    @Test(.enabled(if: SharedFolder.isThere, "shared examples are absent"), arguments: examples)
    func `An example with a fleet file prints its expected rows`(_ example: String) throws {
        let scenario = try Scenario()
        let fleet = SharedFolder.path("examples/\(example)/fleet.yaml")
        scenario.expect(exit: 0, try scenario.run(["apply", fleet]))
        try scenario.ingest(files: [SharedFolder.path("examples/\(example)/events.ndjson")])
        for file in SharedFolder.names(in: "examples/\(example)/expected") {
            let query = file.split(separator: ".")[0].split(separator: "-").map(String.init)
            #expect(file.split(separator: ".").count == 2, "\(file) asks for a position or an instant")
            let arguments = ["query", query[0]] + (query.count > 1 ? ["--by", query[1]] : [])
            let outcome = try scenario.run(arguments + ["--format", "json"])
            scenario.expect(exit: 0, outcome)
            let rows = try Row.array(outcome.output).map { $0.dropping(["detail", "requestedAt"]) }
            #expect(try rows == Row.array(SharedFolder.text("examples/\(example)/expected/\(file)")), "\(file)")
        }
        let again = try scenario.run(["apply", fleet])
        scenario.expect(exit: 0, again)
        #expect(again.output.contains("nothing to change"))
    }
}
