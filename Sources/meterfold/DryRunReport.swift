import Ingest
import MeterModel
import ReadModel

/// What an ingest would do, told without its having been done.
struct DryRunReport {
    /// What would become of a push that is requested.
    enum Fate: String {
        /// It would be sent.
        case due
        /// Its event lies too far back: it would not be sent.
        case stale
        /// Its episode is over at the end of the input: it would not be sent.
        case superseded
    }

    struct Device {
        var difference: DeviceDifference
        var pushes: [(job: PushJobRow, fate: Fate)]
    }

    var intake: IngestReport
    /// The first refused lines.
    var refused: [ShownRefusals.Line]
    /// Those of which something would change, by name.
    var devices: [Device] = []

    // MARK: JSON

    var json: String {
        var line = intake.fields
        line.add(
            "refused",
            raw: array(refused) { refused in
                var line = JSONLine()
                line.add("source", refused.source)
                line.add("line", Int64(clamping: refused.line))
                line.add("code", refused.refusal.code.rawValue)
                line.add("text", refused.refusal.text)
                return line
            }
        )
        line.add("devices", raw: array(devices, json))
        return line.text
    }

    private func json(_ device: Device) -> JSONLine {
        let difference = device.difference
        var line = JSONLine()
        line.add("device", difference.device)
        line.add("unit", difference.unit)
        line.add(
            "days",
            raw: array(difference.days) { day in
                var line = JSONLine()
                line.add("register", day.register)
                line.add("day", day.day)
                line.add("before", day.before.map(quantityText))
                line.add("after", day.after.map(quantityText))
                return line
            }
        )
        line.add(
            "ledgerDays",
            raw: array(difference.ledgerDays) { day in
                var line = JSONLine()
                line.add("day", day.day)
                line.add("before", day.before.exactText)
                line.add("after", day.after.exactText)
                return line
            }
        )
        if let balance = difference.balance {
            var change = JSONLine()
            change.add("currency", balance.currency.code)
            change.add("before", balance.before?.exactText)
            change.add("after", balance.after?.exactText)
            line.add("balance", raw: change.text)
        } else {
            line.add("balance", nil as String?)
        }
        line.add("episodesOpened", raw: array(difference.opened, json))
        line.add("episodesClosed", raw: array(difference.closed, json))
        line.add(
            "pushes",
            raw: array(device.pushes) { push in
                var line = JSONLine()
                line.add("job", push.job.job)
                line.add("rule", push.job.rule)
                line.add("episode", push.job.episode)
                line.add("kind", push.job.kind)
                line.add("outcome", push.fate.rawValue)
                return line
            }
        )
        line.add("anomaliesAppeared", raw: array(difference.appeared, json))
        line.add("anomaliesVanished", raw: array(difference.vanished, json))
        return line
    }

    private func json(_ episode: EpisodeRow) -> JSONLine {
        var line = JSONLine()
        line.add("rule", episode.rule)
        line.add("episode", episode.episode)
        line.add("crossedAt", episode.crossedAt?.rfc3339)
        line.add("balanceBefore", episode.balanceBefore.exactText)
        line.add("balanceAfter", episode.balanceAfter.exactText)
        if let cleared = episode.cleared { line.add("clearedAt", cleared.at?.rfc3339) }
        return line
    }

    private func json(_ anomaly: DeviceDifference.Anomaly) -> JSONLine {
        var line = JSONLine()
        line.add("register", anomaly.register)
        line.add("kind", anomaly.row.kind.rawValue)
        line.add("at", anomaly.row.at.rfc3339)
        line.add("detail", anomaly.row.detail)
        line.add("open", anomaly.row.open)
        return line
    }

    private func array<Element>(_ elements: [Element], _ line: (Element) -> JSONLine) -> String {
        "[" + elements.map { line($0).text }.joined(separator: ", ") + "]"
    }

    // MARK: Text

    var text: String {
        var lines = ["nothing was written: this is what would be"]
        lines += intake.lines(refusedNote: "")
        for line in refused {
            let refusal = line.refusal
            lines.append("refused    \(line.source), line \(line.line): \(refusal.code.rawValue): \(refusal.text)")
        }
        let unshown = intake.summary.rejected - refused.count
        if unshown > 0 { lines.append("           and \(unshown) more") }
        if devices.isEmpty { lines.append("no day, ledger, balance, episode or anomaly changes") }
        for device in devices {
            lines.append(device.difference.device)
            lines += text(device).map { "  " + $0 }
        }
        return lines.map(Terminal.harmless).joined(separator: "\n")
    }

    private func text(_ device: Device) -> [String] {
        let difference = device.difference
        let unit = difference.unit.map { " \($0)" } ?? ""
        var lines: [String] = []
        for day in difference.days {
            let (before, after) = (day.before.map(quantityText) ?? "-", day.after.map(quantityText) ?? "-")
            lines.append("day      \(day.day)  \(day.register)  \(before) -> \(after)\(unit)")
        }
        for day in difference.ledgerDays {
            lines.append("ledger   \(day.day)  \(day.before.exactText) -> \(day.after.exactText)")
        }
        if let balance = difference.balance {
            let digits = balance.currency.minorDigits
            let (before, after) = (
                balance.before?.roundedText(minorDigits: digits) ?? "-",
                balance.after?.roundedText(minorDigits: digits) ?? "-"
            )
            lines.append("balance  \(before) -> \(after) \(balance.currency)")
        }
        for episode in difference.opened {
            lines.append(
                "episode  \(episode.rule)/\(episode.episode) opens, crossed at \(episode.crossedAt?.rfc3339 ?? "-")"
            )
        }
        for episode in difference.closed {
            lines.append(
                "episode  \(episode.rule)/\(episode.episode) closes, cleared at \(episode.cleared?.at?.rfc3339 ?? "-")"
            )
        }
        for push in device.pushes {
            let fate =
                switch push.fate {
                case .due: "to be sent"
                case .stale: "not to be sent: its event lies too far back"
                case .superseded: "not to be sent: the episode is over"
                }
            lines.append("push     \(push.job.rule)/\(push.job.episode)/\(push.job.kind)  \(fate)")
        }
        for (word, anomalies) in [("appears", difference.appeared), ("vanishes", difference.vanished)] {
            for anomaly in anomalies {
                let row = anomaly.row
                lines.append(
                    "anomaly  \(row.kind.rawValue) \(word)  \(row.at.rfc3339)  \(anomaly.register)  \(row.detail)"
                )
            }
        }
        return lines
    }
}

/// A quantity in mWh or mL, as kWh or m3.
private func quantityText(_ quantity: Int128) -> String { decimalText(quantity, fractionDigits: 6) }
