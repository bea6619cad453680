/// A quantity used over `(start, end]`: what the walk over a series makes of its readings (semantics, section 3).
package struct MeteredInterval: Hashable, Sendable {
    /// UTC milliseconds, `start < end`.
    package var start: Int64
    package var end: Int64
    /// mWh or mL after the multiplier, 0 to 10^15.
    package var quantity: Int64

    @inlinable
    package init(start: Int64, end: Int64, quantity: Int64) {
        self.start = start
        self.end = end
        self.quantity = quantity
    }

    /// The part up to the cut `instant`: `floor(quantity * (instant - start) / (end - start))` (semantics, section 4).
    ///
    /// - Precondition: `start <= instant <= end`.
    package func quantity(upTo instant: Int64) -> Int64 {
        if instant == end { return quantity }
        let (product, overflow) = quantity.multipliedReportingOverflow(by: instant - start)
        if !overflow { return product / (end - start) }
        return Int64(Int128(quantity) * Int128(instant - start) / Int128(end - start))
    }
}
