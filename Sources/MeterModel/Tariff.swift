/// A price list as published: versions by local date, one unit, one currency (semantics, section 5).
package struct TariffPublished: Hashable, Sendable {
    package var tariff: String
    package var unit: Unit
    package var currency: Currency
    package var timezone: String?
    /// Ascending by `from`, none twice, at least one.
    package var versions: [TariffVersion]

    package init(tariff: String, unit: Unit, currency: Currency, timezone: String?, versions: [TariffVersion]) {
        self.tariff = tariff
        self.unit = unit
        self.currency = currency
        self.timezone = timezone
        self.versions = versions
    }
}

/// What holds from a local date until the next version's. Prices are per kWh or m3, 0 to 100,000, at most 6 digits.
package struct TariffVersion: Hashable, Sendable {
    package var from: LocalDate
    package var defaultPrice: ExactDecimal
    package var periods: [TariffPeriod]
    package var tiers: TariffTiers?
    package var standingCharge: ExactDecimal?
    /// Percent, 0 to 100, at most 2 fraction digits.
    package var tax: ExactDecimal?

    package init(
        from: LocalDate,
        defaultPrice: ExactDecimal,
        periods: [TariffPeriod] = [],
        tiers: TariffTiers? = nil,
        standingCharge: ExactDecimal? = nil,
        tax: ExactDecimal? = nil
    ) {
        self.from = from
        self.defaultPrice = defaultPrice
        self.periods = periods
        self.tiers = tiers
        self.standingCharge = standingCharge
        self.tax = tax
    }

    /// Whether there is no more to it than a flat price.
    package var isFlat: Bool { periods.isEmpty && tiers == nil && standingCharge == nil && tax == nil }
}

/// A time-of-use price and the weekly windows in which it holds.
package struct TariffPeriod: Hashable, Sendable {
    package var name: String
    package var price: ExactDecimal
    package var windows: [TariffWindow]

    package init(name: String, price: ExactDecimal, windows: [TariffWindow]) {
        self.name = name
        self.price = price
        self.windows = windows
    }
}

/// A weekly window in local clock time; where `toMinute` is not after `fromMinute` it runs into the next day.
package struct TariffWindow: Hashable, Sendable {
    /// Bit 0 is Monday, bit 6 Sunday.
    package var weekdays: UInt8
    /// Minutes of the day, 0 to 1440.
    package var fromMinute: Int
    package var toMinute: Int

    package init(weekdays: UInt8, fromMinute: Int, toMinute: Int) {
        self.weekdays = weekdays
        self.fromMinute = fromMinute
        self.toMinute = toMinute
    }
}

/// Graduated steps whose added price depends on the quantity used since the tier period began.
package struct TariffTiers: Hashable, Sendable {
    /// When counting begins anew.
    package enum Period: UInt8, Sendable {
        case month = 1
        case year = 2
    }

    /// A price added to the units up to a bound.
    package struct Step: Hashable, Sendable {
        /// The upper bound that the step contains; nil for the last.
        package var upTo: ExactDecimal?
        package var add: ExactDecimal

        package init(upTo: ExactDecimal?, add: ExactDecimal) {
            self.upTo = upTo
            self.add = add
        }
    }

    package var period: Period
    package var steps: [Step]

    package init(period: Period, steps: [Step]) {
        self.period = period
        self.steps = steps
    }
}
