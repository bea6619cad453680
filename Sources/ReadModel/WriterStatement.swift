/// The statements of the writer: each is prepared once per store and bound again for every row.
///
/// Tables with an integer key alone take `INSERT OR REPLACE`: without a second index it writes the row in place, at the
/// price of an insert. Tables with a further index take an upsert, which leaves that index alone.
enum WriterStatement: Int, CaseIterable {
    case setMeta
    case putDevice, putSeries
    case deleteHours, deleteDays, deleteMonths
    case putHour, putHours, putDay, putMonth, deleteAllHours
    case putBalance, removeBalance
    case deleteLedger, putLedger
    case putEpisode, clearEpisode
    case putPushJob, settlePushJob
    case deleteAnomalies, putAnomaly

    /// How many rows `putHours` takes.
    static let hourBatchCount = 32

    var sql: String {
        switch self {
        case .setMeta, .putDevice, .putSeries: declarationSQL
        case .deleteHours: "DELETE FROM consumption_hour WHERE id >= ? AND id < ?"
        case .deleteDays: "DELETE FROM consumption_day WHERE id >= ? AND id < ?"
        case .deleteMonths: "DELETE FROM consumption_month WHERE id >= ? AND id < ?"
        case .deleteAllHours: "DELETE FROM consumption_hour"
        case .putHour: "INSERT OR REPLACE INTO consumption_hour VALUES (?, ?, ?, ?, ?)"
        case .putHours:
            "INSERT OR REPLACE INTO consumption_hour VALUES "
                + Array(repeating: "(?, ?, ?, ?, ?)", count: WriterStatement.hourBatchCount).joined(separator: ", ")
        case .putDay: "INSERT OR REPLACE INTO consumption_day VALUES (?, ?, ?, ?, ?, ?)"
        case .putMonth: "INSERT OR REPLACE INTO consumption_month VALUES (?, ?, ?, ?, ?, ?)"
        case .putBalance: "INSERT OR REPLACE INTO balance VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        case .removeBalance: "DELETE FROM balance WHERE device_id = ?"
        case .deleteLedger: "DELETE FROM ledger WHERE id >= ? AND id < ?"
        case .putLedger: "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        case .putEpisode, .clearEpisode, .putPushJob, .settlePushJob: alertSQL
        case .deleteAnomalies: "DELETE FROM anomaly WHERE series_id = ? AND at >= ? AND at < ?"
        case .putAnomaly: "INSERT INTO anomaly VALUES (?, ?, ?, ?, ?, ?, ?)"
        }
    }

    private var declarationSQL: String {
        switch self {
        case .putDevice:
            """
            INSERT INTO device VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (device_id) DO UPDATE SET
                utility = excluded.utility, unit = excluded.unit, quantity_unit = excluded.quantity_unit,
                timezone = excluded.timezone, tariff = excluded.tariff, account = excluded.account,
                readings = excluded.readings, duplicates = excluded.duplicates,
                first_read_at = excluded.first_read_at, last_read_at = excluded.last_read_at,
                last_value_milli = excluded.last_value_milli
            """
        case .putSeries:
            "INSERT INTO series VALUES (?, ?, ?) ON CONFLICT (series_id) DO NOTHING"
        default:
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        }
    }

    private var alertSQL: String {
        switch self {
        case .putEpisode:
            """
            INSERT INTO episode VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (device_id, rule, episode) DO UPDATE SET
                position = excluded.position, crossed_at = excluded.crossed_at,
                balance_before = excluded.balance_before, balance_after = excluded.balance_after,
                cleared_at = excluded.cleared_at, cleared_position = excluded.cleared_position
            """
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
        default:
            """
            INSERT INTO push_job VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (job) DO UPDATE SET
                device_id = excluded.device_id, rule = excluded.rule, episode = excluded.episode,
                kind = excluded.kind, requested_at = excluded.requested_at,
                requested_position = excluded.requested_position,
                requested_event_time = excluded.requested_event_time, stale_after_ms = excluded.stale_after_ms,
                state = excluded.state, attempts = excluded.attempts, last_outcome = excluded.last_outcome,
                outcome_at = excluded.outcome_at, outcome_position = excluded.outcome_position
            """
        }
    }
}
