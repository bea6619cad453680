package import MeterModel

/// Waits: a seam, so that tests decide how time goes by.
package protocol Pausing: Sendable {
    /// Returns at an instant, or somewhat before: who waits looks at the clock again.
    ///
    /// - Throws: `CancellationError`.
    func pause(until instant: Instant) async throws
}

/// Waits by the machine's time.
package struct SystemPause: Pausing {
    private let clock: any WallClock
    /// The longest wait in one go, in milliseconds: a clock that was set is noticed after this at the latest.
    private static let maximumMilliseconds: Int64 = 60_000

    package init(clock: any WallClock) { self.clock = clock }

    package func pause(until instant: Instant) async throws {
        let wanted = instant.milliseconds - clock.now().milliseconds
        try await Task.sleep(for: .milliseconds(min(max(wanted, 0), Self.maximumMilliseconds)))
    }
}

/// Chance: a seam, so that tests decide it.
package protocol Chance: Sendable {
    /// Anything from 0 up to, not including, 1, equally likely.
    func fraction() -> Double
}

/// The system's chance.
package struct SystemChance: Chance {
    package init() {}

    package func fraction() -> Double { Double.random(in: 0..<1) }
}
