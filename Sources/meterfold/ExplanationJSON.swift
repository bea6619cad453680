import MeterModel
import Projections
import ReadModel

/// An explanation as one JSON object (docs/explain.md).
struct ExplanationJSON {
    let explanation: Explanation

    init(_ explanation: Explanation) { self.explanation = explanation }

    /// The object, a line for each interval, day and notice.
    var text: String {
        let e = explanation
        var object = JSONLine()
        object.add("device", e.device)
        if let account = e.account { object.add("account", account) }
        object.add("register", e.register)
        object.add("otherRegisters", raw: "[\(e.otherRegisters.map(JSONLine.quoted).joined(separator: ", "))]")
        object.add("unit", e.unit?.symbol)
        object.add("timezone", e.zone.name)
        object.add("position", Int64(e.position.rawValue))
        object.add("clock", e.clock?.rfc3339)
        if let asOf = e.asOf { object.add("asOf", asOf.rfc3339) }
        object.add("gapAfter", Milliseconds.text(e.gapAfterMilliseconds))
        object.add("currency", e.currency?.code)
        let minorDigits = e.currency?.minorDigits ?? 0
        object.add("balance", e.hasBalance ? e.total.sum.roundedText(minorDigits: minorDigits) : nil)
        object.add("balanceExact", e.hasBalance ? e.total.sum.exactText : nil)
        object.add("charges", e.hasBalance ? e.total.charges.exactText : nil)
        object.add("topUps", e.hasBalance ? e.total.paid.exactText : nil)
        if e.hasBalance { object.add("totals", raw: totals(e.total)) }
        if let selection = e.selection { addSelection(selection, &object) }
        object.add("quantity", quantity(e.quantities.all))
        object.add("estimated", quantity(e.quantities.estimated))
        object.add("intervals", raw: list(e.intervals.enumerated().map { interval($1, number: $0) }))
        object.add("days", raw: list(e.days.map(day)))
        object.add("notices", raw: list(e.notices.map(notice)))
        return object.text
    }

    private func addSelection(_ selection: ClosedRange<Int>, _ object: inout JSONLine) {
        let bounds = Explanation.unboundedDays
        func shown(_ day: Int) -> String { LocalDate(dayNumber: Int32(day)).description }
        let (first, last) = (selection.lowerBound, selection.upperBound)
        object.add("from", first == bounds.lowerBound ? nil : shown(first))
        object.add("to", last == bounds.upperBound ? nil : shown(last + 1))
        guard explanation.hasBalance else { return }
        let sum = explanation.selected.sum
        object.add("opening", explanation.opening.exactText)
        object.add("sum", sum.exactText)
        object.add("closing", (explanation.opening + sum).exactText)
    }

    private func list(_ rows: [String]) -> String { rows.isEmpty ? "[]" : "[\n\(rows.joined(separator: ",\n"))\n]" }

    private func quantity(_ milli: Int128) -> String { decimalText(milli, fractionDigits: 6) }

    private func local(_ instant: Instant) -> String {
        instant.rfc3339(offsetSeconds: explanation.zone.offsetSeconds(at: instant.milliseconds))
    }

    private func totals(_ totals: Explanation.Totals) -> String {
        var line = JSONLine()
        for (name, amount) in [
            ("energy", totals.energy), ("tier", totals.tier), ("standing", totals.standing), ("tax", totals.tax),
            ("topUp", totals.topUps), ("refund", totals.refunds), ("adjustment", totals.adjustments),
        ] { line.add(name, amount.exactText) }
        return line.text
    }

    // MARK: Intervals

    private func interval(_ interval: ExplainedInterval, number: Int) -> String {
        var line = JSONLine()
        line.add("interval", number)
        line.add("start", local(interval.start))
        line.add("end", local(interval.end))
        line.add("kind", interval.from == nil ? "interval" : "register")
        if let from = interval.from { line.add("from", raw: reading(from)) }
        line.add("to", raw: reading(interval.to))
        line.add("delta", quantity(Int128(interval.deltaMilli)))
        if let modulus = interval.wrapModulusMilli { line.add("wrapModulus", quantity(Int128(modulus))) }
        line.add("multiplier", interval.multiplier.description)
        if let unrounded = interval.unroundedQuantity { line.add("unrounded", unrounded.description) }
        line.add("quantity", quantity(Int128(interval.quantityMilli)))
        line.add("estimated", interval.isEstimated)
        return line.text
    }

