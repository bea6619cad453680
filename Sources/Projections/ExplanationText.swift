import MeterModel
import ReadModel

/// An explanation in sentences that can be read aloud, a line each. Amounts are exact; totals are rounded too.
package struct ExplanationText {
    let explanation: Explanation
    let clock: ExplanationClock

    package init(_ explanation: Explanation) {
        self.explanation = explanation
        clock = ExplanationClock(explanation.zone)
    }

    /// The sentences; where `showsDetail` is false without the intervals of the days.
    package func lines(showsDetail: Bool = true) -> [String] {
        var lines = heading()
        for day in explanation.days {
            lines.append("")
            lines += self.lines(of: day, showsDetail: showsDetail)
        }
        if !explanation.notices.isEmpty {
            lines += ["", "Not counted, and why:"]
            lines += explanation.notices.map { "- \($0.text)" }
        }
        return lines
    }

    // MARK: Words

    func shown(_ milli: Int128) -> String { shownQuantity(milli, explanation.unit) }

    /// An exact amount with at least the currency's minor digits: "8.00 EUR".
    func amount(_ money: Money) -> String {
        let digits = explanation.currency?.minorDigits ?? 0
        let text = decimalText(money.units, fractionDigits: Money.fractionDigits, minimumFraction: digits)
        return explanation.currency.map { "\(text) \($0.code)" } ?? text
    }

    func amount(_ decimal: ExactDecimal) -> String { Money(decimal).map { amount($0) } ?? "\(decimal)" }

    /// A total rounded to minor units, and where that says less, exactly.
    func total(_ money: Money) -> String {
        let rounded = money.roundedText(minorDigits: explanation.currency?.minorDigits ?? 0)
        let code = explanation.currency.map { " \($0.code)" } ?? ""
        return ExactDecimal(rounded).flatMap(Money.init) == money
            ? rounded + code : "\(rounded)\(code) (exactly \(money.exactText))"
    }

    // MARK: The whole

    private func heading() -> [String] {
        let e = explanation
        var lines = [
            "Device \(e.device)" + (e.account.map { ", account \($0)" } ?? "")
                + (e.register.map { ", register \($0)" } ?? "") + ", times in \(e.zone.name)."
        ]
        let known = "after event no. \(e.position.rawValue)" + (e.asOf.map { ", as of \(clock.dateTime($0))" } ?? "")
        if e.hasBalance {
            lines.append(
                "The balance is \(total(e.total.sum)), \(known)"
                    + (e.clock.map { "; the device's clock reads \(clock.dateTime($0))." } ?? ".")
            )
            lines.append("It is made up of \(breakdown(e.total)).")
        } else {
            lines.append("The device has no tariff, so it has no balance; this is what it used, \(known).")
        }
        if let selection = e.selection {
            lines.append("Told here: \(named(selection)).")
            if e.hasBalance {
                lines.append(
                    "Before that the balance was \(total(e.opening)); these days come to \(total(e.selected.sum)), "
                        + "and after them it was \(total(e.opening + e.selected.sum))."
                )
            }
        }
        lines.append("\(quantities(e.quantities)) \(uncertain())")
        if !e.otherRegisters.isEmpty {
            lines.append("Measured too, but not billed: \(e.otherRegisters.joined(separator: ", ")).")
        }
        return lines
    }

    /// The days of a selection, open where it says no bound.
    private func named(_ days: ClosedRange<Int>) -> String {
        let first = LocalDate(dayNumber: Int32(days.lowerBound))
        let last = LocalDate(dayNumber: Int32(days.upperBound))
        if first == last { return "\(first)" }
        if days.lowerBound == Explanation.unboundedDays.lowerBound { return "all days up to \(last)" }
        if days.upperBound == Explanation.unboundedDays.upperBound { return "all days from \(first) on" }
        return "\(first) to \(last)"
    }

    private func breakdown(_ totals: Explanation.Totals) -> String {
        var parts = ["top-ups of \(amount(totals.topUps))"]
        func less(_ name: String, _ money: Money) {
            if money != .zero { parts.append("less \(name) of \(amount(-money))") }
        }
        less("refunds", totals.refunds)
        if totals.adjustments != .zero { parts.append("adjustments of \(amount(totals.adjustments))") }
        less("consumption", totals.energy)
        less("tier charges", totals.tier)
        less("standing charges", totals.standing)
        less("tax", totals.tax)
        return parts.joined(separator: ", ")
    }

    private func quantities(_ quantities: (all: Int128, estimated: Int128)) -> String {
        let used = "Used: \(shown(quantities.all))"
        if quantities.estimated == 0 { return "\(used), none of it estimated." }
        return "\(used); \(shown(quantities.estimated)) of it is estimated, from gaps longer than "
            + "\(ExplanationClock.span(explanation.gapAfterMilliseconds))."
    }

    private func uncertain() -> String {
        let held = explanation.notices.count { $0.isOpen }
        let other = explanation.notices.count - held
        var parts: [String] = []
        if held > 0 { parts.append(held == 1 ? "1 reading is held." : "\(held) readings are held.") }
        if other > 0 { parts.append(other == 1 ? "1 remark" : "\(other) remarks") }
        if parts.isEmpty { return "No reading is held or set aside." }
        if other > 0 { parts[parts.count - 1] += " at the end on what was not counted." }
        return parts.joined(separator: " ")
    }
}
