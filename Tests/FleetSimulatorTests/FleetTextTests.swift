import MeterModel
import Testing

@testable import FleetSimulator

@Suite("A fleet's text")
struct FleetTextTests {
    private let fleet = Fleet(deviceCount: 80, days: 2, seed: 4)

    private func lines(_ format: FleetText.Format, _ contents: FleetText.Contents, chunk: Int = 4096) -> [Substring] {
        text(fleet, format, contents: contents, chunk: chunk).split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// The fields that a reading's line should have, in the order device, time, value, register, unit.
    private func expected(_ reading: FleetReading) -> [String] {
        let device = fleet.devices[reading.device]
        let value = decimalText(Int128(reading.value), fractionDigits: 3, minimumFraction: 3)
        return [device.name, Instant(milliseconds: reading.at).rfc3339, value, device.register, device.unit.symbol]
    }

    @Test("as CSV has a header and five columns")
    func csv() {
        let lines = lines(.csv, .readings(named: true))
        #expect(lines.first == "device,readAt,value,register,unit")
        #expect(lines.last == "")
        let rows = lines.dropFirst().dropLast().map { $0.split(separator: ",").map(String.init) }
        #expect(rows == FleetReadings(fleet, order: .time).map(expected))
    }

    @Test("as line protocol has tags, one field and nanoseconds")
    func lineProtocol() {
        let lines = lines(.lineProtocol, .readings(named: true)).dropLast()
        for (line, reading) in zip(lines, FleetReadings(fleet, order: .time)) {
            let fields = expected(reading)
            let tags = "device=\(fields[0]),register=\(fields[3]),unit=\(fields[4])"
            #expect(line == "reading,\(tags) value=\(fields[2]) \(reading.at * 1_000_000)")
        }
        #expect(lines.count == Array(FleetReadings(fleet, order: .time)).count)
    }

    @Test("as NDJSON has one flat object a line")
    func ndjson() {
        let lines = lines(.ndjson, .readings(named: true)).dropLast()
        let objects = lines.map { flatObject($0) }
        let keys = ["device", "readAt", "value", "register", "unit"]
        for (object, reading) in zip(objects, FleetReadings(fleet, order: .time)) {
            #expect(object == Dictionary(uniqueKeysWithValues: zip(keys, expected(reading))))
        }
        let short = self.lines(.ndjson, .readings(named: false)).dropLast()
        #expect(short.count == lines.count)
        #expect(flatObject(short[0])?.keys.sorted() == ["device", "readAt", "value"])
    }

    @Test("declares tariffs, then every device, then reads")
    func declarations() {
        let all = lines(.ndjson, .declarationsAndReadings).dropLast()
        let declared = lines(.csv, .declarations).dropLast()
        let read = lines(.ndjson, .readings(named: false)).dropLast()
        #expect(Array(all) == Array(declared) + Array(read))
        func count(_ event: String) -> Int { declared.count { $0.hasPrefix("{\"event\":\"\(event)\",") } }
        #expect(count("TariffPublished") == 12)
        #expect(count("DeviceRegistered") == 80)
        #expect(count("TopUpReceived") == fleet.devices.count { $0.prepayment != nil })
        #expect(count("MeterExchanged") == fleet.devices.count { $0.trouble == .exchange })
        #expect(declared.count == 92 + count("TopUpReceived") + count("MeterExchanged"))
        for line in declared where !line.contains("TariffPublished") {
            let device = flatObject(line)?["device"] ?? ""
            #expect(fleet.devices.contains { $0.name == device }, "\(line)")
        }
    }

    @Test("is the same in chunks of any length", arguments: [2048, 2049, 5000, 1 << 20])
    func chunks(byteCount: Int) {
        let whole = text(fleet, .ndjson, contents: .declarationsAndReadings, chunk: 1 << 22)
        #expect(text(fleet, .ndjson, contents: .declarationsAndReadings, chunk: byteCount) == whole)
    }

    @Test(
        "writes numbers of every width",
        arguments: [0, 7, 999, 1000, 99_999, 1_000_000, 1_000_000_007, 999_999_999_999_999, Int64.max]
    )
    func widths(value: Int64) {
        let room = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 64)
        defer { room.deallocate() }
        guard let start = room.baseAddress else { return }
        var sink = LineSink(start)
        sink.putThousandths(value)
        let written = String(decoding: room[..<start.distance(to: sink.next)], as: UTF8.self)
        #expect(written == decimalText(Int128(value), fractionDigits: 3, minimumFraction: 3))
    }
}
