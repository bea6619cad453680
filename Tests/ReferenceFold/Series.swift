/// Something with the position of the event that said it.
struct Placed<Value: Sendable>: Sendable {
    let position: Int
    let value: Value
}

/// What the log says about one series (device, register), in position order (section 2).
struct SeriesFacts: Sendable {
    var readings: [Placed<RegisterReading>] = []
    var intervals: [Placed<IntervalReading>] = []
    var verdicts: [Placed<Verdict>] = []
    var exchanges: [Placed<Exchange>] = []
    var multiplierCorrections: [Placed<MultiplierCorrection>] = []

    /// Section 3: "the kind of its first accepted reading (lowest position) decides for good".
    var isOfIntervals: Bool {
        guard let interval = intervals.map(\.position).min() else { return false }
        return interval < (readings.map(\.position).min() ?? Int.max)
    }

    /// Section 3: "an exchange at the same `at` again replaces the former".
    var standingExchanges: [Placed<Exchange>] {
        var standing: [Instant: Placed<Exchange>] = [:]
        for exchange in exchanges.sorted(by: { $0.position < $1.position }) { standing[exchange.value.at] = exchange }
        return standing.values.sorted { $0.value.at < $1.value.at }
    }

    /// Section 8: "count only readings with `readAt <= T` (intervals: `end`), corrections, voids and exchanges
    /// likewise".
    func asOf(_ instant: Instant) -> SeriesFacts {
        var facts = self
        facts.readings = readings.filter { $0.value.readAt <= instant }
        facts.intervals = intervals.filter { $0.value.end <= instant }
        facts.verdicts = verdicts.filter { $0.value.readAt <= instant }
        facts.exchanges = exchanges.filter { $0.value.at <= instant }
        return facts
    }
}

/// A quantity used over `(start, end]`, in mWh or mL after the multiplier.
struct Interval: Equatable, Sendable {
    let start: Instant
    let end: Instant
    let quantity: Int128
    /// Section 3: longer than the device's `gapAfter`; the quantity is estimated.
    let isGap: Bool

    /// Section 4: `C(x) = floor(Q * (x - a) / (b - a))`, `C(a) = 0`, `C(b) = Q`.
    func count(upTo instant: Instant) -> Int128 {
        if instant <= start { return 0 }
        if instant >= end { return quantity }
        return floorDivided(quantity * Int128(instant - start), by: Int128(end - start))
    }
}

enum AnomalyKind: String, Sendable {
    case conflict
    case dip
    case spike
    case wrap
    case reset
    case suspectedReset = "suspected-reset"
    case tooLong = "too-long"
    case implausible
    case overlap
    case mixedKind = "mixed-kind"
}

struct Anomaly: Sendable {
    let kind: AnomalyKind
    let at: Instant
    let position: Int
}

/// Section 1: "beyond 10^15 of them either way".
let maximumCount: Int128 = 1_000_000_000_000_000
/// Sections 1 and 3: 400 days.
let maximumIntervalLength: Int64 = 400 * day

/// One series folded: its intervals, its anomalies and what stands in it.
struct FoldedSeries: Sendable {
    var intervals: [Interval] = []
    var anomalies: [Anomaly] = []
    /// The first standing reading's `readAt` (interval: `start`).
    var firstStandingAt: Instant?
    /// The latest standing reading's `readAt` (interval: `end`), held ones and exchanges too.
    var latestStandingAt: Instant?
    var latestStandingValue: Int128?
    var readingCount = 0
    var duplicateCount = 0
}

/// What the device declares for the fold of its series (section 3).
struct SeriesSettings: Sendable {
    /// The multiplier and modulus for the segment before the first exchange, with the declaring event's position.
    var multiplier: Placed<Int128>?
    var modulus: Int128?
    var maxRate: Int128?
    var gapAfter: Int64

    /// Section 3: "default 6 h".
    static let defaultGapAfter: Int64 = 6 * hour
}

extension SeriesFacts {
    /// Folds the series.
    ///
    /// Its kind is decided "for good", and its segments are those of every exchange known; only then is what counts cut
    /// off at `instant`.
    func folded(_ settings: SeriesSettings, asOf instant: Instant?) -> FoldedSeries {
        let segments = Segment.all(of: self, settings)
        let isOfIntervals = isOfIntervals
        let facts = instant.map(asOf) ?? self
        var folded: FoldedSeries
        if isOfIntervals {
            folded = facts.foldedIntervals(settings, segments)
            folded.anomalies += mixedKind(facts.readings.map { ($0.value.readAt, $0.position) })
        } else {
            folded = facts.foldedRegister(settings, segments)
            folded.anomalies += mixedKind(facts.intervals.map { ($0.value.end, $0.position) })
        }
        facts.count(into: &folded)
        return folded
    }

    /// Section 3: the other kind is set aside: "anomaly `mixed-kind`, once a series, at its first".
    private func mixedKind(_ others: [(at: Instant, position: Int)]) -> [Anomaly] {
        guard let first = others.min(by: { $0.position < $1.position }) else { return [] }
        return [Anomaly(kind: .mixedKind, at: first.at, position: first.position)]
    }

    /// Section 10: `readings` (distinct by time and value) and `duplicates` (the other received), of both kinds.
    private func count(into folded: inout FoldedSeries) {
        let byInstant = Dictionary(grouping: readings) { $0.value.readAt }.values
        let bySpan = Dictionary(grouping: intervals) { [$0.value.start, $0.value.end] }.values
        let distinct =
            byInstant.map { Candidate.kept($0.map { ($0.position, $0.value.value, $0.value.quality) }).count }
            + bySpan.map { Candidate.kept($0.map { ($0.position, $0.value.value, $0.value.quality) }).count }
        folded.readingCount = distinct.reduce(0, +)
        folded.duplicateCount = readings.count + intervals.count - folded.readingCount
    }
}

/// One of the values received for one instant (or one span).
struct Candidate: Sendable {
    /// "Of duplicates the first" (section 10).
    let position: Int
    let value: Int128
    /// "Of several qualities the value has the highest" (section 2).
    var quality: Quality

    /// Section 2: "at most 16 different values are kept for one instant (by position)".
    static let maximumPerInstant = 16

    /// The different values, in position order.
    static func kept(_ received: [(position: Int, value: Int128, quality: Quality)]) -> [Candidate] {
        var kept: [Candidate] = []
        for next in received.sorted(by: { $0.position < $1.position }) {
            if let known = kept.firstIndex(where: { $0.value == next.value }) {
                if next.quality.rawValue > kept[known].quality.rawValue { kept[known].quality = next.quality }
            } else if kept.count < maximumPerInstant {
                kept.append(Candidate(position: next.position, value: next.value, quality: next.quality))
            }
        }
        return kept
    }

    /// Section 2: "the higher quality stands; at equal quality the lower value stands".
    static func standing(_ candidates: [Candidate]) -> Candidate? {
        candidates.max { left, right in
            if left.quality != right.quality { return left.quality.rawValue < right.quality.rawValue }
            return left.value > right.value
        }
    }
}
