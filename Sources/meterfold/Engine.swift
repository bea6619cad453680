import Admission
import EventStorage
import Glibc
import Ingest
import MeterModel
import Projections
import ReadModel
import RecordLog
import TimeZones

/// The write side with its lock, and the views folded from it: what every command that writes works on.
///
/// Invariants: while it lives nobody else writes the log or the views; `admission` knows all that the log holds when it is
/// handed out; the projector has folded every position up to the log's head after `load` and after each logged batch.
final class Engine {
    let directory: DataDirectory
    let configuration: AppConfiguration
    let zones = FoundationZoneSource()
    let clock = SystemClock()
    let writer: EventLogWriter
    /// Nil where the views are left for later.
    private(set) var store: ViewStore?
    private(set) var projector: ViewProjector?
    private(set) var admission: Admission

    /// Takes the lock, opens the log and folds what the views do not show yet.
    ///
    /// - Parameter folds: whether the views are to be kept at the log.
    init(_ directory: DataDirectory, folds: Bool = true) throws {
        try directory.require()
        self.directory = directory
        configuration = try AppConfiguration.load(directory)
        let opened = try EventLogWriter.open(
            directory: directory.path,
            configuration: configuration.log,
            lockDescription: CommandLine.arguments.joined(separator: " ")
        )
        writer = opened.writer
        for finding in opened.report.findings { Terminal.error("meterfold: \(finding)") }
        admission = Admission(zones: zones)
        if folds { try openViews() }
        try load()
    }

    func close() throws {
        try store?.close()
        writer.close()
    }

    /// Folds a batch as it was logged.
    func fold(_ batch: EventBatch, _ first: Position, _ recordedAt: Instant, _ directory: SeriesDirectory) throws {
        projector?.apply(batch, firstPosition: first, recordedAt: recordedAt, directory: directory)
    }

    /// Brings the views to the log's head.
    func commit() throws {
        guard let projector, writer.head > .origin else { return }
        try projector.commit(chain: writer.chain)
    }

    /// An intake whose batches are folded as they are logged. The engine's own admission is given away with it.
    func makeIntake(recordedBy: String) -> Intake {
        Intake(
            writer: writer,
            admission: admission,
            clock: clock,
            quarantine: Quarantine(directory: directory.quarantine, startedAt: clock.now()),
            recordedBy: recordedBy,
            logged: { [unowned self] in try fold($0, $1, $2, $3) }
        )
    }

    // MARK: Opening

    private func openViews() throws {
        let store = try Views.open(directory, configuration, head: writer.head, chain: writer.chain, zones: zones)
        self.store = store
        projector = ViewProjector(store: store, zones: zones)
    }

    private func load() throws {
        guard writer.head > .origin else { return }
        let reader = try EventLogReader(directory: directory.path)
        let checkpoint = try store?.read { try $0.meta().checkpoint } ?? .origin
        let progress = Progress("reading the log", total: writer.head.rawValue, unit: "events")
        var known = SeriesDirectory()
        func take(from first: Position, through last: Position) throws {
            guard first <= last else { return }
            try reader.forEachBlock(from: first, through: last) { block in
                try block.extend(&known)
                for run in block.runs {
                    switch run {
                    case .readings(_, let readings): admission.replay(readings, directory: known)
                    case .event(_, let event): admission.replay(event, directory: known)
                    }
                }
                projector?.apply(block, directory: known)
                progress.advance(to: block.lastPosition.rawValue)
                return .proceed
            }
        }
        try take(from: Position(1), through: checkpoint)
        projector?.assumeWritten()
        try take(from: checkpoint.advanced(by: 1), through: writer.head)
        progress.finish()
        admission.adopt(known)
        if checkpoint < writer.head { try commit() }
    }
}
