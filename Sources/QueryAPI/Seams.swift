package import MeterModel
package import ReadModel

/// How far the views are.
package protocol Freshness: Sendable {
    /// The last position the views have.
    var position: Position { get }

    /// Waits until the views have a position, but no longer than said.
    ///
    /// - Parameters:
    ///   - position: what is waited for.
    ///   - duration: how long at most.
    /// - Returns: the position the views have then, lower than asked for where time ran out.
    func wait(for position: Position, within duration: Duration) async -> Position
}

/// Gives access to the views, off the event loops.
package protocol ViewReading: Sendable {
    /// Runs `body` on one snapshot of the views.
    ///
    /// - Throws: what `body` throws, `ViewError` where there are no views, and `ViewPoolFault.full`.
    func read<T: Sendable>(_ body: @Sendable @escaping (ViewReader) throws -> T) async throws -> T
}

/// Tells each cent of a device's balance.
package protocol Explaining: Sendable {
    /// - Parameters:
    ///   - device: whose.
    ///   - day: of one local day; nil: of all.
    /// - Returns: one JSON value in UTF-8; nil for an unknown device.
    /// - Throws: what keeps it from being worked out.
    func explain(device: String, day: LocalDate?) async throws -> [UInt8]?
}

/// What the server says about itself.
package protocol ServerState: Sendable {
    /// Counters and gauges in the Prometheus text format, version 0.0.4.
    func metrics() -> [UInt8]

    /// Whether it takes and answers requests, and if not, why; else what an operator must look at, empty if nothing.
    /// The reason names no path and no secret.
    func readiness() -> (isReady: Bool, reason: String)
}
