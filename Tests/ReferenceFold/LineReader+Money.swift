extension LineReader {
    mutating func topUp() -> Event? {
        open(["device", "amount", "currency", "provider", "reference", "at"])
        return money(.topUp, signed: 1)
    }

    mutating func refund() -> Event? {
        open(["device", "amount", "currency", "provider", "reference", "at", "reason"], optional: ["of"])
        _ = fields.name("of")
        _ = fields.text("reason")
        return money(.refund, signed: -1)
    }

    mutating func adjusted() -> Event? {
        open(["device", "amount", "currency", "reference", "at", "reason"])
        _ = fields.text("reason")
        return money(.adjustment, signed: 1)
    }

    /// Section 6.
    private mutating func money(_ kind: MoneyKind, signed sign: Int128) -> Event? {
        let device = fields.name("device")
        let provider = fields.name("provider")
        let reference = fields.name("reference")
        let currency = fields.currency("currency")
        // "Amounts have at most the currency's minor digits and are > 0 (adjustments: signed), at most 10^15."
        let digits = currency.map(minorDigits) ?? 2
        let most = powerOfTen(15 + digits)
        let amount = fields.count("amount", places: digits, in: kind == .adjustment ? -most...most : 1...most)
        let at = instant("at")
        guard let device, let reference, let currency, let amount, let at else { return nil }
        // "Keyed by (provider, reference)"; "refunds likewise among refunds, adjustments by reference among
        // adjustments".
        let money = Money(
            kind: kind,
            amount: sign * amount * powerOfTen(16 - digits),
            currency: currency,
            key: [Text(kind.rawValue)] + (provider.map { [$0] } ?? []) + [reference],
            at: at
        )
        let payment = Admission.Payment(device: device, amount: money.amount, currency: currency)
        if let former = admission.payments[money.key], former != payment { fields.faults.add(.referenceReused) }
        if let known = admission.device(device).currency, known != currency { fields.faults.add(.currencyMismatch) }
        return .money(device: device, money)
    }
}
