import Admission
import EventStorage
import MeterModel
import OracleRows
import ReadModel
import RecordLog
import Telegrams
import TimeZones

@testable import Projections

/// Zones are read once for all tests.
let testZones = FoundationZoneSource()

/// 2026-01-01T00:00Z: when every line of a test is received.
let testRecordedAt = Instant(milliseconds: 1_767_225_600_000)

/// What became of a line: its position, or the code of its refusal.
enum LineOutcome: Equatable {
    case accepted(UInt64)
    case refused(String)
    /// Neither: the line is blank or a comment.
    case passedOver
}

/// Lines to rows, as the product does it but for files and threads: decoded, admitted, logged, folded, committed.
final class Pipeline {
    let fileSystem = SimulatedFileSystem()
    private(set) var store: ViewStore
    private var writer: EventLogWriter
    private var admission: Admission
    private var names = TelegramNames()
    private var decoder = NDJSONDecoder()
    private(set) var projector: ViewProjector
    private(set) var directory = SeriesDirectory()
    /// How often it went on from a snapshot of the fold.
    private(set) var loadedCount = 0
    /// As the snapshot that was loaded last had it, and extended since.
    private var keptDirectory: SeriesDirectory?

    init() throws {
        store = try ViewStore.inMemory()
        writer = try Pipeline.openWriter(fileSystem)
        admission = Admission(zones: testZones)
        projector = ViewProjector(store: store, zones: testZones)
    }

    private static func openWriter(_ fileSystem: SimulatedFileSystem) throws -> EventLogWriter {
        let configuration = RecordLogConfiguration(
            segmentByteCount: 24 << 10,
            sealedIndexByteCount: 8 << 10,
            preparesSpareInBackground: false
        )
        return try EventLogWriter.open(
            directory: "data",
            fileSystem: fileSystem,
            configuration: configuration,
            lockDescription: "test"
        ).writer
    }

    var head: Position { writer.head }

    /// Another reader of the log.
    func makeReader() throws -> EventLogReader { try EventLogReader(directory: "data", fileSystem: fileSystem) }

    /// The devices that admission knows: those of accepted events alone.
    var deviceCount: Int { admission.directory.deviceCount }

    // MARK: Ingest

    /// Takes lines in as one batch.
    func ingest(_ lines: [String]) throws -> [LineOutcome] {
        var decoded = DecodedBatch()
        decoder = NDJSONDecoder()
        let bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
        let consumed = bytes.withUnsafeBytes {
            decoder.decode($0, isLast: true, names: &names, into: &decoded)
        }
        precondition(consumed == bytes.count, "lines are left")
        var outcomes = Array(repeating: LineOutcome.passedOver, count: lines.count)
        for refused in decoded.refusals {
            outcomes[Int(refused.line) - 1] = .refused(refused.refusal.code.rawValue)
        }
        var batch = EventBatch()
        var readingLines: [Int] = []
        var eventLines: [Int] = []
        var next = 0
        for event in decoded.events {
            admitReadings(decoded, next..<event.readingIndex, into: &batch, &readingLines, &outcomes)
            next = event.readingIndex
            do throws(Refusal) {
                let filled = try admission.admit(event.event, defaults: .none, recordedAt: testRecordedAt)
                batch.events.append((batch.readings.count, filled))
                eventLines.append(Int(event.line) - 1)
            } catch {
                outcomes[Int(event.line) - 1] = .refused(error.code.rawValue)
            }
        }
        admitReadings(decoded, next..<decoded.readings.count, into: &batch, &readingLines, &outcomes)
        guard !batch.isEmpty else { return outcomes }
        try append(&batch, readingLines: readingLines, eventLines: eventLines, &outcomes)
        return outcomes
    }

    private func admitReadings(
        _ decoded: DecodedBatch,
        _ range: Range<Int>,
        into batch: inout EventBatch,
        _ lines: inout [Int],
        _ outcomes: inout [LineOutcome]
    ) {
        var refused: Set<Int> = []
        decoded.readings.withUnsafeBufferPointer { drafts in
            admission.admit(
                UnsafeBufferPointer(rebasing: drafts[range]),
                names: names,
                defaults: .none,
                recordedAt: testRecordedAt,
                into: &batch.readings
            ) { i, refusal in
                refused.insert(i)
                outcomes[Int(drafts[range.lowerBound + i].line) - 1] = .refused(refusal.code.rawValue)
            }
        }
        for i in range where !refused.contains(i - range.lowerBound) {
            lines.append(Int(decoded.readings[i].line) - 1)
        }
    }

