import MeterModel
import Projections
import ReadModel

/// The work of `push drain`: hands over every pending job and records what came of it.
struct PushDrain {
    /// - Parameters:
    ///   - stage: what it works on.
    ///   - jobs: those that are pending or failed, in the order in which they are told.
    ///   - console: is told the jobs, one JSON object a line, and then how many there were.
    /// - Throws: what writing the log throws.
    func run(on stage: any WriteStage, jobs: [PushJobRow], _ console: any Console) throws {
        guard let projector = stage.projector else { return }
        let now = stage.clock.now()
        var outcomes: [PushOutcome] = []
        for job in jobs {
            let kind: PushOutcome.Kind
            if projector.isSuperseded(job) {
                kind = .superseded
            } else if let time = job.requestedEventTime,
                now.milliseconds - time.milliseconds > job.staleAfterMilliseconds
            {
                kind = .stale
            } else {
                kind = .delivered
                console.print(line(job, projector.episode(of: job)))
            }
            outcomes.append(
                PushOutcome(
                    kind: kind,
                    job: job.job,
                    at: now,
                    channel: "stdout",
                    attempt: kind == .delivered ? Int(job.attempts) + 1 : nil,
                    response: nil
                )
            )
        }
        try stage.record(outcomes.map { .pushSettled($0) })
        if !outcomes.isEmpty { try stage.commit() }
        report(outcomes, console)
    }

    private func report(_ outcomes: [PushOutcome], _ console: any Console) {
        var parts: [String] = []
        for kind in PushOutcome.Kind.allCases {
            let count = outcomes.count { $0.kind == kind }
            if count > 0 { parts.append("\(count) \(kind.state)") }
        }
        console.error("meterfold: push jobs: " + (parts.isEmpty ? "none pending" : parts.joined(separator: ", ")))
    }

    /// The job and its episode's own figures, whatever happened since.
    private func line(_ job: PushJobRow, _ episode: EpisodeRow?) -> String {
        var line = JSONLine()
        line.add("job", job.job)
        line.add("device", String(job.job.dropLast("/\(job.rule)/\(job.episode)/\(job.kind)".count)))
        line.add("rule", job.rule)
        line.add("episode", job.episode)
        line.add("kind", job.kind)
        line.add("crossedAt", episode?.crossedAt?.rfc3339)
        line.add("balanceBefore", episode?.balanceBefore.exactText)
        line.add("balanceAfter", episode?.balanceAfter.exactText)
        line.add("position", Int64(job.requestedPosition.rawValue))
        line.add("requestedAt", job.requestedAt.rfc3339)
        return line.text
    }
}

extension ViewStore {
    /// The push jobs that are pending or failed, in the order of their requests.
    func unsettled() throws -> [PushJobRow] { try read { try $0.unsettledPushJobs(limit: Int.max) } }
}
