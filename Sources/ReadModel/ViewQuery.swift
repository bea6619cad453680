package import MeterModel

/// What is asked of the views (semantics, section 10).
package struct ViewQuery: Hashable, Sendable {
    /// The buckets of consumption.
    package enum Bucket: String, Sendable, CaseIterable {
        case hour, day, month
    }

    /// What rows are asked for.
    package enum View: Hashable, Sendable {
        case consumption(by: Bucket)
        case balance, ledger, arrears, episodes, pushes, anomalies, devices
    }

    /// An end of the span asked for: a local date of each device's own zone, or an instant.
    package enum Bound: Hashable, Sendable {
        case day(LocalDate)
        case instant(Instant)
    }

    package var view: View
    /// One device alone; an unknown one has no rows.
    package var device: String?
    /// `[from, to)`: buckets by `start`, ledger lines by the start of their day, episodes by `crossedAt`, pushes by
    /// `requestedAt`, anomalies by `at`; a row without a time lies in no bounded span.
    package var from: Bound?
    package var to: Bound?

    package init(_ view: View, device: String? = nil, from: Bound? = nil, to: Bound? = nil) {
        self.view = view
        self.device = device
        self.from = from
        self.to = to
    }

    /// Whether `from` and `to` mean something; the other views disregard them.
    package var takesSpan: Bool {
        switch view {
        case .consumption, .ledger, .episodes, .pushes, .anomalies: true
        case .balance, .arrears, .devices: false
        }
    }

    var isBounded: Bool { from != nil || to != nil }

    /// The fields of a row, in order.
    package var columns: [RowColumn] {
        switch view {
        case .consumption:
            [
                RowColumn("device"), RowColumn("register"), RowColumn("start"), RowColumn("end"),
                RowColumn("quantity", .trailing), RowColumn("unit"), RowColumn("estimated", .trailing),
                RowColumn("complete"),
            ]
        case .balance:
            [
                RowColumn("device"), RowColumn("currency"), RowColumn("balance", .trailing),
                RowColumn("balanceExact", .trailing), RowColumn("charges", .trailing), RowColumn("topUps", .trailing),
                RowColumn("asOf"), RowColumn("position", .trailing),
            ]
        case .ledger:
            [
                RowColumn("device"), RowColumn("day"), RowColumn("kind"), RowColumn("period"),
                RowColumn("quantity", .trailing), RowColumn("price", .trailing), RowColumn("amount", .trailing),
            ]
        case .devices:
            [
                RowColumn("device"), RowColumn("utility"), RowColumn("unit"), RowColumn("tariff"),
                RowColumn("readings", .trailing), RowColumn("duplicates", .trailing), RowColumn("firstReadAt"),
                RowColumn("lastReadAt"), RowColumn("lastValue", .trailing), RowColumn("account"),
            ]
        case .arrears, .episodes, .pushes, .anomalies: alertColumns
        }
    }

    private var alertColumns: [RowColumn] {
        switch view {
        case .arrears:
            [
                RowColumn("device"), RowColumn("balance", .trailing), RowColumn("currency"), RowColumn("since"),
                RowColumn("episode", .trailing), RowColumn("position", .trailing),
            ]
        case .episodes:
            [
                RowColumn("device"), RowColumn("rule"), RowColumn("episode", .trailing),
                RowColumn("position", .trailing), RowColumn("crossedAt"), RowColumn("balanceBefore", .trailing),
                RowColumn("balanceAfter", .trailing), RowColumn("clearedAt"), RowColumn("clearedPosition", .trailing),
            ]
        case .pushes:
            [
                RowColumn("job"), RowColumn("device"), RowColumn("rule"), RowColumn("episode", .trailing),
                RowColumn("kind"), RowColumn("state"), RowColumn("requestedAt"), RowColumn("attempts", .trailing),
                RowColumn("lastOutcome"),
            ]
        default:
            [
                RowColumn("device"), RowColumn("register"), RowColumn("kind"), RowColumn("at"),
                RowColumn("position", .trailing), RowColumn("detail"), RowColumn("open"),
            ]
        }
    }
}

/// A query's bounds, worked out zone by zone.
final class QuerySpan {
    private let query: ViewQuery
    private let zones: any ZoneSource
    private var rulesByName: [String: ZoneRules] = [:]

    init(_ query: ViewQuery, zones: any ZoneSource) {
        self.query = query
        self.zones = zones
    }

    /// - Throws: `ViewError.unknownZone`.
    func rules(of name: String) throws -> ZoneRules {
        if let rules = rulesByName[name] { return rules }
        guard let rules = zones.rules(of: name) else { throw ViewError.unknownZone(name) }
        rulesByName[name] = rules
        return rules
    }

    /// The span in UTC milliseconds.
    func instants(in zone: ZoneRules) -> (from: Int64, to: Int64) {
        (query.from.map { instant($0, in: zone) } ?? .min, query.to.map { instant($0, in: zone) } ?? .max)
    }

    /// The local days that start in the span.
    func days(in zone: ZoneRules) -> (from: LocalDate?, to: LocalDate?) {
        (query.from.map { day($0, in: zone) }, query.to.map { day($0, in: zone) })
    }

    /// Whether a time, null where there is none, lies in the span.
    func contains(_ time: Int64?, zone: @autoclosure () -> String) throws -> Bool {
        guard query.isBounded else { return true }
        guard let time else { return false }
        let (from, to) = instants(in: try rules(of: zone()))
        return from <= time && time < to
    }

    private func instant(_ bound: ViewQuery.Bound, in zone: ZoneRules) -> Int64 {
        switch bound {
        case .day(let date): zone.start(ofDay: Int(date.dayNumber))
        case .instant(let instant): instant.milliseconds
        }
    }

    private func day(_ bound: ViewQuery.Bound, in zone: ZoneRules) -> LocalDate {
        switch bound {
        case .day(let date): return date
        case .instant(let instant):
            let day = zone.day(at: instant.milliseconds)
            let isStart = zone.start(ofDay: day) == instant.milliseconds
            return LocalDate(dayNumber: Int32(isStart ? day : day + 1))
        }
    }
}
