package import MeterModel

extension ViewWriter {
    /// Inserts an episode, or updates the one of the same device, rule and number.
    package func putEpisode(_ row: EpisodeRow) throws {
        let statement = try state.statement(.putEpisode)
        state.scratch.removeAll(reserving: 256)
        statement.bind(1, Int64(row.deviceID))
        statement.bind(2, row.rule)
        statement.bind(3, row.episode)
        statement.bind(4, Int64(row.position.rawValue))
        statement.bind(5, row.crossedAt?.milliseconds)
        bind(row.balanceBefore, to: statement, 6)
        bind(row.balanceAfter, to: statement, 7)
        statement.bind(8, row.cleared?.at?.milliseconds)
        statement.bind(9, row.cleared.map { Int64($0.position.rawValue) })
        try statement.run()
    }

    /// Closes an open episode.
    ///
    /// - Returns: whether there was such an open episode.
    @discardableResult
    package func clearEpisode(device: UInt32, rule: String, episode: Int64, _ clearing: EpisodeRow.Clearing) throws
        -> Bool
    {
        let statement = try state.statement(.clearEpisode)
        statement.bind(1, Int64(device))
        statement.bind(2, rule)
        statement.bind(3, episode)
        statement.bind(4, clearing.at?.milliseconds)
        statement.bind(5, Int64(clearing.position.rawValue))
        try statement.run()
        return statement.changeCount > 0
    }

    /// Inserts a push job into the outbox, or updates the one of the same id.
    package func putPushJob(_ row: PushJobRow) throws {
        let statement = try state.statement(.putPushJob)
        statement.bind(1, row.job)
        statement.bind(2, Int64(row.deviceID))
        statement.bind(3, row.rule)
        statement.bind(4, row.episode)
        statement.bind(5, row.kind)
        statement.bind(6, row.requestedAt.milliseconds)
        statement.bind(7, Int64(row.requestedPosition.rawValue))
        statement.bind(8, row.requestedEventTime?.milliseconds)
        statement.bind(9, row.staleAfterMilliseconds)
        statement.bind(10, row.state.rawValue)
        statement.bind(11, row.attempts)
        statement.bind(12, row.lastOutcome)
        statement.bind(13, row.outcomeAt?.milliseconds)
        statement.bind(14, row.outcomePosition.map { Int64($0.rawValue) })
        try statement.run()
    }

    /// Takes an outcome of the log into its job, as `PushJobRow.apply` does.
    ///
    /// - Returns: whether there is such a job.
    @discardableResult
    package func updatePushJob(_ outcome: PushOutcome, at position: Position) throws -> Bool {
        let statement = try state.statement(.settlePushJob)
        statement.bind(1, outcome.job)
        statement.bind(2, outcome.kind.state)
        statement.bind(3, outcome.kind == .delivered || outcome.kind == .failed ? 1 : 0)
        statement.bind(4, outcome.response)
        statement.bind(5, outcome.at.milliseconds)
        statement.bind(6, Int64(position.rawValue))
        try statement.run()
        return statement.changeCount > 0
    }

    /// Puts `rows` in place of the anomalies of a series at `[from, to)`, UTC milliseconds. Rows may come in any order.
    package func replaceAnomalies(series: UInt32, from: Int64 = .min, to: Int64 = .max, _ rows: [AnomalyRow]) throws {
        let deletion = try state.statement(.deleteAnomalies)
        deletion.bind(1, Int64(series))
        deletion.bind(2, from)
        deletion.bind(3, to)
        try deletion.run()
        guard !rows.isEmpty else { return }
        let statement = try state.statement(.putAnomaly)
        var previous: AnomalyRow?
        var ordinal: Int64 = 0
        for row in rows.sorted(by: anomalyOrder) {
            precondition(from <= row.at.milliseconds && row.at.milliseconds < to, "an anomaly lies outside its span")
            let same = previous.map { $0.at == row.at && $0.kind == row.kind && $0.position == row.position } ?? false
            ordinal = same ? ordinal + 1 : 0
            previous = row
            statement.bind(1, Int64(series))
            statement.bind(2, row.at.milliseconds)
            statement.bind(3, row.kind.rawValue)
            statement.bind(4, Int64(row.position.rawValue))
            statement.bind(5, ordinal)
            statement.bind(6, row.detail)
            statement.bind(7, row.open ? 1 : 0)
            try statement.run()
        }
    }

    /// So that the ordinals, and with them the rows, do not depend on the order of `rows`.
    private func anomalyOrder(_ a: AnomalyRow, _ b: AnomalyRow) -> Bool {
        if a.at != b.at { return a.at < b.at }
        if a.kind != b.kind { return a.kind.rawValue < b.kind.rawValue }
        if a.position != b.position { return a.position < b.position }
        if a.open != b.open { return b.open }
        return a.detail.utf8.lexicographicallyPrecedes(b.detail.utf8)
    }
}
