import MeterModel
import Testing

@testable import ReadModel

@Suite struct RowFormatTests {
    private func store(_ names: [String], account: String? = nil) throws -> ViewStore {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            for (index, name) in names.enumerated() {
                try writer.putDevice(DeviceRow(deviceID: UInt32(index), device: name, account: account))
            }
        }
        return store
    }

    @Test func `no rows`() throws {
        let store = try store([])
        let header = "device,utility,unit,tariff,readings,duplicates,firstReadAt,lastReadAt,lastValue,account"
        #expect(try output(store, ViewQuery(.devices), .json) == "[]\n")
        #expect(try output(store, ViewQuery(.devices), .ndjson) == "")
        #expect(try output(store, ViewQuery(.devices), .csv) == header + "\n")
        let table = try output(store, ViewQuery(.devices), .table).split(separator: "\n")
        #expect(table.count == 2)
        #expect(table[0] == header.replacing(",", with: "  "))
        #expect(try output(store, ViewQuery(.devices, device: "nobody"), .json) == "[]\n")
    }

    @Test func `awkward names in JSON`() throws {
        let store = try store(["a\"b\\c", "d,e/f", "é😀"], account: "x")
        let rows = try output(store, ViewQuery(.devices), .ndjson).split(separator: "\n")
        #expect(rows[0].hasPrefix(#"{"device": "a\"b\\c", "utility": null"#))
        #expect(rows[1].hasPrefix(#"{"device": "d,e/f", "#))
        #expect(rows[2].hasPrefix(#"{"device": "é😀", "#))
        #expect(rows[2].hasSuffix(#", "lastValue": null, "account": "x"}"#))
    }

    @Test func `awkward names in CSV`() throws {
        let store = try store(["a\"b", "c,d", "plain 'e'"])
        let csv = try output(store, ViewQuery(.devices), .csv)
        #expect(csv.hasSuffix("\n\"a\"\"b\",,,,0,0,,,,\n\"c,d\",,,,0,0,,,,\nplain 'e',,,,0,0,,,,\n"))
    }

    @Test func `control characters of free text are escaped, quoted or shown as harmless`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try putTwoDevices(writer)
            let detail = "a\n\u{1B}[2J\u{1}\u{1F}\t\r\u{85}"
            let row = AnomalyRow(
                kind: .dip,
                at: instant("2025-01-01"),
                position: Position(1),
                detail: detail,
                open: false
            )
            try writer.replaceAnomalies(series: 0, [row])
        }
        let json = try output(store, ViewQuery(.anomalies), .ndjson)
        #expect(json.contains("\"detail\": \"a\\n\\u001b[2J\\u0001\\u001f\\t\\r\u{85}\", "))
        let csv = try output(store, ViewQuery(.anomalies), .csv)
        #expect(csv.contains(",\"a\n\u{1B}[2J\u{1}\u{1F}\t\r\u{85}\",false\n"))
        let table = try output(store, ViewQuery(.anomalies), .table)
        #expect(table.contains("a\u{FFFD}\u{FFFD}[2J\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}  false\n"))
    }

    @Test func `tables align numbers right and count wide characters double`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            for (index, name) in ["电表1", "a"].enumerated() {
                let device = UInt32(index)
                try writer.putDevice(DeviceRow(deviceID: device, device: name))
                let row = BalanceRow(
                    deviceID: device,
                    currency: currency("CNY"),
                    charges: .zero,
                    topUps: money(index == 0 ? "1234.5" : "1"),
                    asOf: nil
                )
                try writer.putBalance(row)
            }
        }
        #expect(
            try output(store, ViewQuery(.balance), .table) == """
                device  currency  balance  balanceExact  charges  topUps  asOf  position
                ------  --------  -------  ------------  -------  ------  ----  --------
                a       CNY          1.00             1        0       1  -            0
                电表1   CNY       1234.50        1234.5        0  1234.5  -            0

                """
        )
    }

    @Test func `a long table is not held back, a long output comes in pieces`() throws {
        let store = try store((0..<3000).map { "device-\($0)" })
        for format in RowFormat.allCases {
            var pieces: [Int] = []
            var lineCount = 0
            let sink = format.makeSink { piece in
                pieces.append(piece.count)
                lineCount += piece.count { $0 == UInt8(ascii: "\n") }
            }
            try store.read { try $0.run(ViewQuery(.devices), zones: HandMadeZones(), into: sink) }
            #expect(pieces.count > 1)
            #expect(pieces.allSatisfy { $0 < 70_000 })
            #expect(lineCount == 3000 + (format == .ndjson ? 0 : format == .csv ? 1 : 2))
        }
    }

    @Test func `an error of the reader's output stops the query`() throws {
        struct Closed: Error {}
        let store = try store(["a"])
        let sink = RowFormat.json.makeSink { _ in throw Closed() }
        #expect(throws: Closed.self) {
            try store.read { try $0.run(ViewQuery(.devices), zones: HandMadeZones(), into: sink) }
        }
    }
}
