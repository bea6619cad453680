import Ingest
import MeterModel
import Notifications
import Projections
import ReadModel

/// The push jobs of the views, as the notifier asks for them.
struct LivePushQueue: PushQueue {
    let core: LiveCore

    func pending(after last: PushJob?, limit: Int) async throws -> [PushJob] {
        let rows = try core.views.read { views in
            try views.unsettledPushJobs(after: last.map { ($0.position, $0.job) }, limit: limit)
        }
        if rows.isEmpty { return [] }
        return try await core.projector.perform { projector, _ in
            // What was settled since the views were written is not offered again.
            rows.compactMap { projector.fold.unsettledJob($0.job) }.map { PushJob($0) }
        }
    }

    func isSuperseded(_ job: PushJob) async throws -> Bool {
        try await core.projector.perform { projector, _ in
            guard let told = projector.fold.unsettledJob(job.job) else { return false }
            return projector.isSuperseded(told.row)
        }
    }
}

extension PushJob {
    init(_ told: RequestedJob) {
        self.init(
            job: told.row.job,
            device: told.device,
            rule: told.row.rule,
            episode: told.row.episode,
            kind: told.row.kind,
            crossedAt: told.episode?.crossedAt,
            balanceBefore: told.episode?.balanceBefore.exactText,
            balanceAfter: told.episode?.balanceAfter.exactText,
            currency: told.currency?.description,
            position: told.row.requestedPosition,
            requestedAt: told.row.requestedAt,
            requestedEventTime: told.row.requestedEventTime,
            staleAfterMilliseconds: told.row.staleAfterMilliseconds,
            attempts: Int(told.row.attempts),
            lastAttemptAt: told.row.outcomeAt
        )
    }
}

/// Records what came of pushes as facts.
struct LiveOutcomes: OutcomeRecording {
    let intake: IntakeThread

    /// Who records them, as the log says.
    static let recordedBy = "notifier"

    func record(_ outcome: PushOutcome) async throws {
        _ = try await intake.record([.pushSettled(outcome)], by: LiveOutcomes.recordedBy)
    }
}
