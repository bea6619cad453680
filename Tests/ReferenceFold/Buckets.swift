/// The buckets of the consumption views (section 4).
public enum BucketSize: String, Sendable, CaseIterable {
    /// An hour of UTC shown in local time.
    case hour
    /// `[local midnight, next local midnight)`.
    case day
    /// From the first local midnight of a month to that of the next.
    case month
}

extension Zone {
    /// The bucket whose span contains the instant.
    func bucket(_ size: BucketSize, at instant: Instant) -> (start: Instant, end: Instant) {
        switch size {
        case .hour:
            return (startOfHour(instant), endOfHour(instant))
        case .day:
            let date = date(at: instant)
            return (start(of: date), start(of: date.adding(1)))
        case .month:
            let date = date(at: instant)
            return (start(of: date.firstOfMonth), start(of: date.firstOfNextMonth))
        }
    }
}

/// One row of a consumption view, without its names.
struct Bucket: Sendable {
    let start: Instant
    let end: Instant
    var quantity: Int128 = 0
    /// "The part of it from gaps".
    var estimated: Int128 = 0
    /// How much of the span intervals cover.
    var covered: Int64 = 0

    /// "Intervals cover the whole bucket"; intervals of a series do not overlap.
    var isComplete: Bool {
        covered == end - start
    }

    /// "Per series and bucket that an interval overlaps (be its quantity 0)", by start.
    static func all(of intervals: [Interval], _ size: BucketSize, in zone: Zone) -> [Bucket] {
        var buckets: [Instant: Bucket] = [:]
        for interval in intervals {
            var cut = interval.start
            while cut < interval.end {
                let span = zone.bucket(size, at: cut)
                let next = min(span.end, interval.end)
                var bucket = buckets[span.start] ?? Bucket(start: span.start, end: span.end)
                let quantity = interval.count(upTo: next) - interval.count(upTo: cut)
                bucket.quantity += quantity
                if interval.isGap { bucket.estimated += quantity }
                bucket.covered += next - cut
                buckets[span.start] = bucket
                cut = next
            }
        }
        return buckets.values.sorted { $0.start < $1.start }
    }
}
