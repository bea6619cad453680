package import MeterModel

/// Where an alert rule of a device stands, as far as episodes tell.
package struct RuleState: Hashable, Sendable {
    package var deviceID: UInt32
    package var rule: String
    /// How many episodes there have been.
    package var episodeCount: Int64
    /// The episode that is open: the rule is disarmed exactly while there is one.
    package var open: EpisodeRow?
}

/// What a process that takes up the fold reads back.
extension ViewReader {
    /// Hands over the state of every rule that has had an episode, by device and rule.
    package func forEachRuleState(_ body: (RuleState) throws -> Void) throws {
        let rows = try statement("SELECT \(episodeColumns) FROM episode ORDER BY device_id, rule, episode")
        var state: RuleState?
        while try rows.step() {
            let row = try episode(rows)
            if let known = state, known.deviceID != row.deviceID || !known.rule.utf8.elementsEqual(row.rule.utf8) {
                try body(known)
                state = nil
            }
            var next = state ?? RuleState(deviceID: row.deviceID, rule: row.rule, episodeCount: 0, open: nil)
            next.episodeCount = row.episode
            next.open = row.cleared == nil ? row : nil
            state = next
        }
        if let state { try body(state) }
    }

    /// Hands over every episode, by device, rule and number.
    package func forEachEpisode(_ body: (EpisodeRow) throws -> Void) throws {
        let rows = try statement("SELECT \(episodeColumns) FROM episode ORDER BY device_id, rule, episode")
        while try rows.step() { try body(try episode(rows)) }
    }

    /// One episode, if there is such.
    package func episode(device: UInt32, rule: String, episode number: Int64) throws -> EpisodeRow? {
        let rows = try statement(
            "SELECT \(episodeColumns) FROM episode WHERE device_id = ? AND rule = ? AND episode = ?"
        )
        rows.bind(1, Int64(device))
        rows.bind(2, rule)
        rows.bind(3, number)
        return try rows.step() ? episode(rows) : nil
    }

    /// One push job, if there is such.
    package func pushJob(_ job: String) throws -> PushJobRow? {
        let rows = try statement("SELECT \(pushColumns) FROM push_job WHERE job = ?")
        rows.bind(1, job)
        return try rows.step() ? pushJob(rows) : nil
    }

    /// Hands over every push job, by position of its request, then id.
    package func forEachPushJob(_ body: (PushJobRow) throws -> Void) throws {
        let rows = try statement("SELECT \(pushColumns) FROM push_job ORDER BY requested_position, job")
        while try rows.step() { try body(try pushJob(rows)) }
    }

    /// The push jobs that are `pending` or `failed`, by position of their request, then id; at most `limit`.
    ///
    /// - Parameters:
    ///   - last: only those behind a job of this position and id in that order; nil: from the first.
    ///   - limit: how many at most.
    /// - Returns: the jobs.
    /// - Throws: `ViewError`.
    package func unsettledPushJobs(after last: (position: Position, job: String)? = nil, limit: Int) throws
        -> [PushJobRow]
    {
        let rows = try statement(
            """
            SELECT \(pushColumns) FROM push_job
            WHERE state IN ('pending', 'failed') AND (requested_position, job) > (?, ?)
            ORDER BY requested_position, job
            LIMIT ?
            """
        )
        rows.bind(1, last.map { Int64($0.position.rawValue) } ?? -1)
        rows.bind(2, last?.job ?? "")
        rows.bind(3, Int64(limit))
        var jobs: [PushJobRow] = []
        while try rows.step() { jobs.append(try pushJob(rows)) }
        return jobs
    }

    /// How many push jobs there are in each state that any is in.
    package func pushJobCounts() throws -> [(state: String, count: Int64)] {
        let rows = try statement("SELECT state, count(*) FROM push_job GROUP BY state ORDER BY state")
        var counts: [(state: String, count: Int64)] = []
        while try rows.step() { counts.append((rows.text(0), rows.integer(1))) }
        return counts
    }

    /// A device's balance, if it has one.
    package func balance(device: UInt32) throws -> BalanceRow? {
        let rows = try statement("SELECT currency, charges, top_ups, as_of FROM balance WHERE device_id = ?")
        rows.bind(1, Int64(device))
        guard try rows.step() else { return nil }
        guard let currency = Currency(rows.text(0)) else { throw ViewError.corrupt("no currency: \(rows.text(0))") }
        return BalanceRow(
            deviceID: device,
            currency: currency,
            charges: try money(rows, 1),
            topUps: try money(rows, 2),
            asOf: rows.integerOrNil(3).map(Instant.init(milliseconds:))
        )
    }

    // MARK: Rows from columns

    private var episodeColumns: String {
        "device_id, rule, episode, position, crossed_at, balance_before, balance_after, cleared_at, cleared_position"
    }

    private func episode(_ rows: SQLStatement) throws -> EpisodeRow {
        EpisodeRow(
            deviceID: UInt32(rows.integer(0)),
            rule: rows.text(1),
            episode: rows.integer(2),
            position: position(rows.integer(3)),
            crossedAt: rows.integerOrNil(4).map(Instant.init(milliseconds:)),
            balanceBefore: try money(rows, 5),
            balanceAfter: try money(rows, 6),
            cleared: rows.integerOrNil(8).map {
                EpisodeRow.Clearing(
                    position: position($0),
                    at: rows.integerOrNil(7).map(Instant.init(milliseconds:))
                )
            }
        )
    }

    private var pushColumns: String {
        """
        job, device_id, rule, episode, kind, requested_at, requested_position, requested_event_time, stale_after_ms,
            state, attempts, last_outcome, outcome_at, outcome_position
        """
    }

    private func pushJob(_ rows: SQLStatement) throws -> PushJobRow {
        guard let state = PushState(rawValue: rows.text(9)) else {
            throw ViewError.corrupt("no state of a push: \(rows.text(9))")
        }
        return PushJobRow(
            job: rows.text(0),
            deviceID: UInt32(rows.integer(1)),
            rule: rows.text(2),
            episode: rows.integer(3),
            kind: rows.text(4),
            requestedAt: Instant(milliseconds: rows.integer(5)),
            requestedPosition: position(rows.integer(6)),
            requestedEventTime: rows.integerOrNil(7).map(Instant.init(milliseconds:)),
            staleAfterMilliseconds: rows.integer(8),
            state: state,
            attempts: rows.integer(10),
            lastOutcome: rows.textOrNil(11),
            outcomeAt: rows.integerOrNil(12).map(Instant.init(milliseconds:)),
            outcomePosition: rows.integerOrNil(13).map(position)
        )
    }

    private func position(_ value: Int64) -> Position { Position(UInt64(bitPattern: value)) }

    private func money(_ rows: SQLStatement, _ column: Int32) throws -> Money {
        guard let decimal = ExactDecimal(rows.text(column)), let money = Money(decimal) else {
            throw ViewError.corrupt("no amount: \(rows.text(column))")
        }
        return money
    }
}