    /// Logs and folds a batch, and tells each of its lines the position it got.
    private func append(
        _ batch: inout EventBatch,
        readingLines: [Int],
        eventLines: [Int],
        _ outcomes: inout [LineOutcome]
    ) throws {
        let arrived = batch
        let known = admission.directory
        let positions = try writer.append(
            &batch,
            recordedAt: testRecordedAt,
            recordedBy: "test",
            directory: known
        )
        // Each run of readings is logged sorted by device, stably.
        var order: [Int] = []
        let bounds = batch.events.map(\.readingIndex) + [batch.readings.count]
        for end in bounds where end > order.count {
            let run = (order.count..<end).sorted { a, b in
                let (one, other) = (arrived.readings[a].series, arrived.readings[b].series)
                return (known.device(ofSeries: one), a) < (known.device(ofSeries: other), b)
            }
            order += run
        }
        precondition(batch.readings.elementsEqual(order.map { arrived.readings[$0] }), "readings were not sorted so")
        batch.forEachRun(
            readings: { offset, range in
                for i in range {
                    let position = positions.lowerBound + UInt64(offset + i - range.lowerBound)
                    outcomes[readingLines[order[i]]] = .accepted(position)
                }
            },
            event: { offset, i in
                outcomes[eventLines[i]] = .accepted(positions.lowerBound + UInt64(offset))
            }
        )
        directory = known
        projector.apply(
            batch,
            firstPosition: Position(positions.lowerBound),
            recordedAt: testRecordedAt,
            directory: known
        )
    }

    func commit() throws { try projector.commit(chain: writer.chain.bytes) }

    /// Where the committed rows break a conservation law.
    func lawFindings() throws -> [LawFinding] { try projector.findings(against: ViewAudit.run(store)) }

    // MARK: Snapshots

    /// Snapshots of its fold.
    func makeSnapshots(
        program: String = "test",
        zones: any ZoneSource = testZones,
        cadence: FoldSnapshots.Cadence = FoldSnapshots.Cadence(),
        tell: @escaping (FoldSnapshots.News) -> Void = { _ in }
    ) -> FoldSnapshots {
        FoldSnapshots(
            directory: "data",
            fileSystem: fileSystem,
            zones: zones,
            program: program,
            cadence: cadence,
            tell: tell
        )
    }

    /// Commits, and writes a snapshot of the fold.
    ///
    /// - Throws: `SnapshotFault` if it was not written.
    func keepFold() throws {
        try commit()
        var fault: SnapshotFault?
        let snapshots = makeSnapshots { news in
            if case .notWritten(_, let reason) = news { fault = SnapshotFault(reason) }
        }
        snapshots.write(projector.fold, directory)
        if let fault { throw fault }
    }

    // MARK: Restart

    /// Goes on as a new process does: the log is opened and read again, the store kept or made anew.
    ///
    /// With a scope it knows these devices alone, where the store is at the log's head; what is ingested next must be
    /// about them.
    func restart(keepingStore: Bool, scope: DeviceScope? = nil) throws {
        writer.close()
        fileSystem.restart()
        writer = try Pipeline.openWriter(fileSystem)
        admission = Admission(zones: testZones)
        names = TelegramNames()
        if !keepingStore { store = try ViewStore.inMemory() }
        let checkpoint = try store.read { try $0.meta().checkpoint }
        directory = SeriesDirectory()
        if let scope, writer.head > .origin, checkpoint == writer.head { return try load(scope) }
        projector = ViewProjector(store: store, zones: testZones)
        if writer.head > .origin {
            let reader = try EventLogReader(directory: "data", fileSystem: fileSystem)
            let kept = makeSnapshots().load(upTo: checkpoint)
            keptDirectory = kept?.directory
            if let kept {
                projector.begin(with: kept.fold)
                loadedCount += 1
            }
            try replay(reader, from: .origin, through: checkpoint)
            projector.assumeWritten()
            try replay(reader, from: checkpoint.advanced(by: 1), through: writer.head)
        }
        admission.adopt(directory)
    }

