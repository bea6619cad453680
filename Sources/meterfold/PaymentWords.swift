import MeterModel
import QueryAPI
import Telegrams

/// A payment in words, as a command line or a request gives it.
struct PaymentWords: Sendable {
    var device: String
    var amount: String
    var reference: String
    var provider = "cash"
    var currency: String?
    /// Nil: now.
    var at: String?

    /// - Parameters:
    ///   - deviceCurrency: of the device's money so far; nil where there is none.
    ///   - now: the time of payment where none is given.
    /// - Returns: the payment.
    /// - Throws: `Refusal` for what cannot be understood.
    func payment(deviceCurrency: Currency?, now: Instant) throws(Refusal) -> Payment {
        guard Name.isValid(device), Name.isValid(reference), Name.isValid(provider) else {
            throw Refusal(.nameSyntax, "names have 1 to 128 bytes and no control characters")
        }
        guard let decimal = ExactDecimal(amount) else { throw Refusal(.valueSyntax, "'\(amount)' is no decimal") }
        guard let currency = self.currency.map({ Currency($0) }) ?? deviceCurrency else {
            throw Refusal(
                .currencyMismatch,
                self.currency.map { "'\($0)' is no ISO 4217 code" } ?? "\(device) has no currency yet; say --currency"
            )
        }
        try currency.check(payment: decimal)
        var instant = now
        if let at {
            guard let read = Instant(text: at) else { throw Refusal(.timeSyntax, "'\(at)' is no instant") }
            instant = read
        }
        return Payment(
            device: device,
            amount: decimal,
            currency: currency,
            provider: provider,
            reference: reference,
            at: instant
        )
    }
}

extension PaymentWords {
    init(_ request: TopUpRequest) {
        self.init(
            device: request.device,
            amount: request.amount,
            reference: request.reference,
            provider: request.provider ?? "cash",
            currency: request.currency,
            at: request.at
        )
    }
}
