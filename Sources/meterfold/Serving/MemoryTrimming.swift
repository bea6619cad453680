import Listening
import MeterModel
import Projections
import ServiceLifecycle

/// Gives freed memory back to the system in calm moments: after much was folded, once the views have stood still for a
/// while, or when most connections are gone.
struct MemoryTrimming: Service {
    let projector: LiveProjector
    let listener: LineListener

    private static let interval = Duration.seconds(1)
    /// Events in an interval, and of the log that are not in the views, at most: then a tenth of a second in which
    /// nobody allocates matters little.
    private static let calmCount: UInt64 = 10_000
    /// Events after which there is much to give back.
    private static let muchCount: UInt64 = 1_000_000
    /// Intervals without an event, and calm ones, after which it is done in any case.
    private static let stillCount = 5
    private static let calmIntervalCount = 60

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var last = Position.origin
            var trimmed = Position.origin
            /// Connections at most since it was last done.
            var most = 0
            var (stillness, calmness) = (0, 0)
            while !Task.isCancelled {
                let position = projector.committed
                let open = listener.figures.openCount
                most = max(most, open)
                let moved = position.rawValue - last.rawValue
                stillness = moved == 0 ? stillness + 1 : 0
                let isCalm = projector.hasLoaded && moved + projector.lag <= MemoryTrimming.calmCount
                calmness = isCalm ? calmness + 1 : 0
                let isLong =
                    stillness >= MemoryTrimming.stillCount || calmness >= MemoryTrimming.calmIntervalCount
                let isMuch = position.rawValue - trimmed.rawValue >= MemoryTrimming.muchCount
                if isCalm, isMuch || open < most / 2 || (isLong && position != trimmed) {
                    calmness = 0
                    try? await projector.perform { projector, _ in projector.giveBackMemory() }
                    Memory.giveBack()
                    (trimmed, most) = (position, open)
                }
                last = position
                try? await Task.sleep(for: MemoryTrimming.interval)
            }
        }
    }
}
