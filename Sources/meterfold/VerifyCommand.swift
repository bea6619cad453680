import ArgumentParser
import EventStorage
import MeterModel
import ReadModel
import RecordLog
import TamperEvidence

struct VerifyCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case table, json }

    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Checks every block of the log, its chain, indexes and pre-written space, and the conservation laws.",
        discussion: """
            Intervals against registers, buckets against intervals, ledger against balance, pushes against episodes. \
            Reads only, beside a writer too. Exits 1 if anything is damaged, named by segment, offset and positions, \
            or if a law does not hold, named by device.

            With --against the log is also held against a head that 'log head' exported earlier: it must have had \
            exactly these events up to there, whatever checksums say. Exits 1 if it had not.

            With --repair sealed segments that are damaged are rebuilt from their parity, and proved before they are \
            put in place, beside a server too; the damaged files are kept in DIR/damaged. Exits 1 if damage is left.
            """
    )

    @OptionGroup var location: DataOption
    @Flag(help: "Checks the log alone, not the conservation laws.") var logOnly = false
    @Option(
        help: ArgumentHelp(
            "A head exported earlier; may be given several times, which narrows down where something was altered.",
            valueName: "file"
        )
    )
    var against: [String] = []
    @Option(help: ArgumentHelp("With --against: the public key that must have signed it.", valueName: "publicfile"))
    var key: String?
    @Flag(help: "Rebuilds damaged segments from their parity.") var repair = false
    @Option(help: "How the result is printed.") var format: Format = .table

    func validate() throws {
        if key != nil, against.isEmpty { throw ValidationError("--key goes with --against") }
    }

    func run() throws {
        let directory = location.directory
        try directory.require()
        let kept = try KeptHeads(files: against, keyFile: key)
        // What the views have seen was acknowledged, so the log must reach that far.
        let expected = Views.seenPosition(directory)
        let start = SystemClock.uptimeSeconds()
        func verified() throws -> EventVerificationReport {
            try EventLogVerification.run(
                directory: directory.path,
                expectedHead: expected,
                chainPositions: kept.positions
            )
        }
        var report = try verified()
        let wantsParity = try AppConfiguration.load(directory).makesParity
        let parity = try ParityReport(directory, report, repairs: repair, wantsParity: wantsParity)
        if parity.hasRepaired { report = try verified() }
        let heads = kept.held(against: report.log)
        let isDamaged = self.isDamaged(report, parity)
        var laws = LawVerification()
        if isDamaged {
            laws.notices.append("the conservation laws are not checked: the log is damaged")
        } else if !logOnly {
            laws = try LawVerification.run(directory, head: Position(report.log.head))
        }
        let seconds = SystemClock.uptimeSeconds() - start
        switch format {
        case .json: printJSON(report, parity, laws, heads, seconds)
        case .table: printText(report, parity, laws, heads, seconds)
        }
        if isDamaged || !laws.findings.isEmpty || !heads.areProved { throw ExitCode(1) }
    }

    private func isDamaged(_ report: EventVerificationReport, _ parity: ParityReport) -> Bool {
        report.hasDamage || parity.hasDamage
    }

    private func printText(
        _ report: EventVerificationReport,
        _ parity: ParityReport,
        _ laws: LawVerification,
        _ heads: HeldHeads,
        _ seconds: Double
    ) {
        for finding in report.log.findings { Terminal.print(finding.description) }
        for positions in report.wrongIndexes {
            Terminal.print(
                "damage: the index of the segment with positions \(positions.lowerBound) to \(positions.upperBound) "
                    + "is not that of its blocks"
            )
        }
        for line in parity.lines { Terminal.print(line) }
        for finding in laws.findings { Terminal.print(finding.description) }
        for notice in laws.notices { Terminal.print("notice: \(notice)") }
        let log = report.log
        Terminal.print(
            "\(log.recordCount) events in \(log.blockCount) blocks of \(log.segmentCount) segments, "
                + "\(log.liveByteCount) bytes, checked in \(SecondsText(seconds)) s"
        )
        Terminal.print("chain \(log.chain) at position \(log.head)")
        if let subject = laws.subject {
            let words = subject == .views ? "the views" : "a fold"
            let result = laws.findings.isEmpty ? "hold" : "do NOT hold, \(laws.findings.count) violations"
            Terminal.print("conservation laws of \(words) at position \(laws.position.rawValue): \(result)")
        }
        for line in heads.lines { Terminal.print(line) }
        let words =
            isDamaged(report, parity)
            ? "DAMAGED" : !heads.areProved ? "ALTERED" : laws.findings.isEmpty ? "sound" : "VIOLATED"
        Terminal.print(words + (log.lostCount == 0 ? "" : ", but for \(log.lostCount) records that were given up"))
    }

    private func printJSON(
        _ report: EventVerificationReport,
        _ parity: ParityReport,
        _ laws: LawVerification,
        _ heads: HeldHeads,
        _ seconds: Double
    ) {
        var line = JSONLine()
        line.add("sound", !isDamaged(report, parity) && laws.findings.isEmpty && heads.areProved)
        line.add("head", Int64(report.log.head))
        line.add("chain", report.log.chain.description)
        line.add("events", Int64(report.log.recordCount))
        line.add("blocks", report.log.blockCount)
        line.add("segments", report.log.segmentCount)
        line.add("lost", report.log.lostCount)
        line.add("bytes", report.log.liveByteCount)
        line.add("prewrittenBytes", report.log.prewrittenByteCount)
        line.add("seconds", raw: "\(SecondsText(seconds))")
        line.add("lawsCheckedOn", laws.subject?.rawValue)
        if laws.subject != nil { line.add("lawsPosition", Int64(laws.position.rawValue)) }
        if !heads.verdicts.isEmpty { line.add("heads", raw: heads.json) }
        line.add("notices", raw: "[" + laws.notices.map(JSONLine.quoted).joined(separator: ", ") + "]")
        let findings = objects(report) + laws.findings.map(object)
        line.add("parity", raw: "[" + parity.objects.joined(separator: ", ") + "]")
        line.add("segmentsWithoutParity", parity.missingCount)
        line.add("findings", raw: "[" + findings.joined(separator: ", ") + "]")
        Terminal.print(line.text)
    }

    private func object(_ finding: LawFinding) -> String {
        var line = JSONLine()
        line.add("severity", "violation")
        line.add("kind", finding.law.rawValue)
        line.add("device", finding.device)
        line.add("subject", finding.subject)
        line.add("expected", finding.expected)
        line.add("found", finding.found)
        line.add("text", finding.text)
        return line.text
    }

    private func objects(_ report: EventVerificationReport) -> [String] {
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
        return findings + indexes
    }
}
