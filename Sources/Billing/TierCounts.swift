package import MeterModel

/// The quantities that count towards tiers, by local month and tariff version, and what the tiers make of them.
///
/// Invariants: `pieces` ascends by start; a piece is the part of one local month in which one window of the schedule holds;
/// each piece's `cost` is what its quantity adds at the steps it meets, given the quantity of its tier period before it;
/// `total` is their sum. Tax is included.
package struct TierCounts: Sendable {
    struct Piece: Sendable {
        var start: Int64
        var end: Int64
        /// Months since year 0.
        var month: Int32
        var window: Int
        /// mWh or mL.
        var quantity: Int128 = 0
        /// Money units.
        var cost: Int128 = 0
    }

    private(set) var pieces: ContiguousArray<Piece> = []
    package private(set) var total = Money.zero

    package init() {}

    /// Counts an interval, or with a negative sign takes it back.
    @inline(__always)
    package mutating func add(_ interval: MeteredInterval, sign: Int128, _ schedule: RateSchedule) {
        if let last = pieces.last, interval.start >= last.start, interval.end <= last.end {
            change(pieces.count - 1, by: sign * Int128(interval.quantity), schedule)
            return
        }
        addInParts(interval, sign: sign, schedule)
    }

    private mutating func addInParts(_ interval: MeteredInterval, sign: Int128, _ schedule: RateSchedule) {
        var at = max(interval.start, schedule.countsFrom)
        guard at < interval.end else { return }
        var counted = at == interval.start ? 0 : interval.quantity(upTo: at)
        while at < interval.end {
            let i = piece(at: at, schedule)
            let stop = min(pieces[i].end, interval.end)
            let upTo = interval.quantity(upTo: stop)
            change(i, by: sign * Int128(upTo - counted), schedule)
            counted = upTo
            at = stop
        }
    }

    /// The index of the piece in which an instant lies, new or old.
    private mutating func piece(at instant: Int64, _ schedule: RateSchedule) -> Int {
        var low = 0
        var high = pieces.count
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle].start <= instant { low = middle + 1 } else { high = middle }
        }
        if low > 0, instant < pieces[low - 1].end { return low - 1 }
        let zone = schedule.zone
        let window = schedule.window(at: instant)
        let first = LocalDate(dayNumber: Int32(zone.day(at: instant))).firstOfMonth
        let (year, month, _) = first.civil
        let monthStart = zone.start(ofDay: Int(first.dayNumber))
        let monthEnd = zone.start(ofDay: Int(first.firstOfNextMonth.dayNumber))
        pieces.insert(
            Piece(
                start: max(monthStart, schedule.windows[window].start),
                end: min(monthEnd, schedule.end(ofWindow: window)),
                month: Int32(year * 12 + month - 1),
                window: window
            ),
            at: low
        )
        return low
    }

    private mutating func change(_ i: Int, by quantity: Int128, _ schedule: RateSchedule) {
        pieces[i].quantity += quantity
        // What comes before in the year; a month's count begins with the month.
        var j = i
        var inYear: Int128 = 0
        var inMonth: Int128 = 0
        let year = pieces[i].month / 12
        while j > 0, pieces[j - 1].month / 12 == year {
            j -= 1
            inYear += pieces[j].quantity
            if pieces[j].month == pieces[i].month { inMonth += pieces[j].quantity }
        }
        // This piece, and those after it in the year, begin where the ones before them end.
        var month = pieces[i].month
        j = i
        while j < pieces.count, pieces[j].month / 12 == year {
            if pieces[j].month != month {
                month = pieces[j].month
                inMonth = 0
            }
            let cost = TierCounts.cost(pieces[j], inMonth: inMonth, inYear: inYear, schedule)
            total.units += cost - pieces[j].cost
            pieces[j].cost = cost
            inYear += pieces[j].quantity
            inMonth += pieces[j].quantity
            j += 1
        }
    }

    private static func cost(_ piece: Piece, inMonth: Int128, inYear: Int128, _ schedule: RateSchedule) -> Int128 {
        guard let rates = schedule.windows[piece.window].rates, let period = rates.tierPeriod else { return 0 }
        let before = period == .month ? inMonth : inYear
        return rates.taxed(rates.tierCost(before + piece.quantity) - rates.tierCost(before))
    }

    /// The quantity counted in the tier period of an instant's version, in the pieces before the instant's own.
    package func countBefore(pieceAt instant: Int64, _ schedule: RateSchedule) -> Int128 {
        guard let rates = schedule.rates(at: instant), let period = rates.tierPeriod else { return 0 }
        let date = LocalDate(dayNumber: Int32(schedule.zone.day(at: instant)))
        let (year, month, _) = date.civil
        let key = Int32(year * 12 + month - 1)
        var count: Int128 = 0
        for piece in pieces where piece.end <= instant {
            if period == .month ? piece.month == key : piece.month / 12 == key / 12 { count += piece.quantity }
        }
        return count
    }
}
