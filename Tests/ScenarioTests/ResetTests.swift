import Foundation
import Testing

/// `null` in a fleet file: what goes back to its default, what that moves, and what cannot.
struct ResetTests {
    private static let fleet = """
        tariffs:
          - id: home
            unit: kWh
            currency: EUR
            timezone: Europe/Berlin
            versions: [ { from: 2026-01-01, default: 1 } ]
        devices:
          - id: E-1
            utility: electricity
            unit: Wh
            register: dial
            timezone: Asia/Tokyo
            multiplier: 2
            modulus: 1e5
            maxRate: 5000
            gapAfter: 25h
            account: flat 1
            tariff: home
            from: 2026-01-01
            alerts: [ { rule: low, level: 5 }, { rule: zero, cleared: true } ]

        """

    private static let nulls = """
        devices:
          - { id: E-1, unit: null, register: ~, timezone: null, multiplier: null, modulus: , maxRate: null,
              gapAfter: null, account: null, alerts: null }

        """

    private func apply(_ scenario: Scenario, _ text: String, _ arguments: [String] = [], name: String = "fleet.yaml")
        throws -> Outcome
    {
        try scenario.run(["apply", try scenario.file(name, text)] + arguments)
    }

    @Test func `Everything of a device goes back to its default, in one event, once`() throws {
        let scenario = try Scenario()
        scenario.expect(exit: 0, try apply(scenario, Self.fleet))
        let outcome = try apply(scenario, Self.nulls)
        scenario.expect(exit: 0, outcome)
        #expect(
            outcome.outputLines.first
                == "~ device E-1: unit Wh -> kWh, register dial -> 1-0:1.8.0, multiplier 2 -> 1, gapAfter 25h -> 6h, "
                + "timezone Asia/Tokyo -> none, account flat 1 -> none, modulus 100 -> none, maxRate 5 -> none, "
                + "alert low at 5 -> none, alert zero at 0 told when cleared -> at 0"
        )
        let event =
            #"{"event": "DeviceRegistered", "device": "E-1", "utility": "electricity", "resets": ["unit", "register", "#
            + #""timezone", "multiplier", "modulus", "maxRate", "gapAfter", "account", "alerts"]}"#
        #expect(try scenario.replay().last == event)
        let device = try #require(try scenario.query("devices").first)
        #expect(device["account"] == nil && device["unit"] == "kWh")
        let before = try scenario.replay()
        for text in [Self.nulls, Self.nulls.replacing("~", with: "null")] {
            let again = try apply(scenario, text)
            scenario.expect(exit: 0, again)
            #expect(again.output.contains("nothing to change"), "\(again.output)")
        }
        #expect(try scenario.replay() == before)
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
        scenario.expect(exit: 0, try scenario.run(["verify"]))
        // The log poured into another data directory gives the same.
        let copy = try Scenario()
        try copy.ingest(before.joined(separator: "\n") + "\n")
        #expect(try copy.replay() == before)
        #expect(try Views(of: copy) == Views(of: scenario))
    }

    @Test func `A reset of one field leaves the others alone, and the plan is one object on demand`() throws {
        let scenario = try Scenario()
        scenario.expect(exit: 0, try apply(scenario, Self.fleet))
        let text = "tariffs: [ { id: home, timezone: null } ]\ndevices: [ { id: E-1, account: null, multiplier: 3 } ]\n"
        let outcome = try apply(scenario, text, ["--format", "json"])
        scenario.expect(exit: 0, outcome)
        let row = try Row(outcome.output.trimmingCharacters(in: .newlines))
        #expect(
            row[json: "changes"]
                == #"[{"tariff":"home","change":"changed","fields":[{"field":"timezone","from":"Europe/Berlin","to":null}]},"#
                + #"{"device":"E-1","change":"changed","fields":[{"field":"multiplier","from":"2","to":"3"},"#
                + #"{"field":"account","from":"flat 1","to":null}]}]"#
        )
        #expect(
            try scenario.replay().last
                == #"{"event": "DeviceRegistered", "device": "E-1", "utility": "electricity", "multiplier": "3", "#
                + #""resets": ["account"]}"#
        )
    }

    @Test func `null of what was never said, and of a new device, says nothing`() throws {
        let scenario = try Scenario()
        scenario.expect(
            exit: 0,
            try apply(scenario, "devices: [ { id: E-1, utility: gas, tariff: null, alerts: ~ } ]\n")
        )
        #expect(
            try scenario.replay() == [#"{"event": "DeviceRegistered", "device": "E-1", "utility": "gas"}"#]
        )
        let again = try apply(scenario, Self.nulls.replacing("gapAfter", with: "tariff: null, gapAfter"))
        scenario.expect(exit: 0, again)
        #expect(again.output.contains("nothing to change"), "\(again.output)")
    }

    @Test func `A zone that goes back to the tariff's moves days, and charges of the past are confirmed`() throws {
        let scenario = try Scenario()
        scenario.expect(
            exit: 0,
            try apply(scenario, Self.fleet.replacing("default: 1", with: "default: 1, standingCharge: 2"))
        )
        // 20:00 on the 1st in Berlin is 04:00 on the 2nd in Tokyo.
        try scenario.ingest(
            """
            {"device":"E-1","register":"dial","readAt":"2026-01-01T18:00:00Z","value":"0","unit":"kWh"}
            {"device":"E-1","register":"dial","readAt":"2026-01-01T19:00:00Z","value":"1","unit":"kWh"}

            """
        )
        #expect(try scenario.query("consumption", "--by", "day").map { $0["start"] } == ["2026-01-02T00:00:00+09:00"])
        #expect(try scenario.query("balance").map { $0["balance"] } == ["-6.00"])
        let text = "devices: [ { id: E-1, timezone: null } ]\n"
        let refused = try apply(scenario, text)
        scenario.expect(exit: 1, refused)
        #expect(refused.errors.contains("1 device changes, in total -2.00 EUR"), "\(refused.errors)")
        scenario.expect(exit: 0, try apply(scenario, text, ["--yes"]))
        #expect(try scenario.query("consumption", "--by", "day").map { $0["start"] } == ["2026-01-01T00:00:00+01:00"])
        #expect(try scenario.query("balance").map { $0["balance"] } == ["-4.00"])
        let explanation = try scenario.run(["explain", "E-1"])
        scenario.expect(exit: 0, explanation)
        #expect(explanation.output.contains("Europe/Berlin") && !explanation.output.contains("Tokyo"))
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
        scenario.expect(exit: 0, try scenario.run(["verify"]))
    }

    @Test func `A device without modulus and rate reads a drop and a leap as any other`() throws {
        let scenario = try Scenario()
        scenario.expect(exit: 0, try apply(scenario, Self.fleet))
        try scenario.ingest(
            """
            {"device":"E-1","register":"dial","readAt":"2026-01-01T00:00:00Z","value":"10","unit":"kWh"}
            {"device":"E-1","register":"dial","readAt":"2026-01-01T01:00:00Z","value":"60","unit":"kWh"}

            """
        )
        #expect(try scenario.query("anomalies").map { $0["kind"] } == ["implausible"])
        scenario.expect(
            exit: 0,
            try apply(scenario, "devices: [ { id: E-1, maxRate: null, multiplier: null } ]\n", ["--yes"])
        )
        #expect(try scenario.query("anomalies").isEmpty)
        #expect(try scenario.query("balance").map { $0["charges"] } == ["50"])
    }

    @Test func `Rules that go back to the default close their episodes without a push`() throws {
        let scenario = try Scenario()
        scenario.expect(exit: 0, try apply(scenario, Self.fleet))
        try scenario.ingest(
            """
            {"event":"TopUpReceived","device":"E-1","amount":4,"currency":"EUR","provider":"p","reference":"1","at":1767225600}

            """
        )
        let opened = try scenario.query("episodes").filter { !$0.names.contains("clearedPosition") }
        #expect(opened.map { $0["rule"] } == ["low"])
        scenario.expect(exit: 0, try apply(scenario, "devices: [ { id: E-1, alerts: null } ]\n"))
        let open = try scenario.query("episodes").filter { !$0.names.contains("clearedPosition") }
        #expect(open.isEmpty, "\(open)")
        #expect(try scenario.query("pushes").isEmpty)
    }

    @Test func `A tariff does not go back to none, and says what to do instead`() throws {
        let scenario = try Scenario()
        scenario.expect(exit: 0, try apply(scenario, Self.fleet))
        let before = try scenario.replay()
        let refused = try apply(scenario, "devices:\n- id: E-1\n  account: null\n  tariff: null\n")
        scenario.expect(exit: 1, refused)
        #expect(refused.errors.contains("fleet.yaml:4: device E-1: tariff is home"), "\(refused.errors)")
        #expect(refused.errors.contains("assign a tariff without prices"))
        #expect(try scenario.replay() == before)
    }

    @Test func `In CSV the word null without quotes goes back to the default`() throws {
        let scenario = try Scenario()
        scenario.expect(exit: 0, try apply(scenario, Self.fleet))
        let csv = "device,account,timezone,modulus,alerts\nE-1,null,null,,null\n"
        let outcome = try apply(scenario, csv, name: "fleet.csv")
        scenario.expect(exit: 0, outcome)
        #expect(
            try scenario.replay().last
                == #"{"event": "DeviceRegistered", "device": "E-1", "utility": "electricity", "#
                + #""resets": ["timezone", "account", "alerts"]}"#
        )
        let again = try apply(scenario, csv, name: "fleet.csv")
        #expect(again.output.contains("nothing to change"), "\(again.output)")
        // In quotes it is a name like any other.
        scenario.expect(exit: 0, try apply(scenario, "device,account\nE-1,\"null\"\n", name: "quoted.csv"))
        #expect(try scenario.query("devices").first?["account"] == "null")
    }
}
