import Foundation
import Testing

/// What may be poured into `ingest`, and what becomes of what may not.
struct InputTests {
    static let ndjson = """
        {"device":"E-1","readAt":"2025-01-01T00:00:00Z","value":"1.5","register":"1-0:1.8.0","unit":"kWh"}
        {"device":"E-1","readAt":"2025-01-01T01:00:00Z","value":"2.25","register":"1-0:1.8.0","unit":"kWh"}
        {"device":"E-1","readAt":"2025-01-01T02:00:00Z","value":"4","register":"1-0:1.8.0","unit":"kWh"}
        """
    static let lineProtocol = """
        meter,device=E-1,register=1-0:1.8.0,unit=kWh value=1.5 1735689600000000000
        meter,device=E-1,register=1-0:1.8.0,unit=kWh value=2.25 1735693200000000000
        meter,device=E-1,register=1-0:1.8.0,unit=kWh value=4i 1735696800000000000
        """
    static let csv = """
        device,readAt,value,register,unit
        E-1,2025-01-01T00:00:00Z,1.5,1-0:1.8.0,kWh
        E-1,1735693200,2.25,1-0:1.8.0,kWh
        E-1,2025-01-01T02:00:00Z,4,1-0:1.8.0,kWh
        """
    static let quantities = ["0.75", "1.75"]

    private func quantities(_ scenario: Scenario) throws -> [String?] {
        try scenario.query("consumption", "--by", "hour").map { $0["quantity"] }
    }

    @Test(arguments: [
        (ndjson, "ndjson"), (lineProtocol, "line-protocol"), (csv, "csv"),
    ])
    func `The format is detected, or forced`(_ text: String, _ format: String) throws {
        for arguments in [[], ["--input-format", format]] {
            let scenario = try Scenario()
            try scenario.ingest(text, arguments)
            #expect(try quantities(scenario) == Self.quantities)
        }
        let others = ["ndjson", "line-protocol", "csv"].filter { $0 != format }
        for other in others {
            let scenario = try Scenario()
            let summary = try scenario.ingest(text, ["--input-format", other], exit: 2)
            #expect(summary[integer: "accepted"] == 0)
        }
    }

    @Test(arguments: [ndjson, lineProtocol, csv])
    func `Line ends, byte order marks, blank lines and comments`(_ text: String) throws {
        let lines = text.split(separator: "\n").map(String.init)
        let variants = [
            text + "\n", lines.joined(separator: "\r\n"), lines.joined(separator: "\r\n") + "\r\n", "\u{FEFF}" + text,
            "\n# a comment\n\n" + lines.joined(separator: "\n\n# another\n") + "\n\n",
        ]
        for variant in variants {
            let scenario = try Scenario()
            try scenario.ingest(variant)
            #expect(try quantities(scenario) == Self.quantities)
        }
    }

    @Test func `Files, plain and compressed, and several in one call`() throws {
        let scenario = try Scenario()
        let lines = Self.ndjson.split(separator: "\n").map(String.init)
        let plain = try scenario.file("first.ndjson", lines[0])
        let frame = try scenario.file("second.ndjson.lz4", LZ4Frame.of(Array(lines[1].utf8)))
        var files = [plain, frame]
        let third = try scenario.file("third.ndjson", lines[2])
        if try scenario.runOther(["gzip", third]) != nil { files.append(third + ".gz") } else { files.append(third) }
        let summary = try scenario.ingest(files: files)
        #expect(summary[integer: "accepted"] == 3)
        #expect(try quantities(scenario) == Self.quantities)
    }

    @Test(arguments: [("gzip", "-k", ".gz"), ("lz4", "-m", ".lz4")])
    func `Compressed data on standard input`(_ program: String, _ option: String, _ suffix: String) throws {
        let scenario = try Scenario()
        let file = try scenario.file("readings", Self.csv)
        guard try scenario.runOther([program, "-q", option, file]) != nil else { return }
        scenario.expect(exit: 0, try scenario.run(["ingest", "-"], input: .file(file + suffix)))
        #expect(try quantities(scenario) == Self.quantities)
    }

    @Test func `A pipe that brings a line in pieces`() throws {
        let scenario = try Scenario()
        let child = try scenario.start(["ingest"], input: .pipe)
        let bytes = Array(Self.lineProtocol.utf8)
        for start in stride(from: 0, to: bytes.count, by: 50) {
            child.write(bytes[start..<min(start + 50, bytes.count)])
            usleep(2000)
        }
        scenario.expect(exit: 0, try child.wait())
        #expect(try quantities(scenario) == Self.quantities)
    }

    @Test(arguments: [("s", 1), ("ms", 1000), ("us", 1_000_000), ("ns", 1_000_000_000)])
    func `Line protocol by the precision said`(_ precision: String, _ factor: Int) throws {
        let scenario = try Scenario()
        let text = [(0, "1.5"), (3600, "2.25"), (7200, "4")].map { second, value in
            "m,device=E-1,register=1-0:1.8.0,unit=kWh value=\(value) \((1_735_689_600 + second) * factor)"
        }
        try scenario.ingest(text.joined(separator: "\n"), ["--precision", precision])
        #expect(try quantities(scenario) == Self.quantities)
    }

