import ArgumentParser
import Backups
import MeterModel
import RecordLog
import Telegrams

struct RestoreCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case text, json }

    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Makes a data directory from a backup, all of it or up to a point, and folds its views.",
        discussion: """
            DIR must be new or empty. Everything is verified while it is copied; a restore that did not end is gone on \
            with by the same command. With --to-position or --to-time the log ends there, also in the middle of a \
            block. What is folded sends nothing, but what was pushed after that point is unknown to the restored log: \
            see docs/backup-and-restore.md before serving it.
            """
    )

    @OptionGroup var location: DataOption
    @Argument(help: ArgumentHelp("The directory that 'backup' filled.")) var backup: String
    @Option(help: ArgumentHelp("The log is to end with this position.", valueName: "position")) var toPosition: UInt64?
    @Option(
        help: ArgumentHelp("The log is to end with the last event recorded at or before this.", valueName: "instant")
    )
    var toTime: String?
    @Flag(help: "Leaves meterfold.yaml out, so that a drill knows no channels and sends nothing.")
    var withoutSettings = false
    @Option(help: "How the result is printed.") var format: Format = .text

    func validate() throws {
        if toPosition != nil, toTime != nil { throw ValidationError("--to-position or --to-time, not both") }
        if toPosition == 0 { throw ValidationError("positions count from 1") }
        if let toTime, Instant(text: toTime) == nil {
            throw ValidationError("--to-time takes an instant, not '\(toTime)'")
        }
    }

    func run() throws {
        let start = SystemClock.uptimeSeconds()
        let settings = DataDirectory(path: withoutSettings ? location.data : backup)
        let bar = Progress("restoring", total: nil, unit: "bytes")
        let restore = Restore(of: backup, into: location.data, fileSystem: PosixFileSystem())
        let report = try restore.run(
            to: point,
            leavesSettingsOut: withoutSettings,
            configuration: AppConfiguration.load(settings).log,
            lockDescription: CommandLine.arguments.joined(separator: " ")
        ) { done, total in bar.advance(to: done, share: total == 0 ? nil : Double(done) / Double(total)) }
        bar.finish()
        try Engine(location.directory, for: .views).close()
        let seconds = SystemClock.uptimeSeconds() - start
        if format == .json { printJSON(report, seconds) } else { printText(report, seconds) }
    }

    private var point: Restore.Point {
        if let toPosition { return .position(toPosition) }
        if let instant = toTime.flatMap({ Instant(text: $0) }) { return .instant(instant) }
        return .end
    }

    private func printText(_ report: Restore.Report, _ seconds: Double) {
        Terminal.print("position   \(report.position) of \(report.backupPosition)")
        Terminal.print("chain      \(report.chain)")
        Terminal.print("segments   \(report.segmentCount)")
        Terminal.print("bytes      \(report.byteCount)")
        if report.rewrittenCount > 0 {
            Terminal.print("rewritten  \(report.rewrittenCount) events of the block that was cut")
        }
        Terminal.print("seconds    \(SecondsText(seconds)), views folded")
        if report.position < report.backupPosition {
            Terminal.error(
                "meterfold: this log knows nothing of what was pushed behind position \(report.position): what was "
                    + "delivered then may be sent again once it is served, under the same ids"
            )
        }
    }

    private func printJSON(_ report: Restore.Report, _ seconds: Double) {
        var line = JSONLine()
        line.add("position", raw: String(report.position))
        line.add("chain", report.chain.description)
        line.add("backupPosition", raw: String(report.backupPosition))
        line.add("segments", report.segmentCount)
        line.add("bytes", report.byteCount)
        line.add("rewritten", raw: String(report.rewrittenCount))
        line.add("seconds", raw: "\(SecondsText(seconds))")
        Terminal.print(line.text)
    }
}
