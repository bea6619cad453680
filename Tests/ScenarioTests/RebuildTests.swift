import Foundation
import Testing

/// Views made anew from the log.
struct RebuildTests {
    private func fleet() throws -> Scenario {
        let scenario = try Scenario()
        let conflict = #"{"device":"X-1","readAt":1735689600,"value":2,"register":"r","unit":"kWh"}"#
        let lines = try Fleets.usual.get() + [conflict, conflict.replacing(":2,", with: ":3,")]
        try scenario.ingest(lines.joined(separator: "\n"))
        return scenario
    }

    /// Changes the views by hand; false where nothing is installed that can.
    private func change(_ scenario: Scenario, _ sql: String) throws -> Bool {
        let views = scenario.data + "/views.sqlite"
        if let outcome = try scenario.runOther(["sqlite3", views, sql]) {
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            return true
        }
        let script = "import sqlite3,sys;c=sqlite3.connect(sys.argv[1]);c.execute(sys.argv[2]);c.commit()"
        guard let outcome = try scenario.runOther(["python3", "-c", script, views, sql]) else { return false }
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        return true
    }

    @Test func `Fresh views are equal to those kept along the way`() throws {
        let scenario = try fleet()
        let before = try Views(of: scenario)
        let outcome = try scenario.run(["rebuild"])
        scenario.expect(exit: 0, outcome)
        #expect(outcome.output.contains("equal"))
        let after = try Views(of: scenario)
        #expect(after == before, "\(after.differences(from: before))")
        let names = try FileManager.default.contentsOfDirectory(atPath: scenario.data)
        #expect(!names.contains { $0.contains("fresh") || $0.contains("before") }, "\(names)")
    }

    /// Devices registered in one order and read in another, so that their numbers and those of their series go apart.
    private func largeInput(deviceCount: Int, readingCount: Int) -> String {
        func name(_ device: Int) -> String { "d-\(1000 + device)" }
        var lines = [
            #"{"event":"TariffPublished","tariff":"t","unit":"kWh","currency":"EUR","#
                + #""versions":[{"from":"2020-01-01","default":"0.31","standingCharge":"0.05"}]}"#
        ]
        for device in (0..<deviceCount).reversed() {
            lines.append(
                #"{"event":"DeviceRegistered","device":"\#(name(device))","utility":"electricity","unit":"kWh","#
                    + #""register":"r","tariff":"t","from":"2025-01-01"}"#
            )
        }
        for reading in 0..<readingCount {
            // One comes late now and then.
            let quarter = reading % 50 == 49 ? reading - 2 : reading % 50 == 47 ? reading + 2 : reading
            for device in 0..<deviceCount {
                let value = quarter * (device % 7 + 1)
                lines.append(
                    #"{"device":"\#(name(device))","readAt":\#(1_735_689_600 + quarter * 900),"value":\#(value)}"#
                )
            }
        }
        return lines.joined(separator: "\n")
    }

    @Test func `A first ingest of many events makes the views that a rebuild makes`() throws {
        let scenario = try Scenario()
        // What a run that was cut off may have left.
        let fresh = scenario.data + "/views.sqlite.fresh"
        #expect(FileManager.default.createFile(atPath: fresh, contents: Data("left over".utf8)))
        let input = largeInput(deviceCount: 600, readingCount: 450)
        let count = 1 + 600 + 600 * 450
        #expect(count >= 1 << 18)
        #expect(try scenario.ingest(input)["accepted"] == "\(count)")
        #expect(!FileManager.default.fileExists(atPath: fresh))
        let before = try Views(of: scenario)
        #expect(try scenario.run(["rebuild"]).output.contains("equal to the old views"))
        #expect(try Views(of: scenario) == before)
        // And they are gone on from.
        try scenario.ingest(#"{"device":"d-1007","readAt":1736200000,"value":9000,"register":"r","unit":"kWh"}"#)
        #expect(try scenario.run(["rebuild"]).output.contains("equal to the old views"))
    }

    @Test func `Views that are deleted cost time alone`() throws {
        let scenario = try fleet()
        let before = try Views(of: scenario)
        try FileManager.default.removeItem(atPath: scenario.data + "/views.sqlite")
        #expect(try Views(of: scenario) == before)
        try FileManager.default.removeItem(atPath: scenario.data + "/views.sqlite")
        let outcome = try scenario.run(["rebuild"])
        scenario.expect(exit: 0, outcome)
        #expect(outcome.output.contains("no views"))
        #expect(try Views(of: scenario) == before)
    }

    @Test(arguments: [
        (
            "consumption_day",
            "UPDATE consumption_day SET quantity_milli = quantity_milli + 1 WHERE complete = 1"
        ),
        ("balance", "UPDATE balance SET charges = '1' WHERE device_id = (SELECT min(device_id) FROM balance)"),
        ("ledger", "DELETE FROM ledger WHERE id = (SELECT max(id) FROM ledger)"),
        ("episode", "UPDATE episode SET cleared_at = NULL, cleared_position = NULL"),
        ("anomaly", "DELETE FROM anomaly WHERE at = (SELECT max(at) FROM anomaly)"),
    ])
    func `A row that was changed by hand is found and named`(_ table: String, _ sql: String) throws {
        let scenario = try fleet()
        let before = try Views(of: scenario)
        guard try change(scenario, sql) else { return }
        let outcome = try scenario.run(["rebuild"])
        scenario.expect(exit: 1, outcome)
        #expect(outcome.output.contains(table))
        #expect(outcome.output.contains("differ"))
        #expect(try Views(of: scenario) == before, "the fresh views took their place")
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
    }

    @Test func `Damaged views are made anew, and that is said`() throws {
        let scenario = try fleet()
        let before = try Views(of: scenario)
        let views = scenario.data + "/views.sqlite"
        let bytes = try Scenario.bytes(views)
        try Data(bytes.prefix(bytes.count / 2)).write(to: URL(fileURLWithPath: views))
        let outcome = try scenario.run(["query", "balance"])
        scenario.expect(exit: 0, outcome)
        #expect(outcome.errors.contains("made anew"))
        #expect(try Views(of: scenario) == before)
    }

    @Test func `A file in the views' place that is none of ours is left alone`() throws {
        let scenario = try fleet()
        let before = try Views(of: scenario)
        let views = scenario.data + "/views.sqlite"
        let text = Data("this is no database, however long it may be".utf8)
        try text.write(to: URL(fileURLWithPath: views))
        for command in [["query", "balance"], ["rebuild"], ["ingest", "-"]] {
            let outcome = try scenario.run(command)
            scenario.expect(exit: 1, outcome)
            #expect(outcome.errors.contains("move it away"))
        }
        #expect(FileManager.default.contents(atPath: views) == text)
        try FileManager.default.removeItem(atPath: views)
        #expect(try Views(of: scenario) == before)
    }

    @Test func `Views that have seen more than the log holds stop the program`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Tour.text)
        let other = try Scenario()
        try other.ingest(Tour.declarations)
        try FileManager.default.removeItem(atPath: other.data + "/views.sqlite")
        try FileManager.default.copyItem(
            atPath: scenario.data + "/views.sqlite",
            toPath: other.data + "/views.sqlite"
        )
        for command in [["ingest", "-"], ["rebuild"], ["topup", "E-1", "1", "--reference", "9"]] {
            let outcome = try other.run(command)
            other.expect(exit: 1, outcome)
            #expect(outcome.errors.contains("position 3"))
            #expect(outcome.errors.contains("hint"))
        }
        other.expect(exit: 1, try other.run(["verify"]))
    }
}
