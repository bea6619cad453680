package import MeterModel

/// A stretch in which a device's balance was at or below a rule's level.
package struct EpisodeRow: Hashable, Sendable {
    /// How an episode ended.
    package struct Clearing: Hashable, Sendable {
        package var position: Position
        /// The event's time, if it had one.
        package var at: Instant?

        package init(position: Position, at: Instant?) {
            self.position = position
            self.at = at
        }
    }

    package var deviceID: UInt32
    package var rule: String
    /// Counts from 1 per device and rule.
    package var episode: Int64
    /// Of the event that opened it.
    package var position: Position
    package var crossedAt: Instant?
    package var balanceBefore: Money
    package var balanceAfter: Money
    /// Nil while it is open.
    package var cleared: Clearing?

    package init(
        deviceID: UInt32,
        rule: String,
        episode: Int64,
        position: Position,
        crossedAt: Instant?,
        balanceBefore: Money,
        balanceAfter: Money,
        cleared: Clearing? = nil
    ) {
        self.deviceID = deviceID
        self.rule = rule
        self.episode = episode
        self.position = position
        self.crossedAt = crossedAt
        self.balanceBefore = balanceBefore
        self.balanceAfter = balanceAfter
        self.cleared = cleared
    }
}

/// What the last outcome in the log says of a push job; the raw value is its name in outputs.
package enum PushState: String, Sendable, CaseIterable {
    case pending, failed, delivered, dead, superseded, stale
}

/// A push that was requested: a row of the outbox.
package struct PushJobRow: Hashable, Sendable {
    /// `<device>/<rule>/<episode>/<kind>`.
    package var job: String
    package var deviceID: UInt32
    package var rule: String
    package var episode: Int64
    /// `crossed`, `cleared` or `reminder-<n>`.
    package var kind: String
    /// The requesting event's `recordedAt`.
    package var requestedAt: Instant
    package var requestedPosition: Position
    /// The requesting event's own time, from which `staleAfterMilliseconds` counts.
    package var requestedEventTime: Instant?
    package var staleAfterMilliseconds: Int64
    package var state: PushState
    /// `PushDelivered` and `PushFailed` so far.
    package var attempts: Int64
    /// The last response.
    package var lastOutcome: String?
    /// The time of the last outcome, and its position in the log.
    package var outcomeAt: Instant?
    package var outcomePosition: Position?

    package init(
        job: String,
        deviceID: UInt32,
        rule: String,
        episode: Int64,
        kind: String,
        requestedAt: Instant,
        requestedPosition: Position,
        requestedEventTime: Instant?,
        staleAfterMilliseconds: Int64,
        state: PushState = .pending,
        attempts: Int64 = 0,
        lastOutcome: String? = nil,
        outcomeAt: Instant? = nil,
        outcomePosition: Position? = nil
    ) {
        self.job = job
        self.deviceID = deviceID
        self.rule = rule
        self.episode = episode
        self.kind = kind
        self.requestedAt = requestedAt
        self.requestedPosition = requestedPosition
        self.requestedEventTime = requestedEventTime
        self.staleAfterMilliseconds = staleAfterMilliseconds
        self.state = state
        self.attempts = attempts
        self.lastOutcome = lastOutcome
        self.outcomeAt = outcomeAt
        self.outcomePosition = outcomePosition
    }

    /// Takes in what came of an attempt.
    package mutating func apply(_ outcome: PushOutcome, at position: Position) {
        state = PushState(rawValue: outcome.kind.state) ?? state
        if outcome.kind == .delivered || outcome.kind == .failed { attempts += 1 }
        lastOutcome = outcome.response ?? lastOutcome
        outcomeAt = outcome.at
        outcomePosition = position
    }
}
