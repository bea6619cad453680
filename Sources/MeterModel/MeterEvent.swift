/// A fact, told in the past tense (semantics, section 9), all but readings: those travel as `ReadingRecord`s.
///
/// A word wherever it lies: a registration has some 400 bytes, which are not to be copied from hand to hand.
package indirect enum MeterEvent: Hashable, Sendable {
    case readingCorrected(ReadingCorrected)
    case readingVoided(ReadingVoided)
    case deviceRegistered(DeviceRegistered)
    case meterExchanged(MeterExchanged)
    case multiplierCorrected(MultiplierCorrected)
    case tariffPublished(TariffPublished)
    case tariffAssigned(TariffAssigned)
    case topUpReceived(Payment)
    case topUpRefunded(Payment)
    case balanceAdjusted(BalanceAdjusted)
    case alertRuleSet(AlertRuleSet)
    case dayTurned(DayTurned)
    case pushSettled(PushOutcome)
}

/// The value that holds at an instant, whatever was or will be received for it.
package struct ReadingCorrected: Hashable, Sendable {
    package var device: String
    package var register: String?
    package var readAt: Instant
    package var value: ExactDecimal
    package var unit: Unit?
    package var reason: String

    package init(device: String, register: String?, readAt: Instant, value: ExactDecimal, unit: Unit?, reason: String) {
        self.device = device
        self.register = register
        self.readAt = readAt
        self.value = value
        self.unit = unit
        self.reason = reason
    }
}

/// What is received for an instant does not count.
package struct ReadingVoided: Hashable, Sendable {
    package var device: String
    package var register: String?
    package var readAt: Instant
    package var reason: String

    package init(device: String, register: String?, readAt: Instant, reason: String) {
        self.device = device
        self.register = register
        self.readAt = readAt
        self.reason = reason
    }
}

/// A device's declaration; told again it changes what is given.
///
/// Invariant: a field among `resets` is nil.
package struct DeviceRegistered: Hashable, Sendable {
    package var device: String
    package var utility: Utility
    package var unit: Unit?
    package var register: String?
    package var timezone: String?
    package var multiplier: ExactDecimal?
    package var modulus: ExactDecimal?
    /// Units per hour.
    package var maxRate: ExactDecimal?
    package var gapAfterMilliseconds: Int64?
    package var account: String?
    package var tariff: String?
    package var from: LocalDate?
    package var alerts: [AlertRule]?
    /// What goes back to its default.
    package var resets: DeviceResets

    package init(
        device: String,
        utility: Utility,
        unit: Unit? = nil,
        register: String? = nil,
        timezone: String? = nil,
        multiplier: ExactDecimal? = nil,
        modulus: ExactDecimal? = nil,
        maxRate: ExactDecimal? = nil,
        gapAfterMilliseconds: Int64? = nil,
        account: String? = nil,
        tariff: String? = nil,
        from: LocalDate? = nil,
        alerts: [AlertRule]? = nil,
        resets: DeviceResets = []
    ) {
        self.device = device
        self.utility = utility
        self.unit = unit
        self.register = register
        self.timezone = timezone
        self.multiplier = multiplier
        self.modulus = modulus
        self.maxRate = maxRate
        self.gapAfterMilliseconds = gapAfterMilliseconds
        self.account = account
        self.tariff = tariff
        self.from = from
        self.alerts = alerts
        self.resets = resets
    }
}

/// One meter ended at its final value, another began at its initial one, at one instant.
package struct MeterExchanged: Hashable, Sendable {
    package var device: String
    package var register: String?
    package var at: Instant
    package var finalValue: ExactDecimal
    package var initialValue: ExactDecimal
    package var unit: Unit?
    package var modulus: ExactDecimal?
    package var multiplier: ExactDecimal?

    package init(
        device: String,
        register: String?,
        at: Instant,
        finalValue: ExactDecimal,
        initialValue: ExactDecimal,
        unit: Unit?,
        modulus: ExactDecimal?,
        multiplier: ExactDecimal?
    ) {
        self.device = device
        self.register = register
        self.at = at
        self.finalValue = finalValue
        self.initialValue = initialValue
        self.unit = unit
        self.modulus = modulus
        self.multiplier = multiplier
    }
}

