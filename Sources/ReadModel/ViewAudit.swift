package import MeterModel

/// A conservation law of the views; the raw value is its name in outputs.
package enum ConservationLaw: String, Sendable, CaseIterable {
    /// Intervals sum to last minus first of each run of a register.
    case registers = "intervals-registers"
    /// Hours, days and months sum to the intervals.
    case buckets = "buckets-intervals"
    /// What is not counted, or not as it was read, is named by an anomaly.
    case naming = "uncounted-named"
    /// Ledger lines sum to the balance, its charges and its payments.
    case ledger = "ledger-balance"
    /// A balance is rounded half-even to its currency's minor unit.
    case rounding = "balance-rounding"
    /// Each crossing has one push, each push its episode.
    case pushes = "pushes-episodes"
    /// Episodes count without a hole, and one is open exactly while the balance says so.
    case episodes = "episodes-balance"

    /// In words.
    package var title: String {
        switch self {
        case .registers: "intervals against registers"
        case .buckets: "hours, days and months against intervals"
        case .naming: "anomalies against what is not counted"
        case .ledger: "ledger against balance"
        case .rounding: "rounding of the balance"
        case .pushes: "pushes against episodes"
        case .episodes: "episodes against balance"
        }
    }
}

/// Where a conservation law does not hold.
package struct LawFinding: Hashable, Sendable, CustomStringConvertible {
    package var law: ConservationLaw
    /// The device's name.
    package var device: String
    /// What about the device: a register and what was summed, a rule and episode, a job.
    package var subject: String
    package var expected: String
    package var found: String

    package init(_ law: ConservationLaw, device: String, subject: String, expected: String, found: String) {
        self.law = law
        self.device = device
        self.subject = subject
        self.expected = expected
        self.found = found
    }

    package var description: String { "violation: device \(device): \(law.title): \(text)" }

    /// What failed, without the device and the law.
    package var text: String { "\(subject): expected \(expected), found \(found)" }
}

/// What one snapshot of the views adds up to, and which conservation laws it breaks by itself.
///
/// The laws that bind the views to readings and rules need the fold: `Projections` holds this against it.
package struct ViewAudit: Sendable {
    /// Sums over all rows of a series, mWh or mL.
    package struct Total: Hashable, Sendable {
        package var quantity: Int128 = 0
        package var estimated: Int128 = 0

        package init(quantity: Int128 = 0, estimated: Int128 = 0) {
            self.quantity = quantity
            self.estimated = estimated
        }
    }

    /// The sums of a series over each kind of bucket.
    package struct SeriesTotals: Hashable, Sendable {
        package var hours = Total()
        package var days = Total()
        package var months = Total()

        package init() {}
    }

    /// An anomaly without what is said about it.
    package struct NamedAnomaly: Hashable, Sendable {
        package var series: UInt32
        package var at: Int64
        package var kind: AnomalyKind

        package init(series: UInt32, at: Int64, kind: AnomalyKind) {
            self.series = series
            self.at = at
            self.kind = kind
        }
    }

    package internal(set) var meta = ViewMeta()
    package internal(set) var findings: [LawFinding] = []
    package internal(set) var series: [UInt32: SeriesTotals] = [:]
    package internal(set) var anomalies: Set<NamedAnomaly> = []
    /// The exact balance of each device that has one.
    package internal(set) var balances: [UInt32: Money] = [:]
    /// The rules of each device with an open episode.
    package internal(set) var openRules: [UInt32: Set<ByteName>] = [:]
    private var names: [UInt32: String] = [:]

    /// Reads one snapshot of the views from one end to the other.
    ///
    /// - Throws: `ViewError` as SQLite says, or `.corrupt` for a value that cannot be read.
    package static func run(_ store: ViewStore) throws -> ViewAudit {
        try store.read { reader in
            var audit = ViewAudit()
            audit.meta = try reader.meta()
            let devices = try reader.statement("SELECT device_id, device FROM device")
            while try devices.step() { audit.names[UInt32(truncatingIfNeeded: devices.integer(0))] = devices.text(1) }
            try audit.readConsumption(reader)
            try audit.readMoney(reader)
            try audit.readAlerts(reader)
            return audit
        }
    }

    /// A device's name.
    func name(of device: UInt32) -> String { names[device] ?? "number \(device)" }

    mutating func note(
        _ law: ConservationLaw,
        _ device: UInt32,
        _ subject: String,
        expected: some CustomStringConvertible,
        found: some CustomStringConvertible
    ) {
        findings.append(
            LawFinding(
                law,
                device: name(of: device),
                subject: subject,
                expected: expected.description,
                found: found.description
            )
        )
    }

    // MARK: Consumption

    private mutating func readConsumption(_ reader: ViewReader) throws {
        for (table, total) in [
            ("consumption_hour", \SeriesTotals.hours), ("consumption_day", \SeriesTotals.days),
            ("consumption_month", \SeriesTotals.months),
        ] as [(String, WritableKeyPath<SeriesTotals, Total>)] {
            let rows = try reader.statement(
                "SELECT id >> 32, quantity_milli, estimated_milli FROM \(table) ORDER BY id"
            )
            var index: UInt32?
            var sum = Total()
            while try rows.step() {
                let next = UInt32(truncatingIfNeeded: rows.integer(0))
                if next != index {
                    if let index { series[index, default: SeriesTotals()][keyPath: total] = sum }
                    index = next
                    sum = Total()
                }
                // Whatever a file says, a sum must not stop the program.
                sum.quantity &+= try rows.wideInteger(1)
                sum.estimated &+= try rows.wideInteger(2)
            }
            if let index { series[index, default: SeriesTotals()][keyPath: total] = sum }
        }
        let rows = try reader.statement("SELECT series_id, at, kind FROM anomaly")
        while try rows.step() {
            guard let kind = AnomalyKind(rawValue: rows.text(2)) else {
                throw ViewError.corrupt("no kind of an anomaly: \(rows.text(2))")
            }
            let index = UInt32(truncatingIfNeeded: rows.integer(0))
            anomalies.insert(NamedAnomaly(series: index, at: rows.integer(1), kind: kind))
        }
    }
}
