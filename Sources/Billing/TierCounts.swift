package import MeterModel

/// The quantities that count towards tiers, by local month and tariff version, and what the tiers make of them.
///
/// Invariants: `pieces` ascends by start; a piece is the part of one local month in which one window of the schedule
/// holds; each piece's `cost` is what its quantity adds at the steps it meets, given the quantity of its tier period
/// before it; `total` is their sum. Tax is included.
package struct TierCounts: Sendable {
    /// A part of a local month.
    package struct Piece: Sendable {
        package var start: Int64
        package var end: Int64
        /// Months since year 0.
        package var month: Int32
        package var window: Int
        /// mWh or mL.
        package var quantity: Int128 = 0
        /// Money units.
        package var cost: Int128 = 0

        package init(start: Int64, end: Int64, month: Int32, window: Int, quantity: Int128 = 0, cost: Int128 = 0) {
            self.start = start
            self.end = end
            self.month = month
            self.window = window
            self.quantity = quantity
            self.cost = cost
        }
    }

    package private(set) var pieces: ContiguousArray<Piece> = []
    package private(set) var total = Money.zero

    package init() {}

    /// What was counted before under the same schedule; nil where it has no such window.
    package init?(_ pieces: ContiguousArray<Piece>, _ schedule: RateSchedule) {
        for piece in pieces {
            guard schedule.windows.indices.contains(piece.window) else { return nil }
            total.units &+= piece.cost
        }
        self.pieces = pieces
    }

    /// Counts an interval, or with a negative sign takes it back.
    @inline(__always)
    package mutating func add(_ interval: MeteredInterval, sign: Int128, _ schedule: RateSchedule) {
        if let last = pieces.last, interval.start >= last.start, interval.end <= last.end {
            change(pieces.count - 1, by: sign * Int128(interval.quantity), schedule)
            return
        }
        addInParts(interval, sign: sign, schedule)
    }

    /// Takes intervals back and counts others, settling costs once.
    package mutating func replace(
        _ removed: [MeteredInterval],
        by added: [MeteredInterval],
        _ schedule: RateSchedule
    ) {
        var touched: (first: Int64, last: Int64)?
        func note(_ interval: MeteredInterval) {
            touched =
                touched.map { (min($0.first, interval.start), max($0.last, interval.end)) }
                ?? (interval.start, interval.end)
        }
        for interval in removed {
            note(interval)
            shift(interval, sign: -1, schedule)
        }
        for interval in added {
            note(interval)
            shift(interval, sign: 1, schedule)
        }
        guard let touched, touched.last > schedule.countsFrom else { return }
        // The first comes first: where it is new, it moves the places of those after it.
        var i = piece(at: max(touched.first, schedule.countsFrom), schedule)
        let last = piece(at: touched.last - 1, schedule)
        while i <= last { i = settle(from: i, schedule) }
    }

    private mutating func addInParts(_ interval: MeteredInterval, sign: Int128, _ schedule: RateSchedule) {
        guard let (first, last) = shift(interval, sign: sign, schedule) else { return }
        var i = first
        while i <= last { i = settle(from: i, schedule) }
    }

    /// Changes the quantities of the pieces that an interval overlaps, their costs still to be settled.
    ///
    /// - Returns: the indexes of the first and last of them.
    @discardableResult
    private mutating func shift(
        _ interval: MeteredInterval,
        sign: Int128,
        _ schedule: RateSchedule
    ) -> (first: Int, last: Int)? {
        var at = max(interval.start, schedule.countsFrom)
        guard at < interval.end else { return nil }
        var counted = at == interval.start ? 0 : interval.quantity(upTo: at)
        var i = piece(at: at, schedule)
        let first = i
        while true {
            let stop = min(pieces[i].end, interval.end)
            let upTo = interval.quantity(upTo: stop)
            pieces[i].quantity += sign * Int128(upTo - counted)
            counted = upTo
            at = stop
            if at >= interval.end { return (first, i) }
            let next = i + 1
            i = next < pieces.count && pieces[next].start == at ? next : piece(at: at, schedule)
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
        _ = settle(from: i, schedule)
    }

    /// Works out the costs of a piece and of those after it in its year: they begin where the ones before them end.
    ///
    /// - Returns: the index of the first piece of a later year.
    private mutating func settle(from i: Int, _ schedule: RateSchedule) -> Int {
        var j = i
        var inYear: Int128 = 0
        var inMonth: Int128 = 0
        var month = pieces[i].month
        let year = month / 12
        while j > 0, pieces[j - 1].month / 12 == year {
            j -= 1
            inYear += pieces[j].quantity
            if pieces[j].month == month { inMonth += pieces[j].quantity }
        }
        j = i
        // What the steps make of the quantity up to here, as the piece before left it.
        var reached: (window: Int, period: TariffTiers.Period, cost: Int128)?
        while j < pieces.count, pieces[j].month / 12 == year {
            if pieces[j].month != month {
                month = pieces[j].month
                inMonth = 0
                if reached?.period == .month { reached = nil }
            }
            var cost: Int128 = 0
            if let rates = schedule.windows[pieces[j].window].rates, let period = rates.tierPeriod {
                let before = period == .month ? inMonth : inYear
                let costBefore = reached?.window == pieces[j].window ? reached?.cost : nil
                let costAfter = rates.tierCost(before + pieces[j].quantity)
                cost = rates.taxed(costAfter - (costBefore ?? rates.tierCost(before)))
                reached = (pieces[j].window, period, costAfter)
            } else {
                reached = nil
            }
            total.units += cost - pieces[j].cost
            pieces[j].cost = cost
            inYear += pieces[j].quantity
            inMonth += pieces[j].quantity
            j += 1
        }
        return j
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
