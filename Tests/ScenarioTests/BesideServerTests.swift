import Foundation
import Testing

/// The operator's commands beside a server: they do and say what they do and say without one.
struct BesideServerTests {
    /// Two directories with the same history, one of them served, in which the same commands are run.
    private final class Pair {
        let alone: Scenario
        let served: Scenario
        let server: Server

        init(_ arguments: [String] = []) throws {
            (alone, served) = (try Scenario(), try Scenario())
            server = try Server(served, arguments)
        }

        /// Runs a command in both and compares what it says.
        ///
        /// - Returns: what it said beside the server.
        @discardableResult
        func run(
            _ arguments: [String],
            exit: Int32 = 0,
            files: [String: [UInt8]] = [:],
            reading text: String = "",
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws -> Outcome {
            func outcome(_ scenario: Scenario) throws -> Outcome {
                for (name, bytes) in files { _ = try scenario.file(name, bytes) }
                let words = arguments.map { files[$0] == nil ? $0 : "\(scenario.folder)/\($0)" }
                return try scenario.run(words, reading: text)
            }
            let (wanted, found) = (try outcome(alone), try outcome(served))
            alone.expect(exit: exit, wanted, sourceLocation: sourceLocation)
            served.expect(exit: exit, found, sourceLocation: sourceLocation)
            let (ours, theirs) = (Self.harmless(found, served), Self.harmless(wanted, alone))
            #expect(ours.out == theirs.out, sourceLocation: sourceLocation)
            #expect(ours.err == theirs.err, sourceLocation: sourceLocation)
            return found
        }

        /// What was said, without what no two runs have in common: folders, times, rates and names made of times.
        private static func harmless(_ outcome: Outcome, _ scenario: Scenario) -> (out: String, err: String) {
            func text(_ text: String) -> String {
                text.replacing(scenario.folder, with: "FOLDER")
                    .replacing(/\d+\.\d+ s, \d+(?: events)?\/s/, with: "TIME")
                    .replacing(/compared in \d+\.\d+ s/, with: "compared in TIME")
                    .replacing(/"seconds": [0-9.]+/, with: "SECONDS")
                    .replacing(/\d{8}T\d+Z-\d+/, with: "STAMP")
                    .replacing(/"requestedAt": "[^"]*"/, with: "INSTANT")
                    // A server records that days turned, which moves positions.
                    .replacing(/(positions?|up to|[pP]osition":) +[0-9]+( to [0-9]+)?/, with: "POSITION")
                    .replacing(/"durable": [0-9]+|[0-9]+ events/, with: "POSITION")
            }
            return (text(outcome.output), text(outcome.errors))
        }

        func check() throws {
            try server.stop()
            // Batches of other sizes put a long input in another order.
            let ours = try served.replay().filter { !$0.contains("DayTurned") }
            let areEqual = try ours.sorted() == alone.replay().sorted()
            #expect(areEqual, "the logs hold other events")
            #expect(Set(try served.recorders()) == ["cli"])
            served.expect(exit: 0, try served.run(["verify"]))
        }
    }

    @Test func `topup`() throws {
        let pair = try Pair()
        try pair.run(["ingest", "-"], reading: Tour.text)
        let pay = ["topup", "E-1", "5.50", "--reference", "2", "--at", "2026-01-02T00:00:00Z"]
        let first = try pair.run(pay).output
        #expect(first.hasPrefix("recorded at position "))
        // The same again, another under its name, and what nobody can mean.
        #expect(try pair.run(pay).output.hasPrefix("recorded at position "))
        #expect(try pair.run(["topup", "E-1", "6", "--reference", "2"], exit: 1).errors.contains("reference-reused"))
        try pair.run(["topup", "E-1", "much", "--reference", "3"], exit: 64)
        try pair.run(["topup", "E-1", "1", "--reference", "3", "--currency", "CNY"], exit: 1)
        try pair.run(["topup", "E-9", "1", "--reference", "4"], exit: 64)
        #expect(try pair.served.query("balance").map { $0["balance"] } == ["3.50"])
        try pair.check()
    }

    @Test func `apply`() throws {
        let pair = try Pair()
        let fleet = ["fleet.yaml": Array(ApplyTests.fleet.utf8)]
        #expect(
            try pair.run(["apply", "--dry-run", "fleet.yaml"], files: fleet).output.contains("nothing was written")
        )
        #expect(try pair.run(["apply", "fleet.yaml"], files: fleet).output.contains("positions 1 to 3"))
        #expect(try pair.run(["apply", "fleet.yaml"], files: fleet).output.contains("nothing to change"))
        try pair.run(["ingest", "-"], reading: ApplyTests.readings)
        let dearer = ["fleet.yaml": Array(ApplyTests.fleet.replacing("0.30", with: "0.40").utf8)]
        try pair.run(["apply", "--dry-run", "fleet.yaml"], files: dearer)
        let refused = try pair.run(["apply", "fleet.yaml"], exit: 1, files: dearer)
        #expect(refused.errors.contains("--yes"), "\(refused.errors)")
        #expect(refused.errors.contains("hint"), "\(refused.errors)")
        #expect(try pair.served.replay("--kind", "TariffPublished").count == 1, "nothing was changed")
        try pair.run(["apply", "fleet.yaml", "--yes", "--format", "json"], files: dearer)
        try pair.run(["apply", "fleet.yaml", "--format", "json"], files: dearer)
        let wrong = ["fleet.yaml": Array("devices: [ { id: E-1, utility: coal } ]\n".utf8)]
        try pair.run(["apply", "fleet.yaml"], exit: 1, files: wrong)
        try pair.run(["apply", "absent.yaml"], exit: 1)
        try pair.run(["apply", "-"], reading: "devices: [ { id: E-2, account: flat 9 } ]\n")
        try pair.check()
    }

    @Test func `ingest`() throws {
        let pair = try Pair()
        let declared = try pair.run(["ingest", "-", "--format", "json"], reading: Tour.declarations)
        #expect(try Row(declared.outputLines[0])[integer: "lastPosition"] == 3)
        // Refused lines, their file, and the rest that goes in.
        let mixed =
            Tour.readings + "nonsense\n" + #"{"device":"E-7","readAt":"2026-01-01T00:00:00Z","value":"1"}"# + "\n"
        let kept = try pair.run(["ingest", "-"], exit: 2, reading: mixed)
        #expect(kept.output.contains("rejected   2, kept in \(pair.served.data)/quarantine/2"), "\(kept.output)")
        #expect(try pair.served.quarantined().map { $0["raw"] } == pair.alone.quarantined().map { $0["raw"] })
        #expect(try pair.served.quarantined().map { $0["source"] } == ["-", "-"])
        try pair.run(["ingest", "-", "--format", "json"], exit: 2, reading: mixed)
        // Several files, each of a form of its own, with flags; one of them compressed.
        let csv = "device,readAt,value\nE-1,2026-01-05T00:00:00Z,1041\nE-1,2026-01-06T00:00:00Z,1042\n"
        let lines = "meter,device=E-1 value=1043 1767744000\n"
        let files = ["a.csv": Array(csv.utf8), "b.txt": Array(lines.utf8)]
        try pair.run(["ingest", "a.csv", "b.txt", "--precision", "s"], files: files)
        if let path = Scenario.path(of: "gzip") {
            let plain = try pair.served.file("c.csv", csv.replacing("2026-01-0", with: "2026-01-1"))
            let outcome = try Child([path, "-k", plain], input: .nothing, folder: pair.served.folder).wait()
            pair.served.expect(exit: 0, outcome)
            let packed = ["d.gz": try Scenario.bytes(plain + ".gz")]
            try pair.run(["ingest", "d.gz"], files: packed)
            try pair.run(["ingest", "cut.gz"], exit: 2, files: ["cut.gz": (packed["d.gz"] ?? []).dropLast(9)])
        }
        // Views that are left for later are folded by whoever asks.
        let late = #"{"device":"E-1","readAt":"2026-02-01T00:00:00+01:00","value":"1100"}"# + "\n"
        try pair.run(["ingest", "-", "--log-only", "--format", "json"], reading: late)
        // A profile of one's own, by file, and faults of all kinds.
        let profile = "format: csv\ncolumns: { device: meter, time: when, value: reading }\n"
        let other = "meter,when,reading\nE-1,2026-02-02T00:00:00Z,1101\n"
        let mine = ["mine.yaml": Array(profile.utf8), "e.csv": Array(other.utf8)]
        try pair.run(["ingest", "--profile", "mine.yaml", "e.csv"], files: mine)
        try pair.run(["ingest", "--profile", "absent.yaml", "e.csv"], exit: 1, files: mine)
        try pair.run(["ingest", "absent.csv"], exit: 1)
        try pair.run(["ingest", "-"], exit: 1, reading: "nothing that anybody could read\n")
        try pair.run(["ingest", "-"])
        try pair.run(["ingest", "-", "--dry-run"], exit: 2, reading: mixed)
        try pair.check()
    }

    @Test func `push drain`() throws {
        let pair = try Pair()
        let now = Int(Date().timeIntervalSince1970)
        try pair.run(["ingest", "-"], reading: Tour.declarations)
        try pair.run(
            ["ingest", "-"],
            reading: #"{"device":"E-1","readAt":\#(now - 7200),"value":"100"}"# + "\n"
                + #"{"device":"E-1","readAt":\#(now - 3600),"value":"200"}"#
        )
        let drained = try pair.run(["push", "drain"])
        #expect(try drained.outputLines.map { try Row($0)["job"] } == ["E-1/zero/2/crossed"])
        #expect(try pair.run(["push", "drain"]).output.isEmpty)
        #expect(try pair.served.query("pushes").map { $0["state"] } == ["delivered"])
        pair.served.expect(exit: 0, try pair.served.run(["rebuild"]))
        #expect(try pair.served.query("pushes").map { $0["state"] } == ["delivered"])
        try pair.server.stop()
        #expect(try pair.served.replay("--kind", "PushDelivered").count == 1)
    }

    @Test func `rebuild exchanges the views under those who read them`() throws {
        let pair = try Pair()
        let lines = try Fleets.small.get().joined(separator: "\n")
        try pair.run(["ingest", "-"], reading: lines)
        let before = try Views(of: pair.served)
        let views = pair.served.data + "/views.sqlite"
        // Somebody has the old views open all the while, and lets go of them afterwards.
        let script = """
            import sqlite3, sys
            connection = sqlite3.connect(sys.argv[1])
            rows = connection.execute('SELECT * FROM balance').fetchall()
            print(len(rows), flush=True)
            sys.stdin.readline()
            assert connection.execute('SELECT * FROM balance').fetchall() == rows
            connection.close()
            """
        let reader = try Scenario.path(of: "python3").map { path in
            try Child([path, "-c", script, views], input: .pipe, folder: pair.served.folder, readsOutput: true)
        }
        if let reader {
            var byte: UInt8 = 0
            #expect(read(reader.outputDescriptor, &byte, 1) == 1, "\(reader.errorsSoFar)")
        }
        for _ in 1...2 {
            #expect(try pair.run(["rebuild"]).output.contains("equal to the old views"))
            #expect(try pair.server.get("/v1/balance").status == 200)
        }
        if let reader {
            reader.write("\n".utf8)
            pair.served.expect(exit: 0, try reader.wait())
        }
        #expect(try Views(of: pair.served) == before)
        // It goes on in the fresh ones.
        try pair.run(
            ["ingest", "-"],
            reading: #"{"device":"X-1","readAt":1767225600,"value":"1","register":"r","unit":"kWh"}"#
        )
        #expect(try pair.server.get("/v1/devices/X-1?atLeast=1").status == 200)
        #expect(try pair.served.query("devices", "--device", "X-1").count == 1)
        try pair.check()
        pair.served.expect(exit: 0, try pair.served.run(["rebuild"]))
        let names = try FileManager.default.contentsOfDirectory(atPath: pair.served.data)
        #expect(!names.contains { $0.contains("fresh") || $0.contains("before") }, "\(names)")
    }

    @Test func `A rebuild that differs says so and keeps the old views`() throws {
        let pair = try Pair()
        try pair.run(["ingest", "-"], reading: Tour.text)
        let views = pair.served.data + "/views.sqlite"
        let script =
            "import sqlite3,sys;c=sqlite3.connect(sys.argv[1]);c.execute(\"UPDATE balance SET charges = '1'\");c.commit()"
        guard let outcome = try pair.served.runOther(["python3", "-c", script, views]) else { return }
        pair.served.expect(exit: 0, outcome)
        let rebuilt = try pair.served.run(["rebuild"])
        pair.served.expect(exit: 1, rebuilt)
        #expect(rebuilt.output.contains("differ"), "\(rebuilt.output)")
        #expect(try pair.server.get("/v1/balance").rows().map { $0["balance"] } == ["-2.00"])
        #expect(FileManager.default.fileExists(atPath: views + ".before"))
        try pair.check()
    }

    @Test func `Reading commands need no server and no lock`() throws {
        let pair = try Pair()
        try pair.run(["ingest", "-"], reading: Tour.text)
        for command in [
            ["query", "balance"], ["query", "balance", "--at-position", "3"], ["explain", "E-1"], ["replay"],
            ["verify"], ["log", "ls"],
        ] {
            pair.served.expect(exit: 0, try pair.served.run(command))
        }
        try pair.run(["query", "balance"])
        try pair.run(["explain", "E-1"])
        try pair.check()
    }
}
