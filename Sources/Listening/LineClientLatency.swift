/// Durations, counted in classes that are at most 1/32 wide of what they hold, from 1 µs to hours.
package struct LineClientLatency: Equatable, Sendable {
    private static let subclassBits = 5
    private static let classCount = (65 - subclassBits) << subclassBits

    /// Empty until the first duration, for most clients measure none.
    private var counts: [UInt64] = []
    package private(set) var count: UInt64 = 0
    package private(set) var maximumMicroseconds: UInt64 = 0

    package init() {}

    /// Counts a duration that `weight` lines took.
    package mutating func record(microseconds: UInt64, weight: Int) {
        if counts.isEmpty { counts = Array(repeating: 0, count: LineClientLatency.classCount) }
        counts[LineClientLatency.place(of: microseconds)] += UInt64(weight)
        count += UInt64(weight)
        maximumMicroseconds = max(maximumMicroseconds, microseconds)
    }

    /// Adds what another counted.
    package mutating func add(_ other: LineClientLatency) {
        guard !other.counts.isEmpty else { return }
        if counts.isEmpty { counts = Array(repeating: 0, count: LineClientLatency.classCount) }
        for i in counts.indices { counts[i] += other.counts[i] }
        count += other.count
        maximumMicroseconds = max(maximumMicroseconds, other.maximumMicroseconds)
    }

    /// The duration that a share of the lines did not go beyond: the upper bound of its class.
    ///
    /// - Parameter perMille: 500 for the median, 999 for all but one of a thousand.
    /// - Returns: microseconds; 0 where nothing was counted.
    package func microseconds(perMille: UInt64) -> UInt64 {
        let rank = (count * perMille + 999) / 1000
        guard rank > 0 else { return 0 }
        var sum: UInt64 = 0
        for (i, count) in counts.enumerated() {
            sum += count
            if sum >= rank { return min(LineClientLatency.upperBound(ofPlace: i), maximumMicroseconds) }
        }
        return maximumMicroseconds
    }

    private static func place(of value: UInt64) -> Int {
        let shift = max(0, 63 - value.leadingZeroBitCount - subclassBits)
        return shift << subclassBits + Int(value >> UInt64(shift))
    }

    private static func upperBound(ofPlace place: Int) -> UInt64 {
        guard place >= 2 << subclassBits else { return UInt64(place) }
        let shift = place >> subclassBits - 1
        return (UInt64(place - shift << subclassBits) + 1) << UInt64(shift) - 1
    }
}
