import Admission
import Ingest
import MeterModel
import Projections

/// The work of `apply`: plans what fleet files declare against what the log says, and records what differs.
struct ApplyWork {
    enum Format: String, CaseIterable { case text, json }

    /// The files' names and texts, or why there is none.
    var files: [(name: String, text: Result<String, FleetFault>)]
    var isDryRun = false
    /// Changes charges already made without asking.
    var isConfirmed = false
    var format = Format.text

    init(files: [(name: String, text: Result<String, FleetFault>)]) { self.files = files }

    /// Thrown where somebody must be asked first, and cannot be from here.
    struct NeedsConfirmation: Error {
        /// What it would do to charges already made.
        var effect: String
    }

    /// - Parameters:
    ///   - stage: what it works on.
    ///   - console: is told the plan and what came of it.
    ///   - ask: asks whether charges already made are to change; nil: there is nobody to ask.
    /// - Throws: `Failure`, `NeedsConfirmation`, and what reading and writing the log throws.
    func run(on stage: any WriteStage, _ console: any Console, asks ask: (() -> Bool)?) throws {
        guard let fold = stage.projector?.fold else { return }
        var fleet = DeclaredFleet(knowledge: knowledge(stage, fold))
        for file in files { fleet.read(file.name, file.text) }
        let plan = FleetPlan(fleet, fold: fold) { stage.admission.directory.devices.index(of: $0) }
        var admission = stage.admission
        let faults = fleet.faults + plan.faults + refusals(of: plan, fleet, &admission, stage.clock.now())
        guard faults.isEmpty else { throw fail(faults, console) }
        var report = ApplyReport(
            plan: plan,
            effect: try ChargeEffect(of: plan.events, stage, fold, directory: admission.directory),
            positions: nil,
            isDryRun: isDryRun
        )
        if format == .text { for line in report.planLines { console.print(line) } }
        if !isDryRun, !plan.steps.isEmpty {
            do { try confirm(report, ask) } catch {
                if format == .json { console.print(report.json) }
                throw error
            }
            let first = stage.head.advanced(by: 1)
            try stage.record(plan.events)
            try stage.commit()
            report.positions = first.rawValue...stage.head.rawValue
        }
        console.print(format == .json ? report.json : report.outcomeLine)
    }

    private func place(of fault: FleetFault) -> Int { files.firstIndex { $0.name == fault.source } ?? 0 }

    private func knowledge(_ stage: any WriteStage, _ fold: Fold) -> FleetKnowledge {
        let devices = stage.admission.directory.devices
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
    private func fail(_ faults: [FleetFault], _ console: any Console) -> Failure {
        let sorted = faults.sorted { a, b in
            let (i, j) = (place(of: a), place(of: b))
            return (i, a.line ?? 0) < (j, b.line ?? 0)
        }
        for fault in sorted.dropLast() { console.error("meterfold: \(fault)") }
        let last = sorted[sorted.count - 1]
        return Failure(
            place: last.line.map { "\(last.source):\($0)" } ?? last.source,
            cause: last.text,
            hint: "nothing was changed; mend what is named and apply again"
        )
    }

    /// Asks where charges already made would change.
    private func confirm(_ report: ApplyReport, _ ask: (() -> Bool)?) throws {
        if isConfirmed || report.effect.isNothing { return }
        guard let ask else { throw NeedsConfirmation(effect: report.effectLines.joined(separator: "; ")) }
        if !ask() { throw ApplyWork.refused }
    }

    static let refused = Failure(place: "apply", cause: "not confirmed; nothing was changed", hint: "")
}

extension Failure {
    init(_ error: ApplyWork.NeedsConfirmation) {
        self.init(
            place: "apply",
            cause: error.effect + "; nothing was changed",
            hint: "look at the plan with --dry-run, and confirm it with --yes"
        )
    }
}
