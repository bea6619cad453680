import MeterModel

/// Payments and adjustments (semantics, section 6).
enum MoneyFields {
    static func topUp(_ fields: JSONFields) throws(Refusal) -> Payment {
        try EventFields.check(fields, required: ["device", "amount", "currency", "provider", "reference", "at"])
        return try payment(fields, reason: nil)
    }

    static func refund(_ fields: JSONFields) throws(Refusal) -> Payment {
        try EventFields.check(
            fields,
            required: ["device", "amount", "currency", "provider", "reference", "at", "reason"],
            optional: ["of"]
        )
        return try payment(fields, reason: try fields.reason())
    }

    private static func payment(_ fields: JSONFields, reason: String?) throws(Refusal) -> Payment {
        let amount = try fields.decimal("amount")
        let currency = try currency(fields)
        let at = try fields.instant("at")
        let payment = Payment(
            device: try fields.name("device"),
            amount: amount,
            currency: currency,
            provider: try fields.name("provider"),
            reference: try fields.name("reference"),
            of: try fields.optionalName("of"),
            at: at,
            reason: reason
        )
        try check(amount, currency)
        guard amount > .zero else { throw Refusal(.valueRange, "amount must be above 0") }
        return payment
    }

    static func adjustment(_ fields: JSONFields) throws(Refusal) -> BalanceAdjusted {
        try EventFields.check(fields, required: ["device", "amount", "currency", "reference", "at", "reason"])
        let amount = try fields.decimal("amount")
        let currency = try currency(fields)
        let reason = try fields.reason()
        let at = try fields.instant("at")
        let adjustment = BalanceAdjusted(
            device: try fields.name("device"),
            amount: amount,
            currency: currency,
            reference: try fields.name("reference"),
            at: at,
            reason: reason
        )
        try check(amount, currency)
        return adjustment
    }

    private static func currency(_ fields: JSONFields) throws(Refusal) -> Currency {
        try fields.word("currency", .valueSyntax) { Currency($0) }
    }

    /// Amounts have at most the currency's minor digits and are at most 10^15 either way.
    private static func check(_ amount: ExactDecimal, _ currency: Currency) throws(Refusal) {
        guard amount.fractionDigits <= currency.minorDigits else {
            throw Refusal(.valuePrecision, "\(currency) amounts have at most \(currency.minorDigits) fraction digits")
        }
        let limit = ExactDecimal(1_000_000_000_000_000)
        guard amount <= limit, amount >= ExactDecimal(-1_000_000_000_000_000) else {
            throw Refusal(.valueRange, "amount exceeds \(limit)")
        }
    }
}