    @Test func `A line without a time was read when it is received`() throws {
        let scenario = try Scenario()
        try scenario.ingest("m,device=E-1,register=1-0:1.8.0,unit=kWh value=1.5\n")
        let readAt = try #require(scenario.query("devices").first?["firstReadAt"])
        let year = Calendar(identifier: .gregorian).component(.year, from: Date())
        #expect(abs((Int(readAt.prefix(4)) ?? 0) - year) <= 1)
    }

    @Test func `Empty input is no fault`() throws {
        for text in ["", "\n", "\n\n# nothing\n\n", "\u{FEFF}# nothing", " \r\n\r\n"] {
            let scenario = try Scenario()
            let summary = try scenario.ingest(text)
            #expect(summary[integer: "accepted"] == 0)
            #expect(summary[json: "firstPosition"] == "null")
            #expect(summary[integer: "durable"] == 0)
            #expect(try Views(of: scenario).rows.values.allSatisfy(\.isEmpty))
        }
    }

    @Test func `A file that cannot be read stops there, and what was read before is kept`() throws {
        let scenario = try Scenario()
        let first = try scenario.file("first.ndjson", Self.ndjson)
        let missing = scenario.folder + "/missing.ndjson"
        let outcome = try scenario.run(["ingest", first, missing])
        scenario.expect(exit: 1, outcome)
        #expect(outcome.errors.contains(missing))
        #expect(try quantities(scenario) == Self.quantities)
    }

    @Test func `A default fills what lines lack, and is asked for by name`() throws {
        let scenario = try Scenario()
        let text = "device,readAt,value\nW-1,2025-01-01T00:00:00Z,1\nW-1,2025-01-01T01:00:00Z,3\n"
        let refused = try scenario.ingest(text, exit: 2)
        #expect(refused[json: "reasons"] == "{\"unknown-device\":2}")
        try scenario.ingest(text, ["--utility", "water"])
        let row = try #require(scenario.query("consumption").first)
        #expect(row["register"] == "8-0:1.0.0")
        #expect(row["unit"] == "m3")
        #expect(row["quantity"] == "2")
        try scenario.ingest(text.replacing("W-1", with: "W-2"), ["--unit", "L", "--register", "cold"])
        let other = try #require(scenario.query("consumption", "--device", "W-2").first)
        #expect(other["register"] == "cold")
        #expect(other["quantity"] == "0.002")
    }

    @Test func `A profile that nobody ships is answered with those that are`() throws {
        let scenario = try Scenario()
        let outcome = try scenario.run(["ingest", "--profile", "nonesuch", "-"], reading: Self.csv)
        scenario.expect(exit: 1, outcome)
        for name in ["toon", "p1mon", "daiad", "telegraf"] { #expect(outcome.errors.contains(name)) }
    }

    @Test func `A profile of one's own reads other columns, and its faults are told by line`() throws {
        let scenario = try Scenario()
        let profile = try scenario.file(
            "meter.yaml",
            """
            delimiter: ";"
            decimalComma: true
            register: "1-0:1.8.0"
            unit: kWh
            time: { format: "dd.MM.yyyy HH:mm", zone: Europe/Berlin }
            columns: { device: Zaehler, time: Zeit, value: Stand }
            missing: ["-"]
            """
        )
        let text = """
            Zeit;Zaehler;Stand;Bemerkung
            01.01.2025 01:00;E-1;1,5;
            01.01.2025 02:00;E-1;2,25;geschaetzt
            01.01.2025 02:30;E-1;-;
            01.01.2025 03:00;E-1;4;
            """
        try scenario.ingest(text, ["--profile", profile])
        #expect(try quantities(scenario) == Self.quantities)
        let faulty = try scenario.file("faulty.yaml", "columns: { time: 1 }\nclock: Europe/Berlin\n")
        let outcome = try scenario.run(["ingest", "--profile", faulty, "-"], reading: text)
        scenario.expect(exit: 1, outcome)
        #expect(outcome.errors.contains("faulty.yaml"))
        #expect(outcome.errors.contains("line 2"))
    }

    @Test func `What Telegraf sends`() throws {
        let scenario = try Scenario()
        let text = """
            modbus,host=gw,name=E-1,type=holding energy_import=1.5,voltage=230.1 1735689600000000000
            modbus,host=gw,name=E-1,type=holding energy_import=2.25,voltage=229.8 1735693200000000000
            modbus,host=gw,name=E-1,type=holding energy_import=4,voltage=231 1735696800000000000
            """
        let outcome = try scenario.run(["ingest", "--profile", "telegraf"], reading: text)
        scenario.expect(exit: 0, outcome)
        #expect(outcome.output.contains("ignored"))
        #expect(try quantities(scenario) == Self.quantities)
    }
}

/// An LZ4 frame without compression or checksums, written by hand.
enum LZ4Frame {
    static func of(_ content: [UInt8]) -> [UInt8] {
        // Magic; version 01, independent blocks, at most 64 KiB each; the header's checksum.
        var frame: [UInt8] = [0x04, 0x22, 0x4D, 0x18, 0x60, 0x40, 0x82]
        for start in stride(from: 0, to: content.count, by: 65_536) {
            let block = content[start..<min(start + 65_536, content.count)]
            frame += littleEndian(UInt32(block.count) | 0x8000_0000) + block
        }
        return frame + littleEndian(0)
    }

    private static func littleEndian(_ word: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
    }
}
