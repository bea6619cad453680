import MeterModel
import Testing

@testable import Telegrams

/// Random input, the seed in the failure's message.
@Suite struct DecoderPropertyTests {
    private static let names = [
        "E-1", "E-2", "Zähler 3", "1-0:1.8.0", "", "a\u{1}", String(repeating: "x", count: 129),
    ]
    private static let values = [
        "1", "1.5", "-3.250", "0.000001", "1e3", "1.0000001", "01", "x", "", "999999999999999999",
    ]
    private static let times = [
        "2025-01-01T00:00:00Z", "2025-06-01T12:30:15.250+02:00", "1735689600", "1735689600123", "2025-02-30T00:00:00Z",
        "x",
    ]

    private static func pick(_ options: [String], _ generator: inout SeededGenerator) -> String {
        // The first ones are good; they come more often.
        let count = Int.random(in: 0..<3, using: &generator) > 0 ? max(1, options.count / 2) : options.count
        return options[Int.random(in: 0..<count, using: &generator)]
    }

    private static func jsonLine(_ generator: inout SeededGenerator) -> String {
        func quoted(_ text: String) -> String { "\"\(text)\"" }
        var members: [String] = []
        let isInterval = Int.random(in: 0..<4, using: &generator) == 0
        func maybe(_ chance: Int, _ member: String) {
            if Int.random(in: 0..<100, using: &generator) < chance { members.append(member) }
        }
        let value = pick(values, &generator)
        let time = pick(times, &generator)
        let writtenTime = Bool.random(using: &generator) || time.contains("-") ? quoted(time) : time
        maybe(95, "\"device\":\(quoted(pick(names, &generator)))")
        maybe(95, "\"value\" : \(Bool.random(using: &generator) ? value : quoted(value))")
        if isInterval {
            maybe(95, "\"kind\":\"interval\"")
            maybe(95, "\"start\":\(writtenTime)")
            maybe(95, "\"end\":1735693200")
        } else {
            maybe(95, "\"readAt\":\(writtenTime)")
        }
        maybe(50, "\"register\":\(quoted(pick(names, &generator)))")
        maybe(50, "\"unit\":\(quoted(pick(["kWh", "Wh", "MWh", "L", "m3", "kwh"], &generator)))")
        maybe(30, "\"quality\": \(quoted(pick(["measured", "estimated", "edited", "verified", "bad"], &generator)))")
        maybe(20, "\"receivedAt\":\(writtenTime)")
        maybe(10, "\"event\":\"ReadingReceived\"")
        maybe(5, "\"note\":\"n\\u00e9\"")
        maybe(3, "\"colour\":1")
        maybe(3, "\"device\":\"E\"")
        members.shuffle(using: &generator)
        var line = " {" + members.joined(separator: Bool.random(using: &generator) ? ", " : ",") + "}"
        if Int.random(in: 0..<20, using: &generator) == 0 { line.removeLast() }
        return line
    }

    private static func protocolLine(_ generator: inout SeededGenerator) -> String {
        let device = pick(["E-1", "E\\ 2", "Zähler", ""], &generator)
        let register = pick(["", ",register=1-0:1.8.0", ",unit=kWh,quality=edited", ",unit=x"], &generator)
        let time = pick([" 1735689600000000000", "", " x"], &generator)
        return "m,device=\(device)\(register) value=\(pick(values, &generator)),s=\"a b\"\(time)"
    }

    private static func csvRow(_ generator: inout SeededGenerator) -> String {
        let device = pick(["E-1", "\"E \"\"2\"\"\"", "\"E\n3\"", "\"E"], &generator)
        return "\(device),\(pick(times, &generator)),\(pick(values, &generator))"
    }

    private static func text(
        _ count: Int,
        _ generator: inout SeededGenerator,
        _ line: (inout SeededGenerator) -> String
    )
        -> [UInt8]
    {
        var bytes: [UInt8] = []
        for _ in 0..<count {
            switch Int.random(in: 0..<20, using: &generator) {
            case 0: bytes.append(contentsOf: Array("# a remark".utf8))
            case 1: break
            case 2: bytes.append(contentsOf: [0x22, 0xFF, 0x22])
            default: bytes.append(contentsOf: Array(line(&generator).utf8))
            }
            bytes.append(contentsOf: Bool.random(using: &generator) ? [0x0A] : [0x0D, 0x0A])
        }
        if Bool.random(using: &generator) { bytes.removeLast() }
        return bytes
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func `Both paths of NDJSON agree`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let bytes = DecoderPropertyTests.text(2000, &generator, DecoderPropertyTests.jsonLine)
        let fast = decode(bytes) { NDJSONDecoder() }
        let general = decode(bytes) { NDJSONDecoder(usesPlainPath: false) }
        #expect(fast == general, "seed \(seed)")
        #expect(fast.readings.count > 300, "seed \(seed)")
        #expect(fast.refusals.count > 300, "seed \(seed)")
    }

