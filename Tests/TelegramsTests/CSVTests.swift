import MeterModel
import Testing
import TimeZones

@testable import Telegrams

@Suite struct CSVTests {
    private func csv(_ text: String, _ profile: CSVProfile? = nil) -> Decoded {
        decode(text) { CSVDecoder(profile: profile) }
    }

    @Test func `Our own names in any order`() throws {
        let text = """
            value,unit,device,readAt,quality,register\r
            12.50,kWh,E-1,2025-01-01T00:00:00Z,verified,1-0:1.8.0\r
            13,,"E ""2"", x",1735689600,,\r
            """
        let decoded = csv(text)
        #expect(decoded.refusals.isEmpty)
        #expect(decoded.readings.map(\.device) == ["E-1", #"E "2", x"#])
        #expect(decoded.readings.map(\.value) == ["12.5", "13"])
        #expect(decoded.readings.map(\.register) == ["1-0:1.8.0", nil])
        #expect(decoded.readings.map(\.quality) == [.verified, .measured])
        #expect(decoded.readings.map(\.line) == [2, 3])
    }

    @Test func `A count may have a plus sign`() throws {
        #expect(try onlyReading(csv("device,readAt,value\nE,+60,1\n")).at == "1970-01-01T00:01:00Z")
        #expect(csv("device,readAt,value\nE,+-60,1\n").codes == [.timeSyntax])
    }

