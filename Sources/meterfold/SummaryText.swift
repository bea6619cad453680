import MeterModel
import Projections

/// The rows of a summary as text.
struct SummaryText {
    let format: ReplayCommand.Format

    private static let names = ["day", "register", "utility", "quantity", "unit", "estimated", "series", "complete"]

    func text(of rows: [FleetSummary.Row]) -> String {
        let lines = rows.map(format == .csv ? csv : json)
        return (format == .csv ? [SummaryText.names.joined(separator: ",")] + lines : lines)
            .map { $0 + "\n" }
            .joined()
    }

    private func json(_ row: FleetSummary.Row) -> String {
        var line = JSONLine()
        line.add("day", row.day.description)
        line.add("register", row.register)
        line.add("utility", row.utility?.name)
        line.add("quantity", decimalText(row.quantity, fractionDigits: 6))
        line.add("unit", row.dimension.shownUnit.symbol)
        line.add("estimated", decimalText(row.estimated, fractionDigits: 6))
        line.add("series", row.series)
        line.add("complete", row.complete)
        return line.text
    }

    private func csv(_ row: FleetSummary.Row) -> String {
        let register =
            row.register.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline })
            ? "\"" + row.register.replacing("\"", with: "\"\"") + "\"" : row.register
        return [
            row.day.description, register, row.utility?.name ?? "", decimalText(row.quantity, fractionDigits: 6),
            row.dimension.shownUnit.symbol, decimalText(row.estimated, fractionDigits: 6), String(row.series),
            String(row.complete),
        ].joined(separator: ",")
    }
}
