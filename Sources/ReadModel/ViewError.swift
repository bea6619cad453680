package import MeterModel

/// Why views could not be opened, written or read.
package enum ViewError: Error, Hashable, Sendable {
    /// There is no file of views at this path.
    case missing(path: String)
    /// The file is something else: no SQLite database, or that of another program. Nothing in it was touched.
    case notViews(path: String)
    /// Views of another schema version: rebuild them.
    case otherSchema(found: Int64, expected: Int64)
    /// SQLite found the file damaged: rebuild it.
    case corrupt(String)
    /// Another process held the database for longer than the busy timeout.
    case busy(String)
    /// Rows of hours are turned off in these views: fold them from the log.
    case hoursAreOff
    /// A cursor goes with another query.
    case otherCursor
    /// A device's time zone is not in the zone source.
    case unknownZone(String)
    /// More ledger lines for one device and day than can be kept (4096).
    case tooManyLedgerLines(device: UInt32, day: LocalDate)
    /// Anything else that SQLite says: its extended result code and its words.
    case failed(code: Int32, String)

    /// Whether the views should be deleted and rebuilt from the log.
    package var callsForRebuild: Bool {
        switch self {
        case .missing, .otherSchema, .corrupt: true
        case .notViews, .busy, .hoursAreOff, .otherCursor, .unknownZone, .tooManyLedgerLines, .failed: false
        }
    }
}

extension ViewError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .missing(let path): "there are no views at \(path)"
        case .notViews(let path): "\(path) is not a database of views"
        case .otherSchema(let found, let expected): "the views have schema version \(found), not \(expected)"
        case .corrupt(let text): "the views are damaged: \(text)"
        case .busy(let text): "the views are held by another process: \(text)"
        case .hoursAreOff: "the views keep no rows of hours"
        case .otherCursor: "the cursor goes with another query"
        case .unknownZone(let name): "time zone \(name) is unknown"
        case .tooManyLedgerLines(let device, let day): "device \(device) has too many ledger lines on \(day)"
        case .failed(let code, let text): "the views failed: \(text) (SQLite \(code))"
        }
    }
}
