import MeterModel
import ReadModel

extension ExplanationText {
    /// A day's lines: what was used, what is charged for the day as a whole, what was paid, and the sum.
    func lines(of day: ExplainedDay, showsDetail: Bool) -> [String] {
        var lines: [String] = []
        if showsDetail { lines += day.uses.map { sentence($0, day) } }
        if let tier = day.tier { lines.append(sentence(tier, day)) }
        if let standing = day.standing {
            lines.append(
                "On \(day.date) the standing charge is \(amount(-standing.amount)) "
                    + "(tariff \(standing.tariff), from \(standing.from))."
            )
        }
        if let tax = day.tax {
            lines.append(
                "On \(day.date) tax is \(tax.percent) % of \(amount(-tax.base)) = \(amount(-tax.amount))."
            )
        }
        lines += day.payments.map(sentence)
        var sum = "\(day.date) in all: \(shown(day.quantity)) used"
        if day.estimated > 0 { sum += ", \(shown(day.estimated)) of it estimated" }
        if explanation.hasBalance { sum += "; the balance changes by \(total(day.totals.sum))" }
        lines.append(sum + ".")
        return lines
    }

    // MARK: Consumption

    private func sentence(_ use: ExplainedUse, _ day: ExplainedDay) -> String {
        let interval = explanation.intervals[use.interval]
        let isWhole = use.start == interval.start && use.end == interval.end
        let span =
            "between \(clock.time(use.start)) and \(clock.endTime(use.end, ofDay: day.day))"
        var text: String
        if isWhole {
            text = "On \(day.date) \(span) \(course(interval))\(pricing(use))."
        } else {
            text = "On \(day.date) \(span) \(shown(Int128(use.quantityMilli)))\(pricing(use)): "
            text += share(use, interval)
        }
        if use.isEstimated {
            text += interval.from == nil ? " Estimated: the reading spans " : " Estimated: no reading came for "
            text += "\(ExplanationClock.span(interval.end.milliseconds - interval.start.milliseconds)), more than "
            text += "\(ExplanationClock.span(explanation.gapAfterMilliseconds))."
        }
        return text
    }

    /// "the meter went from 100 kWh (reading no. 4) to 116 kWh (reading no. 5): 16 kWh"
    private func course(_ interval: ExplainedInterval) -> String {
        var text: String
        if let from = interval.from {
            text = "the meter went from \(named(from)) to \(named(interval.to))"
            if let modulus = interval.wrapModulusMilli { text += " over its end at \(shown(Int128(modulus)))" }
            text += ": "
        } else {
            text = "\(qualified("interval reading no. \(interval.to.position.rawValue)", interval.to)) says "
        }
        text += shown(Int128(interval.deltaMilli))
        guard interval.multiplier != .one else { return text }
        text += " times the multiplier \(interval.multiplier) = "
        if let unrounded = interval.unroundedQuantity { text += "\(unrounded), rounded half-even to " }
        return text + shown(Int128(interval.quantityMilli))
    }

    private func named(_ reading: ExplainedReading) -> String {
        let number = "no. \(reading.position.rawValue)"
        let source =
            switch reading.origin {
            case .reading: qualified("reading \(number)", reading)
            case .correction: "correction \(number)" + (reading.reason.map { ": \($0)" } ?? "")
            case .exchangeFinal: "the old meter's last value, exchange \(number)"
            case .exchangeInitial: "the new meter's first value, exchange \(number)"
            }
        return "\(shown(Int128(reading.valueMilli))) (\(source))"
    }

    private func qualified(_ name: String, _ reading: ExplainedReading) -> String {
        reading.quality == .measured ? name : "\(name), \(reading.quality.name)"
    }

    /// " at 0.50 EUR (tariff home, from 2025-01-01, period default) = 8.00 EUR"
    private func pricing(_ use: ExplainedUse) -> String {
        switch use.pricing {
        case .priced(let priced):
            " at \(amount(priced.price)) (tariff \(priced.tariff), from \(priced.from), period \(priced.period)) = "
                + amount(-priced.amount)
        case .uncharged(.noTariff): ""
        case .uncharged(.beforeAssignment): ", not charged: the device had no tariff yet"
        case .uncharged(.beforeFirstVersion): ", not charged: the tariff had no version in force yet"
        }
    }

    private func share(_ use: ExplainedUse, _ interval: ExplainedInterval) -> String {
        let part = ExplanationClock.span(use.end.milliseconds - use.start.milliseconds)
        let whole = ExplanationClock.span(interval.end.milliseconds - interval.start.milliseconds)
        var text = "the share of \(part) in \(whole), from \(clock.dateTime(interval.start)) to "
        text += "\(clock.dateTime(interval.end)), when \(course(interval))."
        if use.isRounded(interval) {
            text += " By time, rounded down, \(shown(Int128(use.countedAfterMilli))) of it had been used by then and "
            text += "\(shown(Int128(use.countedBeforeMilli))) before."
        }
        return text
    }

    // MARK: The day as a whole

    private func sentence(_ tier: ExplainedTier, _ day: ExplainedDay) -> String {
        let steps = tier.steps.map { step in
            let bounds = [step.above.map { "above \($0)" }, step.upTo.map { "up to \($0)" }].compactMap { $0 }
            return "\(shown(step.quantityMilli)) in the step \(bounds.joined(separator: " ")) at "
                + "\(amount(step.add)) more"
        }
        return "On \(day.date) the count of the \(tier.period == .month ? "month" : "year") goes from "
            + "\(shown(tier.countBeforeMilli)) to \(shown(tier.countAfterMilli)): \(steps.joined(separator: ", ")) = "
            + "\(amount(-tier.amount)) (tariff \(tier.tariff), from \(tier.from))."
    }

    private func sentence(_ payment: ExplainedPayment) -> String {
        let name =
            switch payment.kind {
            case .refund: "refund"
            case .adjustment: "adjustment"
            default: "top-up"
            }
        var source = payment.position.map { "no. \($0.rawValue), " } ?? ""
        if !payment.provider.isEmpty { source += "\(payment.provider), " }
        source += "reference \(payment.reference)"
        if let of = payment.of { source += ", of \(of)" }
        if let reason = payment.reason { source += ", because: \(reason)" }
        let sign = payment.amount > .zero ? "+" : ""
        return "On \(clock.dateTime(payment.at)) \(name) \(sign)\(amount(payment.amount)) (\(source))."
    }
}
