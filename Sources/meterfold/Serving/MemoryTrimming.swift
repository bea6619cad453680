import Listening
import MeterModel
import Projections
import ServiceLifecycle

/// Gives freed memory back to the system once the views have stood still for a while, or most connections are gone.
struct MemoryTrimming: Service {
    let projector: LiveProjector
    let listener: LineListener

    /// How long the views must have stood still, at least; twice this at most.
    private static let interval = Duration.seconds(5)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var last = Position.origin
            var trimmed = Position.origin
            /// Connections at most since it was last done.
            var most = 0
            while !Task.isCancelled {
                let position = projector.committed
                let open = listener.figures.openCount
                most = max(most, open)
                if position == last, position != trimmed || open < most / 2 {
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
