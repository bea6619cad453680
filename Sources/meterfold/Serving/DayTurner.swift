import Logging
import MeterModel
import Notifications
import Projections
import ServiceLifecycle

/// Records `DayTurned` when a local day begins in a zone in use; after a downtime one for each midnight missed, in
/// order (semantics, section 5).
///
/// A zone that the log tells of no midnight yet begins with the one before now.
struct DayTurner: Service {
    let stage: any LogStage
    let clock: any WallClock
    let pause: any Pausing
    let logger: Logger

    /// Who records them, as the log says.
    static let recordedBy = "serve"
    /// How often the clock is looked at, in milliseconds: a new zone or a clock that was set is noticed after this.
    static let lookMilliseconds: Int64 = 10_000
    /// Midnights that are recorded at once; the rest follows with the next look.
    static let maximumEventCount = 1000

    func run() async throws {
        try await cancelWhenGracefulShutdown { try await turn() }
    }

    /// Records what is due, again and again, until the task is cancelled.
    func turn() async throws {
        while !Task.isCancelled {
            let next = try await look()
            let now = clock.now().milliseconds
            let wait = min(DayTurner.lookMilliseconds, max(1, next - now))
            try? await pause.pause(until: Instant(milliseconds: now + wait))
        }
    }

    /// Records what is due.
    ///
    /// - Returns: when the next day begins.
    private func look() async throws -> Int64 {
        // What is in the log already must be known, or it would be recorded again.
        let zones: [ZoneInUse]
        do {
            zones = try await stage.perform(after: stage.durablePosition) { $0.fold.zonesInUse }
        } catch is ProjectorStopped {
            return .max
        }
        let now = clock.now()
        let (events, next) = DayTurner.due(zones, now: now)
        if !events.isEmpty {
            let position = try await stage.record(events.map { .dayTurned($0) }, by: DayTurner.recordedBy)
            logger.info("days turned", metadata: ["count": "\(events.count)", "position": "\(position.rawValue)"])
        }
        return next
    }

    /// The midnights to be told, in order of time, then zone; and when the next one is.
    static func due(_ zones: [ZoneInUse], now: Instant) -> (events: [DayTurned], next: Int64) {
        var events: [DayTurned] = []
        var next = Int64.max
        for zone in zones {
            let today = zone.rules.day(at: now.milliseconds)
            next = min(next, zone.rules.start(ofDay: today + 1))
            var day = zone.lastTurnedAt.map { zone.rules.day(at: $0.milliseconds) + 1 } ?? today
            while day <= today {
                let at = zone.rules.start(ofDay: day)
                // A date that a zone leaves out has no midnight of its own.
                if zone.rules.day(at: at) == day {
                    events.append(DayTurned(timezone: zone.rules.name, at: Instant(milliseconds: at)))
                }
                day += 1
            }
        }
        events.sort { ($0.at, ByteName($0.timezone)) < ($1.at, ByteName($1.timezone)) }
        return (Array(events.prefix(maximumEventCount)), events.count > maximumEventCount ? now.milliseconds : next)
    }
}
