internal import Foundation
internal import GRDB
internal import GRDBSQLite

/// Looks at a file before it is opened as views, without changing it.
enum ViewFile {
    enum Content: Equatable {
        /// No file, or one without any table: views can be made in it.
        case empty
        case views
    }

    /// - Throws: `ViewError.notViews`, `.otherSchema` or `.corrupt`.
    static func inspect(path: String) throws -> Content {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let attributes else { return .empty }
        if (attributes[.size] as? NSNumber)?.int64Value == 0 { return .empty }
        do {
            return try read(path: path)
        } catch let error as DatabaseError where error.resultCode == .SQLITE_NOTADB {
            throw startsAsViews(path: path) ? ViewError(error) : ViewError.notViews(path: path)
        }
    }

    /// Brings a file to the disk.
    static func sync(path: String) throws {
        do {
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            defer { try? file.close() }
            try file.synchronize()
        } catch {
            throw ViewError.failed(code: SQLITE_IOERR, "\(path): cannot be synced: \(error.localizedDescription)")
        }
    }

    private static func read(path: String) throws -> Content {
        SQLiteLibrary.prepare()
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(10)
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        let (application, version, tableCount) = try queue.read { db in
            (
                try Int64.fetchOne(db, sql: "PRAGMA application_id") ?? 0,
                try Int64.fetchOne(db, sql: "PRAGMA user_version") ?? 0,
                try Int64.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
            )
        }
        try queue.close()
        if application == 0, version == 0, tableCount == 0 { return .empty }
        guard application == Schema.applicationID else { throw ViewError.notViews(path: path) }
        guard version == Schema.version else {
            throw ViewError.otherSchema(found: version, expected: Schema.version)
        }
        return .views
    }

    /// Whether the first bytes say SQLite, or the application id at byte 68 says views: then it was ours and is
    /// damaged.
    private static func startsAsViews(path: String) -> Bool {
        guard let file = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? file.close() }
        guard let header = try? file.read(upToCount: 72), header.count == 72 else { return false }
        let application = header[68..<72].reduce(Int64(0)) { $0 << 8 | Int64($1) }
        return application == Schema.applicationID
    }
}
