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
        try currency.check(payment: amount)
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
        try currency.check(amount: amount)
        return adjustment
    }

    private static func currency(_ fields: JSONFields) throws(Refusal) -> Currency {
        try fields.word("currency", .valueSyntax) { Currency($0) }
    }
}
