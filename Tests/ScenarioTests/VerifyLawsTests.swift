import Foundation
import SharedFiles
import Testing

/// `verify` holds the views against the conservation laws and names the device where one fails.
struct VerifyLawsTests {
    /// Two devices with all that the laws speak of: a wrap, a reset, an exchange, a multiplier, gaps, crossings that
    /// were cleared, told of and reminded of.
    static let history = #"""
        {"event":"TariffPublished","tariff":"t","unit":"kWh","currency":"EUR","versions":[{"from":"2025-01-01","default":"0.3","standingCharge":"0.1","tax":"19"}]}
        {"event":"DeviceRegistered","device":"A","utility":"electricity","modulus":"1000","tariff":"t","from":"2025-01-01","alerts":[{"rule":"zero","level":"0","cleared":true,"reminders":["1d"]}]}
        {"event":"TopUpReceived","device":"A","amount":"10","currency":"EUR","provider":"cash","reference":"1","at":"2025-01-01T00:00:00Z"}
        {"device":"A","readAt":"2025-01-01T00:00:00Z","value":"980"}
        {"device":"A","readAt":"2025-01-01T12:00:00Z","value":"995"}
        {"device":"A","readAt":"2025-01-02T00:00:00Z","value":"8"}
        {"device":"A","readAt":"2025-01-04T00:00:00Z","value":"30"}
        {"device":"A","readAt":"2025-01-05T00:00:00Z","value":"31"}
        {"event":"MeterExchanged","device":"A","at":"2025-01-05T12:00:00Z","finalValue":"32","initialValue":"5","multiplier":"1.5"}
        {"device":"A","readAt":"2025-01-06T00:00:00Z","value":"6.333333"}
        {"device":"A","readAt":"2025-01-07T00:00:00Z","value":"1"}
        {"device":"A","readAt":"2025-01-10T00:00:00Z","value":"3"}
        {"event":"TopUpReceived","device":"A","amount":"50","currency":"EUR","provider":"cash","reference":"2","at":"2025-01-10T00:00:00Z"}
        {"event":"DeviceRegistered","device":"B","utility":"electricity","tariff":"t","from":"2025-01-01"}
        {"device":"B","readAt":"2025-01-01T00:00:00Z","value":"1"}
        {"device":"B","readAt":"2025-01-01T06:00:00Z","value":"2"}
        """#

    private func scenario() throws -> Scenario {
        let scenario = try Scenario()
        try scenario.ingest(Self.history)
        return scenario
    }

    /// Changes the views by hand; false where nothing is installed that can.
    private func change(_ scenario: Scenario, _ sql: String) throws -> Bool {
        let views = scenario.data + "/views.sqlite"
        let script = "import sqlite3,sys;c=sqlite3.connect(sys.argv[1]);c.executescript(sys.argv[2]);c.commit()"
        let outcome =
            try scenario.runOther(["sqlite3", views, sql]) ?? scenario.runOther(["python3", "-c", script, views, sql])
        guard let outcome else { return false }
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        return true
    }

    @Test func `Sound views pass, at the command line and as JSON`() throws {
        let scenario = try scenario()
        let outcome = try scenario.run(["verify"])
        scenario.expect(exit: 0, outcome)
        #expect(outcome.output.contains("conservation laws of the views at position 16: hold"))
        #expect(outcome.output.hasSuffix("sound\n"))
        let report = try Row(scenario.run(["verify", "--format", "json"]).output.trimmingCharacters(in: .newlines))
        #expect(report["sound"] == "true")
        #expect(report["lawsCheckedOn"] == "views")
        #expect(report["findings"] == "[]")
    }

    @Test func `Without views a fold is held against the laws`() throws {
        let scenario = try scenario()
        for suffix in ["", "-wal", "-shm"] { unlink(scenario.data + "/views.sqlite" + suffix) }
        let outcome = try scenario.run(["verify"])
        scenario.expect(exit: 0, outcome)
        #expect(outcome.output.contains("there are no views"))
        #expect(outcome.output.contains("conservation laws of a fold at position 16: hold"))
        #expect(!FileManager.default.fileExists(atPath: scenario.data + "/views.sqlite"))
    }

    @Test func `Views that power left empty are as none`() throws {
        let scenario = try scenario()
        let views = scenario.data + "/views.sqlite"
        try FileManager.default.removeItem(atPath: views)
        #expect(FileManager.default.createFile(atPath: views, contents: Data()))
        let outcome = try scenario.run(["verify"])
        scenario.expect(exit: 0, outcome)
        #expect(outcome.output.contains("there are no views"), "\(outcome.output)")
    }

    @Test func `Views behind the log are checked as far as they go, and that is said`() throws {
        let scenario = try scenario()
        try scenario.ingest(#"{"device":"B","readAt":"2025-01-01T07:00:00Z","value":"3"}"#, ["--log-only"])
        let outcome = try scenario.run(["verify"])
        scenario.expect(exit: 0, outcome)
        #expect(outcome.output.contains("the views are at position 16 of 17"))
    }

    @Test(arguments: [
        (
            "intervals against hours", "buckets-intervals", "A",
            "UPDATE consumption_hour SET quantity_milli = 1 WHERE id = (SELECT min(id) FROM consumption_hour)"
        ),
        (
            "intervals against days", "buckets-intervals", "B",
            "DELETE FROM consumption_day WHERE id = (SELECT max(id) FROM consumption_day)"
        ),
        (
            "estimated months", "buckets-intervals", "A",
            "UPDATE consumption_month SET estimated_milli = 0 WHERE id = (SELECT min(id) FROM consumption_month)"
        ),
        ("an unnamed reset", "uncounted-named", "A", "DELETE FROM anomaly WHERE kind = 'reset'"),
        (
            "a ledger line", "ledger-balance", "A",
            "UPDATE ledger SET amount = '-0.2' WHERE id = (SELECT min(id) FROM ledger WHERE kind = 'standing')"
        ),
        ("a ledger without its payment", "ledger-balance", "A", "DELETE FROM ledger WHERE kind = 'topUp'"),
        ("charges", "ledger-balance", "B", "UPDATE balance SET charges = '1' WHERE device_id = 1"),
        ("a balance gone", "ledger-balance", "B", "DELETE FROM balance WHERE device_id = 1"),
        (
            "rounding", "balance-rounding", "A",
            "UPDATE balance SET balance_minor = balance_minor + 1 WHERE device_id = 0"
        ),
        ("a push gone", "pushes-episodes", "A", "DELETE FROM push_job WHERE kind = 'crossed'"),
        ("an episode gone", "pushes-episodes", "A", "DELETE FROM episode WHERE device_id = 0 AND episode = 2"),
        (
            "a push twice", "pushes-episodes", "A",
            """
            INSERT INTO episode SELECT device_id, 'low', 1, position, crossed_at, balance_before, balance_after,
            cleared_at, cleared_position FROM episode WHERE device_id = 0 AND episode = 2;
            INSERT INTO push_job SELECT 'A/low/1/crossed', device_id, 'low', 1, kind, requested_at, requested_position,
            requested_event_time, stale_after_ms, state, attempts, last_outcome, outcome_at, outcome_position
            FROM push_job WHERE kind = 'crossed'
            """
        ),
        (
            "a reminder after the end", "pushes-episodes", "A",
            "UPDATE push_job SET requested_position = 16 WHERE kind = 'reminder-1'"
        ),
        (
            "a clearing elsewhere", "pushes-episodes", "A",
            "UPDATE push_job SET requested_position = 4 WHERE kind = 'cleared'"
        ),
        (
            "a hole in the count", "episodes-balance", "A",
            "UPDATE episode SET episode = 3 WHERE device_id = 0 AND episode = 2"
        ),
        (
            "an episode left open", "episodes-balance", "A",
            "UPDATE episode SET cleared_position = NULL, cleared_at = NULL WHERE device_id = 0 AND episode = 2"
        ),
        (
            "an episode closed too early", "episodes-balance", "B",
            "UPDATE episode SET cleared_position = position + 1 WHERE device_id = 1"
        ),
    ])
    func `A law that is broken is named with its device`(
        _ what: String,
        _ law: String,
        _ device: String,
        _ sql: String
    ) throws {
        let scenario = try scenario()
        guard try change(scenario, sql) else { return }
        let outcome = try scenario.run(["verify", "--format", "json"])
        scenario.expect(exit: 1, outcome)
        #expect(
            outcome.output.contains(#""severity": "violation", "kind": "\#(law)", "device": "\#(device)""#),
            "\(what)"
        )
        let text = try scenario.run(["verify"])
        scenario.expect(exit: 1, text)
        #expect(text.output.contains("violation: device \(device): "), "\(text.output)")
        #expect(text.output.hasSuffix("VIOLATED\n"))
        scenario.expect(exit: 0, try scenario.run(["verify", "--log-only"]))
        // What is wrong is in the views alone: they can be made anew.
        _ = try scenario.run(["rebuild"])
        scenario.expect(exit: 0, try scenario.run(["verify"]))
    }

    @Test func `A fleet with all its troubles is sound`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Fleets.usual.get().joined(separator: "\n"))
        let outcome = try scenario.run(["verify"])
        scenario.expect(exit: 0, outcome)
    }

    @Test(
        .enabled(if: SharedFolder.isThere, "shared examples are absent"),
        arguments: SharedFolder.names(in: "examples")
    )
    func `The worked examples are sound`(_ example: String) throws {
        let events = SharedFolder.path("examples/\(example)/events.ndjson")
        guard FileManager.default.fileExists(atPath: events) else { return }
        let scenario = try Scenario()
        let outcome = try scenario.run(["ingest", events])
        #expect(outcome.exitCode == 0 || outcome.exitCode == 2, "\(outcome.errors)")
        scenario.expect(exit: 0, try scenario.run(["verify"]))
    }
}
