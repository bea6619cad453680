import ArgumentParser
import EventStorage
import MeterModel
import ReadModel
import RecordLog

struct VerifyCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case table, json }

    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Checks every block of the log, its chain, indexes and pre-written space.",
        discussion: "Reads only. Exits 1 if anything is damaged, and names it by segment, offset and positions."
    )

    @OptionGroup var location: DataOption
    @Option(help: "How the result is printed.") var format: Format = .table

    func run() throws {
        let directory = location.directory
        try directory.require()
        // What the views have seen was acknowledged, so the log must reach that far.
        let expected = try? ViewStore.openForReading(path: directory.views).read { try $0.meta().checkpoint }
        let start = SystemClock.uptimeSeconds()
        let report = try EventLogVerification.run(directory: directory.path, expectedHead: expected ?? .origin)
        let seconds = SystemClock.uptimeSeconds() - start
        if format == .json { printJSON(report, seconds) } else { printText(report, seconds) }
        if report.hasDamage { throw ExitCode(1) }
    }

    private func printText(_ report: EventVerificationReport, _ seconds: Double) {
        for finding in report.log.findings { Terminal.print(finding.description) }
        for positions in report.wrongIndexes {
            Terminal.print(
                "damage: the index of the segment with positions \(positions.lowerBound) to \(positions.upperBound) "
                    + "is not that of its blocks"
            )
        }
        let log = report.log
        Terminal.print(
            "\(log.recordCount) events in \(log.blockCount) blocks of \(log.segmentCount) segments, "
                + "\(log.liveByteCount) bytes, checked in \(SecondsText(seconds)) s"
        )
        Terminal.print("chain \(log.chain) at position \(log.head)")
        Terminal.print(report.hasDamage ? "DAMAGED" : "sound")
    }

    private func printJSON(_ report: EventVerificationReport, _ seconds: Double) {
        var line = JSONLine()
        line.add("sound", !report.hasDamage)
        line.add("head", Int64(report.log.head))
        line.add("chain", report.log.chain.description)
        line.add("events", Int64(report.log.recordCount))
        line.add("blocks", report.log.blockCount)
        line.add("segments", report.log.segmentCount)
        line.add("bytes", report.log.liveByteCount)
        line.add("prewrittenBytes", report.log.prewrittenByteCount)
        line.add("seconds", raw: "\(SecondsText(seconds))")
        let findings = report.log.findings.map { finding in
            var line = JSONLine()
            line.add("severity", finding.severity.rawValue)
            line.add("kind", finding.kind.rawValue)
            line.add("segment", finding.place.file)
            if let offset = finding.place.byteOffset { line.add("offset", offset) }
            if let positions = finding.place.positions {
                line.add("firstPosition", Int64(positions.lowerBound))
                line.add("lastPosition", Int64(clamping: positions.upperBound))
            }
            line.add("text", finding.text)
            return line.text
        }
        let indexes = report.wrongIndexes.map { positions in
            var line = JSONLine()
            line.add("severity", "damage")
            line.add("kind", "derived-data")
            line.add("firstPosition", Int64(positions.lowerBound))
            line.add("lastPosition", Int64(positions.upperBound))
            line.add("text", "the segment's index is not that of its blocks")
            return line.text
        }
        line.add("findings", raw: "[" + (findings + indexes).joined(separator: ", ") + "]")
        Terminal.print(line.text)
    }
}
