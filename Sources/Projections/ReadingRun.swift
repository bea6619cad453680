import MeterModel

/// The positions of a run of readings, ascending: consecutive ones, or told one by one.
struct RunPositions {
    private let first: UInt64
    private let table: UnsafePointer<UInt64>?

    init(from first: UInt64) {
        self.first = first
        table = nil
    }

    /// The table must stay where it is for as long as this is used.
    init(_ table: UnsafePointer<UInt64>) {
        first = 0
        self.table = table
    }

    subscript(i: Int) -> UInt64 {
        @inline(__always) get { table.map { $0[i] } ?? first &+ UInt64(i) }
    }

    func dropFirst(_ count: Int) -> RunPositions {
        table.map { RunPositions($0 + count) } ?? RunPositions(from: first + UInt64(count))
    }
}

/// When the log recorded what is being applied: one instant, and where blocks are taken together those of the others.
///
/// Invariant: `later` ascends by position.
struct RecordedTimes {
    private var first = Instant(milliseconds: 0)
    private var later: [(from: UInt64, at: Instant)] = []

    init() {}

    init(_ recordedAt: Instant) { first = recordedAt }

    mutating func append(from position: UInt64, _ recordedAt: Instant) {
        guard (later.last?.at ?? first) != recordedAt else { return }
        later.append((position, recordedAt))
    }

    func at(_ position: UInt64) -> Instant {
        if later.isEmpty { return first }
        var low = 0
        var high = later.count
        while low < high {
            let middle = (low + high) / 2
            if later[middle].from <= position { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? later[low - 1].at : first
    }
}
