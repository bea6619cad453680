import Foundation
import Testing

/// Logs as earlier versions wrote them: read, verified, folded to the same rows, and gone on with.
struct OlderFormatTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fixtures/logs").path

    static var versions: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasPrefix("body-") }.sorted()
    }

    /// A data directory with a version's log: the segment in use filled up with zeros.
    private func scenario(_ version: String) throws -> Scenario {
        let scenario = try Scenario()
        let log = "\(Self.folder)/\(version)/log"
        for name in try FileManager.default.contentsOfDirectory(atPath: log).sorted() {
            var bytes = try Scenario.bytes("\(log)/\(name)")
            let byteCount = bytes[24..<32].reversed().reduce(0) { $0 << 8 | Int($1) }
            // The four bytes that end a footer, and so a sealed segment.
            let isSealed = bytes.suffix(4) == [0xE5, 0xD3, 0xB9, 0xA7]
            if !isSealed { bytes += [UInt8](repeating: 0, count: byteCount - bytes.count) }
            try Data(bytes).write(to: URL(fileURLWithPath: "\(scenario.data)/log/\(name)"))
        }
        return scenario
    }

    private func expectRows(
        _ scenario: Scenario,
        _ version: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let expected = "\(Self.folder)/\(version)/expected"
        let files = try FileManager.default.contentsOfDirectory(atPath: expected).sorted()
        #expect(files.count == 8, sourceLocation: sourceLocation)
        for file in files {
            let words = file.replacing(".ndjson", with: "").split(separator: "-").map(String.init)
            let query = [words[0]] + (words.count > 1 ? ["--by", words[1]] : [])
            let outcome = try scenario.run(["query"] + query + ["--format", "ndjson"])
            scenario.expect(exit: 0, outcome, sourceLocation: sourceLocation)
            let wanted = try String(contentsOfFile: "\(expected)/\(file)", encoding: .utf8)
            #expect(outcome.output == wanted, "\(file)", sourceLocation: sourceLocation)
        }
    }

    @Test func `Every version has its log`() { #expect(Self.versions == ["body-1", "body-2"]) }

    @Test(arguments: versions)
    func `A log of an earlier version is read, and gone on with`(_ version: String) throws {
        let scenario = try scenario(version)
        let before = try scenario.segments().map(Scenario.bytes)
        let head = "\(Self.folder)/\(version)/head.json"
        let verified = try scenario.run(["verify", "--against", head])
        scenario.expect(exit: 0, verified)
        #expect(verified.output.contains("of 2 segments"))
        #expect(try scenario.segments().map(Scenario.bytes) == before)
        // Folded when they are first asked for, and once more from the start.
        try expectRows(scenario, version)
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
        try expectRows(scenario, version)
        // The segment in use takes blocks of the newest version behind its own, until another follows it.
        scenario.environment["METERFOLD_LOG_SEGMENT_BYTES"] = "65536"
        try scenario.ingest(#"{"device":"P-1","readAt":"2026-01-06T00:00:00+01:00","value":"2.5"}"#)
        // Without the device that has its money in another currency here, and payments: their references are taken.
        let others = try Fleets.small.get().filter { !$0.contains("E-000002") && !$0.contains("TopUp") }
        try scenario.ingest(others.joined(separator: "\n"))
        try scenario.ingest(#"{"device":"P-1","readAt":"2026-01-07T00:00:00+01:00","value":"3.5"}"#)
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
        scenario.expect(exit: 0, try scenario.run(["verify", "--against", head]))
        let rows = try scenario.query("consumption", "--device", "P-1").filter {
            $0["start"]?.hasPrefix("2026-01-06") == true
        }
        #expect(rows.map { $0["quantity"] } == ["20"])
        // So are its backups.
        let backup = scenario.folder + "/backup"
        scenario.expect(exit: 0, try scenario.run(["backup", backup]))
        let restored = try Scenario(initialised: false)
        restored.expect(exit: 0, try restored.run(["restore", backup, "--to-position", "1264"]))
        restored.expect(exit: 0, try restored.run(["verify"]))
        #expect(try restored.replay() == scenario.replay("--to-position", "1264"))
    }

    @Test func `What both versions tell is the same`() throws {
        let (old, new) = (try scenario("body-1"), try scenario("body-2"))
        #expect(try old.replay().count == 1269)
        #expect(try old.replay().filter { !$0.contains("Push") } == new.replay().filter { !$0.contains("Push") })
    }
}
