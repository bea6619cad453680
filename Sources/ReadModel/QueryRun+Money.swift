internal import MeterModel

extension QueryRun {
    func balance() throws {
        let position = try reader.meta().checkpoint
        let rows = try statement(
            """
            SELECT d.device, b.currency, b.balance, b.balance_exact, b.charges, b.top_ups, b.as_of
            FROM device AS d JOIN balance AS b USING (device_id)
            """,
            resumed: "d.device > ?2",
            orderBy: "d.device"
        )
        try forEach(rows, key: { [.text(rows.text(0))] }) {
            try emit { cells in
                for column: Int32 in 0...5 { cells.addText(rows, column) }
                cells.addInstant(rows, 6)
                cells.add(integer: Int64(position.rawValue))
            }
        }
    }

    func ledger() throws {
        let devices = try statement(
            "SELECT d.device, d.timezone, d.device_id FROM device AS d",
            resumed: "d.device >= ?2",
            orderBy: "d.device"
        )
        let lines = try reader.statement(
            """
            SELECT day, kind, period, quantity_milli, price, amount, id
            FROM ledger
            WHERE id >= ? AND id < ?
            ORDER BY id
            """
        )
        // After its last line a device counts as one row more, so that many without lines end a page too.
        try forEach(devices, key: { [.text(devices.text(0)), .integer(.max)] }) {
            var days: (from: LocalDate?, to: LocalDate?) = (nil, nil)
            if query.isBounded { days = span.days(in: try span.rules(of: devices.text(1))) }
            let keys = LedgerKey.range(device: UInt32(devices.integer(2)), from: days.from, to: days.to)
            lines.bind(1, max(keys.lowerBound, firstLine(of: devices)))
            lines.bind(2, keys.upperBound)
            while try lines.step() {
                guard walk.mayGoOn() else { return lines.reset() }
                try emit { cells in
                    cells.addText(devices, 0)
                    cells.addText(lines, 0)
                    cells.addText(lines, 1)
                    cells.addText(lines, 2, none: .absent)
                    try cells.addMilli(lines, 3, none: .absent)
                    cells.addText(lines, 4, none: .absent)
                    cells.addText(lines, 5)
                }
                walk.passed { [.text(devices.text(0)), .integer(lines.integer(6) & LedgerKey.lineMask)] }
            }
        }
    }

    /// The lowest key of a device's lines that lies after where the page begins.
    private func firstLine(of devices: SQLStatement) -> Int64 {
        guard let start = walk.start, case .text(let device) = start[0], case .integer(let line) = start[1],
            devices.bytes(0).elementsEqual(device.utf8)
        else { return .min }
        return devices.integer(2) << 34 + min(max(line, -1), LedgerKey.lineMask) + 1
    }

    func arrears() throws {
        let rows = try statement(
            """
            SELECT d.device, b.balance, b.currency, e.crossed_at, e.episode, e.position
            FROM episode AS e JOIN device AS d USING (device_id) JOIN balance AS b USING (device_id)
            """,
            where: "e.rule = 'zero' AND e.cleared_position IS NULL",
            resumed: walk.start?.first == .null
                ? "(e.crossed_at IS NULL AND d.device > ?3) OR e.crossed_at IS NOT NULL"
                : "e.crossed_at >= ?2 AND (e.crossed_at > ?2 OR d.device > ?3)",
            orderBy: "e.crossed_at NULLS FIRST, d.device"
        )
        try forEach(rows, key: { [rows.integerOrNil(3).map { .integer($0) } ?? .null, .text(rows.text(0))] }) {
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
            resumed: "e.position >= ?2 AND (e.position > ?2 OR (d.device, e.rule, e.episode) > (?3, ?4, ?5))",
            orderBy: "e.position, d.device, e.rule, e.episode"
        )
        func key() -> [ViewCursor.Component] {
            [.integer(rows.integer(3)), .text(rows.text(0)), .text(rows.text(1)), .integer(rows.integer(2))]
        }
        try forEach(rows, key: key) {
            guard try span.contains(rows.integerOrNil(4), zone: rows.text(9)) else { return }
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
            SELECT d.device, p.job, p.rule, p.episode, p.kind, p.state, p.requested_at, p.attempts, p.last_outcome,
                d.timezone, p.requested_position
            FROM push_job AS p JOIN device AS d USING (device_id)
            """,
            resumed: """
                p.requested_position >= ?2 AND (p.requested_position > ?2
                    OR (d.device, p.rule, p.episode, p.kind) > (?3, ?4, ?5, ?6))
                """,
            orderBy: "p.requested_position, d.device, p.rule, p.episode, p.kind"
        )
        func key() -> [ViewCursor.Component] {
            [
                .integer(rows.integer(10)), .text(rows.text(0)), .text(rows.text(2)), .integer(rows.integer(3)),
                .text(rows.text(4)),
            ]
        }
        try forEach(rows, key: key) {
            guard try span.contains(rows.integer(6), zone: rows.text(9)) else { return }
            try emit { cells in
                cells.addText(rows, 1)
                cells.addText(rows, 0)
                cells.addText(rows, 2)
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