    /// Damages some segments of the log beyond repair, gives up what is lost, and goes on as a new process does.
    ///
    /// - Returns: the positions that were given up.
    func loseSegments(_ random: inout TestRandom) throws -> [ClosedRange<Position>] {
        let head = writer.head
        writer.close()
        let segments = try makeReader().segments()
        for _ in 0...random.int(0...2) {
            let path = "data/log/" + random.pick(segments).file
            guard var content = fileSystem.content(of: path) else { continue }
            let start = Int(random.int(100...Int64(content.count - 1)))
            for i in start..<min(content.count, start + 200) { content[i] = 0xAA }
            fileSystem.setContent(content, of: path)
        }
        let holes = try EventLogHoles(directory: "data", fileSystem: fileSystem, holder: "test")
        while let loss = try holes.losses(expectedHead: head).first {
            _ = try holes.giveUp(
                loss,
                through: Position(loss.positions?.upperBound ?? 0),
                recordedBy: "test",
                now: testRecordedAt,
                keptAs: "kept"
            )
        }
        holes.close()
        try restart(keepingStore: false)
        return try makeReader().holes()
    }

    private func load(_ scope: DeviceScope) throws {
        projector = ViewProjector(store: store, zones: testZones, scope: scope)
        let reader = try EventLogReader(directory: "data", fileSystem: fileSystem)
        directory = try projector.fold(reader, through: writer.head) { admit($0, $1) }
        projector.assumeWritten()
        admission.adopt(directory)
    }

    private func replay(_ reader: EventLogReader, from first: Position, through last: Position) throws {
        guard first <= last, last > .origin else { return }
        try reader.forEachBlock(from: first, through: last, replay)
    }

    private func replay(_ block: RecordedBlock) throws -> BlockStep {
        try block.extend(&directory)
        admit(block, directory)
        // What a snapshot had needs only be admitted.
        if block.firstPosition <= projector.position { return .proceed }
        if var kept = keptDirectory {
            try block.extend(&kept)
            keptDirectory = kept
        }
        projector.apply(block, directory: keptDirectory ?? directory)
        return .proceed
    }

    private func admit(_ block: RecordedBlock, _ directory: SeriesDirectory) {
        for run in block.runs {
            switch run {
            case .readings(_, let readings): admission.replay(readings, directory: directory)
            case .event(_, let event): admission.replay(event, directory: directory)
            case .lost: break
            }
        }
    }

    /// New views of the log up to a position, or of what was true at an instant; of a scope alone if there is one.
    ///
    /// `gatherCapacity`: how many readings wait to be folded together.
    func rebuilt(
        through last: Position? = nil,
        asOf: Instant? = nil,
        scope: DeviceScope? = nil,
        gatherCapacity: Int = ViewProjector.usualGatherCapacity
    ) throws -> ViewStore {
        let fresh = try ViewStore.inMemory()
        let projector = ViewProjector(
            store: fresh,
            zones: testZones,
            asOf: asOf,
            scope: scope,
            gatherCapacity: gatherCapacity
        )
        _ = try projector.fold(EventLogReader(directory: "data", fileSystem: fileSystem), through: last)
        try projector.commit(chain: writer.chain.bytes)
        return fresh
    }

    /// How a device's balance comes about; nil where no event names it.
    func explanation(of device: String, through last: Position? = nil, asOf: Instant? = nil) throws -> Explanation? {
        let explainer = DeviceExplainer(device: device, zones: testZones, asOf: asOf)
        try explainer.read(EventLogReader(directory: "data", fileSystem: fileSystem), through: last)
        return explainer.explanation()
    }
}

extension ViewStore {
    /// The rows of a query in the oracle's form, of a device or of all.
    func compactRows(_ query: AskedQuery, device: String? = nil) throws -> [String] {
        try compactRows(query, device: device, zones: testZones)
    }
}
