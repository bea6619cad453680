package import MeterModel

extension ViewReader {
    /// Answers a query, row by row in the order of the contract.
    ///
    /// - Parameters:
    ///   - query: what is asked.
    ///   - zones: the rules of the devices' zones; those of the same database that cut the views.
    ///   - sink: takes the rows.
    /// - Throws: `ViewError.hoursAreOff` before anything is written, `.unknownZone`, and what the sink throws.
    package func run(_ query: ViewQuery, zones: any ZoneSource, into sink: any RowSink) throws {
        if query.view == .consumption(by: .hour), try !meta().hoursAreOn { throw ViewError.hoursAreOff }
        try sink.begin(query.columns)
        let run = QueryRun(reader: self, query: query, span: QuerySpan(query, zones: zones), sink: sink)
        switch query.view {
        case .consumption(let bucket): try run.consumption(by: bucket)
        case .balance: try run.balance()
        case .ledger: try run.ledger()
        case .arrears: try run.arrears()
        case .episodes: try run.episodes()
        case .pushes: try run.pushes()
        case .anomalies: try run.anomalies()
        case .devices: try run.devices()
        }
        try sink.end()
    }
}

/// One query under way.
struct QueryRun {
    let reader: ViewReader
    let query: ViewQuery
    let span: QuerySpan
    let sink: any RowSink
    let cells = RowCells()

    /// Prepares a selection from `device AS d` and others, of the one device asked for if there is one.
    func statement(_ head: String, where condition: String? = nil, orderBy order: String) throws -> SQLStatement {
        let conditions = [condition, query.device == nil ? nil : "d.device = ?1"].compactMap { $0 }
        let clause = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        let statement = try reader.statement("\(head)\n\(clause)\nORDER BY \(order)")
        if let device = query.device { statement.bind(1, device) }
        return statement
    }

    /// Hands a row to the sink.
    func emit(_ fill: (RowCells) throws -> Void) throws {
        cells.removeAll()
        try fill(cells)
        try sink.row(cells)
    }

    // MARK: Devices

    func devices() throws {
        let rows = try statement(
            """
            SELECT d.device, d.utility, d.unit, d.tariff, d.readings, d.duplicates, d.first_read_at, d.last_read_at,
                d.last_value_milli, d.account
            FROM device AS d
            """,
            orderBy: "d.device"
        )
        while try rows.step() {
            try emit { cells in
                for column: Int32 in 0...3 { cells.addText(rows, column) }
                cells.addInteger(rows, 4)
                cells.addInteger(rows, 5)
                cells.addInstant(rows, 6)
                cells.addInstant(rows, 7)
                try cells.addMilli(rows, 8)
                cells.addText(rows, 9, none: .absent)
            }
        }
    }

    // MARK: Consumption

    func consumption(by bucket: ViewQuery.Bucket) throws {
        let series = try statement(
            """
            SELECT d.device, s.register, d.quantity_unit, d.timezone, s.series_id
            FROM device AS d JOIN series AS s USING (device_id)
            """,
            orderBy: "d.device, s.register"
        )
        let rows = try reader.statement(
            """
            SELECT id, seconds, quantity_milli, estimated_milli, complete
            FROM consumption_\(bucket.rawValue)
            WHERE id >= ? AND id < ?
            ORDER BY id
            """
        )
        while try series.step() {
            let zone = try span.rules(of: series.text(3))
            let (from, to) = span.instants(in: zone)
            let keys = BucketKey.range(series: UInt32(series.integer(4)), from: from, to: to)
            rows.bind(1, keys.lowerBound)
            rows.bind(2, keys.upperBound)
            while try rows.step() { try emitBucket(rows, of: series, in: zone) }
        }
    }

    private func emitBucket(_ rows: SQLStatement, of series: SQLStatement, in zone: ZoneRules) throws {
        let start = (rows.integer(0) & Int64(UInt32.max)) * 1000
        let end = start + rows.integer(1) * 1000
        try emit { cells in
            cells.addText(series, 0)
            cells.addText(series, 1)
            cells.add(.text) { $0.append(instant: start, offsetSeconds: zone.offsetSeconds(at: start)) }
            cells.add(.text) { $0.append(instant: end, offsetSeconds: zone.offsetSeconds(at: end)) }
            try cells.addMilli(rows, 2)
            cells.addText(series, 2)
            try cells.addMilli(rows, 3)
            cells.add(boolean: rows.integer(4) != 0)
        }
    }

    // MARK: Anomalies

    func anomalies() throws {
        let rows = try statement(
            """
            SELECT d.device, s.register, a.kind, a.at, a.position, a.detail, a.open, d.timezone
            FROM device AS d JOIN series AS s USING (device_id) JOIN anomaly AS a USING (series_id)
            """,
            orderBy: "d.device, a.at, a.kind, s.register, a.position, a.ordinal"
        )
        while try rows.step() {
            guard try span.contains(rows.integer(3), zone: rows.text(7)) else { continue }
            try emit { cells in
                for column: Int32 in 0...2 { cells.addText(rows, column) }
                cells.addInstant(rows, 3)
                cells.addInteger(rows, 4)
                cells.addText(rows, 5)
                cells.add(boolean: rows.integer(6) != 0)
            }
        }
    }
}
