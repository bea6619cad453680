import MeterModel

/// What an apply would do or did, for a person and as one object.
struct ApplyReport {
    var plan: FleetPlan
    var effect: ChargeEffect
    /// Nil while nothing is appended.
    var positions: ClosedRange<UInt64>?
    var isDryRun: Bool

    // MARK: Text

    /// The plan, a line a change, and what it does to charges already made.
    var planLines: [String] {
        var lines = plan.changes.map(\.text)
        for (count, what) in [(plan.unchangedTariffCount, "tariff"), (plan.unchangedDeviceCount, "device")]
        where count > 0 {
            lines.append("= \(ApplyReport.counted(count, what)) unchanged")
        }
        if lines.isEmpty { lines.append("nothing is declared") }
        return lines + effectLines
    }

    /// What is said of charges already made.
    var effectLines: [String] {
        effect.changed.map { sum in
            var line = "charges already made: \(ApplyReport.counted(sum.deviceCount, "device")) "
            line += sum.deviceCount == 1 ? "changes" : "change"
            line += ", in total \(ApplyReport.signed(sum.total, sum.currency))"
            if sum.up > .zero, sum.down > .zero {
                line += " (\(ApplyReport.signed(sum.up, sum.currency)), \(ApplyReport.signed(-sum.down, sum.currency)))"
            }
            return line
        }
            + effect.first.map { sum in
                "charged for the first time, for what was used already: "
                    + "\(ApplyReport.counted(sum.deviceCount, "device")), "
                    + ApplyReport.signed(sum.total, sum.currency)
            }
    }

    /// What became of the plan.
    var outcomeLine: String {
        if plan.steps.isEmpty { return "nothing to change" }
        let events = ApplyReport.counted(plan.steps.count, "event")
        guard let positions else { return isDryRun ? "would append \(events); nothing was written" : "not applied" }
        return "appended \(events), positions \(positions.lowerBound) to \(positions.upperBound)"
    }

    private static func counted(_ count: Int, _ what: String) -> String { "\(count) \(what)\(count == 1 ? "" : "s")" }

    /// Rounded to the currency's minor unit; an amount that rounds to nothing is shown exactly.
    private static func signed(_ amount: Money, _ currency: Currency) -> String {
        var text = amount.roundedText(minorDigits: currency.minorDigits)
        if amount.roundedMinorUnits(minorDigits: currency.minorDigits) == 0, amount != .zero { text = amount.exactText }
        return "\(amount > .zero ? "+" : "")\(text) \(currency)"
    }

    // MARK: JSON

    var json: String {
        var line = JSONLine()
        line.add("dryRun", isDryRun)
        line.add("applied", positions != nil)
        line.add("events", plan.steps.count)
        line.add("firstPosition", positions.map { Int64($0.lowerBound) })
        line.add("lastPosition", positions.map { Int64($0.upperBound) })
        line.add("tariffs", raw: counts(.tariff, unchanged: plan.unchangedTariffCount))
        line.add("devices", raw: counts(.device, unchanged: plan.unchangedDeviceCount))
        line.add("changes", raw: list(plan.changes.map(change)))
        line.add("chargesChanged", raw: list(effect.changed.map(sum)))
        line.add("chargedFirst", raw: list(effect.first.map(sum)))
        return line.text
    }

    private func counts(_ subject: FleetPlan.Change.Subject, unchanged: Int) -> String {
        var line = JSONLine()
        line.add("added", plan.count(of: subject, isNew: true))
        line.add("changed", plan.count(of: subject, isNew: false))
        line.add("unchanged", unchanged)
        return line.text
    }

    private func change(_ change: FleetPlan.Change) -> String {
        var line = JSONLine()
        line.add(change.subject.rawValue, change.name)
        line.add("change", change.differences == nil ? "added" : "changed")
        let fields = (change.differences ?? []).map { difference in
            var line = JSONLine()
            line.add("field", difference.field)
            line.add("from", difference.old)
            line.add("to", difference.new)
            return line.text
        }
        line.add("fields", raw: list(fields))
        return line.text
    }

    private func sum(_ sum: ChargeEffect.Sum) -> String {
        var line = JSONLine()
        line.add("currency", sum.currency.code)
        line.add("devices", sum.deviceCount)
        line.add("total", sum.total.exactText)
        line.add("more", sum.up.exactText)
        line.add("less", sum.down.exactText)
        return line.text
    }

    private func list(_ objects: [String]) -> String { "[\(objects.joined(separator: ", "))]" }
}