    @Test func `Interval rows beside register rows`() {
        let text = """
            device,kind,readAt,start,end,value
            E,interval,,0,900,1
            E,,0,,,1
            E,interval,0,0,900,1
            E,,0,0,,1
            E,interval,,0,,1
            E,other,0,,,1
            E,interval,,0,900,-1
            """
        let decoded = csv(text)
        #expect(decoded.readings.map(\.start) == ["1970-01-01T00:00:00Z", nil])
        #expect(
            decoded.codes == [.unknownField, .unknownField, .missingField, .valueSyntax, .valueRange]
        )
    }

    @Test(arguments: [
        ("device,readAt,value,colour", RefusalCode.unknownField), ("device,readAt", .missingField),
        ("readAt,value", .missingField), ("device,value", .missingField), ("device,device,readAt,value", .badCSV),
        ("device,\"readAt\"x,value", .badCSV),
    ])
    func `A header that does not fit ends the input`(header: String, code: RefusalCode) {
        let decoded = csv(header + "\nE,0,1\nE,0,1\n")
        #expect(decoded.codes == [code])
        #expect(decoded.refusals.first?.line == 1)
        #expect(decoded.readings.isEmpty)
    }

    @Test(arguments: [
        ("E,0", RefusalCode.badCSV), ("E,0,1,2", .badCSV), ("E,0,\"1\"x", .badCSV), ("E,0,1\"", .badCSV),
        ("E,0,\"1", .badCSV),
        (",0,1", .missingField), ("E,,1", .missingField), ("E,0,", .missingField), ("E,x,1", .timeSyntax),
        ("E,0,x", .valueSyntax),
        ("E,2025-01-01T00:00:00,1", .timeSyntax), ("E\u{1},0,1", .nameSyntax),
    ])
    func `Rows that are refused`(row: String, code: RefusalCode) {
        let decoded = csv("device,readAt,value\n\(row)\n")
        #expect(decoded.codes == [code])
        #expect(decoded.refusals.first?.line == 2)
    }

    @Test func `Records go on over lines, and a stray quote costs one line`() {
        let decoded = csv("device,readAt,value\n\"E\n1\",0,1\nF,0,2\n\"G,0,3\nH,0,4\n")
        #expect(decoded.readings.map(\.device) == ["F", "H"])
        #expect(decoded.refusals.map(\.line) == [2, 5])
        #expect(decoded.codes == [.nameSyntax, .badCSV])
        #expect(decoded.readings.map(\.line) == [4, 6])
    }

    private func profile(_ change: (inout CSVProfile) throws -> Void) rethrows -> CSVProfile {
        var profile = CSVProfile()
        profile.fixedDevice = "D"
        profile.time = .named("time")
        profile.values = [CSVProfile.ValueColumn(.named("value"))]
        try change(&profile)
        return profile
    }

    @Test func `Delimiter, decimal comma, lines before the header, markers and powers of ten`() throws {
        let profile = profile {
            $0.delimiter = UInt8(ascii: ";")
            $0.hasDecimalComma = true
            $0.skippedLineCount = 2
            $0.missingMarkers = ["?", "-1"]
            $0.powerOfTen = -1
            $0.fixedRegister = "r"
            $0.fixedUnit = .litre
            $0.fixedQuality = .estimated
        }
        let decoded = csv(
            "Export\n\n time ;value;other\n0; 12,5 ;x\n60;?;x\n120;;x\n180;-1;x\n240;1.5;x\n300;1e1;x\n",
            profile
        )
        #expect(decoded.readings.map(\.value) == ["1.25"])
        #expect(decoded.readings.map(\.line) == [4])
        #expect(decoded.readings.map(\.quality) == [.estimated])
        #expect(decoded.readings.map(\.register) == ["r"])
        #expect(decoded.readings.map(\.unit) == ["L"])
        #expect(decoded.missingValueCount == 3)
        #expect(decoded.codes == [.valueSyntax, .valueSyntax])
    }

    @Test func `Columns by number, several values in a row, a prefix and suffixes`() {
        let profile = profile {
            $0.hasHeader = false
            $0.fixedDevice = nil
            $0.devicePrefix = "p-"
            $0.device = .number(2)
            $0.time = .number(1)
            $0.values = [
                .init(.number(3), register: "in", unit: .wattHour), .init(.number(4), deviceSuffix: "-out"),
            ]
        }
        let decoded = csv("0,E,1,2\n60,F,,3\n", profile)
        #expect(decoded.readings.map(\.device) == ["p-E", "p-E-out", "p-F-out"])
        #expect(decoded.readings.map(\.register) == ["in", nil, nil])
        #expect(decoded.readings.map(\.unit) == ["Wh", nil, nil])
        #expect(decoded.missingValueCount == 1)
    }

    @Test func `An interval's length, stamped at its end or its start`() throws {
        for stamp in [CSVProfile.Stamp.start, .end] {
            let profile = profile {
                $0.intervalMilliseconds = Milliseconds.hour
                $0.stamp = stamp
            }
            let reading = try onlyReading(csv("time,value\n7200,5\n", profile))
            #expect(reading.start == (stamp == .end ? "1970-01-01T01:00:00Z" : "1970-01-01T02:00:00Z"))
            #expect(reading.at == (stamp == .end ? "1970-01-01T02:00:00Z" : "1970-01-01T03:00:00Z"))
        }
    }

    private func amsterdam() throws -> ZoneRules { try #require(FoundationZoneSource().rules(of: "Europe/Amsterdam")) }

    @Test func `The repeated hour is told apart, the skipped one refused`() throws {
        let zone = try amsterdam()
        let pattern = try #require(TimePattern("d-M-yyyy HH:mm"))
        let profile = profile {
            $0.zone = zone
            $0.timeFormat = .pattern(pattern)
            $0.device = .named("device")
        }
        let text = """
            device,time,value
            A,26-10-2025 01:30,1
            A,26-10-2025 02:00,1
            A,26-10-2025 02:30,1
            B,26-10-2025 02:00,1
            A,26-10-2025 02:00,1
            A,26-10-2025 02:30,1
            B,26-10-2025 02:30,1
            A,26-10-2025 03:00,1
            A,30-3-2025 02:30,1
            """
        let decoded = csv(text, profile)
        #expect(
            decoded.readings.map(\.at) == [
                "2025-10-25T23:30:00Z", "2025-10-26T00:00:00Z", "2025-10-26T00:30:00Z", "2025-10-26T00:00:00Z",
                "2025-10-26T01:00:00Z", "2025-10-26T01:30:00Z", "2025-10-26T00:30:00Z", "2025-10-26T02:00:00Z",
            ]
        )
        #expect(decoded.codes == [.timeSyntax])
    }

    @Test func `Date and hour in columns of their own`() throws {
        let zone = try amsterdam()
        let pattern = try #require(TimePattern("M/d/yyyy"))
        let profile = profile {
            $0.zone = zone
            $0.timeFormat = .pattern(pattern)
            $0.time = nil
            $0.date = .named("date")
            $0.hour = .named("hour")
        }
        let decoded = csv("date,hour,value\n6/1/2025,1,1\n12/31/2025,24,1\n12/31/2025,25,1\n", profile)
        #expect(decoded.readings.map(\.at) == ["2025-05-31T23:00:00Z", "2025-12-31T23:00:00Z"])
        #expect(decoded.codes == [.timeSyntax])
    }

    @Test func `The fast conversion of clock readings agrees with the zone's rules`() throws {
        let zone = try amsterdam()
        var clock = CivilClock(zone)
        let start = Int64(LocalDate.dayNumber(year: 2024, month: 1, day: 1)) * Milliseconds.day
        for step in 0..<(2 * 366 * 48) {
            let local = start + Int64(step) * 30 * Milliseconds.minute
            let expected: Int64?
            switch zone.instants(ofLocal: local) {
            case .once(let instant): expected = instant
            case .twice(let first, _): expected = first
            case .skipped: expected = nil
            }
            #expect(clock.instant(ofLocal: local, series: UInt64(step)) == expected)
        }
    }

    @Test func `Patterns`() {
        #expect(TimePattern("yyyy-MM") == nil)
        #expect(TimePattern("yyy-MM-dd") == nil)
        #expect(TimePattern("yyyy-MM-ddTHH:mm:ss.SSS")?.hasHour == true)
        #expect(TimePattern("yyyyMMdd")?.hasHour == false)
    }
}
