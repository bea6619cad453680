/// The statements of the writer: each is prepared once per store and bound again for every row. A batch runs them in
/// this order.
///
/// Tables with an integer key alone take `INSERT OR REPLACE`: without a second index it writes the row in place, at the
/// price of an insert. Tables with a further index take an upsert, which leaves that index alone.
enum WriterStatement: Int, CaseIterable {
    case deleteAllHours, deleteHours, deleteDays, deleteMonths, removeBalance, deleteLedger, deleteAnomalies
    case setMeta, putDevice, putSeries
    case putHour, putDay, putMonth, putBalance, putLedger, putAnomaly
    case putEpisode, putPushJob, clearEpisode, settlePushJob

    /// How many rows `manySQL` puts.
    static let manyCount = 32

    /// The statement whose rows this one deletes.
    var deletesWhatIsPutBy: WriterStatement? {
        switch self {
        case .deleteAllHours, .deleteHours: .putHour
        case .deleteDays: .putDay
        case .deleteMonths: .putMonth
        case .removeBalance: .putBalance
        case .deleteLedger: .putLedger
        case .deleteAnomalies: .putAnomaly
        default: nil
        }
    }

    /// The statement for one row.
    var sql: String {
        switch self {
        case .deleteAllHours: "DELETE FROM consumption_hour"
        case .deleteHours: "DELETE FROM consumption_hour WHERE id >= ? AND id < ?"
        case .deleteDays: "DELETE FROM consumption_day WHERE id >= ? AND id < ?"
        case .deleteMonths: "DELETE FROM consumption_month WHERE id >= ? AND id < ?"
        case .removeBalance: "DELETE FROM balance WHERE device_id = ?"
        case .deleteLedger: "DELETE FROM ledger WHERE id >= ? AND id < ?"
        case .deleteAnomalies: "DELETE FROM anomaly WHERE series_id = ? AND at >= ? AND at < ?"
        case .clearEpisode:
            """
            UPDATE episode SET cleared_at = ?4, cleared_position = ?5
            WHERE device_id = ?1 AND rule = ?2 AND episode = ?3 AND cleared_position IS NULL
            """
        case .settlePushJob:
            """
            UPDATE push_job SET
                state = ?2, attempts = attempts + ?3, last_outcome = coalesce(?4, last_outcome),
                outcome_at = ?5, outcome_position = ?6
            WHERE job = ?1
            """
        default: putting(rows: 1)
        }
    }

    /// Whether it puts rows, so that `manySQL` can put many.
    var putsRows: Bool { (WriterStatement.setMeta.rawValue...WriterStatement.putPushJob.rawValue).contains(rawValue) }

    /// The statement for `manyCount` rows.
    /// - Precondition: `putsRows`.
    var manySQL: String { putting(rows: WriterStatement.manyCount) }

    private func putting(rows: Int) -> String {
        guard let (table, columnCount, isReplacing) = insertion else { preconditionFailure("\(self) puts no rows") }
        let row = "(" + Array(repeating: "?", count: columnCount).joined(separator: ", ") + ")"
        let values = Array(repeating: row, count: rows).joined(separator: ", ")
        let verb = isReplacing ? "INSERT OR REPLACE" : "INSERT"
        return ["\(verb) INTO \(table) VALUES \(values)", onConflict].compactMap { $0 }.joined(separator: "\n")
    }

    /// What is put where, of how many columns, and whether in place of a row with the same key.
    private var insertion: (table: String, columnCount: Int, isReplacing: Bool)? {
        switch self {
        case .setMeta: ("meta", 2, false)
        case .putDevice: ("device", 13, false)
        case .putSeries: ("series", 3, false)
        case .putHour: ("consumption_hour", 5, true)
        case .putDay: ("consumption_day", 6, true)
        case .putMonth: ("consumption_month", 6, true)
        case .putBalance: ("balance", 8, true)
        case .putLedger: ("ledger", 8, false)
        case .putAnomaly: ("anomaly", 7, false)
        case .putEpisode: ("episode", 9, false)
        case .putPushJob: ("push_job", 14, false)
        default: nil
        }
    }

    private var onConflict: String? {
        switch self {
        case .setMeta: "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        case .putSeries: "ON CONFLICT (series_id) DO NOTHING"
        case .putDevice:
            """
            ON CONFLICT (device_id) DO UPDATE SET
                utility = excluded.utility, unit = excluded.unit, quantity_unit = excluded.quantity_unit,
                timezone = excluded.timezone, tariff = excluded.tariff, account = excluded.account,
                readings = excluded.readings, duplicates = excluded.duplicates,
                first_read_at = excluded.first_read_at, last_read_at = excluded.last_read_at,
                last_value_milli = excluded.last_value_milli
            """
        case .putEpisode:
            """
            ON CONFLICT (device_id, rule, episode) DO UPDATE SET
                position = excluded.position, crossed_at = excluded.crossed_at,
                balance_before = excluded.balance_before, balance_after = excluded.balance_after,
                cleared_at = excluded.cleared_at, cleared_position = excluded.cleared_position
            """
        case .putPushJob:
            """
            ON CONFLICT (job) DO UPDATE SET
                device_id = excluded.device_id, rule = excluded.rule, episode = excluded.episode,
                kind = excluded.kind, requested_at = excluded.requested_at,
                requested_position = excluded.requested_position,
                requested_event_time = excluded.requested_event_time, stale_after_ms = excluded.stale_after_ms,
                state = excluded.state, attempts = excluded.attempts, last_outcome = excluded.last_outcome,
                outcome_at = excluded.outcome_at, outcome_position = excluded.outcome_position
            """
        default: nil
        }
    }
}
