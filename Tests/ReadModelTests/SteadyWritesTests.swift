import CSteadyVFS
import GRDB
import MeterModel
import Testing

@testable import ReadModel

/// What is written to views is synced in pieces, so that nobody waits behind a long sync of theirs.
@Suite struct SteadyWritesTests {
    /// Rows of some 20 bytes each.
    private func putHours(_ count: Int64, into store: ViewStore) throws {
        try store.transaction { writer in
            for hour in 0..<count {
                try writer.putHour(
                    series: 0,
                    start: hour * Milliseconds.hour,
                    end: (hour + 1) * Milliseconds.hour,
                    quantity: Int128(hour) << 40,
                    estimated: 0,
                    complete: true
                )
            }
        }
    }

    private func syncs(_ store: ViewStore) throws -> (database: Int, wal: Int) {
        try store.database.writeWithoutTransaction { db in
            let connection = try connection(of: db)
            return (
                meterfold_steady_vfs_database_syncs(connection), meterfold_steady_vfs_wal_syncs(connection)
            )
        }
    }

    @Test func `a WAL is synced as it grows, a database while the WAL is copied back`() throws {
        let directory = try TemporaryDirectory()
        let store = try ViewStore.open(path: directory.views)
        try putHours(200_000, into: store)
        let bytes = try store.database.read { try Int.fetchOne($0, sql: "PRAGMA page_count") ?? 0 } * 4096
        #expect(bytes > 4 << 20)
        let before = try syncs(store)
        #expect(before.wal >= bytes / Int(METERFOLD_STEADY_BYTES))
        #expect(before.database == 0)
        try store.checkpoint()
        let after = try syncs(store)
        #expect(after.database == bytes / Int(METERFOLD_STEADY_BYTES))
        #expect(try store.check().isEmpty)
        try store.close()
    }

    @Test func `what a crash may take whole is not synced in pieces`() throws {
        let directory = try TemporaryDirectory()
        let store = try ViewStore.begin(path: directory.views)
        try putHours(200_000, into: store)
        #expect(try syncs(store) == (0, 0))
        try store.finish()
    }
}
