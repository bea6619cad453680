import Foundation
import Testing

/// One writer at a time, and readers beside it.
struct LockTests {
    /// An `ingest` that has taken in some lines and waits for more.
    private func holder(_ scenario: Scenario, having text: String, head: Int) throws -> Child {
        let child = try scenario.start(["ingest", "-"], input: .pipe)
        child.write(Array(text.utf8))
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(20) {
            let outcome = try scenario.run(["log", "stats", "--format", "json"])
            if outcome.exitCode == 0, try Row(outcome.outputLines[0])[integer: "head"] == head { return child }
            usleep(5000)
        }
        throw ChildFault(description: "the lines of a waiting pipe do not become durable: \(child.errorsSoFar)")
    }

    @Test func `Lines of a pipe that waits are durable without its end`() throws {
        let scenario = try Scenario()
        let child = try holder(scenario, having: Tour.text, head: Tour.lineCount)
        scenario.expect(exit: 0, try scenario.run(["verify"]))
        #expect(try scenario.replay().count == Tour.lineCount)
        scenario.expect(exit: 0, try child.wait())
    }

    @Test(arguments: [
        ["ingest", "-"], ["topup", "E-1", "1", "--reference", "2"], ["push", "drain"], ["rebuild"],
    ])
    func `A second writer is told who holds the directory`(_ command: [String]) throws {
        let scenario = try Scenario()
        try scenario.ingest(Tour.declarations)
        let child = try holder(scenario, having: Tour.readings, head: Tour.lineCount)
        let outcome = try scenario.run(command)
        scenario.expect(exit: 1, outcome)
        #expect(outcome.errors.contains("\(child.process)"))
        #expect(outcome.errors.contains("ingest -"))
        #expect(outcome.errors.contains("hint"))
        scenario.expect(exit: 0, try child.wait())
        #expect(try scenario.query("balance").map { $0["balance"] } == ["-2.00"])
    }

    @Test func `query answers at the checkpoint while another holds the views, and says so`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Tour.declarations)
        let child = try holder(scenario, having: Tour.readings, head: Tour.lineCount)
        let outcome = try scenario.run(["query", "balance", "--format", "ndjson"])
        scenario.expect(exit: 0, outcome)
        let row = try Row(#require(outcome.outputLines.first))
        #expect(row["balance"] == "10.00")
        #expect(row[integer: "position"] == 3)
        #expect(outcome.errors.contains("position 3 of 6"))
        // Asked for a position, it folds the log by itself.
        let asked = try scenario.run(["query", "balance", "--at-position", "6", "--format", "ndjson"])
        #expect(try asked.outputLines.map { try Row($0)["balance"] } == ["-2.00"])
        scenario.expect(exit: 0, try child.wait())
        let after = try scenario.run(["query", "balance", "--format", "ndjson"])
        #expect(after.errors.isEmpty)
        #expect(try after.outputLines.map { try Row($0)["balance"] } == ["-2.00"])
    }

    @Test func `A lock dies with its holder`() throws {
        let scenario = try Scenario()
        let child = try holder(scenario, having: Tour.text, head: Tour.lineCount)
        child.send(SIGKILL)
        #expect(try child.wait().signal == SIGKILL)
        try scenario.ingest("")
        #expect(try scenario.query("balance").map { $0["balance"] } == ["-2.00"])
    }

    @Test func `SQLite reads the views while ingest runs`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Tour.text)
        let child = try holder(scenario, having: Tour.readings, head: Tour.lineCount + 3)
        let sql = "SELECT balance FROM balance; SELECT count(*) FROM consumption_day;"
        if let outcome = try scenario.runOther(["sqlite3", "-readonly", scenario.data + "/views.sqlite", sql]) {
            #expect(outcome.outputLines == ["-2.00", "3"], "\(outcome.errors)")
        }
        let script =
            "import sqlite3,sys;print(sqlite3.connect(sys.argv[1]).execute('SELECT balance FROM balance').fetchall())"
        if let outcome = try scenario.runOther(["python3", "-c", script, scenario.data + "/views.sqlite"]) {
            #expect(outcome.output == "[('-2.00',)]\n", "\(outcome.errors)")
        }
        scenario.expect(exit: 0, try child.wait())
    }

    @Test func `log-only leaves the views for the next command`() throws {
        let scenario = try Scenario()
        let summary = try scenario.ingest(Tour.text, ["--log-only"])
        #expect(summary[integer: "durable"] == Tour.lineCount)
        #expect(!FileManager.default.fileExists(atPath: scenario.data + "/views.sqlite"))
        #expect(try scenario.query("balance").map { $0["balance"] } == ["-2.00"])
    }
}
