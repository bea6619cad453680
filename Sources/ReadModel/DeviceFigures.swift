package import MeterModel

/// What two databases of views are held against each other by, of one device: charges, balance, arrears, pushes.
package struct DeviceFigures: Hashable, Sendable {
    package var device: String
    /// Nil without a balance; then so are the amounts.
    package var currency: Currency?
    package var charges: Money?
    package var balance: Money?
    /// Whether an episode of the rule `zero` is open, and since when; no time where the causing event has none.
    package var isInArrears: Bool
    package var arrearsSince: Instant?
    /// How many episodes of any rule there have been.
    package var crossings: Int64
    /// How many pushes have been requested, whatever became of them.
    package var pushes: Int64
}

extension ViewReader {
    /// The figures of all devices, by name.
    func deviceFigures() throws -> DeviceFiguresCursor { try DeviceFiguresCursor(self) }
}

/// Goes through the figures of all devices in the order of their names' bytes.
struct DeviceFiguresCursor {
    private let rows: SQLStatement
    /// Nil behind the last.
    private(set) var current: DeviceFigures?

    init(_ reader: ViewReader) throws {
        rows = try reader.statement(
            """
            SELECT d.device, b.currency, b.charges, b.top_ups, z.open, z.since, coalesce(e.n, 0), coalesce(p.n, 0)
            FROM device AS d
            LEFT JOIN balance AS b USING (device_id)
            LEFT JOIN (
                SELECT device_id, 1 AS open, crossed_at AS since FROM episode
                WHERE rule = 'zero' AND cleared_position IS NULL
            ) AS z USING (device_id)
            LEFT JOIN (SELECT device_id, count(*) AS n FROM episode GROUP BY device_id) AS e USING (device_id)
            LEFT JOIN (SELECT device_id, count(*) AS n FROM push_job GROUP BY device_id) AS p USING (device_id)
            ORDER BY d.device
            """
        )
        try advance()
    }

    mutating func advance() throws {
        current = nil
        guard try rows.step() else { return }
        var figures = DeviceFigures(
            device: rows.text(0),
            isInArrears: !rows.isNull(4),
            arrearsSince: rows.integerOrNil(5).map(Instant.init(milliseconds:)),
            crossings: rows.integer(6),
            pushes: rows.integer(7)
        )
        if !rows.isNull(1) {
            guard let currency = Currency(rows.text(1)) else { throw ViewError.corrupt("no currency: \(rows.text(1))") }
            let charges = try rows.money(2)
            figures.currency = currency
            figures.charges = charges
            figures.balance = try rows.money(3) - charges
        }
        current = figures
    }
}

extension SQLStatement {
    /// A column with an exact amount.
    func money(_ column: Int32) throws -> Money {
        guard let decimal = ExactDecimal(text(column)), let money = Money(decimal) else {
            throw ViewError.corrupt("no amount: \(text(column))")
        }
        return money
    }
}
