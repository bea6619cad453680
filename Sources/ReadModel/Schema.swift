import MeterModel

/// The tables and SQL views of `views.sqlite`: a contract with other programs, told column by column in
/// `docs/views.md`.
///
/// Rules that hold throughout: instants are UTC milliseconds since 1970; quantities are exact counts of mWh or mL in
/// columns that end in `_milli`, INTEGER where 64 bits hold them and else the decimal TEXT of the integer (hence
/// `ANY`); money is exact decimal TEXT. `STRICT` keeps SQLite from turning a long integer's text into a binary float.
package enum Schema {
    /// Raised with every change of a table, a column or its meaning; views of another version are rebuilt.
    package static let version: Int64 = 1

    /// `PRAGMA application_id` of views: "mfvw" as big-endian ASCII.
    package static let applicationID: Int64 = 0x6D66_7677

    /// The statements that make an empty database into views, in order.
    package static let statements = tables + indexes + personViews

    static let tables = [
        """
        CREATE TABLE meta (
            key TEXT NOT NULL PRIMARY KEY,
            value ANY
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE device (
            device_id INTEGER PRIMARY KEY,
            device TEXT NOT NULL,
            utility TEXT,
            unit TEXT,
            quantity_unit TEXT,
            timezone TEXT NOT NULL,
            tariff TEXT,
            account TEXT,
            readings INTEGER NOT NULL,
            duplicates INTEGER NOT NULL,
            first_read_at INTEGER,
            last_read_at INTEGER,
            last_value_milli INTEGER
        ) STRICT
        """,
        """
        CREATE TABLE series (
            series_id INTEGER PRIMARY KEY,
            device_id INTEGER NOT NULL,
            register TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE consumption_hour (
            id INTEGER PRIMARY KEY,
            seconds INTEGER NOT NULL,
            quantity_milli ANY NOT NULL,
            estimated_milli ANY NOT NULL,
            complete INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE consumption_day (
            id INTEGER PRIMARY KEY,
            day TEXT NOT NULL,
            seconds INTEGER NOT NULL,
            quantity_milli ANY NOT NULL,
            estimated_milli ANY NOT NULL,
            complete INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE consumption_month (
            id INTEGER PRIMARY KEY,
            month TEXT NOT NULL,
            seconds INTEGER NOT NULL,
            quantity_milli ANY NOT NULL,
            estimated_milli ANY NOT NULL,
            complete INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE balance (
            device_id INTEGER PRIMARY KEY,
            currency TEXT NOT NULL,
            balance TEXT NOT NULL,
            balance_minor ANY NOT NULL,
            balance_exact TEXT NOT NULL,
            charges TEXT NOT NULL,
            top_ups TEXT NOT NULL,
            as_of INTEGER
        ) STRICT
        """,
        """
        CREATE TABLE ledger (
            id INTEGER PRIMARY KEY,
            device_id INTEGER NOT NULL,
            day TEXT NOT NULL,
            kind TEXT NOT NULL,
            period TEXT,
            quantity_milli ANY,
            price TEXT,
            amount TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE episode (
            device_id INTEGER NOT NULL,
            rule TEXT NOT NULL,
            episode INTEGER NOT NULL,
            position INTEGER NOT NULL,
            crossed_at INTEGER,
            balance_before TEXT NOT NULL,
            balance_after TEXT NOT NULL,
            cleared_at INTEGER,
            cleared_position INTEGER,
            PRIMARY KEY (device_id, rule, episode)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE push_job (
            job TEXT NOT NULL PRIMARY KEY,
            device_id INTEGER NOT NULL,
            rule TEXT NOT NULL,
            episode INTEGER NOT NULL,
            kind TEXT NOT NULL,
            requested_at INTEGER NOT NULL,
            requested_position INTEGER NOT NULL,
            requested_event_time INTEGER,
            stale_after_ms INTEGER NOT NULL,
            state TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            last_outcome TEXT,
            outcome_at INTEGER,
            outcome_position INTEGER
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE anomaly (
            series_id INTEGER NOT NULL,
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            position INTEGER NOT NULL,
            ordinal INTEGER NOT NULL,
            detail TEXT NOT NULL,
            open INTEGER NOT NULL,
            PRIMARY KEY (series_id, at, kind, position, ordinal)
        ) STRICT, WITHOUT ROWID
        """,
    ]

    static let indexes = [
        "CREATE UNIQUE INDEX device_name ON device (device)",
        "CREATE UNIQUE INDEX series_register ON series (device_id, register)",
        // What is still to be delivered, in order of request.
        """
        CREATE INDEX push_job_unsettled ON push_job (requested_position)
        WHERE state IN ('pending', 'failed')
        """,
        // Who owes: the arrears.
        """
        CREATE INDEX episode_open ON episode (rule, device_id)
        WHERE cleared_position IS NULL
        """,
        // The same in the order of their query, and the orders of the others that do not go by device: a page of them
        // is found without sorting the rest.
        """
        CREATE INDEX episode_open_since ON episode (rule, crossed_at)
        WHERE cleared_position IS NULL
        """,
        "CREATE INDEX episode_position ON episode (position)",
        "CREATE INDEX push_job_position ON push_job (requested_position)",
    ]
}