    private func reading(_ reading: ExplainedReading) -> String {
        var line = JSONLine()
        line.add("readAt", reading.at.rfc3339)
        line.add("value", quantity(Int128(reading.valueMilli)))
        line.add("position", Int64(reading.position.rawValue))
        line.add("origin", reading.origin.rawValue)
        line.add("quality", reading.quality.name)
        if let reason = reading.reason { line.add("reason", reason) }
        return line.text
    }

    // MARK: Days

    private func day(_ day: ExplainedDay) -> String {
        var line = JSONLine()
        line.add("day", day.date.description)
        line.add("quantity", quantity(day.quantity))
        line.add("estimated", quantity(day.estimated))
        if explanation.hasBalance { line.add("sum", day.totals.sum.exactText) }
        line.add("uses", raw: "[\(day.uses.map(use).joined(separator: ", "))]")
        if let tier = day.tier { line.add("tier", raw: self.tier(tier)) }
        if let standing = day.standing {
            var object = JSONLine()
            object.add("tariff", standing.tariff)
            object.add("version", standing.from.description)
            object.add("amount", standing.amount.exactText)
            line.add("standing", raw: object.text)
        }
        if let tax = day.tax {
            var object = JSONLine()
            object.add("percent", tax.percent.description)
            object.add("base", tax.base.exactText)
            object.add("amount", tax.amount.exactText)
            line.add("tax", raw: object.text)
        }
        line.add("payments", raw: "[\(day.payments.map(payment).joined(separator: ", "))]")
        return line.text
    }

    private func use(_ use: ExplainedUse) -> String {
        var line = JSONLine()
        line.add("interval", use.interval)
        line.add("start", local(use.start))
        line.add("end", local(use.end))
        line.add("countedBefore", quantity(Int128(use.countedBeforeMilli)))
        line.add("countedAfter", quantity(Int128(use.countedAfterMilli)))
        line.add("quantity", quantity(Int128(use.quantityMilli)))
        line.add("estimated", use.isEstimated)
        switch use.pricing {
        case .priced(let priced):
            line.add("tariff", priced.tariff)
            line.add("version", priced.from.description)
            line.add("period", priced.period)
            line.add("price", priced.price.description)
            line.add("amount", priced.amount.exactText)
        case .uncharged(let why):
            let reason =
                switch why {
                case .noTariff: "no-tariff"
                case .beforeAssignment: "before-assignment"
                case .beforeFirstVersion: "before-first-version"
                }
            line.add("notCharged", reason)
        }
        return line.text
    }

    private func tier(_ tier: ExplainedTier) -> String {
        var line = JSONLine()
        line.add("tariff", tier.tariff)
        line.add("version", tier.from.description)
        line.add("period", tier.period == .month ? "month" : "year")
        line.add("countBefore", quantity(tier.countBeforeMilli))
        line.add("countAfter", quantity(tier.countAfterMilli))
        let steps = tier.steps.map { step in
            var object = JSONLine()
            object.add("above", step.above?.description)
            object.add("upTo", step.upTo?.description)
            object.add("quantity", quantity(step.quantityMilli))
            object.add("add", step.add.description)
            object.add("amount", step.amount.exactText)
            return object.text
        }
        line.add("steps", raw: "[\(steps.joined(separator: ", "))]")
        line.add("amount", tier.amount.exactText)
        return line.text
    }

    private func payment(_ payment: ExplainedPayment) -> String {
        var line = JSONLine()
        line.add("kind", payment.kind.rawValue)
        if payment.kind != .adjustment { line.add("provider", payment.provider) }
        line.add("reference", payment.reference)
        if let of = payment.of { line.add("of", of) }
        line.add("at", payment.at.rfc3339)
        line.add("position", payment.position.map { Int64($0.rawValue) })
        if let reason = payment.reason { line.add("reason", reason) }
        line.add("amount", payment.amount.exactText)
        return line.text
    }

    private func notice(_ notice: ExplainedNotice) -> String {
        var line = JSONLine()
        line.add("kind", notice.kind.rawValue)
        line.add("at", notice.at.rfc3339)
        line.add("position", Int64(notice.position.rawValue))
        line.add("value", notice.valueMilli.map { quantity(Int128($0)) })
        line.add("open", notice.isOpen)
        line.add("text", notice.text)
        return line.text
    }
}
