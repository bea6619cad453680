import MeterModel
import Projections
import ServiceLifecycle

/// Gives freed memory back to the system once the views have stood still for a while.
struct MemoryTrimming: Service {
    let projector: LiveProjector

    /// How long the views must have stood still, at least; twice this at most.
    private static let interval = Duration.seconds(5)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var last = Position.origin
            var trimmed = Position.origin
            while !Task.isCancelled {
                let position = projector.committed
                if position == last, position != trimmed {
                    Memory.giveBack()
                    trimmed = position
                }
                last = position
                try? await Task.sleep(for: MemoryTrimming.interval)
            }
        }
    }
}
