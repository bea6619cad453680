import Foundation
import Glibc
import Testing

/// What a run leaves behind that did not come to its end.
struct InterruptionTests {
    /// What queries print once everything was given, whatever happened on the way.
    private static let dropped = positions + ["duplicates", "requestedAt"]

    private static let undisturbed = Result {
        let scenario = try Scenario()
        try scenario.ingest(Fleets.usual.get().joined(separator: "\n"))
        return try Views(of: scenario, dropping: dropped)
    }

    private static func head(_ scenario: Scenario) throws -> Int {
        let outcome = try scenario.run(["log", "stats", "--format", "json"])
        guard outcome.exitCode == 0 else { throw ChildFault(description: outcome.errors) }
        return try Row(outcome.outputLines[0])[integer: "head"] ?? 0
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `Ctrl-C leaves a clean log and says how far it reaches`(_ signal: Int32) throws {
        let scenario = try Scenario()
        let lines = try Fleets.usual.get()
        let child = try scenario.start(["ingest", "-"], input: .pipe)
        child.write((lines[..<(lines.count / 2)].joined(separator: "\n") + "\n").utf8)
        let start = ContinuousClock.now
        while try Self.head(scenario) == 0, ContinuousClock.now - start < .seconds(20) { usleep(2_000) }
        child.send(signal)
        // More input is coming, as far as anybody still reads it; the pipe is not closed.
        child.write("{\"device\":\"E".utf8)
        let outcome = try child.wait(closingInput: false)
        scenario.expect(exit: 1, outcome)
        let head = try Self.head(scenario)
        #expect(head > 0)
        #expect(outcome.errors.contains("position \(head) is durable"), "\(outcome.errors)")
        scenario.expect(exit: 0, try scenario.run(["verify"]))
        #expect(try scenario.quarantined().isEmpty, "the unfinished line is not judged")
        let current = try scenario.run(["query", "devices"])
        #expect(current.errors.isEmpty, "the views are at the log's head")
        try scenario.ingest(lines.joined(separator: "\n"))
        let (views, expected) = (try Views(of: scenario, dropping: Self.dropped), try Self.undisturbed.get())
        #expect(views == expected, "\(views.differences(from: expected))")
    }

    @Test func `Ctrl-C before anything came in`() throws {
        let scenario = try Scenario()
        let child = try scenario.start(["ingest", "-"], input: .pipe)
        let start = ContinuousClock.now
        // The holder names itself once it has the lock; the signal is noted from before that.
        while ContinuousClock.now - start < .seconds(20) {
            let lock = FileManager.default.contents(atPath: scenario.data + "/lock") ?? Data()
            if !lock.isEmpty { break }
            usleep(2_000)
        }
        usleep(20_000)
        child.send(SIGINT)
        let outcome = try child.wait(closingInput: false)
        scenario.expect(exit: 1, outcome)
        #expect(outcome.errors.contains("position 0"))
        scenario.expect(exit: 0, try scenario.run(["verify"]))
    }

    /// Killed at a byte of the input, twice, then everything is given once more.
    @Test(arguments: 1...Kills.count / 4)
    func `Killed at any point, the same input again completes the log`(_ seed: Int) throws {
        let scenario = try Scenario()
        // Segments so small that some are sealed on the way.
        scenario.environment["METERFOLD_LOG_SEGMENT_BYTES"] = "65536"
        let lines = try Fleets.usual.get()
        let bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
        var generator = SplitMix(seed: UInt64(seed))
        var durable = 0
        for _ in 1...2 {
            let child = try scenario.start(["ingest", "-"], input: .pipe)
            let last = generator.below(bytes.count)
            var start = 0
            while start < last {
                let end = min(last, start + 1 + generator.below(200_000))
                child.write(bytes[start..<end])
                start = end
            }
            usleep(UInt32(generator.below(30_000)))
            child.send(SIGKILL)
            #expect(try child.wait().signal == SIGKILL)
            let verified = try scenario.run(["verify"])
            scenario.expect(exit: 0, verified)
            let head = try Self.head(scenario)
            #expect(head >= durable, "seed \(seed): what was durable is gone")
            durable = head
        }
        let summary = try scenario.ingest(bytes)
        #expect(summary[integer: "accepted"] == lines.count)
        let (views, expected) = (try Views(of: scenario, dropping: Self.dropped), try Self.undisturbed.get())
        #expect(views == expected, "seed \(seed): \(views.differences(from: expected))")
        scenario.expect(exit: 0, try scenario.run(["verify"]))
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
    }

    /// What a second process was told is durable stays, whatever becomes of the writer.
    @Test func `A position that was seen survives a kill`() throws {
        let scenario = try Scenario()
        let child = try scenario.start(["ingest", "-"], input: .pipe)
        var seen = 0
        for line in try Fleets.small.get().prefix(600) {
            child.write((line + "\n").utf8)
            if seen == 0 { seen = try Self.head(scenario) }
        }
        seen = max(seen, try Self.head(scenario))
        child.send(SIGKILL)
        _ = try child.wait()
        #expect(try Self.head(scenario) >= seen)
        scenario.expect(exit: 0, try scenario.run(["verify"]))
    }

    @Test func `A killed rebuild leaves the old views`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Fleets.usual.get().joined(separator: "\n"))
        let before = try Views(of: scenario)
        for milliseconds in [5, 20, 40, 80, 120] {
            let child = try scenario.start(["rebuild"])
            usleep(UInt32(milliseconds * 1000))
            child.send(SIGKILL)
            _ = try child.wait()
            #expect(try Views(of: scenario) == before, "after \(milliseconds) ms")
        }
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
    }
}
