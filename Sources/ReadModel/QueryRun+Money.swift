internal import MeterModel

extension QueryRun {
    func balance() throws {
        let position = try reader.meta().checkpoint
        let rows = try statement(
            """
            SELECT d.device, b.currency, b.balance, b.balance_exact, b.charges, b.top_ups, b.as_of
            FROM device AS d JOIN balance AS b USING (device_id)
            """,
            orderBy: "d.device"
        )
        while try rows.step() {
            try emit { cells in
                for column: Int32 in 0...5 { cells.addText(rows, column) }
                cells.addInstant(rows, 6)
                cells.add(integer: Int64(position.rawValue))
            }
        }
    }

    func ledger() throws {
        let devices = try statement("SELECT d.device, d.timezone, d.device_id FROM device AS d", orderBy: "d.device")
        let lines = try reader.statement(
            """
            SELECT day, kind, period, quantity_milli, price, amount
            FROM ledger
            WHERE id >= ? AND id < ?
            ORDER BY id
            """
        )
        while try devices.step() {
            var days: (from: LocalDate?, to: LocalDate?) = (nil, nil)
            if query.isBounded { days = span.days(in: try span.rules(of: devices.text(1))) }
            let keys = LedgerKey.range(device: UInt32(devices.integer(2)), from: days.from, to: days.to)
            lines.bind(1, keys.lowerBound)
            lines.bind(2, keys.upperBound)
            while try lines.step() {
                try emit { cells in
                    cells.addText(devices, 0)
                    cells.addText(lines, 0)
                    cells.addText(lines, 1)
                    cells.addText(lines, 2, none: .absent)
                    try cells.addMilli(lines, 3, none: .absent)
                    cells.addText(lines, 4, none: .absent)
                    cells.addText(lines, 5)
                }
            }
        }
    }

    func arrears() throws {
        let rows = try statement(
            """
            SELECT d.device, b.balance, b.currency, e.crossed_at, e.episode, e.position
            FROM episode AS e JOIN device AS d USING (device_id) JOIN balance AS b USING (device_id)
            """,
            where: "e.rule = 'zero' AND e.cleared_position IS NULL",
            orderBy: "e.crossed_at NULLS FIRST, d.device"
        )
        while try rows.step() {
            try emit { cells in
                for column: Int32 in 0...2 { cells.addText(rows, column) }
                cells.addInstant(rows, 3)
                cells.addInteger(rows, 4)
                cells.addInteger(rows, 5)
            }
        }
    }

    func episodes() throws {
        let rows = try statement(
            """
            SELECT d.device, e.rule, e.episode, e.position, e.crossed_at, e.balance_before, e.balance_after,
                e.cleared_at, e.cleared_position, d.timezone
            FROM episode AS e JOIN device AS d USING (device_id)
            """,
            orderBy: "e.position, d.device, e.rule, e.episode"
        )
        while try rows.step() {
            guard try span.contains(rows.integerOrNil(4), zone: rows.text(9)) else { continue }
            try emit { cells in
                cells.addText(rows, 0)
                cells.addText(rows, 1)
                cells.addInteger(rows, 2)
                cells.addInteger(rows, 3)
                cells.addInstant(rows, 4)
                cells.addText(rows, 5)
                cells.addText(rows, 6)
                cells.addInstant(rows, 7, none: .absent)
                cells.addInteger(rows, 8, none: .absent)
            }
        }
    }

    func pushes() throws {
        let rows = try statement(
            """
            SELECT p.job, d.device, p.rule, p.episode, p.kind, p.state, p.requested_at, p.attempts, p.last_outcome,
                d.timezone
            FROM push_job AS p JOIN device AS d USING (device_id)
            """,
            orderBy: "p.requested_position, d.device, p.rule, p.episode, p.kind"
        )
        while try rows.step() {
            guard try span.contains(rows.integer(6), zone: rows.text(9)) else { continue }
            try emit { cells in
                for column: Int32 in 0...2 { cells.addText(rows, column) }
                cells.addInteger(rows, 3)
                cells.addText(rows, 4)
                cells.addText(rows, 5)
                cells.addInstant(rows, 6)
                cells.addInteger(rows, 7)
                cells.addText(rows, 8, none: .absent)
            }
        }
    }
}
