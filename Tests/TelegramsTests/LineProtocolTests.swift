import MeterModel
import Testing

@testable import Telegrams

@Suite struct LineProtocolTests {
    private func lines(_ text: String, _ precision: TimestampPrecision = .nanoseconds) -> Decoded {
        decode(text) { LineProtocolDecoder(precision: precision) }
    }

    @Test func `A line with all our names`() throws {
        let text =
            "meter,device=E-1,register=1-0:1.8.0,unit=Wh,quality=edited,site=a value=12.50,rssi=-7i 1735689600123456789"
        let decoded = lines(text)
        let reading = try onlyReading(decoded)
        #expect(reading.device == "E-1")
        #expect(reading.register == "1-0:1.8.0")
        #expect(reading.unit == "Wh")
        #expect(reading.quality == .edited)
        #expect(reading.value == "12.5")
        #expect(reading.at == "2025-01-01T00:00:00.123Z")
        #expect(decoded.ignoredFieldCount == 2)
    }

    @Test(arguments: [
        ("12i", "12"), ("-12i", "-12"), ("12u", "12"), ("1.5e3", "1500"), ("+1.5", "1.5"), ("1.50000000", "1.5"),
        ("1e-3", "0.001"),
    ])
    func `Values are read exactly`(written: String, value: String) throws {
        #expect(try onlyReading(lines("m,device=E value=\(written)")).value == value)
    }

    @Test(arguments: [
        (TimestampPrecision.seconds, "1735689600"), (.milliseconds, "1735689600000"),
        (.microseconds, "1735689600000000"),
        (.nanoseconds, "1735689600000000000"),
    ])
    func `Timestamps follow the precision`(precision: TimestampPrecision, written: String) throws {
        #expect(try onlyReading(lines("m,device=E value=1 \(written)", precision)).at == "2025-01-01T00:00:00Z")
    }

    @Test func `Without a timestamp a line was read when it is received`() throws {
        #expect(try onlyReading(lines("m,device=E value=1")).at == nil)
        #expect(try onlyReading(lines("m,device=E value=1  ")).at == nil)
    }

    @Test func `Escapes`() throws {
        let reading = try onlyReading(lines(#"a\ b\,c,device=E\ 1\,x\=\y,t\ a\=g=1 value=1,s="a b,c=\"d\\" 7"#))
        #expect(reading.device == #"E 1,x=\y"#)
    }

    @Test(arguments: [
        ("m,device=E", RefusalCode.badLineProtocol), ("m,device=E ", .badLineProtocol), ("m", .badLineProtocol),
        (",device=E value=1", .badLineProtocol), ("m,device= value=1", .badLineProtocol),
        ("m,device=E value=", .badLineProtocol),
        ("m,device=E value", .badLineProtocol), ("m,device=E value=1,", .badLineProtocol),
        ("m,device=E value=1x", .badLineProtocol),
        ("m,device=E value=1.5i", .badLineProtocol), ("m,device=E value=-1u", .badLineProtocol),
        ("m,device=E value=\"a", .badLineProtocol), ("m,device=E value=1 2 3", .badLineProtocol),
        ("m,device=E,device=F value=1", .badLineProtocol), ("m,device=E value=1,value=2", .badLineProtocol),
        ("m,device=E value=1 x", .timeSyntax), ("m,device=E value=1 1.5", .timeSyntax),
        ("m,device=E value=1 99999999999999999999", .timeRange), ("m,device=E value=\"1\"", .valueSyntax),
        ("m,device=E value=true", .valueSyntax), ("m,device=E value=1.0000001", .valuePrecision),
        ("m,device=E value=1e30", .valueRange), ("m,device=E value=99999999999999999999i", .valueRange),
        ("m value=1", .missingField), ("m,device=E reading=1", .missingField),
        ("m,device=E,unit=therm value=1", .valueSyntax),
        ("m,device=E,quality=good value=1", .valueSyntax),
    ])
    func `Lines that are refused`(line: String, code: RefusalCode) {
        #expect(lines(line).codes == [code], "\(lines(line).refusals)")
    }

    @Test func `A profile maps tags, fields and the measurement`() {
        let profile = LineProtocolProfile(
            deviceTags: ["name", "topic"],
            takesMeasurementAsDevice: true,
            devicePrefix: "t-",
            fields: [
                .init(name: "energy_import", register: "1-0:1.8.0", unit: .kilowattHour),
                .init(name: "energy_export", register: "1-0:2.8.0", unit: .kilowattHour, deviceSuffix: "-out"),
            ]
        )
        let text = """
            modbus,host=h,name=Meter\\ 1,slave_id=1 energy_import=10.5,energy_export=2i,voltage=230.1 \
            1735689600000000000
            mqtt_consumer,topic=site/2 energy_import=3 1735689600000000000
            plain energy_import=4 1735689600000000000
            cpu usage=5 1735689600000000000
            """
        let decoded = decode(text) { LineProtocolDecoder(profile: profile) }
        #expect(decoded.readings.map(\.device) == ["t-Meter 1", "t-Meter 1-out", "t-site/2", "t-plain"])
        #expect(decoded.readings.map(\.register) == ["1-0:1.8.0", "1-0:2.8.0", "1-0:1.8.0", "1-0:1.8.0"])
        #expect(decoded.readings.map(\.value) == ["10.5", "2", "3", "4"])
        #expect(decoded.codes == [.missingField])
    }
}
