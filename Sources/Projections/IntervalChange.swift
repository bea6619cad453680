import Billing

/// What one event did to the intervals of a series: those that went and those that came, without what stayed.
///
/// A scratch value, reused from event to event: `removed` and `added` ascend, and have neither a common beginning nor a
/// common end.
struct IntervalChange {
    var removed: [MeteredInterval] = []
    var added: [MeteredInterval] = []
    /// Whether nothing changed but that a reading, correction, void or exchange added intervals later than all the
    /// series had: then a crossing lies on their line (semantics, section 7).
    private(set) var onlyAddsLater = false
    /// Whether what was decided about readings changed in a way that anomalies tell of.
    var touchesAnomalies = false

    var isEmpty: Bool { removed.isEmpty && added.isEmpty }

    mutating func clear() {
        removed.removeAll(keepingCapacity: true)
        added.removeAll(keepingCapacity: true)
        onlyAddsLater = false
        touchesAnomalies = false
    }

    /// One interval appended behind all others; nothing else was added.
    mutating func setAppended(_ interval: MeteredInterval) {
        added.append(interval)
        onlyAddsLater = removed.isEmpty
    }

    /// Says that no reading, correction, void or exchange did this: a crossing lies at the event's time.
    mutating func leaveLine() { onlyAddsLater = false }

    /// Drops what both sides share.
    ///
    /// - Parameter reachesEnd: whether `removed` and `added` run to the end of the series.
    mutating func trim(reachesEnd: Bool) {
        var common = 0
        while common < removed.count, common < added.count, removed[common] == added[common] { common += 1 }
        removed.removeFirst(common)
        added.removeFirst(common)
        onlyAddsLater = reachesEnd && removed.isEmpty && !added.isEmpty
        var tail = 0
        while tail < removed.count, tail < added.count,
            removed[removed.count - 1 - tail] == added[added.count - 1 - tail]
        { tail += 1 }
        removed.removeLast(tail)
        added.removeLast(tail)
    }

    /// The span of time in which quantities changed.
    var span: (start: Int64, end: Int64)? {
        var start = Int64.max
        var end = Int64.min
        if let first = removed.first, let last = removed.last {
            start = first.start
            end = last.end
        }
        if let first = added.first, let last = added.last {
            start = min(start, first.start)
            end = max(end, last.end)
        }
        return start < end ? (start, end) : nil
    }
}
