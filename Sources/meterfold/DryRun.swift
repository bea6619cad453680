import Admission
import EventStorage
import Ingest
import MeterModel
import Projections
import ReadModel
import RecordLog
import TimeZones

/// The write side and the views in memory, for an ingest that leaves no trace: what would the input change?
///
/// Invariants: the data directory is only read, without its lock; `before` shows the log as it was read, `after` that
/// and what the intake took in.
final class DryRun {
    let zones = FoundationZoneSource()
    /// The devices that are known, and that the input may be about; nil: all.
    let scope: DeviceScope?
    let refusals = ShownRefusals()
    let intake: Intake
    /// The last position of the log that was read.
    let head: Position
    private let before: ViewStore
    private let after: ViewStore
    private let projector: ViewProjector
    private let formerDuplicates: Int

    /// Folds the log as far as it is durable now, of the devices in a scope alone if there is one.
    init(_ directory: DataDirectory, scope: DeviceScope?) throws {
        try directory.require()
        self.scope = scope
        before = try ViewStore.inMemory(hours: false)
        let projector = ViewProjector(store: before, zones: zones, scope: scope, scratch: directory.makeScratch())
        var admission = Admission(zones: zones)
        let progress = Progress("reading the log", total: nil, unit: "events")
        let known = try projector.fold(EventLogReader(directory: directory.path)) { block, known in
            admission.replay(block, directory: known)
            progress.advance(to: block.lastPosition.rawValue)
        }
        progress.finish()
        admission.adopt(known)
        admission.deviceLimit = try AppConfiguration.load(directory).deviceLimit
        head = projector.position
        if head > .origin { try projector.commit(chain: []) }
        after = try before.copyInMemory()
        projector.goOn(in: after)
        formerDuplicates = projector.duplicateCount
        self.projector = projector
        intake = Intake(
            writer: UnwrittenBatches(after: head),
            admission: admission,
            clock: SystemClock(),
            quarantine: refusals,
            recordedBy: "cli",
            logged: { projector.apply($0, firstPosition: $1, recordedAt: $2, directory: $3) }
        )
    }

    /// What the input changes, once all of it was taken in.
    func finish(seconds: Double) throws -> DryRunReport {
        if projector.position > .origin { try projector.commit(chain: []) }
        var report = DryRunReport(
            intake: IngestReport(
                summary: intake.summary,
                duplicates: projector.duplicateCount - formerDuplicates,
                durable: head,
                seconds: seconds,
                quarantine: nil
            ),
            refused: refusals.lines
        )
        let now = SystemClock().now()
        try DeviceDifference.forEach(from: before, to: after) { difference in
            report.devices.append(
                DryRunReport.Device(difference: difference, pushes: difference.pushes.map { ($0, fate(of: $0, now)) })
            )
        }
        return report
    }

    /// What would come of a push if it were delivered now.
    private func fate(of job: PushJobRow, _ now: Instant) -> DryRunReport.Fate {
        if projector.isSuperseded(job) { return .superseded }
        guard let time = job.requestedEventTime else { return .due }
        return now.milliseconds - time.milliseconds > job.staleAfterMilliseconds ? .stale : .due
    }
}
