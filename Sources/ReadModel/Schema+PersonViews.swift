extension Schema {
    /// SQL views for people: names in place of ids, decimals of kWh or m3, times as RFC 3339 in UTC.
    ///
    /// Joins by range of `id`, so that a device's rows are found without reading those of the others.
    static let personViews = [
        bucketView("consumption_hour_decimal", of: "consumption_hour", label: ""),
        bucketView("consumption_day_decimal", of: "consumption_day", label: "b.day, "),
        bucketView("consumption_month_decimal", of: "consumption_month", label: "b.month, "),
        """
        CREATE VIEW device_decimal AS
        SELECT device, utility, unit, timezone, tariff, account, readings, duplicates,
            \(time("first_read_at")) AS first_read_at,
            \(time("last_read_at")) AS last_read_at,
            \(decimal("last_value_milli")) AS last_value,
            quantity_unit
        FROM device
        """,
        """
        CREATE VIEW balance_decimal AS
        SELECT d.device, d.account, b.currency, b.balance, b.balance_exact, b.charges, b.top_ups,
            \(time("b.as_of")) AS as_of
        FROM balance AS b JOIN device AS d USING (device_id)
        """,
        """
        CREATE VIEW ledger_decimal AS
        SELECT d.device, l.day, l.kind, l.period, \(decimal("l.quantity_milli")) AS quantity, d.quantity_unit AS unit,
            l.price, l.amount
        FROM device AS d JOIN ledger AS l ON l.id >= d.device_id << 34 AND l.id < (d.device_id + 1) << 34
        """,
        """
        CREATE VIEW arrears AS
        SELECT d.device, d.account, b.balance, b.currency, \(time("e.crossed_at")) AS since, e.episode, e.position
        FROM episode AS e JOIN device AS d USING (device_id) JOIN balance AS b USING (device_id)
        WHERE e.rule = 'zero' AND e.cleared_position IS NULL
        """,
        """
        CREATE VIEW episode_decimal AS
        SELECT d.device, e.rule, e.episode, e.position, \(time("e.crossed_at")) AS crossed_at,
            e.balance_before, e.balance_after, \(time("e.cleared_at")) AS cleared_at, e.cleared_position
        FROM episode AS e JOIN device AS d USING (device_id)
        """,
        """
        CREATE VIEW push_decimal AS
        SELECT p.job, d.device, p.rule, p.episode, p.kind, p.state, \(time("p.requested_at")) AS requested_at,
            p.attempts, p.last_outcome
        FROM push_job AS p JOIN device AS d USING (device_id)
        """,
        """
        CREATE VIEW anomaly_decimal AS
        SELECT d.device, s.register, a.kind, \(time("a.at")) AS at, a.position, a.detail, a.open
        FROM anomaly AS a JOIN series AS s USING (series_id) JOIN device AS d USING (device_id)
        """,
    ]

    private static func bucketView(_ name: String, of table: String, label: String) -> String {
        """
        CREATE VIEW \(name) AS
        SELECT d.device, s.register, \(label)\(second("b.id & 4294967295")) AS start,
            \(second("(b.id & 4294967295) + b.seconds")) AS "end",
            \(decimal("b.quantity_milli")) AS quantity, d.quantity_unit AS unit,
            \(decimal("b.estimated_milli")) AS estimated, b.complete
        FROM device AS d JOIN series AS s USING (device_id)
            JOIN \(table) AS b ON b.id >= s.series_id << 32 AND b.id < (s.series_id + 1) << 32
        """
    }

    /// A column of seconds since 1970 as RFC 3339.
    private static func second(_ column: String) -> String {
        "strftime('%Y-%m-%dT%H:%M:%SZ', \(column), 'unixepoch')"
    }

    /// A column of milliseconds since 1970 as RFC 3339, the milliseconds only where they are not 0.
    private static func time(_ column: String) -> String {
        """
        strftime('%Y-%m-%dT%H:%M:%S', \(column) / 1000, 'unixepoch') ||
                CASE \(column) % 1000 WHEN 0 THEN 'Z' ELSE printf('.%03dZ', \(column) % 1000) END
        """
    }

    /// A `_milli` column in kWh or m3: an exact decimal without trailing zeros, by text, since it may outgrow 64 bits.
    private static func decimal(_ column: String) -> String {
        let digits = "ltrim(\(column), '-')"
        return """
            CASE WHEN \(column) LIKE '-%' THEN '-' ELSE '' END ||
                    CASE WHEN length(\(digits)) > 6 THEN substr(\(digits), 1, length(\(digits)) - 6) ELSE '0' END ||
                    rtrim(rtrim('.' || substr('000000' || \(digits), -6), '0'), '.')
            """
    }
}
