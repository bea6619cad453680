import Admission
import ArgumentParser
import EventStorage
import Ingest
import MeterModel
import Projections
import ReadModel
import RecordLog

struct PushCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push",
        abstract: "Push jobs and their delivery.",
        subcommands: [DrainCommand.self]
    )

    struct DrainCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "drain",
            abstract: "Hands over every pending job and records what came of it.",
            discussion: """
                One JSON object a line. A job may be printed again if the program was ended before the outcome was \
                recorded; it then has the same id, by which a receiver drops it.
                """
        )

        @OptionGroup var location: DataOption
        @Option(help: "Where to: - is stdout.") var to = "-"

        func validate() throws {
            guard to == "-" else { throw ValidationError("--to takes -, for stdout") }
        }

        func run() throws {
            let engine = try Engine(location.directory)
            guard let store = engine.store, let projector = engine.projector else { return }
            let jobs = try store.read { try $0.unsettledPushJobs(limit: Int.max) }
            let now = engine.clock.now()
            var outcomes: [PushOutcome] = []
            for job in jobs {
                let kind: PushOutcome.Kind
                if !projector.isOpen(job) {
                    kind = .superseded
                } else if let time = job.requestedEventTime,
                    now.milliseconds - time.milliseconds > job.staleAfterMilliseconds
                {
                    kind = .stale
                } else {
                    kind = .delivered
                    Terminal.print(try line(job, projector.episode(of: job)))
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
            let intake = engine.makeIntake(recordedBy: "cli")
            for outcome in outcomes { _ = try intake.take(.pushSettled(outcome)) }
            if !outcomes.isEmpty { try engine.commit() }
            try engine.close()
            report(outcomes)
        }

        private func report(_ outcomes: [PushOutcome]) {
            var parts: [String] = []
            for kind in PushOutcome.Kind.allCases {
                let count = outcomes.count { $0.kind == kind }
                if count > 0 { parts.append("\(count) \(kind.state)") }
            }
            Terminal.error("meterfold: push jobs: " + (parts.isEmpty ? "none pending" : parts.joined(separator: ", ")))
        }

        /// The job and its episode's own figures, whatever happened since.
        private func line(_ job: PushJobRow, _ episode: EpisodeRow?) throws -> String {
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
}
