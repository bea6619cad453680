import MeterModel
import Testing

@testable import ReadModel

@Suite struct ViewComparisonTests {
    private func store() throws -> ViewStore {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try putTwoDevices(writer)
            for hour: Int64 in 0..<100 {
                try writer.putHour(
                    series: UInt32(hour % 2),
                    start: hour * Milliseconds.hour,
                    end: (hour + 1) * Milliseconds.hour,
                    quantity: Int128(hour),
                    estimated: 0,
                    complete: true
                )
            }
            let line = LedgerLine(day: date("2025-01-01"), kind: .topUp, amount: money("5"))
            try writer.replaceLedgerDays(device: 0, from: nil, to: nil, lines: [line])
            let anomaly = AnomalyRow(
                kind: .dip,
                at: instant("2025-01-01"),
                position: Position(3),
                detail: "text",
                open: false
            )
            try writer.replaceAnomalies(series: 1, [anomaly])
            try writer.setCheckpoint(Position(3), chainHead: [1])
        }
        return store
    }

    @Test func `stores with the same rows are equal, whatever the chain head`() throws {
        let (ours, theirs) = (try store(), try store())
        try theirs.transaction { writer in
            try writer.setCheckpoint(Position(3), chainHead: [2])
            try writer.setTimeZoneDatabase("other")
        }
        let comparison = try ViewComparison.compare(ours, theirs)
        #expect(comparison.isEqual)
        #expect(comparison.tables.count == 11)
        #expect(comparison.tables.first { $0.name == "consumption_hour" }?.ourCount == 100)
    }

    @Test(arguments: [
        ("DELETE FROM consumption_hour WHERE id = 0", "consumption_hour", 1),
        ("UPDATE consumption_hour SET quantity_milli = 1 WHERE id % 7200 = 0", "consumption_hour", 50),
        ("UPDATE consumption_hour SET quantity_milli = '0' WHERE id = 0", "consumption_hour", 1),
        ("UPDATE device SET account = 'x' WHERE device_id = 1", "device", 1),
        ("UPDATE device SET device = 'e-1' WHERE device_id = 0", "device", 1),
        ("UPDATE ledger SET amount = '5.0'", "ledger", 1),
        ("UPDATE ledger SET id = id + 1", "ledger", 2),
        ("DELETE FROM anomaly", "anomaly", 1),
        ("UPDATE anomaly SET detail = 'Text'", "anomaly", 1),
        ("UPDATE anomaly SET kind = 'wrap'", "anomaly", 2),
        ("UPDATE meta SET value = 4 WHERE key = 'checkpoint'", "meta", 1),
        ("INSERT INTO series VALUES (2, 0, 'r')", "series", 1),
    ])
    func `a planted difference is found`(change: String, table: String, count: Int) throws {
        let (ours, theirs) = (try store(), try store())
        try execute(theirs, change)
        for comparison in [
            try ViewComparison.compare(ours, theirs, limit: 3), try ViewComparison.compare(theirs, ours, limit: 3),
        ] {
            #expect(!comparison.isEqual)
            for compared in comparison.tables {
                #expect(compared.differenceCount == (compared.name == table ? count : 0))
                #expect(compared.differences.count == min(3, compared.differenceCount))
            }
        }
    }

    @Test func `differences are told in words`() throws {
        let (ours, theirs) = (try store(), try store())
        try execute(theirs, "UPDATE ledger SET amount = '6', price = '2'")
        try execute(theirs, "DELETE FROM series WHERE series_id = 1")
        let comparison = try ViewComparison.compare(ours, theirs)
        let ledger = try #require(comparison.tables.first { $0.name == "ledger" }?.differences.first)
        #expect(
            ledger.ours?.hasSuffix("day=2025-01-01 kind=topUp period=NULL quantity_milli=NULL price=NULL amount=5")
                == true
        )
        #expect(ledger.theirs?.hasSuffix("price=2 amount=6") == true)
        let series = try #require(comparison.tables.first { $0.name == "series" }?.differences.first)
        #expect(series.ours == "series_id=1 device_id=1 register=8-0:1.0.0")
        #expect(series.theirs == nil)
    }
}
