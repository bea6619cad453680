package import MeterModel

/// A device as the views show it. Instants are UTC.
package struct DeviceRow: Hashable, Sendable {
    /// The index in the log's order of first appearance, below 2^29.
    package var deviceID: UInt32
    package var device: String
    /// Nil for a device nobody registered.
    package var utility: Utility?
    /// As the query `devices` prints it; nil for a device nobody registered.
    package var unit: Unit?
    /// What its quantities count; nil before its first event with a unit or utility.
    package var dimension: Dimension?
    /// The IANA zone in which its hours, days and months are cut.
    package var timezone: String
    /// On the clock day, else the earliest.
    package var tariff: String?
    package var account: String?
    /// Of the billing series: distinct by time and value.
    package var readings: Int64
    /// Of the billing series: the other received.
    package var duplicates: Int64
    package var firstReadAt: Instant?
    package var lastReadAt: Instant?
    /// mWh or mL.
    package var lastValueMilli: Int64?

    package init(
        deviceID: UInt32,
        device: String,
        utility: Utility? = nil,
        unit: Unit? = nil,
        dimension: Dimension? = nil,
        timezone: String = "UTC",
        tariff: String? = nil,
        account: String? = nil,
        readings: Int64 = 0,
        duplicates: Int64 = 0,
        firstReadAt: Instant? = nil,
        lastReadAt: Instant? = nil,
        lastValueMilli: Int64? = nil
    ) {
        self.deviceID = deviceID
        self.device = device
        self.utility = utility
        self.unit = unit
        self.dimension = dimension
        self.timezone = timezone
        self.tariff = tariff
        self.account = account
        self.readings = readings
        self.duplicates = duplicates
        self.firstReadAt = firstReadAt
        self.lastReadAt = lastReadAt
        self.lastValueMilli = lastValueMilli
    }
}

/// The money of a device: its balance is `topUps - charges`.
package struct BalanceRow: Hashable, Sendable {
    package var deviceID: UInt32
    package var currency: Currency
    /// With tax.
    package var charges: Money
    /// Top-ups less refunds plus adjustments.
    package var topUps: Money
    /// The device's clock.
    package var asOf: Instant?

    package init(deviceID: UInt32, currency: Currency, charges: Money, topUps: Money, asOf: Instant?) {
        self.deviceID = deviceID
        self.currency = currency
        self.charges = charges
        self.topUps = topUps
        self.asOf = asOf
    }

    package var balance: Money { topUps - charges }
}

/// What a ledger line is about; the raw value is its name in outputs.
package enum LedgerKind: String, Sendable, CaseIterable {
    case energy, tier, standing, tax, topUp, refund, adjustment
}

/// What one local day added to a device's balance, for one kind and period.
package struct LedgerLine: Hashable, Sendable {
    package var day: LocalDate
    package var kind: LedgerKind
    /// The time-of-use period, of `energy`.
    package var period: String?
    /// mWh or mL.
    package var quantityMilli: Int128?
    /// Per kWh or m3.
    package var price: ExactDecimal?
    /// Signed: what the line adds to the balance.
    package var amount: Money

    package init(
        day: LocalDate,
        kind: LedgerKind,
        period: String? = nil,
        quantityMilli: Int128? = nil,
        price: ExactDecimal? = nil,
        amount: Money
    ) {
        self.day = day
        self.kind = kind
        self.period = period
        self.quantityMilli = quantityMilli
        self.price = price
        self.amount = amount
    }

    /// Lines of nothing but 0 are kept nowhere.
    package var isNothing: Bool { amount == .zero && (quantityMilli ?? 0) == 0 }
}

/// An anomaly's kind; the raw value is its name in outputs.
package enum AnomalyKind: String, Sendable, CaseIterable {
    case conflict
    case dip
    case spike
    case wrap
    case reset
    case suspectedReset = "suspected-reset"
    case tooLong = "too-long"
    case implausible
    case overlap
    case mixedKind = "mixed-kind"
}

/// Something about a series that a person may want to look at.
package struct AnomalyRow: Hashable, Sendable {
    package var kind: AnomalyKind
    package var at: Instant
    package var position: Position
    /// Free text; the same for the same log.
    package var detail: String
    package var open: Bool

    package init(kind: AnomalyKind, at: Instant, position: Position, detail: String, open: Bool) {
        self.kind = kind
        self.at = at
        self.position = position
        self.detail = detail
        self.open = open
    }
}