    private static func mappedLine(_ generator: inout SeededGenerator) -> String {
        let device = pick(["E-1", "E-22222", "Zähler", "a\\,b", "", String(repeating: "x", count: 129)], &generator)
        let tag = pick(["device", "name", "other"], &generator)
        let further = pick(
            [
                "", ",register=1-0:1.8.0", ",unit=Wh", ",quality=edited", ",name=N", ",device=E-1", ",unit=x",
                ",\u{85}=a",
            ],
            &generator
        )
        let value = pick(["1", "-2.50", "3i", "1.0i", "4u", "1e3", "true", "\"s\"", "0.0000001", ""], &generator)
        let field = pick(["value", "energy", "water", "unknown"], &generator)
        let fields = pick(["\(field)=\(value)", "value=1,energy=2", "\(field)=\(value),s=\"a b\""], &generator)
        let time = pick([" 1735689600", " 9999999999999999999", "", " -1", " x", "  1735689600", " 1 "], &generator)
        return "m,\(tag)=\(device)\(further) \(fields)\(time)"
    }

    private static let mapped = LineProtocolProfile(
        deviceTags: ["device", "name"],
        fields: [
            .init(name: "value"), .init(name: "energy", register: "1-0:1.8.0", unit: .wattHour),
            .init(name: "water", unit: .cubicMetre, deviceSuffix: "-w"),
        ]
    )

