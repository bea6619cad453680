import Ingest
import Logging
import ServiceLifecycle
import Synchronization

/// Holds senders off while the disk is nearly full, before anything breaks, and lets them on when there is room.
final class DiskGuard: Service {
    private let path: String
    private let reserve: UInt64
    private let intake: IntakeThread
    private let logger: Logger
    private let free = Atomic<UInt64>(.max)

    /// How often it looks.
    private static let interval = Duration.milliseconds(500)

    /// - Parameters:
    ///   - path: a directory of the disk.
    ///   - reserve: free bytes below which nothing is taken in; it goes on at an eighth more.
    ///   - intake: is held off.
    ///   - logger: is told.
    init(path: String, reserve: Int, intake: IntakeThread, logger: Logger) {
        self.path = path
        self.reserve = UInt64(reserve)
        self.intake = intake
        self.logger = logger
        look()
    }

    /// Free bytes when it looked last.
    var freeByteCount: UInt64 { free.load(ordering: .relaxed) }

    func run() async throws {
        await untilShutdown(every: DiskGuard.interval) { [self] in look() }
    }

    private func look() {
        guard let bytes = DiskSpace.free(at: path) else { return }
        free.store(bytes, ordering: .relaxed)
        let metadata: Logger.Metadata = ["freeBytes": "\(bytes)", "reserveBytes": "\(reserve)"]
        if bytes < reserve, !intake.isHoldingOff {
            logger.error("disk nearly full: nothing is taken in", metadata: metadata)
            intake.hold(true)
        } else if bytes >= reserve + reserve / 8, intake.isHoldingOff, !intake.hasFailed {
            logger.notice("there is room on the disk again: readings are taken in", metadata: metadata)
            intake.hold(false)
        }
    }
}
