import Foundation
import Glibc
import Testing

/// Backups by the built program, and data directories made from them.
struct BackupTests {
    /// A data directory that is restored into, beside that of a scenario.
    private func restore(
        _ scenario: Scenario,
        _ arguments: [String] = [],
        exit: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Scenario {
        let other = try Scenario(initialised: false)
        other.environment = scenario.environment
        let outcome = try other.run(["restore", backup(scenario)] + arguments)
        other.expect(exit: exit, outcome, sourceLocation: sourceLocation)
        return other
    }

    private func backup(_ scenario: Scenario) -> String { scenario.folder + "/backup" }

    @discardableResult
    private func backUp(_ scenario: Scenario, sourceLocation: SourceLocation = #_sourceLocation) throws -> Row {
        let outcome = try scenario.run(["backup", backup(scenario), "--format", "json"])
        scenario.expect(exit: 0, outcome, sourceLocation: sourceLocation)
        return try Row(#require(outcome.outputLines.first, sourceLocation: sourceLocation))
    }

    /// What queries print of a log up to a position, without what depends on when they are asked.
    private func rows(_ scenario: Scenario, at position: Int? = nil) throws -> [String: [Row]] {
        var rows: [String: [Row]] = [:]
        for query in Views.queries {
            let at = position.map { ["--at-position", String($0)] } ?? []
            let outcome = try scenario.run(["query"] + query + at + ["--format", "ndjson"])
            scenario.expect(exit: 0, outcome)
            rows[query.joined(separator: " ")] = try outcome.outputLines.map { try Row($0) }
        }
        return rows
    }

    /// A history with crossings, in segments of the smallest size.
    private func history() throws -> Scenario {
        let scenario = try Scenario()
        scenario.environment["METERFOLD_LOG_SEGMENT_BYTES"] = "65536"
        try scenario.ingest(Fleets.large.get().joined(separator: "\n"))
        return scenario
    }

    @Test func `The drill: backed up while it is served, restored, the same views`() throws {
        let scenario = try Scenario()
        scenario.environment["METERFOLD_LOG_SEGMENT_BYTES"] = "65536"
        let server = try Server(scenario)
        let lines = try Fleets.usual.get()
        let wire = try server.connect()
        wire.send("meterfold/1 {\"ack\":true}\n" + lines[0] + "\n")
        #expect(try eventually { try scenario.run(["log", "head"]).exitCode == 0 })
        var reached: [Int] = []
        for start in stride(from: 1, to: lines.count, by: lines.count / 8 + 1) {
            wire.send(lines[start..<min(lines.count, start + lines.count / 8 + 1)].joined(separator: "\n") + "\n")
            reached.append(try backUp(scenario)[integer: "position"] ?? 0)
            // Each is good by itself, whatever comes in meanwhile.
            scenario.expect(exit: 0, try scenario.runAlone(["verify", "--log-only", "--data", backup(scenario)]))
        }
        #expect(reached == reached.sorted())
        wire.endSending()
        #expect(try wire.readLines().last?.hasPrefix("ok ") == true)
        let last = try backUp(scenario)
        try server.stop()
        let restored = try restore(scenario)
        let position = try #require(last[integer: "position"])
        #expect(
            try restored.replay("--with-record") == scenario.replay("--with-record", "--to-position", "\(position)")
        )
        restored.expect(exit: 0, try restored.run(["verify", "--against", backup(scenario) + "/backup.json"]))
        // The rebuild holds the views of the original against those that the restored log makes, byte for byte.
        scenario.expect(exit: 0, try scenario.run(["ingest", "-"]))
        for suffix in ["-wal", "-shm"] { unlink(restored.data + "/views.sqlite" + suffix) }
        try FileManager.default.removeItem(atPath: restored.data + "/views.sqlite")
        try FileManager.default.copyItem(
            atPath: scenario.data + "/views.sqlite",
            toPath: restored.data + "/views.sqlite"
        )
        let rebuilt = try restored.run(["rebuild"])
        restored.expect(exit: 0, rebuilt)
        #expect(rebuilt.output.contains("equal to the old views"), "\(rebuilt.output)\(rebuilt.errors)")
        // Both go on alike.
        let more = #"{"device":"X-1","readAt":1767225600,"value":"1","register":"r","unit":"kWh"}"#
        try restored.ingest(more)
        restored.expect(exit: 0, try restored.run(["verify"]))
    }

    @Test func `Any position and any instant gives what was known there`() throws {
        let scenario = try history()
        let head = try #require(try backUp(scenario)[integer: "position"])
        for position in [1, 90, head / 3, head / 2 + 1, head - 1, head] {
            let restored = try restore(scenario, ["--to-position", String(position)])
            #expect(try rows(restored) == rows(scenario, at: position), "position \(position)")
            restored.expect(exit: 0, try restored.run(["verify"]))
            let events = try scenario.replay("--with-record", "--to-position", String(position))
            #expect(try restored.replay("--with-record") == events)
            // It goes on being written, and can be backed up, elsewhere.
            try restored.ingest(#"{"device":"X-1","readAt":1767225600,"value":"1","register":"r","unit":"kWh"}"#)
            restored.expect(exit: 0, try restored.run(["rebuild"]))
            restored.expect(exit: 0, try restored.run(["verify"]))
            let refused = try restored.run(["backup", backup(scenario)])
            #expect(refused.exitCode == (position == head ? 0 : 1), "position \(position): \(refused.errors)")
            #expect(try backUp(restored)[integer: "position"] == position + 1)
        }
    }

    @Test func `An instant is told by what the log says of when`() throws {
        let scenario = try Scenario()
        for text in [Tour.declarations, Tour.readings] {
            try scenario.ingest(text)
            usleep(20_000)
        }
        try backUp(scenario)
        let stamps = try scenario.replay("--with-record").map { line in
            try Row(Row(line)[json: "record"] ?? "{}")["recordedAt"] ?? ""
        }
        #expect(stamps.count == 6)
        #expect(stamps[2] < stamps[3])
        let early = try restore(scenario, ["--to-time", stamps[2]])
        #expect(try early.replay().count == 3)
        #expect(try restore(scenario, ["--to-time", stamps[5]]).replay().count == 6)
        #expect(try restore(scenario, ["--to-time", "2100-01-01T00:00:00Z"]).replay().count == 6)
        let none = try Scenario(initialised: false)
        let outcome = try none.run(["restore", backup(scenario), "--to-time", "2020-01-01T00:00:00Z"])
        none.expect(exit: 1, outcome)
        #expect(!FileManager.default.fileExists(atPath: none.data))
    }

    @Test func `A restore to an earlier point sends again under the same id, and a whole one sends nothing`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Tour.declarations)
        let now = Int(Date().timeIntervalSince1970)
        try scenario.ingest(
            #"{"device":"E-1","readAt":\#(now - 7200),"value":"100"}"# + "\n"
                + #"{"device":"E-1","readAt":\#(now - 3600),"value":"200"}"#
        )
        let job = try scenario.run(["push", "drain"]).outputLines.map { try Row($0)["job"] }
        #expect(job == ["E-1/zero/2/crossed"])
        try backUp(scenario)
        let whole = try restore(scenario)
        #expect(try whole.run(["push", "drain"]).output.isEmpty)
        let earlier = try restore(scenario, ["--to-position", "5"])
        #expect(try earlier.query("pushes").map { $0["state"] } == ["pending"])
        #expect(try earlier.run(["push", "drain"]).outputLines.map { try Row($0)["job"] } == job)
    }

