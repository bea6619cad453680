import MeterModel
import Testing

@testable import Telegrams

/// Readings as lines and rows, against the same spelled field by field.
@Suite struct ReadingTextTests {
    private struct Fleet {
        var directory = SeriesDirectory()
        var readings: [ReadingRecord] = []
    }

    /// Readings of all kinds, many on the same date, of names that are quoted and of those that are not.
    private func fleet(seed: UInt64) -> Fleet {
        var generator = SeededGenerator(seed: seed)
        var fleet = Fleet()
        let names = [
            "m1", "a,b", "say \"x\"", "two\nlines", "back\\slash", "tab\there", "\u{1}", "über-zähler", "r\rn",
        ]
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

    private func quoted(_ text: String) -> String {
        var quoted = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case "\u{1}": quoted += "\\u0001"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return "\"\(quoted)\""
    }

    @Test(arguments: [UInt64.random(in: 0...UInt64.max), 1])
    func `lines of NDJSON are spelled as field by field`(seed: UInt64) {
        let fleet = fleet(seed: seed)
        let text = TextScratch(capacity: 1)
        var expected = ""
        for reading in fleet.readings {
            let traits = reading.traits
            NDJSONEncoder(text).append(reading, directory: fleet.directory)
            var fields = [("device", quoted(fleet.directory.deviceName(ofSeries: reading.series)))]
            if traits.isInterval {
                fields.append(("kind", "\"interval\""))
                fields.append(("start", quoted(time(reading.at - reading.span))))
            }
            fields.append((traits.isInterval ? "end" : "readAt", quoted(time(reading.at))))
            fields.append(("value", quoted(value(reading))))
            fields.append(("register", quoted(fleet.directory.registerName(ofSeries: reading.series))))
            fields.append(("unit", quoted(traits.unit.symbol)))
            if traits.quality != .measured { fields.append(("quality", quoted(traits.quality.name))) }
            if reading.receivedAt != ReadingDraft.absentInstant {
                fields.append(("receivedAt", quoted(time(reading.receivedAt))))
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
                fleet.directory.deviceName(ofSeries: reading.series),
                fleet.directory.registerName(ofSeries: reading.series),
                traits.isInterval ? "interval" : "",
                traits.isInterval ? "" : time(reading.at),
                traits.isInterval ? time(reading.at - reading.span) : "",
                traits.isInterval ? time(reading.at) : "",
                value(reading), traits.unit.symbol, traits.quality.name,
                reading.receivedAt == ReadingDraft.absentInstant ? "" : time(reading.receivedAt),
            ]
            let cells = fields.map { field in
                let isSpecial = field.unicodeScalars.contains { ",\"\n\r".unicodeScalars.contains($0) }
                return isSpecial ? "\"\(field.replacing("\"", with: "\"\""))\"" : field
            }
            expected += cells.joined(separator: ",") + "\n"
        }
        #expect(String(decoding: text.bytes, as: UTF8.self) == expected, "seed \(seed)")
    }
}