    @Test(arguments: [6, 7, 8, 9] as [UInt64])
    func `Both paths of line protocol agree`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let bytes = DecoderPropertyTests.text(4000, &generator) {
            seed.isMultiple(of: 2)
                ? DecoderPropertyTests.mappedLine(&$0) : DecoderPropertyTests.protocolLine(&$0)
        }
        let profile = seed.isMultiple(of: 2) ? DecoderPropertyTests.mapped : nil
        let precision: TimestampPrecision = seed.isMultiple(of: 2) ? .seconds : .nanoseconds
        func make(_ isPlain: Bool) -> LineProtocolDecoder {
            LineProtocolDecoder(usesPlainPath: isPlain, precision: precision, profile: profile)
        }
        let fast = decode(bytes) { make(true) }
        let general = decode(bytes) { make(false) }
        #expect(fast == general, "seed \(seed)")
        #expect(fast.readings.count > 300, "seed \(seed)")
        #expect(fast.refusals.count > 300, "seed \(seed)")
    }

    /// Lines of few shapes that differ in device, value and time, now and then in another byte.
    private static func alikeLines(_ shapeCount: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        let heads = ["m,device=", "meter,site=a,device=", "m,device=x,name=", "mü,register=1-0:1.8.0,name="]
        let middles = [
            " value=", ",unit=kWh energy=", ",quality=edited,other=z energy=",
            ",site=\(String(repeating: "s", count: 70)) value=",
        ]
        let shapes = (0..<shapeCount).map { _ in (pick(heads, &generator), pick(middles, &generator)) }
        let strange = Array("\n\r\t ,=\\\"#i.-e09".utf8) + [0x00, 0x7F, 0xC2, 0xC3, 0xFF]
        var bytes: [UInt8] = []
        for _ in 0..<4000 {
            let shape = shapes.randomElement(using: &generator) ?? ("m,device=", " value=")
            let nameCount =
                Int.random(in: 0..<50, using: &generator) > 0 ? Int.random(in: 1...20, using: &generator) : 129
            let name = String(
                (0..<nameCount).map { _ in Character(UnicodeScalar(UInt8.random(in: 0x61...0x6F, using: &generator))) }
            )
            let value = pick(
                ["12345678i", "1", "-2.50", "1234567890.125", "3.0i", "123456789012345678", "1e3"],
                &generator
            )
            let time = pick(
                [" 1735689600", " 173568960", " 9223372036854775807", "", " 9223372036854775808", "  1"],
                &generator
            )
            var line = Array("\(shape.0)\(name)\(shape.1)\(value)\(time)".utf8)
            if Int.random(in: 0..<20, using: &generator) == 0 {
                line[Int.random(in: 0..<line.count, using: &generator)] = strange.randomElement(using: &generator) ?? 0
            }
            bytes += line + (Int.random(in: 0..<10, using: &generator) > 0 ? [0x0A] : [0x0D, 0x0A])
        }
        return bytes
    }

    @Test(arguments: [31, 32, 33, 34, 35, 36] as [UInt64])
    func `Lines like ones before are read as if they were not`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let bytes = DecoderPropertyTests.alikeLines(seed.isMultiple(of: 3) ? 12 : Int(seed - 30), &generator)
        func make(_ isPlain: Bool) -> LineProtocolDecoder {
            LineProtocolDecoder(usesPlainPath: isPlain, precision: .seconds, profile: DecoderPropertyTests.mapped)
        }
        let general = decode(bytes) { make(false) }
        #expect(decode(bytes) { make(true) } == general, "seed \(seed)")
        let cuts = generator.cuts(of: bytes.count, count: 300)
        #expect(decode(bytes, by: { make(true) }, cuts: cuts) == general, "seed \(seed)")
        #expect(general.readings.count > 300, "seed \(seed)")
        #expect(general.refusals.count > 100, "seed \(seed)")
    }

    @Test func `What lines have in common is forgotten with the names`() {
        var decoder = LineProtocolDecoder(precision: .seconds)
        let text = Array(
            "m,device=E-1,register=r value=1 1735689600\nm,device=E-2,register=r value=2 1735689600\n".utf8
        )
        for count in 1...3 {
            var names = TelegramNames()
            for k in 1..<count { _ = names.registers.intern("other \(k)") }
            var batch = DecodedBatch()
            decoder.forgetNames()
            _ = text.withUnsafeBytes { decoder.decode($0, isLast: false, names: &names, into: &batch) }
            #expect(batch.readings.map { names.registers[$0.register] } == ["r", "r"])
            #expect(batch.readings.map { names.devices[$0.device] } == ["E-1", "E-2"])
        }
    }

    private static func mappedRow(_ generator: inout SeededGenerator) -> String {
        let device = pick(["E-1", "E 22222", "Zähler", " E-1", "\"E-1\"", "", "a\u{7F}"], &generator)
        let register = pick(["1-0:1.8.0", "r", "\"r\"", ""], &generator)
        let unit = pick(["kWh", "Wh", " m3", "x", ""], &generator)
        let cells = [device, pick(times, &generator), register, pick(values, &generator), unit]
        return (Int.random(in: 0..<20, using: &generator) == 0 ? cells.dropLast() : cells[...]).joined(separator: ",")
    }

    @Test(arguments: [21, 22, 23, 24] as [UInt64])
    func `Both paths of CSV agree`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var profile = CSVProfile()
        profile.device = .number(1)
        profile.time = .number(2)
        if seed.isMultiple(of: 2) { profile.register = .number(3) }
        if seed > 22 { profile.unit = .number(5) }
        profile.values = [.init(.number(4), register: seed == 21 ? "1-0:1.8.0" : nil, unit: seed < 23 ? .litre : nil)]
        profile.hasHeader = false
        let bytes = DecoderPropertyTests.text(4000, &generator, DecoderPropertyTests.mappedRow)
        let fast = decode(bytes) { CSVDecoder(usesPlainPath: true, profile: profile) }
        let general = decode(bytes) { CSVDecoder(usesPlainPath: false, profile: profile) }
        #expect(fast == general, "seed \(seed)")
        #expect(fast.readings.count > 300, "seed \(seed)")
        #expect(fast.refusals.count > 300, "seed \(seed)")
    }

    @Test(arguments: [11, 12, 13] as [UInt64])
    func `Chunks may end anywhere`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<40 {
            let json = DecoderPropertyTests.text(20, &generator, DecoderPropertyTests.jsonLine)
            let lines = DecoderPropertyTests.text(20, &generator, DecoderPropertyTests.protocolLine)
            let rows =
                Array("\u{FEFF}device,readAt,value\r\n".utf8)
                + DecoderPropertyTests.text(20, &generator, DecoderPropertyTests.csvRow)
            let count = Int.random(in: 1...30, using: &generator)
            expectSame(json, generator.cuts(of: json.count, count: count), seed) { NDJSONDecoder() }
            expectSame(lines, generator.cuts(of: lines.count, count: count), seed) { LineProtocolDecoder() }
            expectSame(rows, generator.cuts(of: rows.count, count: count), seed) { CSVDecoder() }
        }
    }

    private func expectSame(_ bytes: [UInt8], _ cuts: [Int], _ seed: UInt64, _ make: () -> some TelegramDecoder) {
        let whole = decode(bytes, by: make)
        let cut = decode(bytes, by: make, cuts: cuts)
        #expect(whole == cut, "seed \(seed), cuts \(cuts), \(String(decoding: bytes, as: UTF8.self))")
    }

    @Test func `Any byte of a line may be missing or another`() {
        let samples: [(String, () -> any TelegramDecoder)] = [
            (
                #"{"event":"ReadingReceived","device":"Zé\u00e9","readAt":"2025-01-01T00:00:00.5+01:00","value":1.5e0,"unit":"kWh"}"#,
                { NDJSONDecoder() }
            ),
            ("m,device=Z\\ é,register=a value=1.5,s=\"a\\\"b\" 1735689600000000000", { LineProtocolDecoder() }),
            ("device,readAt,value\n\"Z\"\"é\",2025-01-01T00:00:00Z,1.5\n", { CSVDecoder() }),
        ]
        for (text, make) in samples {
            let bytes = Array(text.utf8)
            for i in bytes.indices {
                feed(Array(bytes[..<i]), to: make())
                feed(Array(bytes[i...]), to: make())
                for byte: UInt8 in [0x00, 0x0A, 0x0D, 0x22, 0x2C, 0x5C, 0x7F, 0xC2, 0xED, 0xFF] {
                    var changed = bytes
                    changed[i] = byte
                    feed(changed, to: make())
                }
            }
        }
    }

    private func feed(_ bytes: [UInt8], to decoder: any TelegramDecoder) {
        var decoder = decoder
        var names = TelegramNames()
        var batch = DecodedBatch()
        let used = bytes.withUnsafeBytes { decoder.decode($0, isLast: true, names: &names, into: &batch) }
        #expect(used == bytes.count)
    }
}
