import MeterModel
import Testing

@testable import Telegrams

/// Readings as lines and rows, against the same spelled field by field.
@Suite struct ReadingTextTests {
    /// Names, as JSON and as CSV spell them.
    private static let spellings: [(name: String, json: String, csv: String)] = [
        ("m1", #""m1""#, "m1"), ("a,b", #""a,b""#, #""a,b""#), (#"say "x""#, #""say \"x\"""#, #""say ""x""""#),
        ("two\nlines", #""two\nlines""#, "\"two\nlines\""), (#"back\slash"#, #""back\\slash""#, #"back\slash"#),
        ("tab\there", #""tab\there""#, "tab\there"), ("\u{1}\u{1f}", #""\u0001\u001f""#, "\u{1}\u{1f}"),
        ("über-zähler", #""über-zähler""#, "über-zähler"), ("r\rn", #""r\rn""#, "\"r\rn\""),
    ]

    private struct Fleet {
        var directory = SeriesDirectory()
        var readings: [ReadingRecord] = []
    }

    /// Readings of all kinds, many on the same date, of names that are quoted and of those that are not.
    private func fleet(seed: UInt64) -> Fleet {
        var generator = SeededGenerator(seed: seed)
        var fleet = Fleet()
        let names = ReadingTextTests.spellings.map(\.name)
        for device in names.indices {
            for register in 0..<3 {
                let device = fleet.directory.device(named: names[device])
                let register = fleet.directory.register(named: names[(Int(device) + register) % names.count])
                _ = fleet.directory.series(device: device, register: register)
            }
        }
        var at: Int64 = 946_684_800_000
        for _ in 0..<2000 {
            at += Int64.random(in: 0...7_200_000, using: &generator)
            if Bool.random(using: &generator) { at -= at % 1000 }
            let isInterval = Int.random(in: 0..<4, using: &generator) == 0
            let wide = Int64.random(in: -maximumMilliValue...maximumMilliValue, using: &generator)
            fleet.readings.append(
                ReadingRecord(
                    series: .random(in: 0..<UInt32(fleet.directory.seriesCount), using: &generator),
                    traits: ReadingTraits(
                        quality: Quality.allCases.randomElement(using: &generator) ?? .measured,
                        isInterval: isInterval,
                        unit: Unit.allCases.randomElement(using: &generator) ?? .kilowattHour
                    ),
                    at: at,
                    value: Bool.random(using: &generator) ? wide : wide / 1_000_000_000 * 1000,
                    span: isInterval ? Int64.random(in: 1...86_400_000, using: &generator) : 0,
                    receivedAt: Bool.random(using: &generator) ? ReadingDraft.absentInstant : at + 1250
                )
            )
        }
        return fleet
    }

    private func time(_ milliseconds: Int64) -> String { Instant(milliseconds: milliseconds).rfc3339 }

    private func value(_ reading: ReadingRecord) -> String {
        decimalText(Int128(reading.value), fractionDigits: reading.traits.unit.milliDigits)
    }

    private func spelling(_ name: String) -> (name: String, json: String, csv: String) {
        ReadingTextTests.spellings.first { $0.name == name } ?? (name, "", "")
    }

    @Test(arguments: [UInt64.random(in: 0...UInt64.max), 1])
    func `lines of NDJSON are spelled as field by field`(seed: UInt64) {
        let fleet = fleet(seed: seed)
        let text = TextScratch(capacity: 1)
        var expected = ""
        for reading in fleet.readings {
            let traits = reading.traits
            NDJSONEncoder(text).append(reading, directory: fleet.directory)
            var fields = [("device", spelling(fleet.directory.deviceName(ofSeries: reading.series)).json)]
            if traits.isInterval {
                fields.append(("kind", "\"interval\""))
                fields.append(("start", "\"\(time(reading.at - reading.span))\""))
            }
            fields.append((traits.isInterval ? "end" : "readAt", "\"\(time(reading.at))\""))
            fields.append(("value", "\"\(value(reading))\""))
            fields.append(("register", spelling(fleet.directory.registerName(ofSeries: reading.series)).json))
            fields.append(("unit", "\"\(traits.unit.symbol)\""))
            if traits.quality != .measured { fields.append(("quality", "\"\(traits.quality.name)\"")) }
            if reading.receivedAt != ReadingDraft.absentInstant {
                fields.append(("receivedAt", "\"\(time(reading.receivedAt))\""))
            }
            expected += "{" + fields.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}\n"
        }
        #expect(String(decoding: text.bytes, as: UTF8.self) == expected, "seed \(seed)")
    }

    @Test(arguments: [UInt64.random(in: 0...UInt64.max), 1])
    func `rows of CSV are spelled as field by field`(seed: UInt64) {
        let fleet = fleet(seed: seed)
        let text = TextScratch(capacity: 1)
        CSVEncoder(text).appendHeader()
        var expected = "device,register,kind,readAt,start,end,value,unit,quality,receivedAt\n"
        for reading in fleet.readings {
            let traits = reading.traits
            CSVEncoder(text).append(reading, directory: fleet.directory)
            let fields = [
                spelling(fleet.directory.deviceName(ofSeries: reading.series)).csv,
                spelling(fleet.directory.registerName(ofSeries: reading.series)).csv,
                traits.isInterval ? "interval" : "",
                traits.isInterval ? "" : time(reading.at),
                traits.isInterval ? time(reading.at - reading.span) : "",
                traits.isInterval ? time(reading.at) : "",
                value(reading), traits.unit.symbol, traits.quality.name,
                reading.receivedAt == ReadingDraft.absentInstant ? "" : time(reading.receivedAt),
            ]
            expected += fields.joined(separator: ",") + "\n"
        }
        #expect(String(decoding: text.bytes, as: UTF8.self) == expected, "seed \(seed)")
    }
}
