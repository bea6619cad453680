import EventStorage
import MeterModel
import RecordLog
import Testing

/// A log written anew by the program's own writer, with something changed on the way: checksums and chain fit again.
struct RewrittenLog {
    /// What one block of the log holds.
    struct Block {
        var batch: EventBatch
        var recordedAt: Instant
        var recordedBy: String
    }

    var blocks: [Block] = []
    private var directory = SeriesDirectory()

    /// Reads the log of a scenario.
    init(of scenario: Scenario) throws {
        try EventLogReader(directory: scenario.data).forEachBlock(from: Position(1)) { block in
            try block.extend(&directory)
            var batch = EventBatch()
            for run in block.runs {
                switch run {
                case .readings(_, let readings): batch.readings.append(contentsOf: readings)
                case .event(_, let event): batch.events.append((batch.readings.count, event))
                case .lost: preconditionFailure("a log with holes")
                }
            }
            blocks.append(Block(batch: batch, recordedAt: block.recordedAt, recordedBy: block.recordedBy))
            return .proceed
        }
    }

    /// Writes the blocks into another scenario's directory, which has no log yet.
    ///
    /// - Returns: whose log it is now.
    func written(segmentByteCount: Int = 1 << 20) throws -> Scenario {
        let other = try Scenario()
        let (writer, _) = try EventLogWriter.open(
            directory: other.data,
            configuration: RecordLogConfiguration(
                segmentByteCount: segmentByteCount,
                sealedIndexByteCount: min(1 << 20, segmentByteCount / 8)
            ),
            lockDescription: "a test"
        )
        defer { writer.close() }
        for block in blocks {
            var batch = block.batch
            _ = try writer.append(
                &batch,
                recordedAt: block.recordedAt,
                recordedBy: block.recordedBy,
                directory: directory
            )
        }
        return other
    }

    /// The number of the first block with at least so many readings.
    func block(withReadings count: Int) throws -> Int {
        try #require(blocks.firstIndex { $0.batch.readings.count >= count })
    }
}
