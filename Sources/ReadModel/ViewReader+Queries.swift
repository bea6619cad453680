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
        try run(query, walk: PageWalk(), zones: zones, into: sink)
    }

    func run(_ query: ViewQuery, walk: PageWalk, zones: any ZoneSource, into sink: any RowSink) throws {
        if query.view == .consumption(by: .hour), try !meta().hoursAreOn { throw ViewError.hoursAreOff }
        try sink.begin(query.columns)
        let run = QueryRun(reader: self, query: query, span: QuerySpan(query, zones: zones), sink: sink, walk: walk)
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
    let walk: PageWalk
    let cells = RowCells()

    /// Prepares a selection from `device AS d` and others, of the one device asked for if there is one.
    ///
    /// - Parameters:
    ///   - head: the selection.
    ///   - condition: what its rows fulfil besides.
    ///   - resumed: which rows lie after the key where the page begins; the key's components are `?2`, `?3`, …
    ///   - order: the order of the rows.
    /// - Returns: the statement, ready to be stepped through.
    /// - Throws: `ViewError`.
    func statement(
        _ head: String,
        where condition: String? = nil,
        resumed: String? = nil,
        orderBy order: String
    ) throws -> SQLStatement {
        var conditions = [condition, query.device == nil ? nil : "d.device = ?1"].compactMap { $0 }
        if let resumed, walk.start != nil { conditions.append("(\(resumed))") }
        let prefix = walk.devicePrefix
        if prefix != nil { conditions.append("d.device >= ?10") }
        if prefix?.to != nil { conditions.append("d.device < ?11") }
        let clause = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        let limit = walk.statementLimit == nil ? "" : "\nLIMIT ?12"
        let statement = try reader.statement("\(head)\n\(clause)\nORDER BY \(order)\(limit)")
        if let device = query.device { statement.bind(1, device) }
        for (index, component) in (walk.start ?? []).enumerated() {
            switch component {
            case .null: statement.bindNull(Int32(index) + 2)
            case .integer(let value): statement.bind(Int32(index) + 2, value)
            case .text(let text): statement.bind(Int32(index) + 2, text)
            }
        }
        if let prefix {
            statement.bind(10, prefix.from)
            if let to = prefix.to { statement.bind(11, to) }
        }
        if let limit = walk.statementLimit { statement.bind(12, limit) }
        return statement
    }

    /// Goes through the rows of a statement until the page is full; the first column is the device.
    ///
    /// - Parameters:
    ///   - rows: the statement.
    ///   - key: the key of the row that is there.
    ///   - body: looks at the row that is there, and hands it on if it is wanted.
    /// - Throws: `ViewError`, and what `body` throws.
    func forEach(_ rows: SQLStatement, key: () -> [ViewCursor.Component], _ body: () throws -> Void) throws {
        while try rows.step() {
            guard walk.mayGoOn() else { return rows.reset() }
            if walk.covers(rows.bytes(0)) { try body() }
            // The body may have come to the page's end among the rows of its own.
            if walk.next != nil { return rows.reset() }
            walk.passed(key)
        }
    }

    /// Hands a row to the sink.
    func emit(_ fill: (RowCells) throws -> Void) throws {
        cells.removeAll()
        try fill(cells)
        try sink.row(cells)
        walk.emittedRow()
    }

    // MARK: Devices

    func devices() throws {
        let rows = try statement(
            """
            SELECT d.device, d.utility, d.unit, d.tariff, d.readings, d.duplicates, d.first_read_at, d.last_read_at,
                d.last_value_milli, d.account
            FROM device AS d
            """,
            resumed: "d.device > ?2",
            orderBy: "d.device"
        )
        try forEach(rows, key: { [.text(rows.text(0))] }) {
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
            resumed: "d.device >= ?2 AND (d.device > ?2 OR s.register >= ?3)",
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
        // After its last bucket a series counts as one row more, so that many empty ones end a page too.
        try forEach(series, key: { [.text(series.text(0)), .text(series.text(1)), .integer(.max)] }) {
            let zone = try span.rules(of: series.text(3))
            let (from, to) = span.instants(in: zone)
            let keys = BucketKey.range(series: UInt32(series.integer(4)), from: from, to: to)
            rows.bind(1, max(keys.lowerBound, firstBucket(of: series)))
            rows.bind(2, keys.upperBound)
            while try rows.step() {
                guard walk.mayGoOn() else { return rows.reset() }
                try emitBucket(rows, of: series, in: zone)
                walk.passed {
                    [.text(series.text(0)), .text(series.text(1)), .integer(rows.integer(0) & Int64(UInt32.max))]
                }
            }
        }
    }

    /// The lowest key of a series' buckets that lies after where the page begins.
    private func firstBucket(of series: SQLStatement) -> Int64 {
        guard let start = walk.start, case .text(let device) = start[0], case .text(let register) = start[1],
            case .integer(let seconds) = start[2], series.bytes(0).elementsEqual(device.utf8),
            series.bytes(1).elementsEqual(register.utf8)
        else { return .min }
        return series.integer(4) << 32 + min(max(seconds, -1), Int64(UInt32.max)) + 1
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
            SELECT d.device, s.register, a.kind, a.at, a.position, a.detail, a.open, d.timezone, a.ordinal
            FROM device AS d JOIN series AS s USING (device_id) JOIN anomaly AS a USING (series_id)
            """,
            resumed: """
                d.device >= ?2 AND (d.device > ?2
                    OR (a.at, a.kind, s.register, a.position, a.ordinal) > (?3, ?4, ?5, ?6, ?7))
                """,
            orderBy: "d.device, a.at, a.kind, s.register, a.position, a.ordinal"
        )
        func key() -> [ViewCursor.Component] {
            [
                .text(rows.text(0)), .integer(rows.integer(3)), .text(rows.text(2)), .text(rows.text(1)),
                .integer(rows.integer(4)), .integer(rows.integer(8)),
            ]
        }
        try forEach(rows, key: key) {
            guard try span.contains(rows.integer(3), zone: rows.text(7)) else { return }
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
