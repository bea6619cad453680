import Foundation
import Testing

/// History under other tariffs: two meters of 24 and 12 kWh a day for four days, at 0.10 a kWh, ten paid at first.
struct WhatIfTests {
    private static func history(currency: String = "EUR") -> String {
        var lines = ["home", "night"].map {
            #"{"event":"TariffPublished","tariff":"\#($0)","unit":"kWh","currency":"\#(currency)","versions":[{"#
                + #""from":"2026-01-01","default":"0.1"}]}"#
        }
        for (device, daily) in [("E-1", 24), ("E-2", 12)] {
            lines += [
                #"{"event":"DeviceRegistered","device":"\#(device)","utility":"electricity","gapAfter":"25h","#
                    + #""tariff":"home","from":"2026-01-01"}"#,
                #"{"event":"TopUpReceived","device":"\#(device)","amount":"10","currency":"\#(currency)","#
                    + #""provider":"cash","reference":"\#(device)","at":"2026-01-01T00:00:00Z"}"#,
            ]
            lines += (0...4).map {
                #"{"device":"\#(device)","readAt":"2026-01-0\#($0 + 1)T00:00:00Z","value":\#($0 * daily)}"#
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func tariff(_ id: String, _ price: String, currency: String = "EUR") -> String {
        """
          - id: \(id)
            unit: kWh
            currency: \(currency)
            versions:
              - from: 2026-01-01
                default: "\(price)"

        """
    }

    private func scenario() throws -> Scenario {
        let scenario = try Scenario()
        try scenario.ingest(Self.history())
        return scenario
    }

    /// Every file of the log with its bytes.
    private func log(_ scenario: Scenario) throws -> [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: try scenario.segments().map { ($0, try Scenario.bytes($0)) })
    }

    private func fold(_ scenario: Scenario, _ yaml: String?, _ arguments: [String] = [], name: String = "whatif.sqlite")
        throws -> String
    {
        let path = "\(scenario.folder)/\(name)"
        let file = try yaml.map { ["--tariffs", try scenario.file("\(name).yaml", $0)] } ?? []
        let outcome = try scenario.run(["replay", "--into", path] + file + arguments)
        scenario.expect(exit: 0, outcome)
        return path
    }

    private func compare(_ scenario: Scenario, _ arguments: String...) throws -> [Row] {
        let outcome = try scenario.run(["compare"] + arguments + ["--format", "ndjson"])
        scenario.expect(exit: 0, outcome)
        return try outcome.outputLines.map { try Row($0) }
    }

    @Test func `A dearer tariff is charged from the beginning, and says who would have owed since when`() throws {
        let scenario = try scenario()
        let (bytes, views) = (try log(scenario), try Views(of: scenario))
        let path = try fold(scenario, "tariffs:\n" + Self.tariff("home", "0.25"))
        let rows = try compare(scenario, path)
        #expect(rows.map { $0["device"] } == ["E-1", "E-2", nil])
        // 96 kWh: 9.60, then 24.00. Ten units last 40 kWh, which are a day and 16 hours.
        #expect(rows[0]["chargesA"] == "9.6")
        #expect(rows[0]["chargesB"] == "24")
        #expect(rows[0]["chargesDifference"] == "14.4")
        #expect(rows[0]["balanceA"] == "0.40")
        #expect(rows[0]["balanceB"] == "-14.00")
        #expect(rows[0]["balanceDifference"] == "-14.40")
        #expect(rows[0][integer: "arrearsA"] == 0)
        #expect(rows[0][integer: "arrearsB"] == 1)
        #expect(rows[0]["arrearsSinceA"] == nil)
        #expect(rows[0]["arrearsSinceB"] == "2026-01-02T16:00:00Z")
        #expect(rows[0][integer: "crossingsDifference"] == 1)
        #expect(rows[0][integer: "pushesA"] == 0)
        #expect(rows[0][integer: "pushesB"] == 1)
        // 48 kWh: 4.80, then 12.00; ten units last 40 kWh, which are three days and 8 hours.
        #expect(rows[1]["chargesB"] == "12")
        #expect(rows[1]["arrearsSinceB"] == "2026-01-04T08:00:00Z")
        #expect(rows[2]["row"] == "total")
        #expect(rows[2]["chargesA"] == "14.4")
        #expect(rows[2]["chargesB"] == "36")
        #expect(rows[2][integer: "arrearsB"] == 2)
        #expect(rows[2][integer: "pushesB"] == 2)
        #expect(try log(scenario) == bytes)
        #expect(try Views(of: scenario) == views)
        #expect(try scenario.query("pushes").isEmpty)
        scenario.expect(exit: 0, try scenario.run(["verify"]))
    }

    @Test func `The log's own tariffs give the log's own figures, pushes delivered or not`() throws {
        let scenario = try Scenario()
        try scenario.ingest(try Fleets.usual.get().joined(separator: "\n"))
        scenario.expect(exit: 0, try scenario.run(["push", "drain", "--to", "-"]))
        let path = try fold(scenario, nil)
        let rows = try compare(scenario, path, "--only-different")
        #expect(!rows.isEmpty)
        #expect(rows.allSatisfy { $0["row"] == "total" }, "\(rows)")
        let all = try compare(scenario, path)
        #expect(all.contains { $0["row"] == "device" && ($0[integer: "pushesA"] ?? 0) > 0 })
    }

    @Test func `What the log says of a tariff later has no effect on one that is supposed`() throws {
        let scenario = try scenario()
        let dear = #"{"event":"TariffPublished","tariff":"home","unit":"kWh","currency":"EUR","versions":[{"#
        try scenario.ingest(dear + #""from":"2026-01-01","default":"5"}]}"#)
        let path = try fold(scenario, "tariffs:\n" + Self.tariff("home", "0.05"))
        let rows = try compare(scenario, path)
        #expect(rows.map { $0["chargesA"] } == ["480", "240", "720"])
        #expect(rows.map { $0["chargesB"] } == ["4.8", "2.4", "7.2"])
    }

    @Test func `A device may be given a tariff that the log does not know, from a date on`() throws {
        let scenario = try scenario()
        // The log's assignment of a later date gives way too.
        try scenario.ingest(#"{"event":"TariffAssigned","device":"E-1","tariff":"night","from":"2026-01-04"}"#)
        let path = try fold(
            scenario,
            "tariffs:\n" + Self.tariff("new", "1") + "devices:\n  - { id: E-1, tariff: new, from: 2026-01-03 }\n"
        )
        let rows = try compare(scenario, path)
        // Two days of 24 kWh at 0.10 and two at 1.
        #expect(rows.map { $0["chargesB"] } == ["52.8", "4.8", "57.6"])
        #expect(rows.map { $0["chargesDifference"] } == ["43.2", "0", "43.2"])
    }

    @Test func `What happened outside a span is left out, declarations are not`() throws {
        let scenario = try scenario()
        let span = ["--from", "2026-01-02T00:00:00Z", "--to", "2026-01-04T00:00:00Z"]
        let path = try fold(scenario, nil, span)
        let rows = try compare(scenario, path)
        // The readings of the 2nd and 3rd: one day. The payments were made before.
        #expect(rows.map { $0["chargesB"] } == ["2.4", "1.2", "3.6"])
        #expect(rows.map { $0["balanceB"] } == ["-2.40", "-1.20", "-3.60"])
    }

    @Test func `What cannot be folded is told with the file's line, and nothing is left behind`() throws {
        let scenario = try scenario()
        let bytes = try log(scenario)
        let path = scenario.folder + "/whatif.sqlite"
        let cases: [(yaml: String, words: [String])] = [
            ("tariffs:\n" + Self.tariff("home", "0.1", currency: "USD"), ["currency-mismatch"]),
            ("tariffs:\n" + Self.tariff("home", "-1"), ["line 7", "default"]),
            ("tariffs:\n" + Self.tariff("home", "1") + "    cheap: yes\n", ["line 8", "cheap"]),
            ("devices:\n  - { id: E-1, tariff: none }\n", ["line 2", "unknown-tariff"]),
            ("devices:\n  - { id: E-9, utility: water, tariff: home }\n", ["line 2", "unknown-device"]),
            ("devices: [", ["line"]),
        ]
        for (yaml, words) in cases {
            let file = try scenario.file("bad.yaml", yaml)
            let outcome = try scenario.run(["replay", "--into", path, "--tariffs", file])
            scenario.expect(exit: 1, outcome)
            for word in words + ["bad.yaml"] { #expect(outcome.errors.contains(word), "\(yaml)\(outcome.errors)") }
        }
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(!FileManager.default.fileExists(atPath: path + ".part"))
        #expect(try log(scenario) == bytes)
    }

    @Test func `A database that is there is replaced on request alone, and none but a database of views`() throws {
        let scenario = try scenario()
        let path = try fold(scenario, nil)
        scenario.expect(exit: 1, try scenario.run(["replay", "--into", path]))
        scenario.expect(exit: 0, try scenario.run(["replay", "--into", path, "--force"]))
        let views = scenario.data + "/views.sqlite"
        scenario.expect(exit: 1, try scenario.run(["replay", "--into", views, "--force"]))
        let other = try scenario.file("letter", "this is no database, however long it may be")
        scenario.expect(exit: 1, try scenario.run(["replay", "--into", other, "--force"]))
        #expect(try Scenario.bytes(other).count == 43)
        for arguments in [["--format", "csv"], ["--device", "E-1"], ["--with-record"]] {
            scenario.expect(exit: 64, try scenario.run(["replay", "--into", path, "--force"] + arguments))
        }
        scenario.expect(exit: 64, try scenario.run(["replay", "--tariffs", other]))
        scenario.expect(exit: 1, try scenario.run(["compare", other]))
    }

    @Test func `A what-if in the place of the views is not gone on with, so nothing of it is sent`() throws {
        let scenario = try scenario()
        let path = try fold(scenario, "tariffs:\n" + Self.tariff("home", "0.25"))
        let views = scenario.data + "/views.sqlite"
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: views + suffix) }
        try FileManager.default.copyItem(atPath: path, toPath: views)
        let outcome = try scenario.run(["push", "drain", "--to", "-"])
        scenario.expect(exit: 1, outcome)
        #expect(outcome.errors.contains("what-if"))
        #expect(outcome.output.isEmpty)
    }

    @Test func `No lock is taken`() throws {
        let scenario = try scenario()
        let holder = try scenario.start(["ingest", "-"], input: .pipe)
        let line = #"{"device":"E-1","readAt":"2026-01-06T00:00:00Z","value":120}"#
        usleep(300_000)
        let path = try fold(scenario, nil)
        scenario.expect(exit: 0, try scenario.run(["compare", path]))
        scenario.expect(exit: 0, try scenario.run(["ingest", "--dry-run"], reading: line))
        holder.closeInput()
        scenario.expect(exit: 0, try holder.wait())
    }
}
