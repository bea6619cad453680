package import MeterModel

/// A push that was requested and has no final outcome yet, with the episode's own figures.
package struct PushJob: Hashable, Sendable {
    /// `<device>/<rule>/<episode>/<kind>`, the same for ever.
    package var job: String
    package var device: String
    package var rule: String
    package var episode: Int64
    /// `crossed`, `cleared` or `reminder-<n>`.
    package var kind: String
    package var crossedAt: Instant?
    /// Exact decimals.
    package var balanceBefore: String?
    package var balanceAfter: String?
    /// As ISO 4217 has it.
    package var currency: String?
    /// Of the event that requested it.
    package var position: Position
    /// That event's `recordedAt`.
    package var requestedAt: Instant
    /// That event's own time, from which `staleAfterMilliseconds` counts; nil: never stale.
    package var requestedEventTime: Instant?
    package var staleAfterMilliseconds: Int64
    /// `PushDelivered` and `PushFailed` of it in the log so far.
    package var attempts: Int
    /// The time of the last of these.
    package var lastAttemptAt: Instant?

    package init(
        job: String,
        device: String,
        rule: String,
        episode: Int64,
        kind: String,
        crossedAt: Instant?,
        balanceBefore: String?,
        balanceAfter: String?,
        currency: String?,
        position: Position,
        requestedAt: Instant,
        requestedEventTime: Instant?,
        staleAfterMilliseconds: Int64,
        attempts: Int = 0,
        lastAttemptAt: Instant? = nil
    ) {
        self.job = job
        self.device = device
        self.rule = rule
        self.episode = episode
        self.kind = kind
        self.crossedAt = crossedAt
        self.balanceBefore = balanceBefore
        self.balanceAfter = balanceAfter
        self.currency = currency
        self.position = position
        self.requestedAt = requestedAt
        self.requestedEventTime = requestedEventTime
        self.staleAfterMilliseconds = staleAfterMilliseconds
        self.attempts = attempts
        self.lastAttemptAt = lastAttemptAt
    }

    /// What tells it from all others: ids are equal by their bytes.
    var key: ByteName { ByteName(job) }

    /// The `crossed` job of the episode, where this is the `cleared` one.
    var crossedKey: ByteName? {
        kind == "cleared" ? ByteName(String(job.dropLast(kind.count)) + "crossed") : nil
    }

    /// Whether it tells of something too long ago to be told (semantics, section 7).
    func isStale(at now: Instant) -> Bool {
        guard let requestedEventTime else { return false }
        return now.milliseconds - requestedEventTime.milliseconds > staleAfterMilliseconds
    }
}

/// Where push jobs come from: the views.
package protocol PushQueue: Sendable {
    /// The jobs whose state is `pending` or `failed`, by the position of their request, then by the bytes of their id:
    /// those after `last` in that order (nil: from the first), at most `limit`. Fewer come only where no more are.
    func pending(after last: PushJob?, limit: Int) async throws -> [PushJob]

    /// Whether a job has been overtaken: a `crossed` or reminder job by the end of its episode, a `cleared` job by its
    /// `crossed` job not having been delivered (semantics, section 7).
    func isSuperseded(_ job: PushJob) async throws -> Bool
}

/// Where outcomes go: the log.
package protocol OutcomeRecording: Sendable {
    /// Appends an outcome as a fact and returns once it is durable. From then on `PushQueue` should know of it; the
    /// notifier makes up for reads that lag behind by up to `DeliveryBook.settledMemoryCount` jobs.
    func record(_ outcome: PushOutcome) async throws
}
