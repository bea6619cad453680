import Foundation
import Testing

/// Segments that are damaged beyond repair, and given up.
struct GiveUpTests {
    /// A log of several sealed segments.
    private func log() throws -> Scenario { try .withSealedSegments() }

    /// Damages more of a segment than parity reaches.
    private func ruin(_ path: String) throws {
        var bytes = try Scenario.bytes(path)
        for offset in 8192..<20_480 { bytes[offset] = 0 }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    private func position(_ line: String) throws -> UInt64 {
        let start = try #require(line.range(of: #""position": "#)?.upperBound)
        return try #require(UInt64(line[start...].prefix { $0.isNumber }))
    }

    @Test func `What is given up leaves a hole that everything speaks of, and the log goes on`() throws {
        let scenario = try log()
        let events = try scenario.replay("--with-record")
        let whole = try scenario.query("balance")
        let backup = scenario.data + "-backup"
        scenario.expect(exit: 0, try scenario.run(["backup", backup]))
        let segments = try scenario.segments()
        try ruin(segments[1])
        let ruined = try Scenario.bytes(segments[1])
        let name = String(try #require(segments[1].split(separator: "/").last))

        let refused = try scenario.run(["ingest", "-"], reading: "")
        scenario.expect(exit: 1, refused)
        #expect(refused.errors.contains("log give-up"), "\(refused.errors)")
        let listed = try scenario.run(["log", "give-up"])
        scenario.expect(exit: 1, listed)
        #expect(listed.output.contains(name) && listed.errors.contains("nothing was changed"), "\(listed.errors)")
        let range = String(try #require(listed.errors.components(separatedBy: "--positions ").last).dropLast())
        let bounds = range.split(separator: "-").compactMap { UInt64($0) }
        try #require(bounds.count == 2)
        let lost = bounds[0]...bounds[1]
        // Anything else than what is lost is not given up.
        for other in ["1-\(lost.lowerBound)", "\(lost.lowerBound)-\(lost.upperBound - 1)"] {
            scenario.expect(exit: 1, try scenario.run(["log", "give-up", "--positions", other]))
        }
        #expect(try Scenario.bytes(segments[1]) == ruined)

        let done = try scenario.run(["log", "give-up", "--positions", range])
        scenario.expect(exit: 0, done)
        #expect(done.output.contains("gave up positions \(lost.lowerBound) to \(lost.upperBound) of \(name)"))
        let kept = try FileManager.default.contentsOfDirectory(atPath: scenario.data + "/damaged").sorted()
        #expect(kept.count == 2 && kept[0].hasPrefix(name) && kept[1].hasPrefix("views."), "\(kept)")
        #expect(try Scenario.bytes(scenario.data + "/damaged/" + kept[0]) == ruined)

        let verified = try scenario.run(["verify"])
        scenario.expect(exit: 0, verified)
        #expect(verified.output.contains("sound, but for \(lost.count) records that were given up"))
        let left = try events.filter { !lost.contains(try position($0)) }
        #expect(left.count == events.count - lost.count)
        let replayed = try scenario.run(["replay", "--with-record"])
        scenario.expect(exit: 0, replayed)
        #expect(replayed.outputLines == left)
        #expect(replayed.errors.contains("are lost and were given up"), "\(replayed.errors)")
        let asked = try scenario.run(["query", "balance"])
        scenario.expect(exit: 0, asked)
        #expect(asked.errors.contains("positions \(lost.lowerBound) to \(lost.upperBound)"), "\(asked.errors)")
        let stats = try scenario.run(["log", "stats", "--format", "json"])
        #expect(stats.output.contains(#""lost": \#(lost.count)"#), "\(stats.output)")

        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
        let line = #"{"device":"D-9","readAt":"2026-06-05T00:00:00Z","value":"1","register":"r","unit":"kWh"}"#
        try scenario.ingest(line)
        scenario.expect(exit: 0, try scenario.run(["verify"]))
        scenario.expect(exit: 0, try scenario.run(["log", "give-up"]))
        // The views of before say what the lost records came to.
        let old = scenario.data + "/damaged/" + kept[1]
        scenario.expect(exit: 0, try scenario.run(["compare", old]))
        // What the backup still has is not overwritten by a hole, and comes back.
        let again = try scenario.run(["backup", backup])
        scenario.expect(exit: 1, again)
        #expect(again.errors.contains("which this backup still has"), "\(again.errors)")
        let restored = try Scenario()
        scenario.expect(exit: 0, try restored.runAlone(["restore", backup, "--data", restored.data + "-2"]))
        let balances = try restored.runAlone(["query", "balance", "--format", "ndjson", "--data", restored.data + "-2"])
        #expect(try balances.outputLines.map { try Row($0) } == whole)
        let fresh = try scenario.run(["backup", backup + "-2"])
        scenario.expect(exit: 0, fresh)
        scenario.expect(exit: 0, try scenario.runAlone(["verify", "--log-only", "--data", backup + "-2"]))
    }

    @Test func `A server starts over a hole, and counts what is lost`() throws {
        let scenario = try log()
        try ruin(try scenario.segments()[0])
        let listed = try scenario.run(["log", "give-up"])
        let range = String(try #require(listed.errors.components(separatedBy: "--positions ").last).dropLast())
        scenario.expect(exit: 0, try scenario.run(["log", "give-up", "--positions", range]))
        let bounds = range.split(separator: "-").compactMap { Int($0) }
        let server = try Server(scenario)
        #expect(try server.metric("meterfold_log_lost_events") == "\(bounds[1] - bounds[0] + 1)")
        let line = #"{"device":"D-9","readAt":"2026-06-05T00:00:00Z","value":"1","register":"r","unit":"kWh"}"#
        #expect(try server.converse(line + "\n").last?.hasPrefix("ok ") == true)
        let outcome = try server.stop()
        #expect(outcome.errors.contains("the log has a hole"), "\(outcome.errors)")
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
    }

    @Test func `What parity reaches is repaired, not given up`() throws {
        let scenario = try log()
        let path = try scenario.segments()[1]
        var bytes = try Scenario.bytes(path)
        bytes[9000] ^= 4
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let refused = try scenario.run(["log", "give-up"])
        scenario.expect(exit: 1, refused)
        #expect(refused.errors.contains("verify --repair"), "\(refused.errors)")
        scenario.expect(exit: 0, try scenario.run(["verify", "--repair"]))
        let nothing = try scenario.run(["log", "give-up"])
        scenario.expect(exit: 0, nothing)
        #expect(nothing.output == "nothing is lost\n")
    }
}
