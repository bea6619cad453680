/// A tariff's whole list of versions (section 5); prices count 10^-6 of the currency.
struct Tariff: Sendable {
    let unit: MeterUnit
    let currency: Text
    let timezone: Text?
    let versions: [TariffVersion]

    /// Versions are `[from, next from)` by local date; before the first nothing is charged.
    func version(on date: LocalDate) -> TariffVersion? {
        versions.last { $0.from <= date }
    }
}

struct TariffVersion: Sendable {
    let from: LocalDate
    let defaultPrice: Int128
    let periods: [Period]
    let tiers: Tiers?
    let standingCharge: Int128
    /// Hundredths of a percent.
    let taxRate: Int128

    static let defaultName: Text = "default"

    /// "The period at an instant is the one whose window covers what the local clock reads then"; "where windows
    /// overlap, the period listed first holds"; what no window covers takes `default`.
    func period(at instant: Instant, in zone: Zone) -> (name: Text, price: Int128) {
        let local = instant + zone.offset(at: instant)
        let date = LocalDate(number: floorDiv(local, day))
        let time = floorMod(local, day)
        let covering = periods.first { $0.windows.contains { $0.covers(date, time) } }
        return covering.map { ($0.name, $0.price) } ?? (TariffVersion.defaultName, defaultPrice)
    }

    /// Times of the local clock at which a window begins or ends, in milliseconds of the day.
    var edges: Set<Int64> {
        Set(periods.flatMap(\.windows).flatMap { [$0.from % day, $0.to % day] })
    }
}

struct Period: Sendable {
    let name: Text
    let price: Int128
    let windows: [Window]
}

/// A weekly window in local clock time.
struct Window: Sendable {
    /// Monday is 0.
    let days: Set<Int>
    let from: Int64
    let to: Int64

    /// "A window whose `to` is not after its `from` runs into the next day; its days are those it begins on".
    func covers(_ date: LocalDate, _ time: Int64) -> Bool {
        if to > from { return days.contains(date.weekday) && from <= time && time < to }
        let fromToday = days.contains(date.weekday) && from <= time
        let fromYesterday = days.contains(date.adding(-1).weekday) && time < to
        return fromToday || fromYesterday
    }
}

enum TierPeriod: String, Sendable {
    case month
    case year
}

/// Graduated steps: the last alone has no upper bound.
struct Tiers: Sendable {
    struct Step: Sendable {
        let upTo: Int128?
        let add: Int128
    }

    let period: TierPeriod
    let steps: [Step]

    /// Section 5: "`A(q)` being the cost of the first `q` units at the steps' added prices", in 10^-12 of the currency.
    func cost(_ quantity: Int128) -> Int128 {
        var cost: Int128 = 0
        var lower: Int128 = 0
        for step in steps {
            let upper = min(step.upTo ?? quantity, quantity)
            if upper > lower { cost += (upper - lower) * step.add }
            lower = step.upTo ?? quantity
        }
        return cost
    }
}
