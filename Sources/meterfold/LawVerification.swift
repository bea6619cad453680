import EventStorage
import MeterModel
import Projections
import ReadModel
import RecordLog
import TimeZones

/// The conservation laws of a data directory: its views, at their checkpoint, against a fold of the log up to there.
///
/// Reads only: one snapshot of the views, so that it may run beside a writer. Where there are no views the rows of the
/// fold itself are held against the laws, in memory.
struct LawVerification {
    /// What was held against the laws.
    enum Subject: String {
        case views, fold
    }

    var findings: [LawFinding] = []
    /// What somebody should know to read the result rightly.
    var notices: [String] = []
    /// Nil: nothing was checked.
    var subject: Subject?
    /// The last position that the check speaks for.
    var position = Position.origin

    /// Checks what there is, up to `head`: the last position of the log, all of which is sound.
    static func run(_ directory: DataDirectory, head: Position) throws -> LawVerification {
        var verification = LawVerification()
        let zones = FoundationZoneSource()
        let views: ViewStore
        do {
            views = try ViewStore.openForReading(path: directory.views)
        } catch ViewError.missing {
            // Not even begun, as when power went while they were made.
            if head == .origin { return verification }
            let store = try ViewStore.inMemory(hours: false)
            let projector = try fold(directory, through: head, into: store, zones)
            try projector.commit(chain: [])
            verification.notices.append("there are no views: what a fold of the log makes is checked, without hours")
            verification.take(projector, try ViewAudit.run(store), as: .fold)
            return verification
        }
        let audit = try ViewAudit.run(views)
        let checkpoint = audit.meta.checkpoint
        if checkpoint < head {
            verification.notices.append(
                "the views are at position \(checkpoint.rawValue) of \(head.rawValue): the laws are checked up to there"
            )
        }
        let projector = try fold(directory, through: checkpoint, into: ViewStore.inMemory(hours: false), zones)
        verification.take(projector, audit, as: .views)
        return verification
    }

    private mutating func take(_ projector: ViewProjector, _ audit: ViewAudit, as subject: Subject) {
        findings = projector.findings(against: audit)
        position = projector.position
        self.subject = subject
    }

    /// Folds the log up to a position; the store is only needed by whoever commits to it.
    private static func fold(
        _ directory: DataDirectory,
        through last: Position,
        into store: ViewStore,
        _ zones: FoundationZoneSource
    ) throws -> ViewProjector {
        let projector = ViewProjector(store: store, zones: zones, scratch: directory.makeScratch())
        guard last > .origin else { return projector }
        let progress = Progress("checking the laws", total: last.rawValue, unit: "events")
        let reader = try EventLogReader(directory: directory.path)
        var known = SeriesDirectory()
        try reader.forEachBlock(from: Position(1), through: last) { block in
            try block.extend(&known)
            projector.apply(block, directory: known)
            progress.advance(to: block.lastPosition.rawValue)
            return .proceed
        }
        progress.finish()
        return projector
    }
}