    @Test func `A backup that is killed again and again is finished by the next run`() throws {
        let scenario = try history()
        var unfinished = 0
        for round in 0..<25 {
            let child = try scenario.start(["backup", backup(scenario)])
            usleep(UInt32(1_000 + round * 1_500))
            child.send(SIGKILL)
            if try child.wait().signal == SIGKILL { unfinished += 1 }
            let hasManifest = FileManager.default.fileExists(atPath: backup(scenario) + "/backup.json")
            let other = try Scenario(initialised: false)
            let outcome = try other.run(["restore", backup(scenario)])
            #expect((outcome.exitCode == 0) == hasManifest, "round \(round): \(outcome.errors)")
        }
        #expect(unfinished > 0)
        let report = try backUp(scenario)
        let restored = try restore(scenario)
        #expect(try restored.replay("--with-record") == scenario.replay("--with-record"))
        #expect(report[integer: "position"] == (try Fleets.large.get().count))
    }

    @Test func `A restore that is killed is marked until it is whole, and goes on`() throws {
        let scenario = try history()
        try backUp(scenario)
        let wanted = try scenario.replay("--with-record", "--to-position", "4321")
        var marked = 0
        for round in 0..<12 {
            let other = try Scenario(initialised: false)
            let arguments = ["restore", backup(scenario), "--to-position", "4321"]
            let child = try other.start(arguments)
            let marker = other.data + "/restoring"
            let start = ContinuousClock.now
            while access(marker, F_OK) != 0, ContinuousClock.now - start < .seconds(5) { usleep(50) }
            usleep(UInt32(round * 300))
            child.send(SIGKILL)
            _ = try child.wait()
            if FileManager.default.fileExists(atPath: marker) {
                marked += 1
                other.expect(exit: 1, try other.run(["replay"]))
                other.expect(exit: 1, try other.run(["ingest", "-"]))
            }
            // Where the log was whole, what was left are the views, and these are folded by whoever asks.
            let isWhole = FileManager.default.fileExists(atPath: other.data + "/log")
            if !isWhole || FileManager.default.fileExists(atPath: marker) {
                other.expect(exit: 0, try other.run(arguments))
            }
            #expect(try other.replay("--with-record") == wanted, "round \(round)")
            other.expect(exit: 0, try other.run(["verify"]))
        }
        #expect(marked > 0)
    }

