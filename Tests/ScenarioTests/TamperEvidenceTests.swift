import EventStorage
import Foundation
import MeterModel
import Testing

/// A log against heads that were exported earlier, by the built program.
struct TamperEvidenceTests {
    /// A history in several blocks, and a head of it in the middle and one at its end, signed.
    private final class Stage {
        let scenario: Scenario
        var middle: String { scenario.folder + "/middle.json" }
        var end: String { scenario.folder + "/end.json" }
        var key: String { scenario.folder + "/operator" }

        init() throws {
            scenario = try Scenario()
            scenario.expect(exit: 0, try scenario.runAlone(["log", "keygen", key]))
            try scenario.ingest(Tour.declarations)
            try scenario.ingest(Tour.readings)
            try export(middle)
            let more = (5...9).map { day in
                #"{"device":"E-1","readAt":"2026-01-0\#(day)T00:00:00+01:00","value":"10\#(day)0.0"}"#
            }
            try scenario.ingest(more.joined(separator: "\n"))
            try export(end)
        }

        private func export(_ file: String) throws {
            scenario.expect(exit: 0, try scenario.run(["log", "head", "--sign", key, "--out", file]))
        }

        func verify(_ scenario: Scenario, _ heads: [String]? = nil, key: String? = nil) throws -> Outcome {
            let heads = (heads ?? [middle, end]).flatMap { ["--against", $0] }
            return try scenario.run(["verify"] + heads + ["--key", key ?? self.key + ".pub"])
        }
    }

    private func expectProof(_ outcome: Outcome, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(outcome.exitCode == 0, "\(outcome.output)\(outcome.errors)", sourceLocation: sourceLocation)
        #expect(outcome.output.contains("sound\n"), sourceLocation: sourceLocation)
        #expect(!outcome.output.contains("NOT PROVED"), sourceLocation: sourceLocation)
    }

    /// The altered log is sound in itself, and the heads tell.
    private func expectExposure(
        _ altered: Scenario,
        _ stage: Stage,
        naming words: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let alone = try altered.run(["verify", "--log-only"])
        altered.expect(exit: 0, alone, sourceLocation: sourceLocation)
        let outcome = try stage.verify(altered)
        altered.expect(exit: 1, outcome, sourceLocation: sourceLocation)
        #expect(outcome.output.contains("ALTERED"), sourceLocation: sourceLocation)
        #expect(outcome.output.contains(words), "\(outcome.output)", sourceLocation: sourceLocation)
    }

