import MeterModel
import ReadModel
import ReferenceFold

/// Rows of a query in the oracle's form: compact JSON objects without `detail` and `requestedAt`.
final class CompactRows: RowSink {
    private var columns: [RowColumn] = []
    private(set) var rows: [String] = []

    func begin(_ columns: [RowColumn]) { self.columns = columns }

    func row(_ cells: RowCells) {
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

    func end() {}

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
enum AskedQuery: String, CaseIterable, Sendable {
    case hour = "consumption-hour"
    case day = "consumption-day"
    case month = "consumption-month"
    case balance, ledger, arrears, episodes, pushes, anomalies, devices

    /// What may be asked as of an instant.
    static let datable: [AskedQuery] = [.hour, .day, .month, .balance, .ledger]

    var view: ViewQuery.View {
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

    var reference: ReferenceQuery {
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
    func compactRows(_ query: AskedQuery, device: String? = nil) throws -> [String] {
        let sink = CompactRows()
        try read { try $0.run(ViewQuery(query.view, device: device), zones: testZones, into: sink) }
        return sink.rows
    }
}
