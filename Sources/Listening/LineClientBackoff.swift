package import NIOCore

/// How long to wait before the next attempt to connect: longer each time, up to a bound, and never for all alike.
package struct LineClientBackoff: Sendable {
    /// The wait before the first attempt after a loss, at most.
    package static let shortest = TimeAmount.milliseconds(100)
    /// The wait before any attempt, at most.
    package static let longest = TimeAmount.seconds(10)

    private var attemptCount = 0

    package init() {}

    /// The wait before the next attempt: between half and the whole of a bound that doubles each time.
    package mutating func next(using generator: inout some RandomNumberGenerator) -> TimeAmount {
        let doublings = min(attemptCount, 16)
        attemptCount += 1
        let bound = min(
            LineClientBackoff.shortest.nanoseconds << Int64(doublings),
            LineClientBackoff.longest.nanoseconds
        )
        return .nanoseconds(.random(in: bound / 2...bound, using: &generator))
    }

    /// What comes next is a first attempt again.
    package mutating func reset() { attemptCount = 0 }
}
