import Admission
import ArgumentParser
import EventStorage
import Glibc
import Ingest
import MeterModel
import Projections

struct ApplyCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case text, json }

    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Registers what a fleet file declares: tariffs, devices, accounts, alert rules.",
        discussion: """
            YAML with tariffs: and devices:, or CSV with a device a row. What is absent is left alone, null goes back \
            to the default, and only what differs from the log's state is appended, so the same file again changes \
            nothing.

            The plan comes first. Where it changes charges already made, it says for how many devices and by how much, \
            and asks; without a terminal it takes --yes.

            A file with any fault changes nothing: every entry at fault is named by file and line, and the exit code \
            is 1.
            """
    )

    @OptionGroup var location: DataOption
    @Argument(help: "Fleet files, taken as one fleet; - is stdin.") var files: [String]
    @Flag(help: "Says what would change, and changes nothing.") var dryRun = false
    @Flag(help: "Changes charges already made without asking.") var yes = false
    @Option(help: "How the plan is printed: lines, or one JSON object.") var format: Format = .text

    func run() throws {
        let engine = try Engine(location.directory)
        guard let fold = engine.projector?.fold else { return }
        var fleet = DeclaredFleet(knowledge: knowledge(engine, fold))
        for file in files { fleet.read(file) }
        let plan = FleetPlan(fleet, fold: fold) { engine.admission.directory.devices.index(of: $0) }
        var admission = engine.admission
        let faults = fleet.faults + plan.faults + refusals(of: plan, fleet, &admission, engine.clock.now())
        guard faults.isEmpty else {
            try engine.close()
            throw fail(faults)
        }
        var report = ApplyReport(
            plan: plan,
            effect: try ChargeEffect(of: plan.events, engine, fold, directory: admission.directory),
            positions: nil,
            isDryRun: dryRun
        )
        if format == .text { for line in report.planLines { Terminal.print(line) } }
        if !dryRun, !plan.steps.isEmpty {
            do { try confirm(report) } catch {
                try engine.close()
                if format == .json { Terminal.print(report.json) }
                throw error
            }
            let first = engine.writer.head.advanced(by: 1)
            try engine.makeIntake(recordedBy: "cli").take(plan.events)
            try engine.commit()
            report.positions = first.rawValue...engine.writer.head.rawValue
        }
        try engine.close()
        Terminal.print(format == .json ? report.json : report.outcomeLine)
    }

    private func knowledge(_ engine: Engine, _ fold: Fold) -> FleetKnowledge {
        let devices = engine.admission.directory.devices
        return FleetKnowledge(
            utility: { name in devices.index(of: name).flatMap { fold.standing(of: $0)?.declaration.utility } },
            tariff: { fold.tariff(named: $0) }
        )
    }

    /// What the log would refuse of the plan; `admission` then knows all of it that it accepts.
    private func refusals(
        of plan: FleetPlan,
        _ fleet: DeclaredFleet,
        _ admission: inout Admission,
        _ now: Instant
    ) -> [FleetFault] {
        var faults: [FleetFault] = []
        var refusedTariffs = fleet.faultyTariffs
        for step in plan.steps {
            do throws(Refusal) {
                _ = try admission.admit(step.event, defaults: .none, recordedAt: now)
            } catch {
                switch step.event {
                case .tariffPublished(let e): refusedTariffs.insert(ByteName(e.tariff))
                case .deviceRegistered(let e):
                    // The tariff's own fault is told already.
                    let isHere = e.tariff.map { refusedTariffs.contains(ByteName($0)) } ?? false
                    if error.code == .unknownTariff, isHere { continue }
                default: break
                }
                faults.append(step.fault(error))
            }
        }
        return faults
    }

    /// Tells every fault but the last, which is thrown with the hint.
    private func fail(_ faults: [FleetFault]) -> Failure {
        let sorted = faults.sorted { a, b in
            let (i, j) = (files.firstIndex(of: a.source) ?? 0, files.firstIndex(of: b.source) ?? 0)
            return (i, a.line ?? 0) < (j, b.line ?? 0)
        }
        for fault in sorted.dropLast() { Terminal.error("meterfold: \(fault)") }
        let last = sorted[sorted.count - 1]
        return Failure(
            place: last.line.map { "\(last.source):\($0)" } ?? last.source,
            cause: last.text,
            hint: "nothing was changed; mend what is named and apply again"
        )
    }

    /// Asks where charges already made would change.
    ///
    /// - Throws: `Failure` where the answer is no, or there is nobody to ask.
    private func confirm(_ report: ApplyReport) throws {
        if yes || report.effect.isNothing { return }
        let place = "apply"
        if isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1, !files.contains("-"), format == .text {
            Terminal.write(errorText: "apply this? [y/N] ")
            if ["y", "yes"].contains((readLine() ?? "").lowercased()) { return }
            throw Failure(place: place, cause: "not confirmed; nothing was changed", hint: "")
        }
        throw Failure(
            place: place,
            cause: report.effectLines.joined(separator: "; ") + "; nothing was changed",
            hint: "look at the plan with --dry-run, and confirm it with --yes"
        )
    }
}
