import Foundation
import GRDB
import MeterModel
import Testing

@testable import ReadModel

/// Tables of new views that are written as pages, held against those that SQLite writes itself.
@Suite struct BulkTablesTests {
    private static let tables = [
        "device", "series", "consumption_hour", "consumption_day", "consumption_month", "balance", "ledger", "meta",
    ]

    private func dump(_ store: ViewStore, _ table: String) throws -> [String] {
        // The types too: a STRICT table may hold any in some columns.
        let columns = try select(store, "SELECT name FROM pragma_table_info('\(table)')")
        let shown = columns.map { "\($0), typeof(\($0))" }.joined(separator: ", ")
        return try select(store, "SELECT \(shown) FROM \(table)")
    }

    /// Whether what `body` writes into new views is what it writes into others.
    private func expectAlike(_ comment: Comment, _ body: (ViewWriter) throws -> Void) throws {
        let directory = try TemporaryDirectory()
        let begun = try ViewStore.begin(path: directory.views)
        try begun.transaction(body)
        let other = try ViewStore.inMemory()
        try other.transaction(body)
        for table in BulkTablesTests.tables {
            #expect(try dump(begun, table) == dump(other, table), comment)
        }
        #expect(try begun.check() == [], comment)
        try begun.finish()
        let opened = try ViewStore.open(path: directory.views)
        for table in BulkTablesTests.tables {
            #expect(try dump(opened, table) == dump(other, table), comment)
        }
        #expect(try opened.check() == [], comment)
        try opened.close()
    }

    private func quantity(_ random: inout Randomness) -> Int128 {
        switch random.below(12) {
        case 0: 0
        case 1: 1
        case 2: Int128(Int64.max) + Int128(random.below(1 << 20))
        case 3: -Int128(random.below(1 << 30))
        default: Int128(Int64(truncatingIfNeeded: random.next()) >> Int64(random.below(64)))
        }
    }

    private func putBuckets(_ writer: ViewWriter, series: UInt32, hours: Int64, _ random: inout Randomness) throws {
        for hour in 0..<hours {
            let (start, end) = (hour * Milliseconds.hour, (hour + 1) * Milliseconds.hour)
            try writer.putHour(
                series: series,
                start: start,
                end: end,
                quantity: quantity(&random),
                estimated: quantity(&random),
                complete: random.below(2) == 0
            )
            guard hour % 24 == 0 else { continue }
            try writer.putDay(
                series: series,
                day: LocalDate(dayNumber: 719_163 + Int32(hour / 24)),
                start: start,
                end: start + Milliseconds.day,
                quantity: quantity(&random),
                estimated: 0,
                complete: true
            )
        }
    }

    private func line(_ day: Int32, _ period: String, _ random: inout Randomness) -> LedgerLine {
        LedgerLine(
            day: LocalDate(dayNumber: day),
            kind: .energy,
            period: period,
            quantityMilli: quantity(&random),
            price: ExactDecimal(30, fractionDigits: 2),
            amount: Money(units: 1 + Int128(random.below(1 << 40)))
        )
    }

    @Test(arguments: [0, 1, 2, 150, 5_000, 60_000])
    func `rows in order of their keys are those that SQLite writes`(hours: Int64) throws {
        let seed = UInt64.random(in: .min ... .max)
        try expectAlike("seed \(seed)") { writer in
            var random = Randomness(seed: seed)
            try putTwoDevices(writer)
            try putBuckets(writer, series: 0, hours: hours / 3, &random)
            try putBuckets(writer, series: 1, hours: hours - hours / 3, &random)
            try writer.setCheckpoint(Position(7), chainHead: [1, 2])
        }
    }

    @Test func `from a key that does not ascend on SQLite writes the table`() throws {
        let seed = UInt64.random(in: .min ... .max)
        try expectAlike("seed \(seed)") { writer in
            var random = Randomness(seed: seed)
            try putTwoDevices(writer)
            // The second series' rows come first, then some come again.
            try putBuckets(writer, series: 1, hours: 9_000, &random)
            try putBuckets(writer, series: 0, hours: 9_000, &random)
            try putBuckets(writer, series: 1, hours: 100, &random)
        }
    }

    @Test func `what is deleted goes, whatever was written as pages`() throws {
        let seed = UInt64.random(in: .min ... .max)
        try expectAlike("seed \(seed)") { writer in
            var random = Randomness(seed: seed)
            try putTwoDevices(writer)
            try putBuckets(writer, series: 0, hours: 9_000, &random)
            try writer.deleteHours(series: 0, fromStart: 50 * Milliseconds.hour, toEnd: 8_000 * Milliseconds.hour)
            try writer.deleteDays(series: 0)
            try putBuckets(writer, series: 1, hours: 9_000, &random)
        }
    }

    @Test func `a row too long for a page is SQLite's, and what comes after it`() throws {
        let seed = UInt64.random(in: .min ... .max)
        try expectAlike("seed \(seed)") { writer in
            var random = Randomness(seed: seed)
            try putTwoDevices(writer)
            for device: UInt32 in 0..<300 {
                let period = String(repeating: "p", count: device == 200 ? 9_000 : Int(device) * 10)
                let lines = (0..<9).map { line(739_000 + $0, period, &random) }
                try writer.replaceLedgerDays(device: device, from: nil, to: nil, isFirst: true, lines: lines)
            }
        }
    }

