import ArgumentParser
import EventStorage
import Glibc
import Ingest
import MeterModel
import Projections
import ReadModel
import RecordLog
import TimeZones

struct RebuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Builds fresh views beside the old, compares, swaps.",
        discussion: "Exits 1 if they differ; the old ones are then kept as views.sqlite.before. Emits no push."
    )

    @OptionGroup var location: DataOption

    func run() async throws {
        let directory = location.directory
        if let control = ControlClient(directory) { return try await control.rebuild() }
        let hadViews = access(directory.views, F_OK) == 0
        let formerZones = try? ViewStore.openForReading(path: directory.views).read { try $0.meta().timeZoneDatabase }
        // Where there are none, the fresh ones are all there is to make.
        let engine = try Engine(directory, for: hadViews ? .views : .newViews)
        let head = engine.writer.head
        let freshPath = directory.freshViews
        Views.remove(freshPath)
        let fresh = try ViewStore.begin(path: freshPath, hours: engine.configuration.keepsHours)
        let progress = Progress("rebuilding", total: head.rawValue, unit: "events")
        let start = SystemClock.uptimeSeconds()
        var folded: (projector: ViewProjector, known: SeriesDirectory)?
        if head > .origin {
            folded = try Views.fold(
                directory,
                through: head,
                into: fresh,
                zones: engine.zones,
                chain: engine.writer.chain,
                progress: progress
            )
        }
        let seconds = SystemClock.uptimeSeconds() - start
        progress.finish()
        var finding = RebuildReport.Finding.notCompared("there were no views to compare with")
        var isEqual = true
        if let old = engine.store {
            let compareStart = SystemClock.uptimeSeconds()
            let comparison = try ViewComparison.compare(old, fresh)
            isEqual = comparison.isEqual
            finding = .compared(comparison, seconds: SystemClock.uptimeSeconds() - compareStart)
            try old.checkpoint()
        }
        // The one that was kept may be what is wrong with the old views.
        let snapshots = directory.foldSnapshots(engine.zones, engine.configuration)
        snapshots.remove()
        if let folded {
            try snapshots.finish(fresh, of: folded.projector, folded.known)
            leaveToTheEnd(folded.projector)
        } else {
            try fresh.finish()
        }
        try engine.close()
        try RebuildReport.swap(freshPath, directory.views, keepsOld: !isEqual)
        if let formerZones, !formerZones.isEmpty, formerZones != engine.zones.version {
            finding = .notCompared(
                "the old views were cut by \(formerZones), these by \(engine.zones.version): not compared"
            )
        }
        let report = RebuildReport(position: head, finding: finding)
        report.tell(StandardConsole(), views: directory.views, seconds: seconds)
        if report.differs { throw ExitCode(1) }
    }
}
