package import MeterModel

/// What a fleet used, by local day: the rows of the consumption view added up over the devices.
package struct FleetSummary {
    /// A local day of the series of one register, kind of supply and dimension.
    package struct Row: Hashable, Sendable {
        /// The local date, whatever the devices' zones.
        package var day: LocalDate
        package var register: String
        /// Nil: of devices nobody registered.
        package var utility: Utility?
        package var dimension: Dimension
        /// mWh or mL.
        package var quantity: Int128 = 0
        /// The part of it from gaps.
        package var estimated: Int128 = 0
        /// How many series have a row of the day, and how many of these rows are complete.
        package var series = 0
        package var complete = 0
    }

    private struct Key: Hashable {
        var day: Int
        var register: ByteName
        var utility: Utility?
        var dimension: Dimension
    }

    private let from: ViewBound?
    private let to: ViewBound?
    private var days: [Key: SummaryDays.Day] = [:]

    /// Where a span of days begins or ends: at a local date, or at an instant, by when a day starts.
    package enum ViewBound: Sendable {
        case day(LocalDate)
        case instant(Instant)
    }

    init(from: ViewBound?, to: ViewBound?) {
        self.from = from
        self.to = to
    }

    mutating func add(_ days: SummaryDays, register: String, _ group: SummaryGroup, zone: ZoneRules) {
        for (i, day) in days.days.enumerated() where day.series > 0 {
            let number = days.first + i
            guard contains(number, zone) else { continue }
            let key = Key(
                day: number,
                register: ByteName(register),
                utility: group.utility,
                dimension: group.dimension
            )
            var sum = self.days[key] ?? SummaryDays.Day()
            sum.quantity += day.quantity
            sum.estimated += day.estimated
            sum.series += day.series
            sum.complete += day.complete
            self.days[key] = sum
        }
    }

    private func contains(_ day: Int, _ zone: ZoneRules) -> Bool {
        func isBefore(_ bound: ViewBound) -> Bool {
            switch bound {
            case .day(let date): day < Int(date.dayNumber)
            case .instant(let instant): zone.start(ofDay: day) < instant.milliseconds
            }
        }
        if let from, isBefore(from) { return false }
        if let to, !isBefore(to) { return false }
        return true
    }

    /// By day, register, utility and dimension.
    package var rows: [Row] {
        let keys = days.keys.sorted { a, b in
            if a.day != b.day { return a.day < b.day }
            if a.register != b.register { return a.register < b.register }
            let (one, other) = (a.utility?.rawValue ?? 0, b.utility?.rawValue ?? 0)
            return one != other ? one < other : a.dimension.rawValue < b.dimension.rawValue
        }
        return keys.map { key in
            let day = days[key] ?? SummaryDays.Day()
            return Row(
                day: LocalDate(dayNumber: Int32(key.day)),
                register: key.register.text,
                utility: key.utility,
                dimension: key.dimension,
                quantity: day.quantity,
                estimated: day.estimated,
                series: day.series,
                complete: day.complete
            )
        }
    }
}