/// The factor from dial to quantity that holds for a whole segment of a series.
package struct MultiplierCorrected: Hashable, Sendable {
    package var device: String
    package var register: String?
    /// An instant in the segment meant; nil means the latest known at the event's position.
    package var at: Instant?
    package var multiplier: ExactDecimal
    package var reason: String

    package init(device: String, register: String?, at: Instant?, multiplier: ExactDecimal, reason: String) {
        self.device = device
        self.register = register
        self.at = at
        self.multiplier = multiplier
        self.reason = reason
    }
}

/// The tariff that a device is charged by from a local date on.
package struct TariffAssigned: Hashable, Sendable {
    package var device: String
    package var tariff: String
    package var from: LocalDate

    package init(device: String, tariff: String, from: LocalDate) {
        self.device = device
        self.tariff = tariff
        self.from = from
    }
}

/// A top-up, or with a reason a refund of one.
package struct Payment: Hashable, Sendable {
    package var device: String
    package var amount: ExactDecimal
    package var currency: Currency
    package var provider: String
    package var reference: String
    package var of: String?
    package var at: Instant
    package var reason: String?

    package init(
        device: String,
        amount: ExactDecimal,
        currency: Currency,
        provider: String,
        reference: String,
        of: String? = nil,
        at: Instant,
        reason: String? = nil
    ) {
        self.device = device
        self.amount = amount
        self.currency = currency
        self.provider = provider
        self.reference = reference
        self.of = of
        self.at = at
        self.reason = reason
    }
}

/// A signed amount added to a balance by hand, for a reason.
package struct BalanceAdjusted: Hashable, Sendable {
    package var device: String
    package var amount: ExactDecimal
    package var currency: Currency
    package var reference: String
    package var at: Instant
    package var reason: String

    package init(
        device: String,
        amount: ExactDecimal,
        currency: Currency,
        reference: String,
        at: Instant,
        reason: String
    ) {
        self.device = device
        self.amount = amount
        self.currency = currency
        self.reference = reference
        self.at = at
        self.reason = reason
    }
}

/// A level of the balance, what re-arms it, and what is pushed (semantics, section 7).
package struct AlertRule: Hashable, Sendable {
    package var rule: String
    package var level: ExactDecimal
    package var rearm: ExactDecimal
    package var cleared: Bool
    package var staleAfterMilliseconds: Int64
    package var remindersMilliseconds: [Int64]

    package init(
        rule: String,
        level: ExactDecimal,
        rearm: ExactDecimal,
        cleared: Bool = false,
        staleAfterMilliseconds: Int64 = Milliseconds.day,
        remindersMilliseconds: [Int64] = []
    ) {
        self.rule = rule
        self.level = level
        self.rearm = rearm
        self.cleared = cleared
        self.staleAfterMilliseconds = staleAfterMilliseconds
        self.remindersMilliseconds = remindersMilliseconds
    }

    /// The rule that every device with a balance has.
    package static let zero = AlertRule(rule: "zero", level: .zero, rearm: .zero)
}

/// An alert rule of a device, set or taken away.
package struct AlertRuleSet: Hashable, Sendable {
    /// What becomes of the rule.
    package enum Change: Hashable, Sendable {
        case set(AlertRule)
        case remove(String)
    }

    package var device: String
    package var change: Change

    package init(device: String, change: Change) {
        self.device = device
        self.change = change
    }
}

/// A local day began: what moves clocks where no reading does.
package struct DayTurned: Hashable, Sendable {
    package var timezone: String
    package var at: Instant

    package init(timezone: String, at: Instant) {
        self.timezone = timezone
        self.at = at
    }
}

