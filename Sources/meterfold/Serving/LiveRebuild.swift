import EventStorage
import Glibc
import Ingest
import MeterModel
import Projections
import ReadModel
import RecordLog

/// Builds fresh views beside those in use, compares, and goes on in the fresh ones, at the end of one of the
/// projector's transactions.
struct LiveRebuild {
    private let core: LiveCore
    private let onReplaced: @Sendable () -> Void

    init(_ core: LiveCore, _ onReplaced: @escaping @Sendable () -> Void) {
        self.core = core
        self.onReplaced = onReplaced
    }

    /// - Returns: the exit code: 1 where they differ.
    func run(_ console: any Console) async throws -> Int32 {
        let (core, onReplaced) = (core, onReplaced)
        let fresh = core.directory.freshViews
        Views.remove(fresh)
        let start = SystemClock.uptimeSeconds()
        // Folding takes its time, and blocks.
        let result = try await onPatientThread { try LiveRebuild.rebuild(core, fresh) }
        onReplaced()
        result.tell(console, views: core.directory.views, seconds: SystemClock.uptimeSeconds() - start)
        return result.differs ? 1 : 0
    }

    private static func rebuild(_ core: LiveCore, _ path: String) throws -> RebuildReport {
        let begun = try ViewStore.begin(path: path, hours: core.configuration.keepsHours)
        // Safety: used by one thread at a time: this one until the projector's takes over while this one waits.
        nonisolated(unsafe) let projector = ViewProjector(
            store: begun,
            zones: core.zones,
            scratch: core.directory.makeScratch()
        )
        projector.beginLanes()
        nonisolated(unsafe) let reader = try EventLogReader(directory: core.directory.path)
        nonisolated(unsafe) var known = try projector.fold(reader, through: core.intake.durablePosition)
        try projector.commit(chain: reader.chain.bytes, isLast: true)
        try begun.finish()
        let store = try ViewStore.open(path: path, hours: core.configuration.keepsHours)
        projector.goOn(in: store)
        return try core.projector.performAndWait(after: .origin, afterCommit: true) { inUse, _ in
            // The rest, up to where the views in use are folded.
            try projector.goOn(reader, through: inUse.position, directory: &known)
            try projector.commit(chain: reader.chain.bytes, isLast: true)
            let old = core.views
            let compareStart = SystemClock.uptimeSeconds()
            let comparison = try ViewComparison.compare(old, store)
            let seconds = SystemClock.uptimeSeconds() - compareStart
            try store.checkpoint()
            try store.close()
            try old.checkpoint()
            try old.close()
            if !comparison.isEqual {
                // What wrote the old ones is in doubt: the next start folds anew.
                inUse.isDoubted = true
                core.directory.foldSnapshots(core.zones, core.configuration).remove()
            }
            try RebuildReport.swap(path, core.directory.views, keepsOld: !comparison.isEqual)
            let opened = try ViewStore.open(path: core.directory.views, hours: core.configuration.keepsHours)
            inUse.goOn(in: opened)
            core.replaceViews(opened)
            return RebuildReport(position: inUse.position, finding: .compared(comparison, seconds: seconds))
        }
    }
}
