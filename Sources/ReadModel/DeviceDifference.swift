package import MeterModel

/// What of one device's views is otherwise in a later state of the same views: the days, ledgers, balance, episodes,
/// pushes and anomalies that events in between changed.
package struct DeviceDifference: Hashable, Sendable {
    /// A local day of a series whose quantity differs, in mWh or mL; nil where the day has no row.
    package struct Day: Hashable, Sendable {
        package var register: String
        package var day: String
        package var before: Int128?
        package var after: Int128?
    }

    /// A local day whose ledger lines differ, and the sums of their amounts.
    package struct LedgerDay: Hashable, Sendable {
        package var day: String
        package var before: Money
        package var after: Money
    }

    /// The balance where it differs; nil where there is none.
    package struct Balance: Hashable, Sendable {
        package var currency: Currency
        package var before: Money?
        package var after: Money?
    }

    /// An anomaly of one of the device's series.
    package struct Anomaly: Hashable, Sendable {
        package var register: String
        package var row: AnomalyRow
    }

    package var device: String
    /// What its quantities count; nil where that is not known.
    package var unit: String?
    /// By register, then day.
    package var days: [Day] = []
    package var ledgerDays: [LedgerDay] = []
    package var balance: Balance?
    /// Episodes that are new, closed again or not; and such as were open before and are closed now.
    package var opened: [EpisodeRow] = []
    package var closed: [EpisodeRow] = []
    /// Pushes that are new.
    package var pushes: [PushJobRow] = []
    package var appeared: [Anomaly] = []
    package var vanished: [Anomaly] = []

    package var isEmpty: Bool {
        days.isEmpty && ledgerDays.isEmpty && balance == nil && opened.isEmpty && closed.isEmpty && pushes.isEmpty
            && appeared.isEmpty && vanished.isEmpty
    }

    /// Hands over the differences of every device that has any, ascending by name.
    ///
    /// - Parameters:
    ///   - before: one state.
    ///   - after: a later state of the same views: every device and series of `before` is in it under the same number.
    ///   - body: takes them one after the other.
    /// - Throws: `ViewError`, and what `body` throws.
    package static func forEach(
        from before: ViewStore,
        to after: ViewStore,
        _ body: (DeviceDifference) throws -> Void
    ) throws {
        try before.read { former in
            try after.read { latter in
                var walk = try DeviceWalk(former, latter)
                while let difference = try walk.next() {
                    if !difference.isEmpty { try body(difference) }
                }
            }
        }
    }
}

/// One of two stores, and its statements for one device or series after the other.
private struct DeviceRows {
    let days: SQLStatement
    let ledger: SQLStatement
    let anomalies: SQLStatement
    let reader: ViewReader

    init(_ reader: ViewReader) throws {
        self.reader = reader
        days = try reader.statement(
            "SELECT day, quantity_milli FROM consumption_day WHERE id >= ? AND id < ? ORDER BY id"
        )
        ledger = try reader.statement(
            "SELECT day, kind, period, quantity_milli, price, amount FROM ledger WHERE id >= ? AND id < ? ORDER BY id"
        )
        anomalies = try reader.statement(
            """
            SELECT at, kind, position, detail, open FROM anomaly
            WHERE series_id = ? ORDER BY at, kind, position, ordinal
            """
        )
    }

    func quantities(ofSeries series: UInt32) throws -> [(day: String, quantity: Int128)] {
        let keys = BucketKey.range(series: series, from: .min, to: .max)
        days.bind(1, keys.lowerBound)
        days.bind(2, keys.upperBound)
        var found: [(day: String, quantity: Int128)] = []
        while try days.step() { found.append((days.text(0), try days.wideInteger(1))) }
        return found
    }

    /// The lines of each day, as text to be compared and summed.
    func ledgerDays(ofDevice device: UInt32) throws -> [(day: String, lines: [String], sum: Money)] {
        let keys = LedgerKey.range(device: device, from: nil, to: nil)
        ledger.bind(1, keys.lowerBound)
        ledger.bind(2, keys.upperBound)
        var found: [(day: String, lines: [String], sum: Money)] = []
        while try ledger.step() {
            let day = ledger.text(0)
            if found.last?.day != day { found.append((day, [], .zero)) }
            let line = (1..<ledger.columnCount).map { ledger.textOrNil($0) ?? "" }.joined(separator: "\u{0}")
            found[found.count - 1].lines.append(line)
            found[found.count - 1].sum += try ledger.money(5)
        }
        return found
    }

    func anomalies(ofSeries series: UInt32) throws -> [AnomalyRow] {
        anomalies.bind(1, Int64(series))
        var found: [AnomalyRow] = []
        while try anomalies.step() {
            guard let kind = AnomalyKind(rawValue: anomalies.text(1)) else {
                throw ViewError.corrupt("no anomaly: \(anomalies.text(1))")
            }
            found.append(
                AnomalyRow(
                    kind: kind,
                    at: Instant(milliseconds: anomalies.integer(0)),
                    position: Position(UInt64(bitPattern: anomalies.integer(2))),
                    detail: anomalies.text(3),
                    open: anomalies.integer(4) != 0
                )
            )
        }
        return found
    }
}

