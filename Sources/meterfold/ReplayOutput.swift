import Dispatch
import EventStorage
import MeterModel
import Telegrams
import Threading

/// Which events are wanted.
struct ReplayFilter {
    var device: String?
    var kind: String?
    var from: Instant
    var to: Instant
    var isTimed: Bool

    func accepts(kind name: String) -> Bool { kind == nil || kind == name }

    func accepts(device name: String?) -> Bool { device == nil || device == name }

    func matches(_ instant: Instant?) -> Bool {
        guard isTimed else { return true }
        guard let instant else { return false }
        return instant >= from && instant < to
    }
}

/// Writes wanted events in pieces: one is written on a thread of its own while the next is made.
///
/// Where readings are many, their texts are made side by side, each of consecutive ones, and written in order.
///
/// Invariant: `written` is the writer's while it is at work; all else is its owner's. What is not flushed lies in the
/// first of `texts`.
final class ReplayOutput {
    /// Bytes that are gathered before they are written, about.
    private static let pieceByteCount = 1 << 18
    /// Readings that each thread makes text of at a time.
    private static let readingsPerText = 4096

    let filter: ReplayFilter
    private let format: ReplayCommand.Format
    private let withRecord: Bool
    private var texts: [TextScratch]
    private var written: [TextScratch]
    private let writer = SideThread(name: "replay-output")

    /// - Parameters:
    ///   - filter: which events are wanted.
    ///   - format: how they are told.
    ///   - withRecord: whether their place in the log is told too.
    ///   - threadCount: how many threads make texts.
    init(filter: ReplayFilter, format: ReplayCommand.Format, withRecord: Bool, threadCount: Int) {
        self.filter = filter
        self.format = format
        self.withRecord = withRecord
        texts = (0..<threadCount).map { _ in TextScratch(capacity: ReplayOutput.pieceByteCount) }
        written = (0..<threadCount).map { _ in TextScratch(capacity: ReplayOutput.pieceByteCount) }
        if format == .csv { CSVEncoder(texts[0]).appendHeader() }
    }

    func append(_ block: RecordedBlock, _ directory: SeriesDirectory) {
        for run in block.runs {
            switch run {
            case .readings(let first, let readings):
                guard filter.accepts(kind: "ReadingReceived") else { continue }
                let piece = Piece(
                    readings: readings,
                    first: first,
                    block: block,
                    directory: directory,
                    device: filter.device.map { directory.devices.index(of: $0) ?? UInt32.max }
                )
                append(piece)
            case .event(let position, let event):
                let name: String? = event.device
                guard format == ReplayCommand.Format.ndjson, filter.accepts(kind: event.name),
                    filter.accepts(device: name), filter.matches(event.time)
                else { continue }
                NDJSONEncoder(texts[0]).append(event, record: record(position, block))
                flushIfFull()
            case .lost(let positions, let lost): Terminal.error("meterfold: \(HoleText(positions)): \(lost.reason)")
            }
        }
    }

    /// A run of readings.
    private struct Piece {
        let readings: UnsafeBufferPointer<ReadingRecord>
        let first: Position
        let block: RecordedBlock
        let directory: SeriesDirectory
        /// The only device that is wanted; nil: all are.
        let device: UInt32?
    }

    private func append(_ piece: Piece) {
        let count = piece.readings.count
        guard count > ReplayOutput.readingsPerText, texts.count > 1 else {
            append(piece, 0..<count, to: texts[0])
            return flushIfFull()
        }
        if texts[0].count > 0 { flush() }
        let step = ReplayOutput.readingsPerText * texts.count
        for start in stride(from: 0, to: count, by: step) {
            let end = min(count, start + step)
            // Safety: each text is touched by one thread; what they share they only read.
            nonisolated(unsafe) let (output, some) = (self, piece)
            DispatchQueue.concurrentPerform(iterations: texts.count) { i in
                let texts = output.texts
                let from = start + (end - start) * i / texts.count
                output.append(some, from..<start + (end - start) * (i + 1) / texts.count, to: texts[i])
            }
            flush()
        }
    }

    private func append(_ piece: Piece, _ range: Range<Int>, to text: TextScratch) {
        let (lines, rows) = (NDJSONEncoder(text), CSVEncoder(text))
        for i in range {
            let reading = piece.readings[i]
            if let device = piece.device, piece.directory.device(ofSeries: reading.series) != device { continue }
            guard filter.matches(Instant(milliseconds: reading.at)) else { continue }
            switch format {
            case .csv: rows.append(reading, directory: piece.directory)
            case .ndjson:
                let record = record(piece.first.advanced(by: i), piece.block)
                lines.append(reading, directory: piece.directory, record: record)
            }
        }
    }

    private func record(_ position: Position, _ block: RecordedBlock) -> NDJSONEncoder.Record? {
        guard withRecord else { return nil }
        return NDJSONEncoder.Record(position: position, recordedAt: block.recordedAt, recordedBy: block.recordedBy)
    }

    private func flushIfFull() {
        if texts[0].count >= ReplayOutput.pieceByteCount { flush() }
    }

    private func flush() {
        writer.hold()
        swap(&texts, &written)
        for text in texts { text.removeAll() }
        writer.perform { [written] in
            for text in written where text.count > 0 { Terminal.write(UnsafeRawBufferPointer(text.bytes)) }
        }
    }

    /// Writes what is left, and ends when all is written.
    func end() {
        flush()
        writer.wait()
    }
}
