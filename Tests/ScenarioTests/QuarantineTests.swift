import Foundation
import Testing

/// Lines that are refused: kept with the reason, while the rest still goes in.
struct QuarantineTests {
    private static let good =
        #"{"device":"E-1","readAt":"2025-01-01T00:00:00Z","value":"1","register":"r","unit":"kWh"}"#

    @Test func `A refused line is kept with place, reason and its own bytes`() throws {
        let scenario = try Scenario()
        let bad = #"{"device":"E-1","readAt":"2025-01-01T01:00:00Z","value":"1","colour":"\"red\" é"}"#
        let file = try scenario.file("readings.ndjson", "# a comment\n\n\(Self.good)\n\(bad)\n\(Self.good)\n")
        let summary = try scenario.ingest(files: [file], exit: 2)
        #expect(summary[integer: "accepted"] == 2)
        #expect(summary[integer: "rejected"] == 1)
        #expect(summary[json: "reasons"] == #"{"unknown-field":1}"#)
        let row = try #require(scenario.quarantined().first)
        #expect(row.names == ["source", "line", "code", "text", "raw"])
        #expect(row["source"] == file)
        #expect(row[integer: "line"] == 4)
        #expect(row["code"] == "unknown-field")
        #expect(row["text"]?.contains("colour") == true)
        #expect(row["raw"] == bad)
        let names = try FileManager.default.contentsOfDirectory(atPath: scenario.data + "/quarantine")
        #expect(names.count == 1)
        #expect(names[0].contains(/^[0-9TZ]+-1\.ndjson$/))
    }

    @Test func `Bytes that are no UTF-8 are kept as Base64`() throws {
        let scenario = try Scenario()
        let bad: [UInt8] =
            Array(#"{"device":"E-"#.utf8) + [0xFF, 0xFE] + Array(#"","readAt":1735689600,"value":1}"#.utf8)
        let summary = try scenario.ingest(
            Array(Self.good.utf8) + [0x0A] + bad + [0x0A] + Array(Self.good.utf8),
            exit: 2
        )
        #expect(summary[json: "reasons"] == #"{"bad-utf8":1}"#)
        let row = try #require(scenario.quarantined().first)
        #expect(row["source"] == "-")
        #expect(row[integer: "line"] == 2)
        #expect(!row.names.contains("raw"))
        #expect(row["rawBase64"].flatMap { Data(base64Encoded: $0) } == Data(bad))
    }

    @Test func `A line has at most 64 KiB`() throws {
        let scenario = try Scenario()
        func line(_ count: Int) -> String {
            let head = Self.good.dropLast() + #","note":""#
            return head + String(repeating: "x", count: count - head.utf8.count - 2) + "\"}"
        }
        let text = [line(65_536), line(65_537), line(3_000_000), Self.good].joined(separator: "\n")
        let summary = try scenario.ingest(text, exit: 2)
        #expect(summary[integer: "accepted"] == 2)
        #expect(summary[json: "reasons"] == #"{"line-too-long":2}"#)
        #expect(try scenario.quarantined().map { $0[integer: "line"] } == [2, 3])
    }

    @Test func `A cut-off gzip is named, and the lines before the cut are kept`() throws {
        let scenario = try Scenario()
        var lines = ""
        for i in 0..<20_000 {
            lines += #"{"device":"E-1","readAt":\#(1_735_689_600 + i * 60),"value":\#(i * i % 977 + i * 1000),"#
            lines += #""register":"r","unit":"Wh"}"# + "\n"
        }
        let file = try scenario.file("readings.ndjson", lines)
        guard try scenario.runOther(["gzip", file]) != nil else { return }
        let whole = try Scenario.bytes(file + ".gz")
        let cut = try scenario.file("cut.ndjson.gz", Array(whole.prefix(whole.count / 2)))
        let summary = try scenario.ingest(files: [cut], exit: 2)
        let accepted = try #require(summary[integer: "accepted"])
        #expect(accepted > 1_000 && accepted < 20_000)
        #expect(summary[json: "reasons"] == #"{"bad-gzip":1}"#)
        let row = try #require(scenario.quarantined().first)
        #expect(row["code"] == "bad-gzip")
        #expect(row[integer: "line"] == accepted + 1)
        // The whole file afterwards adds what was cut off.
        #expect(try scenario.ingest(files: [file + ".gz"])[integer: "duplicates"] == accepted)
    }

    /// Every line is accepted or kept; blank lines and comments are neither.
    @Test func `No line of a noisy input is lost`() throws {
        let scenario = try Scenario()
        var generator = SplitMix(seed: 7)
        var text = ""
        var lineCount = 0
        for i in 0..<5_000 {
            var line = Array(
                #"{"device":"E-1","readAt":\#(1_735_689_600 + i),"value":\#(i),"register":"r","unit":"Wh"}"#
            )
            if generator.below(4) == 0 { line.remove(at: generator.below(line.count)) }
            text += String(line) + "\n"
            lineCount += 1
            if generator.below(10) == 0 { text += ["\n", "# a comment\n", "\r\n"][generator.below(3)] }
        }
        let outcome = try scenario.run(["ingest", "--format", "json"], reading: text)
        scenario.expect(exit: 2, outcome)
        let summary = try Row(outcome.outputLines[0])
        let kept = try scenario.quarantined()
        #expect(summary[integer: "rejected"] == kept.count)
        #expect((summary[integer: "accepted"] ?? 0) + kept.count == lineCount)
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let named = kept.map { row in row[integer: "line"].map { String(decoding: lines[$0 - 1], as: UTF8.self) } }
        #expect(kept.map { $0["raw"] } == named)
    }
}

/// Random numbers that a seed names.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
}
