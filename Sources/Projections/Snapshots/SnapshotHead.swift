import MeterModel
import RecordLog

/// What a snapshot says about itself before anything else: whether it may be taken is decided by this alone.
struct SnapshotHead: Equatable {
    var rulesVersion = SnapshotFormat.rulesVersion
    /// The program's version: another one may fold otherwise.
    var program: String
    var zoneDatabase: String
    /// The last position folded, and the log's chain value behind it.
    var position: Position
    var chain: Digest32
    /// The positions up to there that were given up.
    var holes: [ClosedRange<Position>]
    var deviceCount: Int
    var registerCount: Int
    var seriesCount: Int

    init(
        program: String,
        zoneDatabase: String,
        position: Position,
        chain: Digest32,
        holes: [ClosedRange<Position>],
        _ directory: SeriesDirectory
    ) {
        self.program = program
        self.zoneDatabase = zoneDatabase
        self.position = position
        self.chain = chain
        self.holes = holes
        deviceCount = directory.deviceCount
        registerCount = directory.registers.count
        seriesCount = directory.seriesCount
    }

    func write(to out: SnapshotWriter) {
        out.varint(rulesVersion)
        out.text(program)
        out.text(zoneDatabase)
        out.position(position)
        chain.withUnsafeBytes { out.bytes($0) }
        out.count(holes.count)
        for hole in holes {
            out.position(hole.lowerBound)
            out.position(hole.upperBound)
        }
        out.count(deviceCount)
        out.count(registerCount)
        out.count(seriesCount)
    }

    init(from reader: SnapshotReader) throws(SnapshotFault) {
        rulesVersion = try reader.varint()
        guard rulesVersion == SnapshotFormat.rulesVersion else {
            throw SnapshotFault("it was folded by rules \(rulesVersion), not \(SnapshotFormat.rulesVersion)")
        }
        program = try reader.text()
        zoneDatabase = try reader.text()
        position = try reader.position()
        chain = try reader.bytes(Digest32.byteCount).withUnsafeBytes { Digest32($0) }
        holes = []
        for _ in 0..<(try reader.count()) {
            let (first, last) = (try reader.position(), try reader.position())
            guard first <= last else { throw reader.malformed("a hole that ends before it begins") }
            holes.append(first...last)
        }
        deviceCount = try reader.count()
        registerCount = try reader.count()
        seriesCount = try reader.count()
    }

    /// Why this is not the state of a log at a position that the views show already.
    ///
    /// - Parameters:
    ///   - program: this one's version.
    ///   - zoneDatabase: the one in use.
    ///   - checkpoint: the views'.
    ///   - holes: the log's.
    ///   - chain: the log's chain value at `position`; nil where no block ends there.
    /// - Returns: the reason in words; nil if nothing speaks against it.
    /// - Throws: what `chain` throws.
    func objection(
        program: String,
        zoneDatabase: String,
        checkpoint: Position,
        holes: [ClosedRange<Position>],
        chain: (UInt64) throws -> Digest32?
    ) rethrows -> String? {
        if self.program != program { return "it is of version \(self.program), this is \(program)" }
        if self.zoneDatabase != zoneDatabase {
            return "it was cut by the time-zone database \(self.zoneDatabase), in use is \(zoneDatabase)"
        }
        if position > checkpoint || position == .origin {
            return "it reaches position \(position.rawValue), the views \(checkpoint.rawValue)"
        }
        if self.holes != holes.filter({ $0.lowerBound <= position }) {
            return "other positions of the log are given up now"
        }
        guard try chain(position.rawValue) == self.chain else {
            return "the log has another chain value at position \(position.rawValue)"
        }
        return nil
    }
}
