import Foundation
import Testing

/// Bytes of the log that are not what was written: found, named, and never written over.
struct DamageTests {
    /// A log of several sealed segments and one in use.
    private func log() throws -> Scenario { try .withSealedSegments() }

    private struct Segment {
        var path: String
        var name: String
        var liveBytes: Int
        var isSealed: Bool
    }

    private func segments(_ scenario: Scenario) throws -> [Segment] {
        let outcome = try scenario.run(["log", "ls", "--format", "json"])
        scenario.expect(exit: 0, outcome)
        return try outcome.output.split(separator: "\n").map { line in
            let row = try Row(String(line).trimmingCharacters(in: ["[", "]", ","]))
            let file = try #require(row["segment"])
            let name = String(file.split(separator: "/").last ?? "")
            return Segment(
                path: "\(scenario.data)/log/\(name)",
                name: name,
                liveBytes: row[integer: "bytes"] ?? 0,
                isSealed: row["sealed"] == "true"
            )
        }
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    @Test func `A sound log says so`() throws {
        let scenario = try log()
        let found = try segments(scenario)
        #expect(found.count > 2, "\(found.count) segments")
        #expect(found.count { !$0.isSealed } == 1)
        let text = try scenario.run(["verify"])
        scenario.expect(exit: 0, text)
        #expect(text.output.contains("sound"))
        let outcome = try scenario.run(["verify", "--format", "json"])
        scenario.expect(exit: 0, outcome)
        let row = try Row(outcome.output.trimmingCharacters(in: .newlines))
        #expect(row["sound"] == "true")
        #expect(row[integer: "head"] == (try Fleets.large.get().count))
        #expect(row[json: "findings"] == "[]")
        #expect(row["chain"]?.isEmpty == false)
    }

    @Test func `What the views have seen is not taken for a write that never came to its end`() throws {
        let scenario = try log()
        let segment = try #require(try segments(scenario).last { !$0.isSealed })
        var bytes = try Scenario.bytes(segment.path)
        // A sector within the last block, as where power went during its write.
        let sector = (segment.liveBytes - 300) / 512 * 512
        for i in sector..<sector + 200 { bytes[i] = 0 }
        for i in sector + 200..<min(bytes.count, segment.liveBytes) { bytes[i] = 0 }
        try write(bytes, to: segment.path)
        let writers = [["ingest", "-"], ["topup", "m1", "1", "--reference", "r"], ["serve", "--tcp", "127.0.0.1:0"]]
        for arguments in writers {
            let outcome = try scenario.run(arguments)
            #expect(outcome.exitCode == 1, "\(arguments): \(outcome.errors)")
            #expect(outcome.errors.contains("was acknowledged"), "\(arguments): \(outcome.errors)")
            #expect(outcome.errors.contains("delete \(scenario.data)/views.sqlite"), "\(outcome.errors)")
            #expect(try Scenario.bytes(segment.path) == bytes, "\(arguments) wrote to it")
        }
        let verified = try scenario.run(["verify"])
        #expect(verified.exitCode == 1)
    }

    @Test(arguments: 1...16)
    func `A flipped bit is found and named, and nobody writes on`(_ seed: Int) throws {
        let scenario = try log()
        var generator = SplitMix(seed: UInt64(seed))
        let all = try segments(scenario)
        let segment = all[generator.below(all.count)]
        var bytes = try Scenario.bytes(segment.path)
        // Every fourth flip lies where nothing was written yet, or in what follows the blocks.
        let offset = generator.below(seed % 4 == 0 ? bytes.count : segment.liveBytes)
        bytes[offset] ^= UInt8(1 << generator.below(8))
        try write(bytes, to: segment.path)
        let outcome = try scenario.run(["verify"])
        let place = "seed \(seed), \(segment.name) of \(all.count), offset \(offset), live \(segment.liveBytes)"
        #expect(outcome.exitCode == 1, "\(place): \(outcome.output)")
        #expect(outcome.output.contains(segment.name), "\(place): \(outcome.output)")
        #expect(outcome.output.contains("DAMAGED"))
        let json = try scenario.run(["verify", "--format", "json"])
        #expect(json.exitCode == 1)
        let row = try Row(json.output.trimmingCharacters(in: .newlines))
        #expect(row["sound"] == "false")
        #expect(row[json: "findings"]?.contains(#""severity":"damage""#) == true)
        #expect(row[json: "findings"]?.contains(segment.name) == true)
        #expect(try Scenario.bytes(segment.path) == bytes, "verify only reads")
    }

    @Test func `Damage in a block is told by segment, offset and positions, and stops the writer`() throws {
        let scenario = try log()
        let whole = try scenario.replay()
        let all = try segments(scenario)
        let segment = all[1]
        var bytes = try Scenario.bytes(segment.path)
        bytes[segment.liveBytes / 2] ^= 0x10
        try write(bytes, to: segment.path)
        let outcome = try scenario.run(["verify", "--format", "json"])
        scenario.expect(exit: 1, outcome)
        let findings = try Row(outcome.output.trimmingCharacters(in: .newlines))[json: "findings"] ?? ""
        for part in [segment.name, "\"offset\":", "\"firstPosition\":", "\"lastPosition\":"] {
            #expect(findings.contains(part), "\(part): \(findings)")
        }
        let before = try scenario.segments().map(Scenario.bytes)
        for command in [["ingest", "-"], ["rebuild"], ["replay"]] {
            let stopped = try scenario.run(command)
            scenario.expect(exit: 1, stopped)
            #expect(stopped.errors.contains(segment.name), "\(command): \(stopped.errors)")
        }
        let told = try scenario.run(["replay"])
        let damaged = try #require(findings.firstMatch(of: #/"firstPosition": ?(\d+)/#)?.1)
        #expect(told.output.hasSuffix("\n"))
        #expect(told.outputLines.count + 1 == Int(damaged), "all that lies before the damage is told")
        #expect(whole.starts(with: told.outputLines))
        #expect(try scenario.segments().map(Scenario.bytes) == before)
    }

    @Test func `What is about one device reads of the log what may have some of it`() throws {
        let scenario = try log()
        // What comes again defines nothing.
        let firstCount = try segments(scenario).count
        try scenario.ingest(Fleets.large.get().joined(separator: "\n"))
        let all = try segments(scenario)
        let segment = all[(firstCount + all.count) / 2]
        #expect(segment.isSealed)
        var bytes = try Scenario.bytes(segment.path)
        bytes[segment.liveBytes / 2] ^= 0x10
        try write(bytes, to: segment.path)
        scenario.expect(exit: 0, try scenario.run(["topup", "E-1", "1", "--reference", "1", "--currency", "EUR"]))
        #expect(try Scenario.bytes(segment.path) == bytes)
        scenario.expect(exit: 1, try scenario.run(["verify"]))
    }

    @Test func `A segment that was cut off is named`() throws {
        for isSealed in [true, false] {
            let scenario = try log()
            let segment = try #require(segments(scenario).last { $0.isSealed == isSealed })
            let bytes = try Scenario.bytes(segment.path)
            try write(Array(bytes.prefix(segment.liveBytes / 2)), to: segment.path)
            let outcome = try scenario.run(["verify"])
            scenario.expect(exit: 1, outcome)
            #expect(outcome.output.contains(segment.name))
            let refused = try scenario.run(["ingest", "-"])
            scenario.expect(exit: 1, refused)
            #expect(try Scenario.bytes(segment.path).count <= segment.liveBytes)
        }
    }

    @Test func `A segment that is gone is missed`() throws {
        for index in [0, 1] {
            let scenario = try log()
            let segment = try segments(scenario)[index]
            try FileManager.default.removeItem(atPath: segment.path)
            let outcome = try scenario.run(["verify"])
            scenario.expect(exit: 1, outcome)
            scenario.expect(exit: 1, try scenario.run(["ingest", "-"]))
        }
    }
}