    @Test(arguments: [1, 2, 3, 30])
    func `rows that two writers gather side by side come in order while they gather the next`(rounds: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        let directory = try TemporaryDirectory()
        let (begun, other) = (try ViewStore.begin(path: directory.views), try ViewStore.inMemory())
        // Each round has two series, the first of the second writer, and long ledgers, so that pages wait for room.
        func put(_ round: Int, _ lane: Int, to writer: ViewWriter) throws {
            var random = Randomness(seed: seed &+ UInt64(2 * round + lane))
            let number = UInt32(2 * round + 1 - lane)
            try putBuckets(writer, series: number, hours: Int64(random.below(3_000)), &random)
            let lines = (0..<40).map { line(739_000 + $0, String(repeating: "p", count: 3_000), &random) }
            try writer.replaceLedgerDays(device: number, from: nil, to: nil, isFirst: true, lines: lines)
        }
        try begun.transaction { writer in
            let writers = [ViewWriter(gatheringFor: writer), ViewWriter(gatheringFor: writer)]
            for (lane, one) in writers.enumerated() { try put(0, lane, to: one) }
            for round in 1...rounds {
                var failure: (any Error)?
                try writer.take(from: writers) {
                    guard round < rounds else { return }
                    do {
                        for (lane, one) in writers.enumerated() { try put(round, lane, to: one) }
                    } catch { failure = error }
                }
                if let failure { throw failure }
            }
        }
        try other.transaction { writer in
            for round in 0..<rounds { for lane in [1, 0] { try put(round, lane, to: writer) } }
        }
        for table in BulkTablesTests.tables {
            #expect(try dump(begun, table) == dump(other, table), "seed \(seed)")
        }
        #expect(try begun.check() == [], "seed \(seed)")
        try begun.finish()
    }

    @Test func `a second transaction goes on where the first has ended`() throws {
        let directory = try TemporaryDirectory()
        let (begun, other) = (try ViewStore.begin(path: directory.views), try ViewStore.inMemory())
        let seed = UInt64.random(in: .min ... .max)
        for store in [begun, other] {
            var random = Randomness(seed: seed)
            try store.transaction { writer in
                try putTwoDevices(writer)
                try putBuckets(writer, series: 0, hours: 20_000, &random)
            }
            try store.transaction { try putBuckets($0, series: 1, hours: 20_000, &random) }
            try store.transaction { try $0.turnHoursOff() }
        }
        #expect(try dump(begun, "consumption_day") == dump(other, "consumption_day"), "seed \(seed)")
        #expect(try select(begun, "SELECT count(*) FROM consumption_hour") == ["0"])
        #expect(try begun.check() == [])
        try begun.finish()
    }

    /// A database of small pages, whose trees are high.
    private func withSmallPages(_ body: (Database, BulkTables) throws -> Void) throws {
        let directory = try TemporaryDirectory()
        let queue = try DatabaseQueue(path: directory.views)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA page_size = 512; PRAGMA journal_mode = OFF;")
            for statement in Schema.tables { try db.execute(sql: statement) }
            let bulk = try #require(try BulkTables(try connection(of: db)) { try db.execute(sql: $0) })
            try db.execute(sql: "BEGIN IMMEDIATE")
            try body(db, bulk)
            try db.execute(sql: "COMMIT")
            #expect(try String.fetchAll(db, sql: "PRAGMA integrity_check") == ["ok"])
        }
        try queue.close()
    }

    @Test(arguments: [20, 21, 700, 701, 40_000])
    func `a tree of several levels holds every row`(count: Int64) throws {
        try withSmallPages { db, bulk in
            let batch = RowBatch()
            for hour in 0..<count {
                batch.begin(.putHour, key: hour * 3600)
                for value in [hour * 3600, 3600, hour * hour, 0, 1] { batch.add(value) }
            }
            #expect(bulk.put(.putHour, [batch]))
            #expect(try bulk.closeAll().isEmpty)
            let found = try Row.fetchOne(
                db,
                sql: "SELECT count(*), sum(id), sum(quantity_milli), max(id) FROM consumption_hour"
            )
            #expect(found?[0] == count)
            #expect(found?[1] == 3600 * (count * (count - 1) / 2))
            #expect(found?[2] == (count - 1) * count * (2 * count - 1) / 6)
            let middle = try Int64.fetchOne(
                db,
                sql: "SELECT quantity_milli FROM consumption_hour WHERE id = ?",
                arguments: [count / 2 * 3600]
            )
            #expect(middle == (count / 2) * (count / 2))
        }
    }

    @Test func `the page of SQLite's locks is passed over`() throws {
        let directory = try TemporaryDirectory()
        let pageByteCount = 4096
        let lockPage = PageFile.lockPage(pageByteCount: pageByteCount)
        let made = try DatabaseQueue(path: directory.views)
        try made.writeWithoutTransaction { try $0.execute(sql: "PRAGMA page_size = 4096; CREATE TABLE t (a);") }
        try made.close()
        // Pages that nothing uses, up to shortly before it.
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: directory.views))
        try handle.seek(toOffset: 28)
        let count = lockPage - 3
        try handle.write(contentsOf: Data((0..<4).map { UInt8(truncatingIfNeeded: count >> UInt32(24 - 8 * $0)) }))
        try handle.truncate(atOffset: UInt64(count) * UInt64(pageByteCount))
        try handle.close()
        let queue = try DatabaseQueue(path: directory.views)
        try queue.writeWithoutTransaction { db in
            var file = try #require(try PageFile(try connection(of: db)))
            let pages = [UInt8](repeating: 0, count: 5 * pageByteCount)
            let numbers = try pages.withUnsafeBytes { try file.add($0) }
            #expect(numbers == [lockPage - 2, lockPage - 1, lockPage + 1, lockPage + 2, lockPage + 3])
            try file.end()
            #expect(try Int.fetchOne(db, sql: "PRAGMA page_count") == Int(lockPage + 3))
        }
        try queue.close()
    }
}
