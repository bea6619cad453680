package import Access
package import MeterModel

/// A payment as it was sent: texts, to be checked by who records it.
package struct TopUpRequest: Hashable, Sendable {
    package var device: String
    /// A decimal.
    package var amount: String
    /// Nil: the one of the device's money.
    package var currency: String?
    package var provider: String?
    /// Names the payment: the same one is recorded once.
    package var reference: String
    /// When it was made; nil: now.
    package var at: String?

    package init(
        device: String,
        amount: String,
        currency: String? = nil,
        provider: String? = nil,
        reference: String,
        at: String? = nil
    ) {
        self.device = device
        self.amount = amount
        self.currency = currency
        self.provider = provider
        self.reference = reference
        self.at = at
    }
}

/// A payment as it was recorded.
package struct TopUpAnswer: Hashable, Sendable {
    /// Where it is in the log.
    package var position: Position
    /// Whether the same payment was there before; nil where that is not known.
    package var isRepeated: Bool?

    package init(position: Position, isRepeated: Bool?) {
        self.position = position
        self.isRepeated = isRepeated
    }
}

/// Why a payment was not recorded.
package enum TopUpFault: Error, Hashable, Sendable {
    /// It cannot be accepted as it is.
    case refused(Refusal)
    /// Not now; after so many seconds.
    case busy(retryAfterSeconds: Int)
    /// Not until something changes; the reason names no path.
    case unavailable(reason: String)
}

/// Takes payments into the log.
package protocol PaymentIntake: Sendable {
    /// Records a payment, once for each reference, and returns when it is on disk.
    ///
    /// - Throws: `TopUpFault`; nothing was recorded then.
    func topUp(_ request: TopUpRequest, by principal: Principal) async throws(TopUpFault) -> TopUpAnswer
}
