import Admission
import EventStorage
import Ingest
import MeterModel
import Projections
import ReadModel

/// What a command works on that looks at the whole state and then records events: nothing else changes the log or the
/// fold meanwhile.
///
/// Implementations: `Engine`, which holds the data directory itself, and `LiveStage`, within a server that holds it.
protocol WriteStage: AnyObject {
    var directory: DataDirectory { get }
    var zones: any ZoneSource { get }
    var clock: any WallClock { get }
    /// The last durable position, which `projector` has folded.
    var head: Position { get }
    var admission: Admission { get }
    /// Nil where the views were left for later.
    var projector: ViewProjector? { get }

    /// Records events, all or none, durable on return; the fold knows them once `commit` has returned.
    ///
    /// - Throws: `Refusal`, and what keeps the log from being written.
    func record(_ events: [MeterEvent]) throws

    /// Brings the views to the log's head, or sees to it that they soon are.
    func commit() throws
}

extension Engine: WriteStage {
    var head: Position { writer.head }

    func record(_ events: [MeterEvent]) throws {
        if !events.isEmpty { try makeIntake(recordedBy: "cli").take(events) }
    }
}
