import EventStorage
package import MeterModel
package import RecordLog
import TamperEvidence

/// A data directory made from a backup, up to a point of the log.
///
/// Invariants:
/// - While it is not whole the directory holds a marker, by which every command refuses it.
/// - The backup is only read.
package struct Restore {
    /// Where the log is to end.
    package enum Point: Sendable, Hashable {
        /// Where the backup's manifest says that it ends.
        case end
        /// At a position.
        case position(UInt64)
        /// At the last event that was recorded at or before an instant.
        case instant(Instant)
    }

    /// What a restore did.
    package struct Report: Sendable {
        /// Where the log ends.
        package var position: UInt64
        /// The chain value there.
        package var chain: Digest32
        package var segmentCount: Int
        /// Bytes in use in the segments.
        package var byteCount: Int
        /// Events of a block that was cut, written anew.
        package var rewrittenCount: UInt64
        /// Where the backup ends.
        package var backupPosition: UInt64
    }

    /// The name of the file that marks a directory into which a restore has not ended.
    package static let markerName = "restoring"

    private let backup: BackupLayout
    private let target: BackupLayout
    private let fileSystem: any FileSystem

    /// - Parameters:
    ///   - backup: The backup.
    ///   - target: The data directory; to be missing or empty.
    ///   - fileSystem: Where both are.
    package init(of backup: String, into target: String, fileSystem: any FileSystem) {
        self.backup = BackupLayout(backup)
        self.target = BackupLayout(target)
        self.fileSystem = fileSystem
    }

    /// Where a restore would end, and the last block's end up to there.
    private struct Cut {
        var position: UInt64
        var wholeBlocksEnd: UInt64
    }

    /// Makes the data directory; its views are left to whoever opens it.
    ///
    /// - Parameters:
    ///   - point: Where the log is to end.
    ///   - leavesSettingsOut: Whether `meterfold.yaml` is left out, so that nothing is sent.
    ///   - configuration: How new segments are made.
    ///   - lockDescription: What to tell others.
    ///   - progress: Told of bytes done, and of how many there are.
    /// - Returns: What was done.
    /// - Throws: `BackupFault`, `RecordLogError`, `EventStorageError`. The directory then holds the marker.
    package func run(
        to point: Point,
        leavesSettingsOut: Bool = false,
        configuration: RecordLogConfiguration,
        lockDescription: String,
        progress: @escaping (UInt64, UInt64) -> Void = { _, _ in }
    ) throws -> Report {
        guard let manifest = try BackupManifest.read(backup: backup.directory, fileSystem: fileSystem) else {
            throw BackupFault(
                backup.directory,
                "this is no backup, or one that has never come to its end",
                hint: "name the directory that 'meterfold backup' filled; it has a backup.json"
            )
        }
        let kept = manifest.document.head
        let reader = try RecordLogReader(directory: backup.directory, fileSystem: fileSystem)
        guard try reader.chain(at: kept.position) == kept.chain else {
            throw BackupFault(
                backup.log,
                "the log is not the one that backup.json names: its chain is another at position \(kept.position)",
                hint: "the backup was altered or damaged: run 'meterfold verify --data \(backup.directory)'"
            )
        }
        let cut = try cut(at: point, kept, reader)
        try beginTarget()
        let lock = try fileSystem.lock(target.lock, holder: lockDescription)
        defer { lock.release() }
        let files = FileCarrier(fileSystem: fileSystem, staging: target.spare)
        try files.clear()
        var report = try bringLog(cut, reader, files, progress: progress)
        report.backupPosition = kept.position
        // The writer takes the lock itself; the marker keeps others away.
        lock.release()
        if cut.position > cut.wholeBlocksEnd {
            report.chain = try rewrite(cut, configuration, lockDescription: lockDescription)
            report.rewrittenCount = cut.position - cut.wholeBlocksEnd
            let segments = try RecordLogReader(directory: target.directory, fileSystem: fileSystem).segments()
            report.segmentCount = segments.count
            report.byteCount = segments.reduce(0) { $0 + $1.liveByteCount }
        }
        try bringFiles(files, leavesSettingsOut: leavesSettingsOut)
        try fileSystem.remove(target.marker)
        try fileSystem.syncDirectory(target.directory)
        return report
    }

    private func cut(at point: Point, _ kept: LogHead, _ reader: RecordLogReader) throws -> Cut {
        let position: UInt64
        switch point {
        case .end: position = kept.position
        case .position(let wanted): position = wanted
        case .instant(let instant):
            let events = try EventLogReader(directory: backup.directory, fileSystem: fileSystem)
            guard let last = try events.lastPosition(recordedAtOrBefore: instant) else {
                throw BackupFault(
                    backup.directory,
                    "nothing was recorded at or before \(instant.rfc3339)",
                    hint: "name a later instant; 'meterfold log show --data \(backup.directory)' says when events were "
                        + "recorded"
                )
            }
            position = last.rawValue
        }
        guard position > 0, let block = try reader.block(holding: position) else {
            throw BackupFault(
                backup.directory,
                "there is no position \(position) in it: it reaches from 1 to \(kept.position)",
                hint: "name a position up to there, or leave it out"
            )
        }
        return Cut(
            position: position,
            wholeBlocksEnd: block.upperBound == position ? position : block.lowerBound - 1
        )
    }

    private func beginTarget() throws {
        let names = try fileSystem.namesIfThere(target.directory)
        let others = (names ?? []).filter { $0 != "lost+found" }
        guard others.isEmpty || others.contains(Restore.markerName) else {
            throw BackupFault(
                target.directory,
                "the directory is not empty",
                hint: "restore into a new directory, look at it, then put it in the place of the old one"
            )
        }
        if names == nil { try fileSystem.makeDurableDirectory(target.directory) }
        if !others.contains(Restore.markerName) {
            try WholeFile.write(
                "a restore of \(backup.directory) has not come to its end\n",
                path: target.marker,
                mode: .createNew,
                fileSystem: fileSystem
            )
        }
        for folder in [target.log, target.spare, target.quarantine] { try fileSystem.makeDirectory(folder) }
        try fileSystem.syncDirectory(target.directory)
    }

    private func bringLog(
        _ cut: Cut,
        _ reader: RecordLogReader,
        _ files: FileCarrier,
        progress: @escaping (UInt64, UInt64) -> Void
    ) throws -> Report {
        let carrier = SegmentCarrier(
            fileSystem: fileSystem,
            from: backup,
            to: target,
            staging: target.spare,
            prewrites: true,
            files: files
        )
        let end = cut.wholeBlocksEnd
        let segments = end == 0 ? [] : try reader.segments(through: end)
        // What an earlier run that did not end brought, perhaps up to another point.
        let known = Set(segments.map(\.file))
        for name in try fileSystem.names(inDirectory: target.log) where !known.contains(name) {
            try fileSystem.remove(target.log + "/" + name)
        }
        let total = segments.reduce(0) { $0 + UInt64($1.liveByteCount) }
        let copyProgress = CopyProgress(total: total, progress)
        for segment in segments {
            try carrier.bring(segment, through: end, progress: copyProgress)
        }
        guard carrier.nextPosition == end + 1 else {
            throw RecordLogError(
                .corruption,
                "the segments end at position \(carrier.nextPosition - 1), not at \(end)",
                place: LogPlace(file: backup.log, positions: carrier.nextPosition...max(carrier.nextPosition, end))
            )
        }
        return Report(
            position: cut.position,
            chain: carrier.chain,
            segmentCount: carrier.copiedCount + carrier.keptCount,
            byteCount: carrier.byteCount,
            rewrittenCount: 0,
            backupPosition: 0
        )
    }

    /// Writes the first events of a block anew, behind the whole ones: by the writer, so that the chain is right, with
    /// the positions, `recordedAt` and `recordedBy` that they had.
    ///
    /// - Returns: the chain value behind them.
    private func rewrite(
        _ cut: Cut,
        _ configuration: RecordLogConfiguration,
        lockDescription: String
    ) throws -> Digest32 {
        let part = try BlockPart(of: backup, cut.wholeBlocksEnd + 1...cut.position, fileSystem)
        let (writer, _) = try EventLogWriter.open(
            directory: target.directory,
            fileSystem: fileSystem,
            configuration: configuration,
            lockDescription: lockDescription
        )
        defer { writer.close() }
        guard writer.head.rawValue == cut.wholeBlocksEnd else {
            throw BackupFault(
                target.log,
                "the log ends at position \(writer.head.rawValue), not at \(cut.wholeBlocksEnd)",
                hint: "remove the directory and restore again"
            )
        }
        var batch = part.batch
        let positions = try writer.append(
            &batch,
            recordedAt: part.recordedAt,
            recordedBy: part.recordedBy,
            directory: part.directory
        )
        let written = try BlockPart(of: target, positions, fileSystem)
        guard positions == cut.wholeBlocksEnd + 1...cut.position, written == part else {
            throw RecordLogError(
                .inputOutput,
                "the events that were written anew are not what is read back",
                place: LogPlace(file: target.log, positions: positions)
            )
        }
        return writer.chain
    }

    private func bringFiles(_ files: FileCarrier, leavesSettingsOut: Bool) throws {
        var names = [BackupLayout.tokens]
        if !leavesSettingsOut { names.append(BackupLayout.settings) }
        for name in names { _ = try files.bring(name, from: backup.directory, to: target.directory) }
        let quarantined = try fileSystem.namesIfThere(backup.quarantine) ?? []
        for name in quarantined { _ = try files.bring(name, from: backup.quarantine, to: target.quarantine) }
    }
}
