import Admission
import Ingest
import MeterModel
import Projections
import ReadModel
import Synchronization

/// A server's log and fold while a command has them to itself: the intake's thread waits for the command.
///
/// Invariant: the projector has folded every position up to `head` as it was when the command began.
final class LiveStage: WriteStage {
    let directory: DataDirectory
    let zones: any ZoneSource
    let clock: any WallClock
    private let live: LiveIntake
    private let fold: ViewProjector
    private let recordedBy: String

    private init(_ core: LiveCore, _ live: LiveIntake, _ projector: ViewProjector, recordedBy: String) {
        directory = core.directory
        zones = core.zones
        clock = core.clock
        self.live = live
        fold = projector
        self.recordedBy = recordedBy
    }

    var head: Position { live.head }
    var admission: Admission { live.admission }
    var projector: ViewProjector? { fold }

    func record(_ events: [MeterEvent]) throws {
        let result = Mutex<Result<Position, any Error>?>(nil)
        try live.take(events, recordedBy: recordedBy) { outcome in result.withLock { $0 = outcome } }
        try live.commit()
        _ = try result.withLock { $0 }?.get()
    }

    /// The projector follows by itself.
    func commit() throws {}

    /// Events that the fold may be behind while a command waits for it; at more it is told to come again.
    private static let maximumLag: UInt64 = 1 << 21

    /// Runs `body` while nothing else is taken in, and waits until the views show what it recorded.
    ///
    /// - Parameters:
    ///   - core: the server.
    ///   - recordedBy: who records, as the log will say.
    ///   - body: the command.
    /// - Returns: what `body` returns.
    /// - Throws: `Failure` where the fold is far behind; what `body` throws.
    static func run<T: Sendable>(
        _ core: LiveCore,
        recordedBy: String,
        _ body: @escaping @Sendable (any WriteStage) throws -> T
    ) async throws -> T {
        let (result, head) = try await core.intake.perform { live in
            let head = live.head
            let lag = head.rawValue - min(head.rawValue, core.projector.folded.rawValue)
            guard lag <= maximumLag else {
                throw Failure(
                    place: "server",
                    cause: "the views are \(lag) events behind the log",
                    hint: "try again when they have caught up; see /metrics"
                )
            }
            // Safety: this thread waits until the projector's is done with it.
            nonisolated(unsafe) let held = live
            let result = try core.projector.performAndWait(after: head) { projector, _ in
                try body(LiveStage(core, held, projector, recordedBy: recordedBy))
            }
            return (result, live.head)
        }
        _ = await core.projector.wait(for: head, within: LiveStage.viewsWait)
        return result
    }

    /// How long a command waits for the views to show what it did.
    static let viewsWait = Duration.seconds(60)
}
