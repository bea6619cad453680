import MeterModel
import Testing

@testable import ReadModel

@Suite struct ConsumptionQueryTests {
    @Test func `hours carry the offset of their start and of their end`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try putTwoDevices(writer)
            for hour: Int64 in [0, 1] {
                try writer.putHour(
                    series: 0,
                    start: milliseconds("2025-03-30", hour),
                    end: milliseconds("2025-03-30", hour + 1),
                    quantity: 1_000_000 + Int128(hour),
                    estimated: 500_000 * Int128(hour),
                    complete: hour == 0
                )
            }
        }
        let expected = """
            [
            {"device": "E-1", "register": "1-0:1.8.0", "start": "2025-03-30T01:00:00+01:00", \
            "end": "2025-03-30T03:00:00+02:00", "quantity": "1", "unit": "kWh", "estimated": "0", "complete": true},
            {"device": "E-1", "register": "1-0:1.8.0", "start": "2025-03-30T03:00:00+02:00", \
            "end": "2025-03-30T04:00:00+02:00", "quantity": "1.000001", "unit": "kWh", "estimated": "0.5", \
            "complete": false}
            ]

            """
        #expect(try output(store, ViewQuery(.consumption(by: .hour))) == expected)
    }

    @Test func `days of 23 and 25 hours and of a half-hour zone`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try putTwoDevices(writer)
            try putDay(writer, 0, "2025-03-30", milliseconds("2025-03-29", 23), hours: 23)
            try putDay(writer, 0, "2025-10-26", milliseconds("2025-10-25", 22), hours: 25)
            try putDay(writer, 1, "2025-01-01", milliseconds("2024-12-31", 18, 30), hours: 24)
        }
        let spans = try output(store, ViewQuery(.consumption(by: .day)), .csv).split(separator: "\n").dropFirst()
        #expect(
            spans.map { $0.split(separator: ",")[2...3].joined(separator: " ") } == [
                "2025-03-30T00:00:00+01:00 2025-03-31T00:00:00+02:00",
                "2025-10-26T00:00:00+02:00 2025-10-27T00:00:00+01:00",
                "2025-01-01T00:00:00+05:30 2025-01-02T00:00:00+05:30",
            ]
        )
    }

    @Test func `a clock that goes back half an hour makes an hour of ninety minutes`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try writer.putDevice(
                DeviceRow(deviceID: 0, device: "L", dimension: .energy, timezone: "Australia/Lord_Howe")
            )
            try writer.putSeries(0, device: 0, register: "r")
            try writer.putHour(
                series: 0,
                start: milliseconds("2025-04-05", 14),
                end: milliseconds("2025-04-05", 15, 30),
                quantity: 1,
                estimated: 0,
                complete: true
            )
        }
        let csv = try output(store, ViewQuery(.consumption(by: .hour)), .csv)
        #expect(csv.hasSuffix("L,r,2025-04-06T01:00:00+11:00,2025-04-06T02:00:00+10:30,0.000001,kWh,0,true\n"))
    }

    @Test func `a sum beyond 64 bits stays exact`() throws {
        let store = try ViewStore.inMemory()
        let huge = Int128(Int64.max) * 1000 + 1
        try store.transaction { writer in
            try putTwoDevices(writer)
            for (start, quantity) in [("2025-01-01", huge), ("2025-01-02", Int128(Int64.max))] {
                try writer.putHour(
                    series: 0,
                    start: milliseconds(start),
                    end: milliseconds(start, 1),
                    quantity: quantity,
                    estimated: 0,
                    complete: true
                )
                try writer.putMonth(
                    series: 1,
                    month: date(start),
                    start: milliseconds(start),
                    end: milliseconds(start, 1),
                    quantity: quantity,
                    estimated: quantity,
                    complete: false
                )
            }
        }
        let hours = try output(store, ViewQuery(.consumption(by: .hour)), .csv)
        #expect(hours.contains(",9223372036854775.807001,kWh,0,true"))
        #expect(hours.contains(",9223372036854.775807,kWh,0,true"))
        #expect(
            try select(store, "SELECT typeof(quantity_milli), quantity_milli FROM consumption_month ORDER BY id") == [
                "text|9223372036854775807001", "integer|9223372036854775807",
            ]
        )
        #expect(
            try select(store, "SELECT quantity FROM consumption_month_decimal ORDER BY start") == [
                "9223372036854775.807001", "9223372036854.775807",
            ]
        )
    }

    @Test func `a span selects buckets by their start, dates in the device's zone`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try putTwoDevices(writer)
            for day: Int64 in 0..<4 {
                let label = LocalDate(dayNumber: date("2025-01-01").dayNumber + Int32(day)).description
                try putDay(writer, 0, label, milliseconds("2024-12-31", 23) + day * Milliseconds.day, hours: 24)
                try putDay(writer, 1, label, milliseconds("2024-12-31", 18, 30) + day * Milliseconds.day, hours: 24)
            }
        }
        func starts(_ from: ViewQuery.Bound?, _ to: ViewQuery.Bound?, device: String? = nil) throws -> [String] {
            let query = ViewQuery(.consumption(by: .day), device: device, from: from, to: to)
            return try output(store, query, .csv).split(separator: "\n").dropFirst().map {
                $0.split(separator: ",")[0] + " " + $0.split(separator: ",")[2].prefix(10)
            }
        }
        #expect(
            try starts(.day(date("2025-01-02")), .day(date("2025-01-03"))) == ["E-1 2025-01-02", "W-1 2025-01-02"]
        )
        #expect(
            try starts(.instant(instant("2025-01-01", 18, 30)), .instant(instant("2025-01-02", 18, 30)))
                == ["E-1 2025-01-02", "W-1 2025-01-02"]
        )
        #expect(
            try starts(.instant(Instant(milliseconds: milliseconds("2025-01-01", 18, 30) + 1)), nil, device: "W-1")
                == ["W-1 2025-01-03", "W-1 2025-01-04"]
        )
        #expect(try starts(.day(date("2025-01-03")), .day(date("2025-01-01"))).isEmpty)
        #expect(try starts(nil, nil, device: "nobody").isEmpty)
    }

    @Test func `series come in the order of their UTF-8 bytes and are not normalised`() throws {
        let store = try ViewStore.inMemory()
        let names = ["e\u{301}", "é", "E", "z", "ä", "\u{FFFD}", "\u{1F600}", "a,\"b\""]
        try store.transaction { writer in
            for (index, name) in names.enumerated() {
                try writer.putDevice(DeviceRow(deviceID: UInt32(index), device: name, dimension: .energy))
                for (offset, register) in ["b", "B"].enumerated() {
                    let series = UInt32(index * 2 + offset)
                    try writer.putSeries(series, device: UInt32(index), register: register)
                    try putDay(writer, series, "2025-01-01", milliseconds("2025-01-01"), hours: 24)
                }
            }
        }
        let rows = try output(store, ViewQuery(.consumption(by: .day)), .ndjson).split(separator: "\n")
        let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let expected = sorted.flatMap { name in
            ["B", "b"].map { "{\"device\": \"\(name.replacing("\"", with: "\\\""))\", \"register\": \"\($0)\", " }
        }
        #expect(rows.count == expected.count)
        for (row, start) in zip(rows, expected) { #expect(row.utf8.starts(with: start.utf8)) }
        let one = try output(store, ViewQuery(.consumption(by: .day), device: "é"), .ndjson)
        #expect(one.utf8.starts(with: "{\"device\": \"é\"".utf8))
        #expect(one.split(separator: "\n").count == 2)
    }

    @Test func `views without hours say so and keep days`() throws {
        let store = try ViewStore.inMemory(hours: false)
        try store.transaction { writer in
            try putTwoDevices(writer)
            try writer.putHour(series: 0, start: 0, end: 3_600_000, quantity: 1, estimated: 0, complete: true)
            try putDay(writer, 0, "2025-01-01", milliseconds("2024-12-31", 23), hours: 24)
        }
        #expect(throws: ViewError.hoursAreOff) { try output(store, ViewQuery(.consumption(by: .hour))) }
        #expect(try select(store, "SELECT count(*) FROM consumption_hour") == ["0"])
        #expect(try output(store, ViewQuery(.consumption(by: .day)), .ndjson).split(separator: "\n").count == 1)
        #expect(try store.read { try $0.meta().hoursAreOn } == false)
    }

    @Test func `hours can be turned off later`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try writer.putHour(series: 0, start: 0, end: 3_600_000, quantity: 1, estimated: 0, complete: true)
        }
        #expect(try select(store, "SELECT count(*) FROM consumption_hour") == ["1"])
        try store.transaction { writer in
            try writer.putHour(series: 0, start: 3_600_000, end: 7_200_000, quantity: 1, estimated: 0, complete: true)
            try writer.turnHoursOff()
        }
        #expect(try select(store, "SELECT count(*) FROM consumption_hour") == ["0"])
    }

    @Test func `a zone that nobody knows is an error`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try writer.putDevice(DeviceRow(deviceID: 0, device: "x", timezone: "Mars/Olympus"))
            try writer.putSeries(0, device: 0, register: "r")
        }
        #expect(throws: ViewError.unknownZone("Mars/Olympus")) { try output(store, ViewQuery(.consumption(by: .day))) }
    }

    private func putDay(_ writer: ViewWriter, _ series: UInt32, _ day: String, _ start: Int64, hours: Int64) throws {
        try writer.putDay(
            series: series,
            day: date(day),
            start: start,
            end: start + hours * Milliseconds.hour,
            quantity: 1_000_000,
            estimated: 0,
            complete: true
        )
    }
}
