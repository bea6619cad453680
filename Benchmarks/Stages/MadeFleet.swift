import Admission
import EventStorage
import FleetSimulator
import MeterModel
import RecordLog
import Telegrams
import TimeZones

/// How many devices send the readings.
struct FleetShape: Sendable {
    let name: String
    let deviceCount: Int
    /// Days that give each device its share of the readings, and some more.
    private let days: Int

    /// All shapes send as many.
    static let readingCount = 1_000_000

    /// What a device needs lies in the caches, or in none of them.
    static let all = [
        FleetShape(name: "1k", deviceCount: 1000, days: 11),
        FleetShape(name: "100k", deviceCount: 100_000, days: 1),
    ]

    /// Read by the quarter of an hour, with the usual troubles.
    var fleet: Fleet {
        Fleet(deviceCount: deviceCount, days: days, seed: 1, period: 15 * Milliseconds.minute)
    }
}

/// A fleet's readings in the forms that the stages take in, as one stage leaves them to the next.
struct MadeFleet {
    let zones = FoundationZoneSource()
    private let fleet: Fleet

    /// When all of it is received: later than any reading.
    let recordedAt: Instant

    /// The most readings that the intake puts into one batch.
    static let batchCount = 57_344

    init(_ shape: FleetShape) {
        fleet = shape.fleet
        recordedAt = Instant(milliseconds: fleet.startInstant.milliseconds + 30 * Milliseconds.day)
    }

    func makeAdmission() -> Admission { Admission(zones: zones) }

    /// The readings as text, in the order in which a head-end sends them.
    func text(_ format: FleetText.Format) -> ContiguousArray<UInt8> {
        var maker = FleetText(fleet, format: format, contents: .readings(named: false))
        var lineCount = FleetShape.readingCount + (format == .csv ? 1 : 0)
        var text: ContiguousArray<UInt8> = []
        while let chunk = maker.nextChunk() {
            for i in chunk.indices where chunk[i] == UInt8(ascii: "\n") {
                lineCount -= 1
                if lineCount == 0 {
                    text.append(contentsOf: chunk[...i])
                    return text
                }
            }
            text.append(contentsOf: chunk)
        }
        preconditionFailure("the fleet sends too little")
    }

    /// The readings as a decoder leaves them.
    func drafts(_ names: inout TelegramNames) -> ContiguousArray<ReadingDraft> {
        var decoder = LineProtocolDecoder()
        var drafts: ContiguousArray<ReadingDraft> = []
        drafts.reserveCapacity(FleetShape.readingCount)
        text(.lineProtocol).withUnsafeBytes { bytes in
            decoder.decodeAll(bytes, names: &names) { drafts.append(contentsOf: $0) }
        }
        return drafts
    }

    /// Tariffs, devices and first top-ups, accepted.
    func declarations(_ admission: inout Admission) throws -> EventBatch {
        var maker = FleetText(fleet, format: .ndjson, contents: .declarations)
        var decoder = NDJSONDecoder()
        var names = TelegramNames()
        var batch = EventBatch()
        while let chunk = maker.nextChunk() {
            var decoded = DecodedBatch()
            _ = chunk.withUnsafeBytes { decoder.decode($0, isLast: false, names: &names, into: &decoded) }
            precondition(decoded.refusals.isEmpty, "a declaration is refused")
            for event in decoded.events {
                let event = try admission.admit(event.event, defaults: .none, recordedAt: recordedAt)
                batch.events.append((0, event))
            }
        }
        return batch
    }

    /// The readings as they are accepted, in order of arrival.
    func batches(_ admission: inout Admission) -> [EventBatch] {
        var names = TelegramNames()
        let drafts = drafts(&names)
        var batches: [EventBatch] = []
        admit(drafts, names, &admission) { readings in
            batches.append(EventBatch())
            batches[batches.count - 1].readings = readings
        }
        return batches
    }

    /// Admits readings batch by batch; `take` gets those of each.
    func admit(
        _ drafts: ContiguousArray<ReadingDraft>,
        _ names: TelegramNames,
        _ admission: inout Admission,
        _ take: (ContiguousArray<ReadingRecord>) -> Void
    ) {
        var accepted: ContiguousArray<ReadingRecord> = []
        accepted.reserveCapacity(MadeFleet.batchCount)
        drafts.withUnsafeBufferPointer { drafts in
            for start in stride(from: 0, to: drafts.count, by: MadeFleet.batchCount) {
                accepted.removeAll(keepingCapacity: true)
                admission.admit(
                    UnsafeBufferPointer(rebasing: drafts[start..<min(drafts.count, start + MadeFleet.batchCount)]),
                    names: names,
                    defaults: .none,
                    recordedAt: recordedAt,
                    into: &accepted
                ) { _, refusal in preconditionFailure("a reading is refused: \(refusal.code.rawValue)") }
                take(accepted)
            }
        }
    }
}

extension TelegramDecoder {
    /// Decodes a whole input in pieces, as it is read from a file.
    ///
    /// `take` gets each piece's readings.
    mutating func decodeAll(
        _ bytes: UnsafeRawBufferPointer,
        names: inout TelegramNames,
        _ take: (ContiguousArray<ReadingDraft>) -> Void
    ) {
        var batch = DecodedBatch()
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + 256 << 10)
            batch.removeAll(keepingCapacity: true)
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            start += decode(piece, isLast: end == bytes.count, names: &names, into: &batch)
            precondition(batch.refusals.isEmpty, "a line is refused")
            take(batch.readings)
        }
    }
}

/// A fleet in a log that lies in memory: in the first blocks what is declared, in the others the readings.
struct MadeLog {
    let made: MadeFleet
    let files: SimulatedFileSystem
    let directory: SeriesDirectory
    let declarations: EventBatch
    /// The readings as they are logged.
    let batches: [EventBatch]
    /// The position of the first reading.
    let firstReading: Position
    let head: Position
    let chain: Digest32

    /// Makes the log; without declarations it holds the readings alone.
    init(_ shape: FleetShape, withDeclarations: Bool = true) throws {
        made = MadeFleet(shape)
        var admission = made.makeAdmission()
        var declarations = try made.declarations(&admission)
        var batches = made.batches(&admission)
        directory = admission.directory
        files = SimulatedFileSystem()
        let writer = try MadeLog.openWriter(files)
        defer { writer.close() }
        if withDeclarations { try made.append(&declarations, to: writer, directory) }
        firstReading = writer.head.advanced(by: 1)
        for i in batches.indices { try made.append(&batches[i], to: writer, directory) }
        self.declarations = declarations
        self.batches = batches
        head = writer.head
        chain = writer.chain
    }

    /// All is in one segment; none is made in advance.
    static let configuration = RecordLogConfiguration(preparesSpareInBackground: false)
    static let path = "data"

    static func openWriter(_ files: SimulatedFileSystem) throws -> EventLogWriter {
        try EventLogWriter.open(
            directory: path,
            fileSystem: files,
            configuration: configuration,
            lockDescription: "benchmark"
        ).writer
    }

    /// A reader that has read what is declared, and goes on with the readings.
    func makeReaderOfReadings() throws -> EventLogReader {
        let reader = try EventLogReader(directory: MadeLog.path, fileSystem: files)
        try reader.forEachBlock(from: .origin, through: Position(firstReading.rawValue - 1)) { _ in .proceed }
        return reader
    }
}

extension MadeFleet {
    func append(_ batch: inout EventBatch, to writer: EventLogWriter, _ directory: SeriesDirectory) throws {
        _ = try writer.append(&batch, recordedAt: recordedAt, recordedBy: "benchmark", directory: directory)
    }
}
