import Ingest
import MeterModel

/// What an ingest did, told at its end.
struct IngestReport {
    var summary: IntakeSummary
    /// Nil where the views were left for later.
    var duplicates: Int?
    var durable: Position
    var seconds: Double
    var quarantine: String?

    private var reasons: [(code: String, count: Int)] {
        summary.reasons.map { ($0.key.rawValue, $0.value) }.sorted { $0.0 < $1.0 }
    }

    var json: String { fields.text }

    var fields: JSONLine {
        var codes = JSONLine()
        for (code, count) in reasons { codes.add(code, count) }
        var line = JSONLine()
        line.add("accepted", summary.accepted)
        if let duplicates { line.add("duplicates", duplicates) }
        line.add("rejected", summary.rejected)
        line.add("reasons", raw: codes.text)
        line.add("firstPosition", summary.firstPosition.map { Int64($0.rawValue) })
        line.add("lastPosition", summary.lastPosition.map { Int64($0.rawValue) })
        line.add("durable", Int64(durable.rawValue))
        line.add("seconds", raw: "\(SecondsText(seconds))")
        return line
    }

    var text: String { lines(refusedNote: ", kept in \(quarantine ?? "quarantine")").joined(separator: "\n") }

    /// The summary for people.
    ///
    /// - Parameter refusedNote: what is said behind the count of refused lines.
    /// - Returns: its lines.
    func lines(refusedNote: String) -> [String] {
        var lines = ["accepted   \(summary.accepted)" + (duplicates.map { $0 > 0 ? " (\($0) duplicates)" : "" } ?? "")]
        if summary.rejected > 0 {
            lines.append("rejected   \(summary.rejected)\(refusedNote)")
            for (code, count) in reasons { lines.append("           \(count) \(code)") }
        }
        if summary.missingValueCount > 0 { lines.append("no reading \(summary.missingValueCount) empty cells") }
        if summary.ignoredFieldCount > 0 {
            lines.append("ignored    \(summary.ignoredFieldCount) other tags and fields")
        }
        let span = summary.firstPosition.flatMap { first in
            summary.lastPosition.map { "\(first.rawValue) to \($0.rawValue)" }
        }
        lines.append("positions  \(span ?? "none"), durable up to \(durable.rawValue)")
        let rate = Int(Double(summary.accepted) / max(seconds, 0.000_001))
        lines.append("time       \(SecondsText(seconds)) s, \(rate) events/s")
        return lines
    }
}
