package import MeterModel
package import ReadModel

/// How a device's balance comes about, or what of it came about on some days: every interval with its two readings,
/// every charge to the interval, every payment, and what does not count and why.
///
/// Invariants: `days` ascends and is what `selection` takes of all days; amounts are signed, a charge is negative;
/// `opening`, `total` and `booked` are of a device with a balance alone. `total` is the sum of the explanation's own
/// lines over all days, whatever is selected; it is equal to `booked`, or the engine is wrong.
package struct Explanation: Sendable {
    package var device: String
    package var account: String?
    /// The billing register; nil before a reading of it.
    package var register: String?
    /// Registers that are measured and not billed.
    package var otherRegisters: [String] = []
    /// kWh or m3; nil before the first event with a unit or utility.
    package var unit: Unit?
    package var zone: ZoneRules
    package var gapAfterMilliseconds: Int64
    /// The device's clock.
    package var clock: Instant?
    /// The last position that counts.
    package var position = Position.origin
    /// Only what was true at this instant counts; nil: what is known.
    package var asOf: Instant?
    /// Nil before the first tariff or payment.
    package var currency: Currency?
    package var hasBalance: Bool
    /// Which local days are told; nil: all.
    package var selection: ClosedRange<Int>?
    /// Those of which a part lies in `days`, ascending.
    package var intervals: [ExplainedInterval] = []
    package var days: [ExplainedDay] = []
    package var notices: [ExplainedNotice] = []
    /// The sum of all days before the first that is told.
    package var opening = Money.zero
    /// The sum of the lines of all days.
    package var total = Totals()
    /// What the books say, apart from this explanation.
    package var booked = Booked()

    /// The bounds of a selection that has none.
    package static let unboundedDays = Int(Int32.min)...Int(Int32.max)

    /// Sums by kind, signed.
    package struct Totals: Hashable, Sendable {
        package var energy = Money.zero
        package var tier = Money.zero
        package var standing = Money.zero
        package var tax = Money.zero
        package var topUps = Money.zero
        package var refunds = Money.zero
        package var adjustments = Money.zero

        /// What is charged, above 0 where something is.
        package var charges: Money { -(energy + tier + standing + tax) }
        /// Top-ups less refunds plus adjustments.
        package var paid: Money { topUps + refunds + adjustments }
        package var sum: Money { paid - charges }

        package static func += (a: inout Totals, b: Totals) {
            a.energy += b.energy
            a.tier += b.tier
            a.standing += b.standing
            a.tax += b.tax
            a.topUps += b.topUps
            a.refunds += b.refunds
            a.adjustments += b.adjustments
        }
    }

    /// The figures of the balance view.
    package struct Booked: Hashable, Sendable {
        package var charges = Money.zero
        package var paid = Money.zero
        package var balance: Money { paid - charges }
    }

    /// How the lines differ from the books, in words; nil where they agree, as they must.
    package var discrepancy: String? {
        guard hasBalance else { return nil }
        if total.charges == booked.charges, total.paid == booked.paid { return nil }
        return "the lines come to charges of \(total.charges.exactText) and payments of \(total.paid.exactText), "
            + "the books to \(booked.charges.exactText) and \(booked.paid.exactText)"
    }

    /// What the days told come to.
    package var selected: Totals {
        var totals = Totals()
        for day in days { totals += day.totals }
        return totals
    }

    /// mWh or mL of the days told, and what of it is estimated.
    package var quantities: (all: Int128, estimated: Int128) {
        days.reduce((0, 0)) { ($0.0 + $1.quantity, $0.1 + $1.estimated) }
    }

    /// The same explanation with some local days alone.
    package func limited(to selection: ClosedRange<Int>) -> Explanation {
        var limited = self
        limited.selection = selection
        for day in days where day.day < selection.lowerBound { limited.opening += day.totals.sum }
        limited.days = days.filter { selection.contains($0.day) }
        limited.notices = notices.filter { selection.contains(zone.day(at: $0.at.milliseconds)) }
        // Intervals are numbered anew.
        var numbers: [Int: Int] = [:]
        limited.intervals = []
        for d in limited.days.indices {
            for u in limited.days[d].uses.indices {
                let old = limited.days[d].uses[u].interval
                if numbers[old] == nil {
                    numbers[old] = limited.intervals.count
                    limited.intervals.append(intervals[old])
                }
                limited.days[d].uses[u].interval = numbers[old] ?? 0
            }
        }
        return limited
    }
}

/// A value of a meter at an instant, and the event that says so.
package struct ExplainedReading: Hashable, Sendable {
    /// What kind of event the value comes from.
    package enum Origin: String, Sendable {
        case reading
        case correction
        /// The old meter's last value.
        case exchangeFinal
        /// The new meter's first value.
        case exchangeInitial
    }

    package var at: Instant
    /// mWh or mL, as read.
    package var valueMilli: Int64
    package var position: Position
    package var origin: Origin
    package var quality: Quality
    /// Of a correction.
    package var reason: String?
}

/// An interval of the billing series: how its quantity comes about.
package struct ExplainedInterval: Sendable {
    /// Open at `start`, closed at `end`.
    package var start: Instant
    package var end: Instant
    /// The reading before; nil for an interval reading, which says its amount itself.
    package var from: ExplainedReading?
    /// The reading after, or the interval reading.
    package var to: ExplainedReading
    /// mWh or mL that the dial went on, before the multiplier.
    package var deltaMilli: Int64
    /// The count at which the dial returned to 0, where it did.
    package var wrapModulusMilli: Int64?
    package var multiplier: ExactDecimal
    /// `delta` times the multiplier in kWh or m3, where that had to be rounded (half-even).
    package var unroundedQuantity: ExactDecimal?
    /// mWh or mL after the multiplier.
    package var quantityMilli: Int64
    /// Whether it is longer than `gapAfter`.
    package var isEstimated: Bool
}

