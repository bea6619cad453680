import Ingest
import MeterModel
import Notifications
import Projections
import ReadModel

/// Log and fold as those parts of the program need them that record events by themselves: a seam, so that a simulation
/// can be one.
protocol LogStage: AnyObject, Sendable {
    /// The last durable position of the log.
    var durablePosition: Position { get }

    /// Runs `body` on the fold, once it has reached a durable position.
    func perform<T: Sendable>(
        after position: Position,
        _ body: @escaping @Sendable (ViewProjector) throws -> T
    ) async throws -> T

    /// Records events, all or none, and returns the last one's position once they are durable.
    func record(_ events: [MeterEvent], by name: String) async throws -> Position
}

/// What pushes need of whoever keeps log and views.
protocol PushStage: LogStage {
    /// As `ViewReader.unsettledPushJobs`, of the views as they are.
    func unsettledRows(after last: (position: Position, job: String)?, limit: Int) throws -> [PushJobRow]
}

/// The push jobs of the views, as the notifier asks for them.
struct LivePushQueue: PushQueue {
    let stage: any PushStage

    func pending(after last: PushJob?, limit: Int) async throws -> [PushJob] {
        let rows = try stage.unsettledRows(after: last.map { ($0.position, $0.job) }, limit: limit)
        if rows.isEmpty { return [] }
        // The views may be older than what the log says of a job, after a restart by much: what was settled is not
        // offered again.
        return try await stage.perform(after: stage.durablePosition) { projector in
            rows.compactMap { projector.fold.unsettledJob($0.job) }.map { PushJob($0) }
        }
    }

    func isSuperseded(_ job: PushJob) async throws -> Bool {
        try await stage.perform(after: .origin) { projector in
            guard let told = projector.fold.unsettledJob(job.job) else { return false }
            return projector.isSuperseded(told.row)
        }
    }
}

extension LiveCore: PushStage {
    var durablePosition: Position { intake.durablePosition }

    func unsettledRows(after last: (position: Position, job: String)?, limit: Int) throws -> [PushJobRow] {
        try views.read { try $0.unsettledPushJobs(after: last, limit: limit) }
    }

    func perform<T: Sendable>(
        after position: Position,
        _ body: @escaping @Sendable (ViewProjector) throws -> T
    ) async throws -> T {
        try await projector.perform(after: position) { projector, _ in try body(projector) }
    }

    func record(_ events: [MeterEvent], by name: String) async throws -> Position {
        try await intake.record(events, by: name)
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
    let stage: any PushStage

    /// Who records them, as the log says.
    static let recordedBy = "notifier"

    func record(_ outcome: PushOutcome) async throws {
        _ = try await stage.record([.pushSettled(outcome)], by: LiveOutcomes.recordedBy)
    }
}