/// How rows of consumption are keyed: `series_id << 32 | seconds`, the bucket's start in seconds since 1970.
///
/// So the rows of a series lie together and ascend by start, and a whole key fits SQLite's rowid.
enum BucketKey {
    /// - Precondition: `start` is a whole second from 1970 to 2106 and `series` is below 2^31.
    @inline(__always)
    static func id(series: UInt32, startMilliseconds start: Int64) -> Int64 {
        let seconds = start / 1000
        precondition(seconds * 1000 == start && UInt32(exactly: seconds) != nil, "bucket start out of range")
        precondition(series < 1 << 31, "series out of range")
        return Int64(series) << 32 | seconds
    }

    /// The keys of the buckets of a series that start in `[from, to)` (milliseconds, any values), lowest and one past
    /// the highest.
    static func range(series: UInt32, from: Int64, to: Int64) -> Range<Int64> {
        let base = Int64(series) << 32
        let low = base + clampedSecond(notBefore: from)
        return low..<max(low, base + clampedSecond(notBefore: to))
    }

    private static func clampedSecond(notBefore milliseconds: Int64) -> Int64 {
        let (quotient, remainder) = milliseconds.quotientAndRemainder(dividingBy: 1000)
        return min(max(remainder > 0 ? quotient + 1 : quotient, 0), Int64(UInt32.max) + 1)
    }
}

/// How ledger lines are keyed: `device_id << 34 | day << 12 | ordinal`, the day counted from 0001-01-01 and the ordinal
/// in the order of output (kind, period).
enum LedgerKey {
    static let linesPerDayMaximum = 1 << 12
    private static let dayOfYearOne: Int64 = 719_162
    /// What a key holds besides the device.
    static let lineMask: Int64 = 1 << 34 - 1

    /// - Precondition: the day is of the years 1 to 9999 and `device` is below 2^29.
    static func id(device: UInt32, day: LocalDate, ordinal: Int = 0) -> Int64 {
        precondition(device < 1 << 29, "device out of range")
        return base(device: device, dayNumber: Int64(day.dayNumber)) | Int64(ordinal)
    }

    /// The keys of a device's lines of the days `[from, to)`; nil is no bound.
    static func range(device: UInt32, from: LocalDate?, to: LocalDate?) -> Range<Int64> {
        let low = from.map { base(device: device, dayNumber: Int64($0.dayNumber)) } ?? Int64(device) << 34
        let high = to.map { base(device: device, dayNumber: Int64($0.dayNumber)) } ?? (Int64(device) + 1) << 34
        return low..<max(low, high)
    }

    private static func base(device: UInt32, dayNumber: Int64) -> Int64 {
        let day = min(max(dayNumber + dayOfYearOne, 0), (1 << 22) - 1)
        return Int64(device) << 34 | day << 12
    }
}
