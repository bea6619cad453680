import Foundation
import Testing

/// Damaged segments that parity brings back, and such as it does not reach.
struct RepairTests {
    /// A log of several sealed segments of 16 chunks, of which parity reaches one.
    private func log() throws -> Scenario { try .withSealedSegments() }

    private func write(_ bytes: [UInt8], to path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    private func name(_ path: String) -> String { String(path.split(separator: "/").last ?? "") }

    private func names(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    /// A line of `replay --with-record` as it is without.
    private func bare(_ line: String) -> String {
        line.range(of: #", "record": {"#).map { String(line[..<$0.lowerBound]) + "}" } ?? line
    }

    /// What happens to a segment.
    enum Damage: CaseIterable {
        case flipped
        case cut
        case zeroed
        case longer

        func applied(to bytes: [UInt8]) -> [UInt8] {
            var damaged = bytes
            switch self {
            case .flipped: damaged[bytes.count / 2] ^= 0x10
            case .cut: damaged.removeLast(100)
            case .zeroed: for offset in 8192..<12_288 { damaged[offset] = 0 }
            case .longer: damaged += [1, 2, 3]
            }
            return damaged
        }
    }

    @Test(arguments: Damage.allCases)
    func `A damaged segment is repairable, and repaired to the byte`(_ damage: Damage) throws {
        let scenario = try log()
        let all = try scenario.segments()
        let sealed = all.dropLast()
        let files = try names(scenario.data + "/parity").filter { $0.hasSuffix(".parity") }
        #expect(files.count == sealed.count, "those that ingest sealed have parity")
        let events = try scenario.replay()
        let path = all[1]
        let original = try Scenario.bytes(path)
        let damaged = damage.applied(to: original)
        try write(damaged, to: path)

        let found = try scenario.run(["verify"])
        scenario.expect(exit: 1, found)
        #expect(found.output.contains("repairable: \(name(path))"), "\(found.output)")
        #expect(found.output.contains("verify --repair"))
        let json = try scenario.run(["verify", "--format", "json"])
        scenario.expect(exit: 1, json)
        let row = try Row(json.output.trimmingCharacters(in: .newlines))
        #expect(row[json: "parity"]?.contains(#""state":"repairable""#) == true, "\(json.output)")
        #expect(try Scenario.bytes(path) == damaged, "verify only reads")

        let mended = try scenario.run(["verify", "--repair"])
        scenario.expect(exit: 0, mended)
        #expect(mended.output.contains("repaired: \(name(path))"), "\(mended.output)")
        #expect(try Scenario.bytes(path) == original)
        let kept = try names(scenario.data + "/damaged")
        #expect(kept.count == 1 && kept[0].hasPrefix(name(path) + "."), "\(kept)")
        #expect(try Scenario.bytes(scenario.data + "/damaged/" + kept[0]) == damaged)
        #expect(try scenario.segments() == all)
        #expect(try scenario.replay() == events)
        scenario.expect(exit: 0, try scenario.run(["verify"]))
        // The views fold from it again, the same.
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
        scenario.expect(exit: 0, try scenario.run(["ingest", "-"], reading: ""))
    }

    @Test func `Several damaged segments are repaired at once, header and footer too`() throws {
        let scenario = try log()
        let sealed = try scenario.segments().dropLast()
        let originals = try sealed.map(Scenario.bytes)
        for (number, path) in sealed.enumerated() {
            var bytes = originals[number]
            let start = number % 2 == 0 ? 0 : bytes.count - 50
            for offset in start..<start + 50 { bytes[offset] = ~bytes[offset] }
            try write(bytes, to: path)
        }
        scenario.expect(exit: 1, try scenario.run(["verify"]))
        scenario.expect(exit: 0, try scenario.run(["verify", "--repair"]))
        #expect(try sealed.map(Scenario.bytes) == originals)
    }

    @Test func `What is beyond repair is named, left as it is, and the rest can be read`() throws {
        let scenario = try log()
        let all = try scenario.segments()
        let events = try scenario.replay("--with-record")
        let path = all[1]
        var bytes = try Scenario.bytes(path)
        for offset in 8192..<20_480 { bytes[offset] = 0 }
        try write(bytes, to: path)
        let before = try all.map(Scenario.bytes)
        let found = try scenario.run(["verify"])
        scenario.expect(exit: 1, found)
        #expect(found.output.contains("beyond repair: \(name(path))"), "\(found.output)")
        #expect(found.output.contains("positions"))
        let refused = try scenario.run(["verify", "--repair"])
        scenario.expect(exit: 1, refused)
        #expect(refused.output.contains("beyond repair: \(name(path))"))
        #expect(try all.map(Scenario.bytes) == before)
        #expect(!FileManager.default.fileExists(atPath: scenario.data + "/damaged"))
        // Segments are independent: before and behind the damage everything is there.
        let first = try #require(Int(name(path).prefix(16)))
        let next = try #require(Int(name(all[2]).prefix(16)))
        let earlier = try scenario.run(["replay", "--to-position", "\(first - 1)", "--with-record"])
        scenario.expect(exit: 0, earlier)
        #expect(earlier.outputLines == Array(events.prefix(first - 1)))
        let later = try scenario.run(["replay", "--from-position", "\(next)", "--with-record"])
        scenario.expect(exit: 0, later)
        #expect(later.outputLines == Array(events.dropFirst(next - 1)))
        #expect(later.errors.contains("damaged before position \(next)"), "\(later.errors)")
        // In the middle of a segment, of one device.
        let middle = try scenario.run(["replay", "--from-position", "\(next + 100)", "--device", "E-000086"])
        scenario.expect(exit: 0, middle)
        #expect(middle.outputLines == events.dropFirst(next + 99).filter { $0.contains(#""E-000086""#) }.map(bare))
        scenario.expect(exit: 0, try scenario.run(["log", "show", "--position", "\(next)", "--count", "3"]))
        scenario.expect(exit: 0, try scenario.run(["log", "ls"]))
        let across = try scenario.run(["replay"])
        scenario.expect(exit: 1, across)
        #expect(across.errors.contains(name(path)))
    }

    @Test func `Parity that is gone is made anew, and off is off`() throws {
        let scenario = try log()
        let sealedCount = try scenario.segments().count - 1
        try FileManager.default.removeItem(atPath: scenario.data + "/parity")
        let found = try scenario.run(["verify"])
        scenario.expect(exit: 0, found)
        #expect(found.output.contains("\(sealedCount) sealed segments have no parity"), "\(found.output)")
        scenario.environment["METERFOLD_LOG_PARITY"] = "off"
        let silent = try scenario.run(["verify", "--repair"])
        scenario.expect(exit: 0, silent)
        #expect(!silent.output.contains("parity"), "\(silent.output)")
        scenario.environment["METERFOLD_LOG_PARITY"] = nil
        let made = try scenario.run(["verify", "--repair"])
        scenario.expect(exit: 0, made)
        let files = try names(scenario.data + "/parity").filter { $0.hasSuffix(".parity") }
        #expect(files.count == sealedCount)
        // A damaged one is named and made anew, to the byte.
        let path = scenario.data + "/parity/" + files[0]
        let original = try Scenario.bytes(path)
        var bytes = original
        bytes[bytes.count / 2] ^= 1
        try write(bytes, to: path)
        let damaged = try scenario.run(["verify"])
        scenario.expect(exit: 1, damaged)
        #expect(damaged.output.contains("its parity file is damaged"))
        scenario.expect(exit: 0, try scenario.run(["verify", "--repair"]))
        #expect(try Scenario.bytes(path) == original)
    }

    @Test func `A server finds damage by itself, repairs it, and says what it cannot repair`() throws {
        let scenario = try log()
        scenario.environment["METERFOLD_LOG_SCRUB_INTERVAL_SECONDS"] = "1"
        scenario.environment["METERFOLD_LOG_SCRUB_BYTES_PER_SECOND"] = "1000000000"
        try FileManager.default.removeItem(atPath: scenario.data + "/parity")
        let server = try Server(scenario)
        let path = try scenario.segments()[1]
        let original = try Scenario.bytes(path)
        #expect(try eventually { try server.metric("meterfold_scrub_passes_total").flatMap { Int($0) } ?? 0 >= 1 })
        #expect(try server.metric("meterfold_parity_missing_segments") == "0", "the server made it")
        // While it loads the views it is not ready.
        #expect(try eventually { try server.get("/readyz").body == "ready\n" })
        try write(Damage.flipped.applied(to: original), to: path)
        #expect(try eventually { try server.metric("meterfold_scrub_repaired_total") == "1" })
        #expect(try Scenario.bytes(path) == original)
        #expect(try server.metric("meterfold_scrub_damaged_segments") == "0")
        var bytes = original
        for offset in 8192..<20_480 { bytes[offset] = 0 }
        try write(bytes, to: path)
        #expect(try eventually { try server.metric("meterfold_scrub_damaged_segments") == "1" })
        let ready = try server.get("/readyz")
        #expect(ready.status == 200, "what comes is taken in all the same")
        #expect(ready.body.contains("beyond repair, \(name(path)) first"), "\(ready.body)")
        // As from a backup.
        try write(original, to: path)
        #expect(try eventually { try server.metric("meterfold_scrub_damaged_segments") == "0" })
        let outcome = try server.stop()
        #expect(outcome.errors.contains("repaired from its parity"), "\(outcome.errors)")
        #expect(outcome.errors.contains("beyond repair"), "\(outcome.errors)")
    }

    @Test func `A server that meets damage when it starts repairs it, and starts the next time`() throws {
        for offset in [20, 30_000] {
            let scenario = try log()
            let path = try scenario.segments()[1]
            let original = try Scenario.bytes(path)
            var bytes = original
            bytes[offset] ^= 4
            try write(bytes, to: path)
            let first = try scenario.run(["serve", "--tcp", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            scenario.expect(exit: 1, first)
            #expect(first.errors.contains("1 segments are repaired"), "\(first.errors)")
            #expect(first.errors.contains("start the server again"))
            #expect(try Scenario.bytes(path) == original)
            try Server(scenario).stop()
        }
    }

    @Test func `What is set of parity and scrub is in force, and shown`() throws {
        let scenario = try Scenario()
        let settings = "log:\n  parity: off\n  scrub:\n    bytesPerSecond: 1000\n"
        try write(Array(settings.utf8), to: scenario.data + "/meterfold.yaml")
        let shown = try scenario.run(["serve", "--print-config"])
        scenario.expect(exit: 0, shown)
        for line in ["log.parity: off", "log.scrub.bytesPerSecond: 1000", "log.scrub.intervalSeconds: 86400"] {
            #expect(shown.outputLines.contains(line), "\(line): \(shown.output)")
        }
        scenario.environment["METERFOLD_LOG_SCRUB_INTERVAL_SECONDS"] = "0"
        let refused = try scenario.run(["serve", "--print-config"])
        scenario.expect(exit: 1, refused)
        #expect(refused.errors.contains("METERFOLD_LOG_SCRUB_INTERVAL_SECONDS"), "\(refused.errors)")
    }

    @Test func `Repair works beside a server`() throws {
        let scenario = try log()
        scenario.environment["METERFOLD_LOG_SCRUB_BYTES_PER_SECOND"] = "0"
        let server = try Server(scenario)
        let path = try scenario.segments()[1]
        let original = try Scenario.bytes(path)
        try write(Damage.zeroed.applied(to: original), to: path)
        let mended = try scenario.run(["verify", "--repair"])
        scenario.expect(exit: 0, mended)
        #expect(try Scenario.bytes(path) == original)
        let line = #"{"device":"D-9","readAt":"2026-06-05T00:00:00Z","value":"1","register":"r","unit":"kWh"}"#
        #expect(try server.converse(line + "\n").last?.hasPrefix("ok ") == true)
        try server.stop()
        scenario.expect(exit: 0, try scenario.run(["verify"]))
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
    }
}