/// The part of an interval that lies in one local day, one version of a tariff and one period.
package struct ExplainedUse: Sendable {
    /// Why a quantity costs nothing.
    package enum Uncharged: Hashable, Sendable {
        case noTariff
        /// It lies before the instant of first assignment.
        case beforeAssignment
        /// It lies before the tariff's first version.
        case beforeFirstVersion
    }

    /// How a part is priced.
    package enum Pricing: Hashable, Sendable {
        case priced(PricedAt)
        case uncharged(Uncharged)
    }

    /// The tariff version, period and price of a part.
    package struct PricedAt: Hashable, Sendable {
        package var tariff: String
        /// The version's.
        package var from: LocalDate
        package var period: String
        /// Per kWh or m3.
        package var price: ExactDecimal
        /// Signed.
        package var amount: Money
    }

    /// Its index in the explanation's `intervals`.
    package var interval: Int
    package var start: Instant
    package var end: Instant
    /// What of the interval's quantity is counted up to `start` and up to `end`: rounded down, by time (mWh or mL).
    package var countedBeforeMilli: Int64
    package var countedAfterMilli: Int64
    package var isEstimated: Bool
    package var pricing: Pricing

    package var quantityMilli: Int64 { countedAfterMilli - countedBeforeMilli }

    package var amount: Money {
        if case .priced(let priced) = pricing { priced.amount } else { .zero }
    }

    /// Whether the share by time of its interval had to be rounded, at its start or end.
    package func isRounded(_ interval: ExplainedInterval) -> Bool {
        let length = Int128(interval.end.milliseconds - interval.start.milliseconds)
        return [start, end].contains { cut in
            Int128(interval.quantityMilli) * Int128(cut.milliseconds - interval.start.milliseconds) % length != 0
        }
    }
}

/// What the steps of a tariff add for one day's quantity.
package struct ExplainedTier: Hashable, Sendable {
    /// What the explanation tells of: step.
    package struct Step: Hashable, Sendable {
        /// The bound above which it begins; nil for the first.
        package var above: ExactDecimal?
        /// The upper bound, which it contains; nil for the last.
        package var upTo: ExactDecimal?
        /// mWh or mL of the day that lie in the step.
        package var quantityMilli: Int128
        /// What is added to the price.
        package var add: ExactDecimal
        /// Signed.
        package var amount: Money
    }

    package var tariff: String
    package var from: LocalDate
    package var period: TariffTiers.Period
    /// mWh or mL counted since the tier period began, before the day and after it.
    package var countBeforeMilli: Int128
    package var countAfterMilli: Int128
    package var steps: [Step]

    package var amount: Money { steps.reduce(.zero) { $0 + $1.amount } }
}

/// A standing charge of one day.
package struct ExplainedStanding: Hashable, Sendable {
    package var tariff: String
    package var from: LocalDate
    /// Signed.
    package var amount: Money
}

/// The tax on the charges of one day.
package struct ExplainedTax: Hashable, Sendable {
    package var percent: ExactDecimal
    /// What it is taken of, signed.
    package var base: Money
    package var amount: Money
}

/// A top-up, a refund or an adjustment.
package struct ExplainedPayment: Hashable, Sendable {
    package var kind: LedgerKind
    /// Empty for an adjustment.
    package var provider: String
    package var reference: String
    /// The top-up that a refund names.
    package var of: String?
    package var at: Instant
    /// Of the event first accepted.
    package var position: Position?
    package var reason: String?
    /// Signed.
    package var amount: Money
}

/// Everything that one local day adds to consumption and balance.
package struct ExplainedDay: Sendable {
    /// Its number (`LocalDate.dayNumber`).
    package var day: Int
    package var uses: [ExplainedUse] = []
    package var tier: ExplainedTier?
    package var standing: ExplainedStanding?
    package var tax: ExplainedTax?
    package var payments: [ExplainedPayment] = []

    package init(day: Int) { self.day = day }

    package var date: LocalDate { LocalDate(dayNumber: Int32(day)) }

    /// mWh or mL.
    package var quantity: Int128 { uses.reduce(0) { $0 + Int128($1.quantityMilli) } }
    package var estimated: Int128 { uses.reduce(0) { $0 + ($1.isEstimated ? Int128($1.quantityMilli) : 0) } }

    /// The sums of the day's own lines.
    package var totals: Explanation.Totals {
        var totals = Explanation.Totals()
        for use in uses { totals.energy += use.amount }
        totals.tier = tier?.amount ?? .zero
        totals.standing = standing?.amount ?? .zero
        totals.tax = tax?.amount ?? .zero
        for payment in payments {
            switch payment.kind {
            case .refund: totals.refunds += payment.amount
            case .adjustment: totals.adjustments += payment.amount
            default: totals.topUps += payment.amount
            }
        }
        return totals
    }
}

/// A reading that does not count, or readings between which nothing is counted, and why.
package struct ExplainedNotice: Hashable, Sendable {
    /// What the explanation tells of: kind.
    package enum Kind: String, Sendable, CaseIterable {
        case dip, spike, held, conflict, replaced, voided, overlap, reset, implausible
        case mixedKind = "mixed-kind"
        case tooLong = "too-long"
    }

    package var kind: Kind
    package var at: Instant
    package var position: Position
    /// mWh or mL, as read.
    package var valueMilli: Int64?
    /// What it means, in a sentence.
    package var text: String
    /// Whether later readings decide.
    package var isOpen: Bool { kind == .held }
}