/// What came of a push job.
package struct PushOutcome: Hashable, Sendable {
    /// How an attempt, or a job without one, ended.
    package enum Kind: UInt8, Sendable, CaseIterable {
        case delivered = 1
        case failed = 2
        case superseded = 3
        case stale = 4
        case died = 5

        /// The name of the event on the wire.
        package var eventName: String {
            switch self {
            case .delivered: "PushDelivered"
            case .failed: "PushFailed"
            case .superseded: "PushSuperseded"
            case .stale: "PushStale"
            case .died: "PushDied"
            }
        }

        /// The state of a job whose last outcome this is.
        package var state: String {
            switch self {
            case .delivered: "delivered"
            case .failed: "failed"
            case .superseded: "superseded"
            case .stale: "stale"
            case .died: "dead"
            }
        }
    }

    package var kind: Kind
    package var job: String
    package var at: Instant
    package var channel: String?
    package var attempt: Int?
    package var response: String?

    package init(kind: Kind, job: String, at: Instant, channel: String?, attempt: Int?, response: String?) {
        self.kind = kind
        self.job = job
        self.at = at
        self.channel = channel
        self.attempt = attempt
        self.response = response
    }
}

extension PushOutcome {
    /// The name of the device whose push it is, for the duration of `body`. Jobs are named `device/rule/episode/kind`,
    /// and of these the device alone may have a `/` in it.
    ///
    /// - Returns: what `body` returns; nil where the job is not named so.
    package func withDeviceName<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R?) -> R? {
        var job = job
        return job.withUTF8 { job in
            var end = job.count
            for _ in 0..<3 {
                guard let slash = job[..<end].lastIndex(of: UInt8(ascii: "/")) else { return nil }
                end = slash
            }
            return body(UnsafeBufferPointer(rebasing: job[..<end]))
        }
    }
}

extension MeterEvent {
    /// The device that the event concerns, if one.
    package var device: String? {
        switch self {
        case .readingCorrected(let e): e.device
        case .readingVoided(let e): e.device
        case .deviceRegistered(let e): e.device
        case .meterExchanged(let e): e.device
        case .multiplierCorrected(let e): e.device
        case .tariffAssigned(let e): e.device
        case .topUpReceived(let e), .topUpRefunded(let e): e.device
        case .balanceAdjusted(let e): e.device
        case .alertRuleSet(let e): e.device
        case .tariffPublished, .dayTurned, .pushSettled: nil
        }
    }

    /// The register that the event concerns, if one is named.
    package var register: String? {
        switch self {
        case .readingCorrected(let e): e.register
        case .readingVoided(let e): e.register
        case .meterExchanged(let e): e.register
        case .multiplierCorrected(let e): e.register
        default: nil
        }
    }
}

extension MeterEvent {
    /// The event's name on the wire.
    package var name: String {
        switch self {
        case .readingCorrected: "ReadingCorrected"
        case .readingVoided: "ReadingVoided"
        case .deviceRegistered: "DeviceRegistered"
        case .meterExchanged: "MeterExchanged"
        case .multiplierCorrected: "MultiplierCorrected"
        case .tariffPublished: "TariffPublished"
        case .tariffAssigned: "TariffAssigned"
        case .topUpReceived: "TopUpReceived"
        case .topUpRefunded: "TopUpRefunded"
        case .balanceAdjusted: "BalanceAdjusted"
        case .alertRuleSet: "AlertRuleSet"
        case .dayTurned: "DayTurned"
        case .pushSettled(let outcome): outcome.kind.eventName
        }
    }

    /// The names of all events, readings' too.
    package static let names: [String] =
        [
            "ReadingReceived", "ReadingCorrected", "ReadingVoided", "DeviceRegistered", "MeterExchanged",
            "MultiplierCorrected", "TariffPublished", "TariffAssigned", "TopUpReceived", "TopUpRefunded",
            "BalanceAdjusted", "AlertRuleSet", "DayTurned",
        ] + PushOutcome.Kind.allCases.map(\.eventName)
}

extension MeterEvent {
    /// The event's own time: that of the reading it is about, or its `at`; nil for declarations.
    package var time: Instant? {
        switch self {
        case .readingCorrected(let e): e.readAt
        case .readingVoided(let e): e.readAt
        case .meterExchanged(let e): e.at
        case .multiplierCorrected(let e): e.at
        case .topUpReceived(let e), .topUpRefunded(let e): e.at
        case .balanceAdjusted(let e): e.at
        case .dayTurned(let e): e.at
        case .pushSettled(let e): e.at
        case .deviceRegistered, .tariffPublished, .tariffAssigned, .alertRuleSet: nil
        }
    }
}
