/// The layout of a snapshot of the fold: docs/fold-snapshot-format.md.
enum SnapshotFormat {
    /// `mffold` and a line's end, which a transfer as text would change.
    static let magic: [UInt8] = Array("mffold\r\n".utf8)
    /// The version of the layout, here and in the types that write themselves.
    static let version: UInt32 = 1
    /// The version of the fold's rules. It is raised whenever what is folded from a log comes to mean something else,
    /// or to be something else: a snapshot of other rules is passed over.
    static let rulesVersion: UInt64 = 1
    /// Magic, version, checksum.
    static let preambleByteCount = 16
    /// Number, kind, byte count, checksum.
    static let pieceHeaderByteCount = 16
    /// The most that a piece holds: what is read and proved at once.
    static let pieceByteCount = 1 << 20
    /// The longest text, as in events.
    static let textByteCount = 1 << 20

    enum PieceKind: UInt32 {
        case head = 1
        case body = 2
        case end = 3
    }
}

/// Why a snapshot is not taken, or not written.
struct SnapshotFault: Error, CustomStringConvertible {
    var description: String

    init(_ reason: String) { description = reason }
}
