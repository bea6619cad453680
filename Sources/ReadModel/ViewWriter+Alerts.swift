package import MeterModel

extension ViewWriter {
    /// Inserts an episode, or updates the one of the same device, rule and number.
    package func putEpisode(_ episode: EpisodeRow) throws {
        try rows.put(.putEpisode) { row in
            row.add(Int64(episode.deviceID))
            row.add(episode.rule)
            row.add(episode.episode)
            row.add(Int64(episode.position.rawValue))
            row.add(episode.crossedAt?.milliseconds)
            row.add(episode.balanceBefore)
            row.add(episode.balanceAfter)
            row.add(episode.cleared?.at?.milliseconds)
            row.add(episode.cleared.map { Int64($0.position.rawValue) })
        }
    }

    /// Closes an open episode.
    ///
    /// - Returns: whether there was such an open episode.
    @discardableResult
    package func clearEpisode(device: UInt32, rule: String, episode: Int64, _ clearing: EpisodeRow.Clearing) throws
        -> Bool
    {
        try rows.run(.clearEpisode) { row in
            row.add(Int64(device))
            row.add(rule)
            row.add(episode)
            row.add(clearing.at?.milliseconds)
            row.add(Int64(clearing.position.rawValue))
        } > 0
    }

    /// Inserts a push job into the outbox, or updates the one of the same id.
    package func putPushJob(_ job: PushJobRow) throws {
        try rows.put(.putPushJob) { row in
            row.add(job.job)
            row.add(Int64(job.deviceID))
            row.add(job.rule)
            row.add(job.episode)
            row.add(job.kind)
            row.add(job.requestedAt.milliseconds)
            row.add(Int64(job.requestedPosition.rawValue))
            row.add(job.requestedEventTime?.milliseconds)
            row.add(job.staleAfterMilliseconds)
            row.add(job.state.rawValue)
            row.add(job.attempts)
            row.add(job.lastOutcome)
            row.add(job.outcomeAt?.milliseconds)
            row.add(job.outcomePosition.map { Int64($0.rawValue) })
        }
    }

    /// Takes an outcome of the log into its job, as `PushJobRow.apply` does.
    ///
    /// - Returns: whether there is such a job.
    @discardableResult
    package func updatePushJob(_ outcome: PushOutcome, at position: Position) throws -> Bool {
        try rows.run(.settlePushJob) { row in
            row.add(outcome.job)
            row.add(outcome.kind.state)
            row.add(outcome.kind == .delivered || outcome.kind == .failed ? 1 : 0)
            row.add(outcome.response)
            row.add(outcome.at.milliseconds)
            row.add(Int64(position.rawValue))
        } > 0
    }

    /// Puts `anomalies` in place of those of a series at `[from, to)`, UTC milliseconds. They may come in any order.
    package func replaceAnomalies(
        series: UInt32,
        from: Int64 = .min,
        to: Int64 = .max,
        _ anomalies: [AnomalyRow]
    ) throws {
        let key = Int64(series)
        try rows.delete(.deleteAnomalies, of: key..<key + 1) { deletion in
            deletion.add(key)
            deletion.add(from)
            deletion.add(to)
        }
        var previous: AnomalyRow?
        var ordinal: Int64 = 0
        for anomaly in anomalies.sorted(by: anomalyOrder) {
            let at = anomaly.at.milliseconds
            precondition(from <= at && at < to, "an anomaly lies outside its span")
            ordinal = previous.map { isSameKey($0, anomaly) } == true ? ordinal + 1 : 0
            previous = anomaly
            try rows.put(.putAnomaly, key: Int64(series)) { row in
                row.add(Int64(series))
                row.add(at)
                row.add(anomaly.kind.rawValue)
                row.add(Int64(anomaly.position.rawValue))
                row.add(ordinal)
                row.add(anomaly.detail)
                row.add(anomaly.open ? 1 : 0)
            }
        }
    }

    private func isSameKey(_ a: AnomalyRow, _ b: AnomalyRow) -> Bool {
        a.at == b.at && a.kind == b.kind && a.position == b.position
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
