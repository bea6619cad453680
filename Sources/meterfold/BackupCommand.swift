import ArgumentParser
import Backups
import MeterModel
import RecordLog
import TamperEvidence

struct BackupCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case text, json }

    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copies the log, settings and quarantine to another directory, and proves what was written.",
        discussion: """
            Works beside a server or any other writer. A second run into the same directory copies what is new, also \
            after one that was killed. What is there stays good whatever happens: a segment gets its name once it was \
            read back and held against its chain. Views are not copied, as they are folded from the log.
            """
    )

    @OptionGroup var location: DataOption
    @Argument(help: ArgumentHelp("The directory of the backup: new, empty, or that of an earlier run."))
    var target: String
    @Option(help: "How the result is printed.") var format: Format = .text

    func run() throws {
        try location.directory.require()
        let start = SystemClock.uptimeSeconds()
        let bar = Progress("backing up", total: nil, unit: "bytes")
        let backup = Backup(of: location.data, in: target, fileSystem: PosixFileSystem())
        let report = try backup.run(
            now: SystemClock().now(),
            lockDescription: CommandLine.arguments.joined(separator: " ")
        ) { done, total in bar.advance(to: done, share: total == 0 ? nil : Double(done) / Double(total)) }
        bar.finish()
        let seconds = SystemClock.uptimeSeconds() - start
        if format == .json { printJSON(report, seconds) } else { printText(report, seconds) }
    }

    private func printText(_ report: Backup.Report, _ seconds: Double) {
        let head = report.manifest.document.head
        Terminal.print("position   \(head.position)")
        Terminal.print("chain      \(head.chain)")
        Terminal.print("segments   \(report.copiedSegmentCount) copied, \(report.keptSegmentCount) kept")
        Terminal.print("bytes      \(report.copiedByteCount) copied, \(report.manifest.byteCount) in all")
        Terminal.print("files      \(report.copiedFileCount) copied, \(report.keptFileCount) kept")
        Terminal.print("seconds    \(SecondsText(seconds))")
    }

    private func printJSON(_ report: Backup.Report, _ seconds: Double) {
        let head = report.manifest.document.head
        var line = JSONLine()
        line.add("position", raw: String(head.position))
        line.add("chain", head.chain.description)
        line.add("log", head.log.description)
        line.add("at", report.manifest.document.at.rfc3339)
        line.add("segmentsCopied", report.copiedSegmentCount)
        line.add("segmentsKept", report.keptSegmentCount)
        line.add("bytesCopied", report.copiedByteCount)
        line.add("bytes", report.manifest.byteCount)
        line.add("filesCopied", report.copiedFileCount)
        line.add("filesKept", report.keptFileCount)
        line.add("seconds", raw: "\(SecondsText(seconds))")
        Terminal.print(line.text)
    }
}
