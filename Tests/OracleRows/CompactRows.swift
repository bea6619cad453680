package import MeterModel
package import ReadModel
package import ReferenceFold

/// Rows of a query in the oracle's form: compact JSON objects without `detail` and `requestedAt`.
package final class CompactRows: RowSink {
    private var columns: [RowColumn] = []
    package private(set) var rows: [String] = []

    package init() {}

    package func begin(_ columns: [RowColumn]) { self.columns = columns }

    package func row(_ cells: RowCells) {
        var fields: [String] = []
        for (i, column) in columns.enumerated() where column.name != "detail" && column.name != "requestedAt" {
            let text = String(decoding: cells.bytes(i), as: UTF8.self)
            switch cells.kind(i) {
            case .absent: break
            case .null: fields.append("\"\(column.name)\":null")
            case .literal: fields.append("\"\(column.name)\":\(text)")
            case .text: fields.append("\"\(column.name)\":\(CompactRows.quoted(text))")
            }
        }
        rows.append("{\(fields.joined(separator: ","))}")
    }

    package func end() {}

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted += "\\" }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }
}

/// Every query, as both sides name it.
package enum AskedQuery: String, CaseIterable, Sendable {
    case hour = "consumption-hour"
    case day = "consumption-day"
    case month = "consumption-month"
    case balance, ledger, arrears, episodes, pushes, anomalies, devices

    /// What may be asked as of an instant.
    package static let datable: [AskedQuery] = [.hour, .day, .month, .balance, .ledger]

    package var view: ViewQuery.View {
        switch self {
        case .hour: .consumption(by: .hour)
        case .day: .consumption(by: .day)
        case .month: .consumption(by: .month)
        case .balance: .balance
        case .ledger: .ledger
        case .arrears: .arrears
        case .episodes: .episodes
        case .pushes: .pushes
        case .anomalies: .anomalies
        case .devices: .devices
        }
    }

    package var reference: ReferenceQuery {
        switch self {
        case .hour: .consumption(by: .hour)
        case .day: .consumption(by: .day)
        case .month: .consumption(by: .month)
        case .balance: .balance
        case .ledger: .ledger
        case .arrears: .arrears
        case .episodes: .episodes
        case .pushes: .pushes
        case .anomalies: .anomalies
        case .devices: .devices
        }
    }
}

extension ViewStore {
    /// The rows of a query in the oracle's form, of a device or of all.
    package func compactRows(_ query: AskedQuery, device: String? = nil, zones: any ZoneSource) throws -> [String] {
        let sink = CompactRows()
        try read { try $0.run(ViewQuery(query.view, device: device), zones: zones, into: sink) }
        return sink.rows
    }
}

/// Where two lists of rows first differ; nil where they do not.
package func difference(_ ours: [String], _ theirs: [String]) -> String? {
    if ours == theirs { return nil }
    let common = zip(ours, theirs).prefix { $0 == $1 }.count
    func row(_ rows: [String]) -> String { common < rows.count ? rows[common] : "no more rows" }
    return "row \(common + 1)\n  ours   \(row(ours))\n  theirs \(row(theirs))"
}
