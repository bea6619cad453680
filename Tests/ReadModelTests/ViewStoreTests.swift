import Foundation
import MeterModel
import Testing

@testable import ReadModel

@Suite struct ViewStoreTests {
    private struct Stop: Error {}

    private func putHour(_ writer: ViewWriter, _ hour: Int64, _ quantity: Int128) throws {
        try writer.putHour(
            series: 0,
            start: hour * Milliseconds.hour,
            end: (hour + 1) * Milliseconds.hour,
            quantity: quantity,
            estimated: 0,
            complete: true
        )
    }

    @Test func `a transaction that throws leaves the old rows, and nothing for the next`() throws {
        let directory = try TemporaryDirectory()
        let store = try ViewStore.open(path: directory.views)
        try store.transaction { writer in
            try putTwoDevices(writer)
            for hour: Int64 in 0..<40 { try putHour(writer, hour, 1) }
            try writer.setCheckpoint(Position(5), chainHead: [1, 2])
        }
        #expect(throws: Stop.self) {
            try store.transaction { writer in
                try writer.deleteHours(series: 0)
                for hour: Int64 in 0..<45 { try putHour(writer, hour, 2) }
                try writer.setCheckpoint(Position(6), chainHead: [3])
                throw Stop()
            }
        }
        func state() throws -> [String] {
            try select(store, "SELECT count(*), sum(quantity_milli), max(id) FROM consumption_hour")
        }
        #expect(try state() == ["40|40|140400"])
        let meta = try store.read { try $0.meta() }
        #expect(meta.checkpoint == Position(5))
        #expect(meta.chainHead == "0102")
        try store.transaction { try $0.setTimeZoneDatabase("2025b") }
        #expect(try state() == ["40|40|140400"])
        #expect(try store.read { try $0.meta() }.timeZoneDatabase == "2025b")
        try store.close()
    }

    @Test func `a failing statement fails its transaction with a typed error`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { try putTwoDevices($0) }
        #expect {
            try store.transaction { writer in
                try writer.putSeries(7, device: 0, register: "new")
                try writer.putDevice(DeviceRow(deviceID: 9, device: "E-1"))
            }
        } throws: { error in
            if case .failed(let code, let text)? = error as? ViewError {
                return code & 0xFF == 19 && text.contains("device.device")
            }
            return false
        }
        #expect(try select(store, "SELECT count(*) FROM series") == ["2"])
    }

    @Test func `hours are replaced in place and deleted by start`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            for hour: Int64 in 0..<100 { try putHour(writer, hour, 1) }
            for hour: Int64 in [3, 98] { try putHour(writer, hour, 7) }
            let start = 10 * Milliseconds.hour
            try writer.deleteHours(series: 0, fromStart: start + 1, toEnd: 20 * Milliseconds.hour + 1)
            try writer.deleteHours(series: 1)
        }
        #expect(
            try select(store, "SELECT count(*), sum(quantity_milli) FROM consumption_hour") == ["90|102"]
        )
        #expect(
            try select(store, "SELECT id / 3600 FROM consumption_hour WHERE id / 3600 BETWEEN 9 AND 22") == [
                "9", "10", "21", "22",
            ]
        )
        try store.transaction { try $0.deleteHours(series: 0) }
        #expect(try select(store, "SELECT count(*) FROM consumption_hour") == ["0"])
    }

    @Test func `days and months are deleted by start, series by series`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            for series: UInt32 in 0...1 {
                for day: Int32 in 0..<5 {
                    let date = LocalDate(dayNumber: date("2025-01-30").dayNumber + day)
                    let start = Int64(date.dayNumber) * Milliseconds.day
                    let end = start + Milliseconds.day
                    try writer.putDay(
                        series: series,
                        day: date,
                        start: start,
                        end: end,
                        quantity: 1,
                        estimated: 0,
                        complete: true
                    )
                    try writer.putMonth(
                        series: series,
                        month: date,
                        start: start,
                        end: end,
                        quantity: 1,
                        estimated: 0,
                        complete: true
                    )
                }
            }
            try writer.deleteDays(series: 0, fromStart: milliseconds("2025-01-31"), toEnd: milliseconds("2025-02-02"))
            try writer.deleteMonths(series: 1, fromStart: milliseconds("2025-02-01"))
        }
        #expect(
            try select(store, "SELECT day FROM consumption_day WHERE id < 1 << 32") == [
                "2025-01-30", "2025-02-02", "2025-02-03",
            ]
        )
        #expect(try select(store, "SELECT count(*) FROM consumption_day") == ["8"])
        #expect(
            try select(store, "SELECT month FROM consumption_month WHERE id >= 1 << 32") == ["2025-01", "2025-01"]
        )
    }

    @Test func `a store closes as soon as rows that went to SQLite beside it are in`() throws {
        let directory = try TemporaryDirectory()
        for round in 0..<100 {
            let store = try ViewStore.open(path: directory.views)
            try store.transaction { writer in
                for hour: Int64 in 0..<8200 { try putHour(writer, hour, Int128(round)) }
            }
            try store.close()
        }
    }

    @Test func `views that are begun and finished are as those that are opened`() throws {
        let directory = try TemporaryDirectory()
        let begun = try ViewStore.begin(path: directory.views)
        try begun.transaction { writer in
            try putTwoDevices(writer)
            for hour: Int64 in 0..<20_000 { try putHour(writer, hour, Int128(hour)) }
            try writer.setCheckpoint(Position(2), chainHead: [])
        }
        try begun.finish()
        #expect(!FileManager.default.fileExists(atPath: directory.views + "-wal"))
        let store = try ViewStore.open(path: directory.views)
        let other = try ViewStore.inMemory()
        try other.transaction { writer in
            try putTwoDevices(writer)
            for hour: Int64 in (0..<20_000).reversed() { try putHour(writer, hour, Int128(hour)) }
            try writer.setCheckpoint(Position(2), chainHead: [])
        }
        #expect(try ViewComparison.compare(store, other).isEqual)
        let schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
        #expect(try select(store, schema) == select(other, schema))
        #expect(try select(store, "PRAGMA journal_mode") == ["wal"])
        #expect(try store.check().isEmpty)
    }

    @Test func `deletions and rows of one transaction take effect in the order they are told`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            for hour: Int64 in 0..<10 { try putHour(writer, hour, 1) }
            try writer.deleteHours(series: 0)
            for hour: Int64 in 0..<3 { try putHour(writer, hour, 2) }
            try writer.deleteHours(series: 1)
            try putHour(writer, 5, 3)
        }
        let sql = "SELECT count(*), sum(quantity_milli) FROM consumption_hour"
        #expect(try select(store, sql) == ["4|9"])
    }

    @Test func `deletions meet what was put before them, in whatever order devices come`() throws {
        /// One step: a device's ledger of some days, and hours of a series, replaced by others.
        func replace(_ step: Int64, in writer: ViewWriter) throws {
            let device = UInt32(step * 7919 % 97)
            let lines = (0..<step % 4).map {
                LedgerLine(day: LocalDate(dayNumber: Int32($0)), kind: .energy, amount: Money(units: Int128(step + 1)))
            }
            let end = LocalDate(dayNumber: Int32(step % 3 + 4))
            try writer.replaceLedgerDays(device: device, from: LocalDate(dayNumber: 0), to: end, lines: lines)
            try writer.deleteHours(series: device, fromStart: step % 5 * Milliseconds.hour)
            for hour in step % 5..<step % 5 + 3 {
                try writer.putHour(
                    series: device,
                    start: hour * Milliseconds.hour,
                    end: (hour + 1) * Milliseconds.hour,
                    quantity: Int128(step),
                    estimated: 0,
                    complete: true
                )
            }
            if step % 11 == 0 { try writer.removeBalance(device: device) }
            let balance = BalanceRow(
                deviceID: device,
                currency: currency("EUR"),
                charges: Money(units: Int128(step)),
                topUps: .zero,
                asOf: nil
            )
            if step % 5 > 0 { try writer.putBalance(balance) }
        }
        let steps: Range<Int64> = 0..<3000
        let (together, apart) = (try ViewStore.inMemory(), try ViewStore.inMemory())
        try together.transaction { writer in
            for step in steps { try replace(step, in: writer) }
        }
        for step in steps { try apart.transaction { try replace(step, in: $0) } }
        for table in ["ledger", "consumption_hour", "balance"] {
            let rows = try select(together, "SELECT * FROM \(table)")
            #expect(!rows.isEmpty)
            #expect(try rows == select(apart, "SELECT * FROM \(table)"), "\(table)")
        }
    }

    @Test func `readers see the last commit while a transaction is under way`() throws {
        let directory = try TemporaryDirectory()
        let store = try ViewStore.open(path: directory.views)
        try store.transaction { writer in
            try putTwoDevices(writer)
            try writer.setCheckpoint(Position(1), chainHead: [])
        }
        let reader = try ViewStore.openForReading(path: directory.views)
        try store.transaction { writer in
            for hour: Int64 in 0..<200_000 { try putHour(writer, hour, 1) }
            try writer.setCheckpoint(Position(2), chainHead: [])
            for other in [reader, store] {
                #expect(try other.read { try $0.meta() }.checkpoint == Position(1))
                #expect(try output(other, ViewQuery(.consumption(by: .hour))) == "[]\n")
            }
        }
        #expect(try reader.read { try $0.meta() }.checkpoint == Position(2))
        // One snapshot from first to last, whatever is committed meanwhile.
        try reader.read { snapshot in
            #expect(try snapshot.meta().checkpoint == Position(2))
            try store.transaction { writer in
                try writer.setCheckpoint(Position(3), chainHead: [])
                try writer.deleteHours(series: 0)
            }
            #expect(try snapshot.meta().checkpoint == Position(2))
            let count = try snapshot.statement("SELECT count(*) FROM consumption_hour")
            #expect(try count.step())
            #expect(count.integer(0) == 200_000)
        }
        #expect(try reader.read { try $0.meta() }.checkpoint == Position(3))
        try reader.close()
        try store.close()
    }

    @Test func `a reading store cannot write`() throws {
        let directory = try TemporaryDirectory()
        try ViewStore.open(path: directory.views).close()
        let reader = try ViewStore.openForReading(path: directory.views)
        #expect(throws: ViewError.self) { try reader.transaction { try $0.setTimeZoneDatabase("x") } }
        try reader.close()
    }

    @Test func `views that were closed are the same when opened again`() throws {
        let directory = try TemporaryDirectory()
        var store = try ViewStore.open(path: directory.views, hours: false)
        try store.transaction { writer in
            try putTwoDevices(writer)
            try writer.setCheckpoint(Position(.max >> 1), chainHead: [0xFF])
        }
        try store.checkpoint()
        #expect(try store.check() == [])
        try store.close()
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["views.sqlite"])
        store = try ViewStore.open(path: directory.views, hours: true)
        let meta = try store.read { try $0.meta() }
        #expect(meta.checkpoint == Position(.max >> 1))
        #expect(meta.chainHead == "ff")
        #expect(!meta.hoursAreOn)
        #expect(try select(store, "SELECT device FROM device") == ["E-1", "W-1"])
        try store.close()
    }

    @Test func `what was settled is in the file itself, whoever reads meanwhile`() throws {
        let directory = try TemporaryDirectory()
        let store = try ViewStore.open(path: directory.views)
        try store.transaction { writer in
            try putTwoDevices(writer)
            try writer.setCheckpoint(Position(7), chainHead: [0xFF])
        }
        let reader = try ViewStore.openForReading(path: directory.views)
        try reader.read { _ in try store.settle() }
        let copy = directory.path + "/copy.sqlite"
        try FileManager.default.copyItem(atPath: directory.views, toPath: copy)
        let copied = try ViewStore.openForReading(path: copy)
        #expect(try copied.read { try $0.meta() }.checkpoint == Position(7))
        for store in [copied, reader, store] { try store.close() }
        try ViewStore.inMemory().settle()
    }

    @Test func `a statement is the next reader's as if it were new, and two at once are two`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { try putTwoDevices($0) }
        let devices = "SELECT device FROM device ORDER BY device"
        for _ in 0..<3 {
            try store.read { reader in
                let (one, other) = (try reader.statement(devices), try reader.statement(devices))
                let bound = try reader.statement("SELECT ?1")
                #expect(try bound.step() && bound.isNull(0))
                bound.reset()
                bound.bind(1, Int64(7))
                #expect(try one.step() && one.text(0) == "E-1")
                #expect(try other.step() && other.text(0) == "E-1")
                #expect(try other.step() && other.text(0) == "W-1")
                #expect(one.text(0) == "E-1")
                #expect(try bound.step() && bound.integer(0) == 7)
            }
        }
        // Nothing of what was not read to its end holds the views.
        try store.transaction { try $0.setTimeZoneDatabase("2026a") }
        #expect(try store.read { try $0.meta().timeZoneDatabase } == "2026a")
    }
}
