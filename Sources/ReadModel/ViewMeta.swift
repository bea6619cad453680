package import MeterModel

/// What the views say about themselves.
package struct ViewMeta: Hashable, Sendable {
    /// The keys of the table `meta`.
    enum Key: String {
        case schemaVersion = "schema_version"
        case checkpoint
        case chainHead = "chain_head"
        case timeZoneDatabase = "time_zone_database"
        case hours
        case whatIf = "what_if"
        case holes
    }

    /// The last position folded into the views.
    package var checkpoint = Position.origin
    /// The log's chain head at the checkpoint, in hexadecimal; empty before the first.
    package var chainHead = ""
    /// Which zone rules cut the views; empty before the first fold.
    package var timeZoneDatabase = ""
    /// Whether rows of hours are kept.
    package var hoursAreOn = true
    /// What these views suppose in place of the log, in words; nil for views of what the log says.
    package var whatIf: String?
    /// The positions of the log that were given up: what they said is missing from every row.
    package var holes: [ClosedRange<Position>] = []

    init() {}

    static let selection = "SELECT key, value FROM meta"

    /// - Parameter statement: of `selection`.
    /// - Throws: `ViewError`.
    init(_ statement: SQLStatement) throws {
        while try statement.step() {
            switch Key(rawValue: statement.text(0)) {
            case .checkpoint: checkpoint = Position(UInt64(bitPattern: statement.integer(1)))
            case .chainHead: chainHead = statement.text(1)
            case .timeZoneDatabase: timeZoneDatabase = statement.text(1)
            case .hours: hoursAreOn = statement.text(1) != "off"
            case .whatIf: whatIf = statement.text(1)
            case .holes: holes = ViewMeta.holes(statement.text(1))
            case .schemaVersion, nil: break
            }
        }
    }

    /// Ranges as the table holds them: `4097-8192,9000-9000`.
    static func text(_ holes: [ClosedRange<Position>]) -> String {
        holes.map { "\($0.lowerBound.rawValue)-\($0.upperBound.rawValue)" }.joined(separator: ",")
    }

    private static func holes(_ text: String) -> [ClosedRange<Position>] {
        text.split(separator: ",").compactMap { range in
            let bounds = range.split(separator: "-").compactMap { UInt64($0) }
            return bounds.count == 2 && bounds[0] <= bounds[1] ? Position(bounds[0])...Position(bounds[1]) : nil
        }
    }
}