/// Goes through the devices of the later store by name.
private struct DeviceWalk {
    private let former: DeviceRows
    private let latter: DeviceRows
    private let devices: SQLStatement
    private let series: SQLStatement
    private var newPushes: [UInt32: [PushJobRow]] = [:]
    private var newEpisodes: [UInt32: [EpisodeRow]] = [:]
    private var closedEpisodes: [UInt32: [EpisodeRow]] = [:]

    init(_ former: ViewReader, _ latter: ViewReader) throws {
        self.former = try DeviceRows(former)
        self.latter = try DeviceRows(latter)
        devices = try latter.statement("SELECT device_id, device, quantity_unit FROM device ORDER BY device")
        series = try latter.statement("SELECT series_id, register FROM series WHERE device_id = ? ORDER BY register")
        var jobs: Set<String> = []
        try former.forEachPushJob { jobs.insert($0.job) }
        var pushes: [UInt32: [PushJobRow]] = [:]
        try latter.forEachPushJob { if !jobs.contains($0.job) { pushes[$0.deviceID, default: []].append($0) } }
        newPushes = pushes
        try noteEpisodes(former, latter)
    }

    private mutating func noteEpisodes(_ former: ViewReader, _ latter: ViewReader) throws {
        struct Key: Hashable {
            var device: UInt32
            var rule: ByteName
            var episode: Int64

            init(_ row: EpisodeRow) { (device, rule, episode) = (row.deviceID, ByteName(row.rule), row.episode) }
        }
        var wereOpen: [Key: Bool] = [:]
        try former.forEachEpisode { wereOpen[Key($0)] = $0.cleared == nil }
        var (new, closed): ([UInt32: [EpisodeRow]], [UInt32: [EpisodeRow]]) = ([:], [:])
        try latter.forEachEpisode { row in
            let wasOpen = wereOpen[Key(row)]
            if wasOpen == nil { new[row.deviceID, default: []].append(row) }
            if wasOpen != false, row.cleared != nil { closed[row.deviceID, default: []].append(row) }
        }
        newEpisodes = new
        closedEpisodes = closed
    }

    /// The next device's differences, if only that there are none; nil behind the last.
    mutating func next() throws -> DeviceDifference? {
        guard try devices.step() else { return nil }
        let device = UInt32(devices.integer(0))
        var difference = DeviceDifference(device: devices.text(1), unit: devices.textOrNil(2))
        series.bind(1, Int64(device))
        while try series.step() {
            let (index, register) = (UInt32(series.integer(0)), series.text(1))
            try addDays(ofSeries: index, register, to: &difference)
            try addAnomalies(ofSeries: index, register, to: &difference)
        }
        try addLedger(of: device, to: &difference)
        try addBalance(of: device, to: &difference)
        difference.opened = newEpisodes[device] ?? []
        difference.closed = closedEpisodes[device] ?? []
        difference.pushes = newPushes[device] ?? []
        return difference
    }

    private func addDays(ofSeries index: UInt32, _ register: String, to difference: inout DeviceDifference) throws {
        let (before, after) = (try former.quantities(ofSeries: index), try latter.quantities(ofSeries: index))
        let formerDays = Dictionary(before.map { ($0.day, $0.quantity) }) { $1 }
        let latterDays = Dictionary(after.map { ($0.day, $0.quantity) }) { $1 }
        for day in Set(formerDays.keys).union(latterDays.keys).sorted() where formerDays[day] != latterDays[day] {
            difference.days.append(
                DeviceDifference.Day(register: register, day: day, before: formerDays[day], after: latterDays[day])
            )
        }
    }

    private func addAnomalies(ofSeries index: UInt32, _ register: String, to difference: inout DeviceDifference) throws
    {
        let (before, after) = (try former.anomalies(ofSeries: index), try latter.anomalies(ofSeries: index))
        let (known, remaining) = (Set(before), Set(after))
        difference.appeared += after.filter { !known.contains($0) }.map { .init(register: register, row: $0) }
        difference.vanished += before.filter { !remaining.contains($0) }.map { .init(register: register, row: $0) }
    }

    private func addLedger(of device: UInt32, to difference: inout DeviceDifference) throws {
        let before = Dictionary(try former.ledgerDays(ofDevice: device).map { ($0.day, $0) }) { $1 }
        let after = Dictionary(try latter.ledgerDays(ofDevice: device).map { ($0.day, $0) }) { $1 }
        for day in Set(before.keys).union(after.keys).sorted() where before[day]?.lines != after[day]?.lines {
            difference.ledgerDays.append(
                DeviceDifference.LedgerDay(
                    day: day,
                    before: before[day]?.sum ?? .zero,
                    after: after[day]?.sum ?? .zero
                )
            )
        }
    }

    private func addBalance(of device: UInt32, to difference: inout DeviceDifference) throws {
        let before = try former.reader.balance(device: device)
        let after = try latter.reader.balance(device: device)
        guard let currency = (after ?? before)?.currency, before?.balance != after?.balance else { return }
        difference.balance = DeviceDifference.Balance(
            currency: currency,
            before: before?.balance,
            after: after?.balance
        )
    }
}
