import MeterModel
import Testing

@testable import Telegrams

@Suite struct NDJSONReadingTests {
    @Test func `A plain reading`() throws {
        let reading = try onlyReading(
            ndjson(#"{"device":"E-1","readAt":"2025-01-01T01:00:00+01:00","value":"12.500"}"#)
        )
        #expect(reading.device == "E-1")
        #expect(reading.register == nil)
        #expect(reading.value == "12.5")
        #expect(reading.unit == nil)
        #expect(reading.quality == .measured)
        #expect(reading.at == "2025-01-01T00:00:00Z")
    }

    @Test func `Every field, in another order, with spaces and an event name`() throws {
        let text = """
            { "quality" : "verified" , "unit":"Wh", "register":"1-0:1.8.1", "value": 7, "readAt": 1735689600, \
            "receivedAt":1735689600123, "note":"by hand", "record":{"position":1}, "event":"ReadingReceived", "device":"Zähler" }
            """
        let reading = try onlyReading(ndjson(text))
        #expect(reading.device == "Zähler")
        #expect(reading.register == "1-0:1.8.1")
        #expect(reading.value == "7")
        #expect(reading.unit == "Wh")
        #expect(reading.quality == .verified)
        #expect(reading.at == "2025-01-01T00:00:00Z")
        #expect(reading.receivedAt == "2025-01-01T00:00:00.123Z")
    }

    @Test func `An interval reading`() throws {
        let text = #"{"kind":"interval","device":"E-1","start":"2025-01-01T00:00:00Z","end":1735690500,"value":0.25}"#
        let reading = try onlyReading(ndjson(text))
        #expect(reading.start == "2025-01-01T00:00:00Z")
        #expect(reading.at == "2025-01-01T00:15:00Z")
    }

    @Test(arguments: [
        ("12.345", "12.345"), ("1e3", "1000"), ("1.5E-3", "0.0015"), ("-0", "0"), ("-3.50", "-3.5"),
        ("0.000001", "0.000001"),
        ("1.50000000", "1.5"), ("100000000000000000", "100000000000000000"), ("10e-1", "1"),
    ])
    func `Values are read exactly, as numbers and as strings`(spelling: String, value: String) throws {
        for written in [spelling, "\"\(spelling)\""] {
            let reading = try onlyReading(ndjson(#"{"device":"E","readAt":0,"value":\#(written)}"#))
            #expect(reading.value == value)
        }
    }

    @Test(arguments: [
        ("\"1.0000001\"", RefusalCode.valuePrecision), ("1e-7", .valuePrecision), ("1e-99", .valuePrecision),
        ("1000000000000000000", .valueRange), ("1e30", .valueRange), ("\"1e999999999\"", .valueRange),
        ("\"\"", .valueSyntax), ("\"1,5\"", .valueSyntax), ("true", .valueSyntax), ("[1]", .valueSyntax),
        ("\"0x10\"", .valueSyntax), ("\"NaN\"", .valueSyntax), ("\"1 \"", .valueSyntax), ("01", .badJSON),
        ("1.", .badJSON), (".5", .badJSON), ("+1", .badJSON), ("NaN", .badJSON), ("null", .missingField),
    ])
    func `Values that are refused`(written: String, code: RefusalCode) {
        #expect(ndjson(#"{"device":"E","readAt":0,"value":\#(written)}"#).codes == [code])
    }

    @Test(arguments: [
        ("\"2025-01-01T00:00:00Z\"", "2025-01-01T00:00:00Z"), ("\"2025-01-01t00:00:00z\"", "2025-01-01T00:00:00Z"),
        ("\"2025-01-01 00:00:00-00:00\"", "2025-01-01T00:00:00Z"),
        ("\"2025-01-01T00:00:00.9999Z\"", "2025-01-01T00:00:00.999Z"),
        ("\"1969-12-31T23:59:59.9999999999Z\"", "1969-12-31T23:59:59.999Z"),
        ("\"2024-02-29T23:30:00-05:30\"", "2024-03-01T05:00:00Z"),
        ("99999999999", "5138-11-16T09:46:39Z"), ("100000000000", "1973-03-03T09:46:40Z"),
        ("1735689600123456", "2025-01-01T00:00:00.123Z"), ("1735689600123456789", "2025-01-01T00:00:00.123Z"),
        ("-1", "1969-12-31T23:59:59Z"), ("-100000000000000001", "1966-10-31T14:13:19.999Z"),
    ])
    func `Times`(written: String, instant: String) throws {
        #expect(try onlyReading(ndjson(#"{"device":"E","readAt":\#(written),"value":1}"#)).at == instant)
    }

    @Test(arguments: [
        ("\"2025-01-01T00:00:00\"", RefusalCode.timeSyntax), ("\"2025-01-01\"", .timeSyntax),
        ("\"2025-02-29T00:00:00Z\"", .timeSyntax), ("\"2025-01-01T00:00:60Z\"", .timeSyntax),
        ("\"2025-01-01T24:00:00Z\"", .timeSyntax), ("\"2025-01-01T00:00:00+24:00\"", .timeSyntax),
        ("\"2025-01-01T00:00:00.Z\"", .timeSyntax), ("\"2025-01-01T00:00Z\"", .timeSyntax),
        ("\"2025-1-01T00:00:00Z\"", .timeSyntax), ("\"2025-01-01T00:00:00+0100\"", .timeSyntax),
        ("\"2025-01-01T00:00:00ZZ\"", .timeSyntax), ("1.5e9", .timeSyntax), ("1735689600.5", .timeSyntax),
        ("true", .timeSyntax), ("\"1735689600\"", .timeSyntax), ("99999999999999999999", .timeRange),
        ("null", .missingField),
    ])
    func `Times that are refused`(written: String, code: RefusalCode) {
        #expect(ndjson(#"{"device":"E","readAt":\#(written),"value":1}"#).codes == [code])
    }

    @Test(arguments: [
        (#"{"device":"E","readAt":0,"value":1,"colour":"red"}"#, RefusalCode.unknownField),
        (#"{"device":"E","readAt":0}"#, .missingField), (#"{"readAt":0,"value":1}"#, .missingField),
        (#"{"device":"E","value":1}"#, .missingField), (#"{"device":null,"readAt":0,"value":1}"#, .missingField),
        (#"{"device":"","readAt":0,"value":1}"#, .nameSyntax), (#"{"device":7,"readAt":0,"value":1}"#, .nameSyntax),
        (#"{"device":"a\u0000b","readAt":0,"value":1}"#, .nameSyntax),
        (#"{"device":"a\u0085b","readAt":0,"value":1}"#, .nameSyntax),
        (#"{"device":"a\#u{85}b","readAt":0,"value":1}"#, .nameSyntax),
        (#"{"device":"E","register":"","readAt":0,"value":1}"#, .nameSyntax),
        (#"{"device":"E","readAt":0,"value":1,"unit":"therm"}"#, .valueSyntax),
        (#"{"device":"E","readAt":0,"value":1,"quality":"good"}"#, .valueSyntax),
        (#"{"device":"E","readAt":0,"value":1,"kind":"register"}"#, .valueSyntax),
        (#"{"device":"E","readAt":0,"value":1,"start":0}"#, .unknownField),
        (#"{"device":"E","readAt":0,"value":1,"kind":"interval","start":0,"end":1}"#, .unknownField),
        (#"{"device":"E","value":1,"kind":"interval","start":0}"#, .missingField),
        (#"{"device":"E","value":-1,"kind":"interval","start":0,"end":60}"#, .valueRange),
        (#"{"device":"E","readAt":0,"value":1,"note":5}"#, .valueSyntax),
        (#"{"device":"E","readAt":0,"value":1,"record":5}"#, .valueSyntax),
        (#"{"device":"E","device":"E","readAt":0,"value":1}"#, .badJSON),
        (#"{"device":"\ud800","readAt":0,"value":1}"#, .badJSON), (#"[]"#, .badJSON), (#"7"#, .badJSON),
        (#"{"device":"E","readAt":0,"value":1"#, .badJSON), (#"{"device":"E","readAt":0,"value":1}}"#, .badJSON),
        (#"{"device":"E","readAt":0,"value":1,}"#, .badJSON), (#"{"event":"Reading"}"#, .unknownEvent),
        (#"{"event":7}"#, .unknownEvent),
        // Of several faults the first kind alone is told.
        (#"{"colour":1,"value":"x","readAt":"y"}"#, .unknownField),
        (#"{"device":"","value":"x","readAt":"y"}"#, .valueSyntax),
        (#"{"device":"","value":"1","readAt":"y"}"#, .timeSyntax),
    ])
    func `Lines that are refused`(line: String, code: RefusalCode) {
        let decoded = ndjson(line)
        #expect(decoded.codes == [code], "\(decoded.refusals)")
        #expect(decoded.raws == [line])
    }

    @Test func `A null counts as left out`() throws {
        let reading = try onlyReading(
            ndjson(#"{"device":"E","readAt":0,"value":1,"register":null,"unit":null,"kind":null,"start":null}"#)
        )
        #expect(reading.register == nil)
        #expect(reading.start == nil)
    }

    @Test func `A name of 128 bytes is the longest`() {
        let name = String(repeating: "é", count: 64)
        #expect(ndjson(#"{"device":"\#(name)","readAt":0,"value":1}"#).readings.count == 1)
        #expect(ndjson(#"{"device":"\#(name)e","readAt":0,"value":1}"#).codes == [.nameSyntax])
    }

    @Test func `Names are told apart by their bytes`() {
        let decoded = ndjson(
            "{\"device\":\"\u{E9}\",\"readAt\":0,\"value\":1}\n{\"device\":\"e\u{301}\",\"readAt\":0,\"value\":1}"
        )
        #expect(Array(decoded.readings[0].device.utf8) != Array(decoded.readings[1].device.utf8))
        #expect(ndjson("{\"\u{E9}\":1,\"e\u{301}\":1}").codes == [.unknownField])
    }
}