    @Test func `A damaged source stops the backup with its positions, and the older one can be restored`() throws {
        let scenario = try history()
        try backUp(scenario)
        let before = try scenario.replay()
        try scenario.ingest(Tour.text)
        let segment = try scenario.segments()[1]
        var bytes = try Scenario.bytes(segment)
        bytes[bytes.count / 2] ^= 0x10
        try Data(bytes).write(to: URL(fileURLWithPath: segment))
        let outcome = try scenario.run(["backup", backup(scenario)])
        scenario.expect(exit: 1, outcome)
        for part in ["positions ", segment, "as good as it was", "hint", "meterfold verify"] {
            #expect(outcome.errors.contains(part), "\(part): \(outcome.errors)")
        }
        #expect(outcome.output.isEmpty)
        #expect(try restore(scenario).replay() == before)
    }

    @Test func `What is in the way is refused, with place, cause and hint`() throws {
        let scenario = try Scenario()
        let empty = try scenario.run(["backup", backup(scenario)])
        scenario.expect(exit: 1, empty)
        #expect(empty.errors.contains("nothing to back up"))
        try scenario.ingest(Tour.text)
        let nowhere = try scenario.run(["backup", scenario.folder + "/not/there"])
        scenario.expect(exit: 1, nowhere)
        #expect(nowhere.errors.contains("not mounted"))
        let onto = try scenario.run(["backup", scenario.data])
        scenario.expect(exit: 1, onto)
        #expect(onto.errors.contains("data directory, not a backup"))
        try backUp(scenario)
        let full = try scenario.run(["restore", backup(scenario)])
        scenario.expect(exit: 1, full)
        #expect(full.errors.contains("not empty"))
        // A backup is read, never written.
        for command in [["ingest", "-"], ["rebuild"], ["topup", "E-1", "1", "--reference", "9"], ["serve"]] {
            let outcome = try scenario.runAlone(command + ["--data", backup(scenario)])
            scenario.expect(exit: 1, outcome)
            #expect(outcome.errors.contains("meterfold restore"), "\(command): \(outcome.errors)")
        }
        for command in [["verify"], ["log", "ls"], ["replay"]] {
            scenario.expect(exit: 0, try scenario.runAlone(command + ["--data", backup(scenario)]))
        }
        let none = try Scenario(initialised: false)
        for arguments in [["--to-position", "7"], ["--to-position", "99999999"]] {
            none.expect(exit: 1, try none.run(["restore", backup(scenario)] + arguments))
        }
        for arguments in [
            ["--to-position", "0"], ["--to-time", "soon"], ["--to-position", "1", "--to-time", "2026-01-01"],
        ] {
            none.expect(exit: 64, try none.run(["restore", backup(scenario)] + arguments))
        }
        none.expect(exit: 1, try none.run(["restore", scenario.data]))
        // A restore that was cut off is told by its marker.
        let restored = try restore(scenario)
        try Data("x\n".utf8).write(to: URL(fileURLWithPath: restored.data + "/restoring"))
        let half = try restored.run(["query", "balance"])
        restored.expect(exit: 1, half)
        #expect(half.errors.contains("has not come to its end"))
        unlink(restored.data + "/views.sqlite")
        restored.expect(exit: 0, try restored.run(["restore", backup(scenario)]))
        #expect(try restored.query("balance").map { $0["balance"] } == ["-2.00"])
    }

    @Test func `Settings, tokens and what was refused come along, for the owner's eyes`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Tour.text + "nonsense\n", exit: 2)
        scenario.expect(exit: 0, try scenario.run(["token", "create", "--can", "read"]))
        let settings = "views: { hours: off }\n"
        try Data(settings.utf8).write(to: URL(fileURLWithPath: scenario.data + "/meterfold.yaml"))
        #expect(try backUp(scenario)[integer: "filesCopied"] == 3)
        #expect(try backUp(scenario)[integer: "filesKept"] == 3)
        let restored = try restore(scenario)
        for name in ["meterfold.yaml", "tokens"] {
            let path = restored.data + "/" + name
            #expect(try Scenario.bytes(path) == Scenario.bytes(scenario.data + "/" + name))
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        }
        #expect(try restored.quarantined() == scenario.quarantined())
        let drill = try restore(scenario, ["--without-settings"])
        #expect(!FileManager.default.fileExists(atPath: drill.data + "/meterfold.yaml"))
        #expect(FileManager.default.fileExists(atPath: drill.data + "/tokens"))
    }
}
