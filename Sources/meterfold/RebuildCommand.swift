import ArgumentParser
import EventStorage
import Glibc
import Ingest
import MeterModel
import Projections
import ReadModel
import RecordLog
import TimeZones

struct RebuildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Builds fresh views beside the old, compares, swaps.",
        discussion: "Exits 1 if they differ; the old ones are then kept as views.sqlite.before. Emits no push."
    )

    @OptionGroup var location: DataOption

    func run() throws {
        let directory = location.directory
        let hadViews = access(directory.views, F_OK) == 0
        let formerZones = try? ViewStore.openForReading(path: directory.views).read { try $0.meta().timeZoneDatabase }
        let engine = try Engine(directory, for: .views)
        guard let old = engine.store else { return }
        let head = engine.writer.head
        let freshPath = directory.views + ".fresh"
        Views.remove(freshPath)
        let fresh = try ViewStore.open(path: freshPath, hours: engine.configuration.keepsHours)
        let progress = Progress("rebuilding", total: head.rawValue, unit: "events")
        let start = SystemClock.uptimeSeconds()
        if head > .origin {
            _ = try Views.fold(
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
        let comparison = try ViewComparison.compare(old, fresh)
        try fresh.checkpoint()
        try fresh.close()
        try old.checkpoint()
        try engine.close()
        try swap(freshPath, directory.views, keepsOld: !comparison.isEqual)
        let rate = Int(Double(head.rawValue) / max(seconds, 0.000_001))
        Terminal.print("rebuilt \(head.rawValue) events in \(SecondsText(seconds)) s, \(rate)/s")
        if !hadViews {
            Terminal.print("there were no views to compare with")
        } else if let formerZones, !formerZones.isEmpty, formerZones != engine.zones.version {
            Terminal.print("the old views were cut by \(formerZones), these by \(engine.zones.version): not compared")
        } else if comparison.isEqual {
            Terminal.print("equal to the old views, table by table")
        } else {
            Terminal.print("they differ from the old views, which are kept as \(directory.views).before:")
            for table in comparison.tables where table.differenceCount > 0 { show(table) }
            throw ExitCode(1)
        }
    }

    private func show(_ table: ViewComparison.Table) {
        Terminal.print(
            "  \(table.name): \(table.differenceCount) rows differ (\(table.ourCount) before, \(table.theirCount) now)"
        )
        for difference in table.differences.prefix(3) {
            Terminal.print("    before \(difference.ours ?? "-")")
            Terminal.print("    now    \(difference.theirs ?? "-")")
        }
    }

    private func swap(_ fresh: String, _ views: String, keepsOld: Bool) throws {
        if keepsOld { rename(views, views + ".before") }
        for suffix in ["-wal", "-shm"] { unlink(views + suffix) }
        guard rename(fresh, views) == 0 else {
            throw Failure(
                place: views,
                cause: "cannot be replaced: \(String(cString: strerror(errno)))",
                hint: "the fresh views are \(fresh)"
            )
        }
    }
}
