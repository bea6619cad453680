import Billing

/// Readings that follow a series in order, each later than all before, of which rule 1 of semantics, section 3, alone
/// decides: what they add to the series.
struct CalmRun {
    /// How many readings.
    var count = 0
    /// mWh or mL after the multiplier, of all their intervals.
    var quantity: Int64 = 0
    /// The intervals lie over `(start, end]`, one after the other; equal where there is none.
    var start: Int64 = 0
    var end: Int64 = 0

    var hasIntervals: Bool { start < end }

    /// All of it as one interval: right as such where the run is of one reading.
    var interval: MeteredInterval? {
        hasIntervals ? MeteredInterval(start: start, end: end, quantity: quantity) : nil
    }
}

extension CalmRun {
    init(count: Int = 0, start: Int64) {
        self.count = count
        self.start = start
        end = start
    }
}
