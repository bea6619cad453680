import EventStorage
import MeterModel
import RecordLog

/// Events of one block, as they were logged.
struct BlockPart {
    let batch: EventBatch
    let recordedAt: Instant
    let recordedBy: String
    /// The log's numbering with these events.
    let directory: SeriesDirectory

    /// Reads events of a log: of one block, or of several that were appended in one stroke.
    init(of layout: BackupLayout, _ positions: ClosedRange<UInt64>, _ fileSystem: any FileSystem) throws {
        let reader = try EventLogReader(directory: layout.directory, fileSystem: fileSystem)
        var directory =
            positions.lowerBound == 1
            ? SeriesDirectory() : try reader.directory(through: Position(positions.lowerBound - 1))
        var batch = EventBatch()
        var recorded = (at: Instant(milliseconds: 0), by: "")
        let last = Position(positions.upperBound)
        try reader.forEachBlock(from: Position(positions.lowerBound), through: last) { block in
            try block.extend(&directory)
            recorded = (block.recordedAt, block.recordedBy)
            for run in block.runs {
                switch run {
                case .readings(_, let readings): batch.readings.append(contentsOf: readings)
                case .event(_, let event): batch.events.append((batch.readings.count, event))
                case .lost(let positions, _):
                    throw BackupFault(
                        layout.log,
                        "positions \(positions.lowerBound.rawValue) to \(block.lastPosition.rawValue) were given up: "
                            + "nobody knows what they said, so the log cannot end among them",
                        hint: "name position \(block.firstPosition.rawValue - 1), or one behind them"
                    )
                }
            }
            return .proceed
        }
        self.batch = batch
        self.directory = directory
        (recordedAt, recordedBy) = recorded
    }

    /// Whether both say the same.
    static func == (a: BlockPart, b: BlockPart) -> Bool {
        a.recordedAt == b.recordedAt && a.recordedBy == b.recordedBy && a.batch.readings == b.batch.readings
            && a.batch.events.map(\.readingIndex) == b.batch.events.map(\.readingIndex)
            && a.batch.events.map(\.event) == b.batch.events.map(\.event)
    }
}