    @Test func `The same log is proved, also after it grew, was written in other segments and was rebuilt`() throws {
        let stage = try Stage()
        expectProof(try stage.verify(stage.scenario))
        let json = try stage.scenario.run(["verify", "--format", "json", "--against", stage.end])
        let row = try Row(json.output.trimmingCharacters(in: .newlines))
        #expect(row["sound"] == "true")
        #expect(row[json: "heads"]?.contains(#""outcome":"proved""#) == true, "\(json.output)")
        try stage.scenario.ingest(#"{"device":"E-1","readAt":"2026-01-10T00:00:00+01:00","value":"1100.0"}"#)
        stage.scenario.expect(exit: 0, try stage.scenario.run(["rebuild"]))
        expectProof(try stage.verify(stage.scenario))
        // The chain is over what the blocks say, not over how they are packed.
        expectProof(try stage.verify(RewrittenLog(of: stage.scenario).written(segmentByteCount: 64 << 10)))
    }

    @Test func `A value that was changed shows`() throws {
        let stage = try Stage()
        var log = try RewrittenLog(of: stage.scenario)
        let block = try #require(log.blocks.lastIndex { !$0.batch.readings.isEmpty })
        log.blocks[block].batch.readings[2].value -= 1
        try expectExposure(try log.written(), stage, naming: "events in positions 7 to 11 were altered")
        var early = try RewrittenLog(of: stage.scenario)
        let first = try early.block(withReadings: 1)
        early.blocks[first].batch.readings[0].value += 1
        let altered = try early.written()
        let outcome = try stage.verify(altered)
        altered.expect(exit: 1, outcome)
        #expect(outcome.output.contains("NOT PROVED"))
    }

    @Test func `An event that was dropped shows, also where another took its place`() throws {
        let stage = try Stage()
        var log = try RewrittenLog(of: stage.scenario)
        let block = try #require(log.blocks.lastIndex { $0.batch.readings.count > 2 })
        let reading = log.blocks[block].batch.readings.remove(at: 1)
        try expectExposure(try log.written(), stage, naming: "the log ends at position 10")
        // As many as before: the one after it twice.
        log.blocks[block].batch.readings.insert(log.blocks[block].batch.readings[1], at: 1)
        #expect(log.blocks[block].batch.readings[1] != reading)
        try expectExposure(try log.written(), stage, naming: "events in positions 7 to 11 were altered")
    }

    @Test func `Two readings in another order show`() throws {
        let stage = try Stage()
        var log = try RewrittenLog(of: stage.scenario)
        let block = try #require(log.blocks.lastIndex { $0.batch.readings.count > 2 })
        log.blocks[block].batch.readings.swapAt(1, 2)
        try expectExposure(try log.written(), stage, naming: "put in another order")
    }

    @Test func `An instant or a name of who recorded shows`() throws {
        let stage = try Stage()
        var log = try RewrittenLog(of: stage.scenario)
        log.blocks[log.blocks.count - 1].recordedAt.milliseconds -= 1
        try expectExposure(try log.written(), stage, naming: "positions 7 to 11")
        log.blocks[log.blocks.count - 1].recordedAt.milliseconds += 1
        log.blocks[log.blocks.count - 1].recordedBy = "nobody"
        try expectExposure(try log.written(), stage, naming: "positions 7 to 11")
    }

    @Test func `Blocks that were put together or cut otherwise show`() throws {
        let stage = try Stage()
        var log = try RewrittenLog(of: stage.scenario)
        let last = log.blocks.removeLast()
        log.blocks[log.blocks.count - 1].batch.readings += last.batch.readings
        try expectExposure(try log.written(), stage, naming: "no block ends at position 6")
    }

    @Test func `A log that was cut shows`() throws {
        let stage = try Stage()
        var log = try RewrittenLog(of: stage.scenario)
        log.blocks.removeLast()
        let cut = try log.written()
        try expectExposure(cut, stage, naming: "positions 7 to 11 were there and are gone")
        // Up to the earlier head it is what it was.
        expectProof(try stage.verify(cut, [stage.middle]))
    }

    @Test func `Another log is told apart`() throws {
        let stage = try Stage()
        let other = try Scenario()
        try other.ingest(Tour.text)
        try expectExposure(other, stage, naming: "another log")
    }

    @Test func `A head that was touched, unsigned or signed by another is refused`() throws {
        let stage = try Stage()
        let text = try String(contentsOfFile: stage.end, encoding: .utf8)
        let touched = try stage.scenario.file(
            "touched.json",
            text.replacing(#""position": 11"#, with: #""position": 10"#)
        )
        let refused = try stage.verify(stage.scenario, [touched])
        stage.scenario.expect(exit: 1, refused)
        #expect(refused.errors.contains("altered after it was signed"), "\(refused.errors)")
        #expect(refused.errors.contains(touched) && refused.errors.contains("hint"))
        #expect(refused.output.isEmpty)
        let printed = try stage.scenario.run(["log", "head"])
        stage.scenario.expect(exit: 0, printed)
        let unsigned = try stage.scenario.file("unsigned.json", printed.output)
        #expect(try stage.verify(stage.scenario, [unsigned]).errors.contains("not signed"))
        stage.scenario.expect(exit: 0, try stage.scenario.run(["verify", "--against", unsigned]))
        let other = stage.scenario.folder + "/other"
        _ = try stage.scenario.runAlone(["log", "keygen", other])
        let foreign = try stage.verify(stage.scenario, key: other + ".pub")
        stage.scenario.expect(exit: 1, foreign)
        #expect(foreign.errors.contains("is signed by the key"), "\(foreign.errors)")
        #expect(try stage.verify(stage.scenario, key: stage.key).errors.contains("private key"))
        stage.scenario.expect(
            exit: 1,
            try stage.scenario.run(["verify", "--against", stage.scenario.folder + "/none"])
        )
        stage.scenario.expect(exit: 64, try stage.scenario.run(["verify", "--key", stage.key + ".pub"]))
    }

    @Test func `Keys and heads are never overwritten, and a key that others can read is not used`() throws {
        let stage = try Stage()
        let attributes = try FileManager.default.attributesOfItem(atPath: stage.key)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        let before = try Scenario.bytes(stage.key)
        let again = try stage.scenario.runAlone(["log", "keygen", stage.key])
        stage.scenario.expect(exit: 1, again)
        #expect(again.errors.contains("never overwritten"))
        #expect(try Scenario.bytes(stage.key) == before)
        stage.scenario.expect(exit: 1, try stage.scenario.run(["log", "head", "--out", stage.end]))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: stage.key)
        let loose = try stage.scenario.run(["log", "head", "--sign", stage.key])
        stage.scenario.expect(exit: 1, loose)
        #expect(loose.errors.contains("chmod 600"))
        let empty = try Scenario()
        let nothing = try empty.run(["log", "head"])
        empty.expect(exit: 1, nothing)
        #expect(nothing.errors.contains("empty"))
    }

    @Test func `OpenSSL agrees with the signature`() throws {
        guard let openssl = Scenario.path(of: "openssl") else { return }
        let stage = try Stage()
        let row = try Row(String(contentsOfFile: stage.end, encoding: .utf8).replacing("\n", with: " "))
        func bytes(_ hex: String?) -> [UInt8] {
            let digits = Array((hex ?? "").utf8)
            return stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
            }
        }
        func bytes(_ number: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
        let at = try Date(
            row["at"] ?? "",
            strategy: .iso8601.year().month().day().time(includingFractionalSeconds: true)
        )
        let milliseconds = UInt64((at.timeIntervalSince1970 * 1000).rounded())
        var message = Array("meterfold log head".utf8) + [0, 1] + bytes(row["log"])
        message += bytes(UInt64(row["position"] ?? "") ?? 0) + bytes(row["chain"]) + bytes(milliseconds)
        message += bytes(row["key"])
        let files = [
            try stage.scenario.file("message", message), try stage.scenario.file("signature", bytes(row["signature"])),
        ]
        let outcome = try Child(
            [
                openssl, "pkeyutl", "-verify", "-pubin", "-inkey", stage.key + ".pub", "-rawin", "-in", files[0],
                "-sigfile", files[1],
            ],
            input: .nothing,
            folder: stage.scenario.folder
        ).wait()
        stage.scenario.expect(exit: 0, outcome)
    }

    @Test func `A head is exported and held against a log that is served`() throws {
        let scenario = try Scenario()
        let server = try Server(scenario)
        _ = try server.converse(Tour.text)
        let printed = try scenario.run(["log", "head"])
        scenario.expect(exit: 0, printed)
        let file = try scenario.file("head.json", printed.output)
        _ = try server.converse(#"{"device":"E-1","readAt":"2026-01-05T00:00:00+01:00","value":"1050.0"}"# + "\n")
        scenario.expect(exit: 0, try scenario.run(["verify", "--against", file]))
        try server.stop()
        scenario.expect(exit: 0, try scenario.run(["verify", "--against", file]))
    }
}
