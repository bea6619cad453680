package import MeterModel
package import RecordLog
import TamperEvidence

/// A copy of a data directory in another, brought up to date and proved.
///
/// Invariants:
/// - The manifest names a position up to which the backup is whole; it is written last, and what it names stays there
///   whatever becomes of later runs.
/// - The source is only read; its writer may go on.
package struct Backup {
    /// What a run did.
    package struct Report: Sendable {
        /// What the manifest says now.
        package var manifest: BackupManifest
        /// Segments that were copied, and those that were there and equal.
        package var copiedSegmentCount: Int
        package var keptSegmentCount: Int
        /// Bytes of the copied segments.
        package var copiedByteCount: Int
        /// Files beside the log that were copied, and those that were there and equal.
        package var copiedFileCount = 0
        package var keptFileCount = 0
    }

    private let source: BackupLayout
    private let target: BackupLayout
    private let fileSystem: any FileSystem

    /// - Parameters:
    ///   - source: The data directory.
    ///   - target: The backup; made if it is missing.
    ///   - fileSystem: Where both are.
    package init(of source: String, in target: String, fileSystem: any FileSystem) {
        self.source = BackupLayout(source)
        self.target = BackupLayout(target)
        self.fileSystem = fileSystem
    }

    /// Brings the backup up to the log's durable end.
    ///
    /// - Parameters:
    ///   - now: What the manifest says of when.
    ///   - lockDescription: What to tell another run on the same backup.
    ///   - progress: Told of bytes done, and of how many there are.
    /// - Returns: What was done.
    /// - Throws: `BackupFault` where the target is something else, or the log is not the one that the backup is of;
    ///   `RecordLogError`: `corruption` where the log is damaged, `locked`, `noSpace`, `inputOutput`. The backup is
    ///   then as good as it was.
    package func run(
        now: Instant,
        lockDescription: String,
        progress: @escaping (UInt64, UInt64) -> Void = { _, _ in }
    ) throws -> Report {
        try prepareTarget()
        let lock = try fileSystem.lock(target.lock, holder: lockDescription)
        defer { lock.release() }
        let earlier = try BackupManifest.read(backup: target.directory, fileSystem: fileSystem)
        do {
            return try run(after: earlier, now: now, progress: progress)
        } catch let damage as RecordLogError where damage.code == .corruption {
            var error = damage
            let kept = earlier.map { "the backup is as good as it was, up to position \($0.document.head.position)" }
            error.hint =
                (kept ?? "there is no backup yet") + "; run 'meterfold verify' to see all that is damaged"
            throw error
        }
    }

    private func prepareTarget() throws {
        let names = try fileSystem.namesIfThere(target.directory)
        if names == nil { try fileSystem.makeDurableDirectory(target.directory) }
        let others = (names ?? []).filter { $0 != BackupLayout.lockName && $0 != "lost+found" }
        let hasBegun = others.contains(BackupLayout.incomingName) || others.contains("backup.json")
        guard others.isEmpty || hasBegun else {
            let isData = others.contains("log")
            throw BackupFault(
                target.directory,
                isData ? "this is a data directory, not a backup" : "the directory is not empty, and holds no backup",
                hint: "name an empty or a new directory, or one that holds a backup of this log"
            )
        }
    }

    private func run(
        after earlier: BackupManifest?,
        now: Instant,
        progress: @escaping (UInt64, UInt64) -> Void
    ) throws -> Report {
        // What marks the directory as a backup comes first.
        try fileSystem.makeDirectory(target.incoming)
        try fileSystem.syncDirectory(target.directory)
        for folder in [target.log, target.quarantine] { try fileSystem.makeDirectory(folder) }
        try fileSystem.syncDirectory(target.directory)
        let files = FileCarrier(fileSystem: fileSystem, staging: target.incoming)
        try files.clear()
        let reader = try RecordLogReader(directory: source.directory, fileSystem: fileSystem)
        guard let head = try reader.durableHead() else {
            throw BackupFault(
                source.log,
                "the log is empty: there is nothing to back up yet",
                hint: "back up once something was ingested"
            )
        }
        if let earlier {
            try checkHoles(of: reader, upTo: earlier.document.head.position)
            try check(earlier.document.head, in: reader, upTo: head)
        }
        let carrier = SegmentCarrier(
            fileSystem: fileSystem,
            from: source,
            to: target,
            staging: target.incoming,
            prewrites: false,
            files: files
        )
        let segments = try reader.segments(through: head.position)
        try checkNames(segments)
        let total = segments.reduce(0) { $0 + UInt64($1.liveByteCount) }
        let copyProgress = CopyProgress(total: total, progress)
        for segment in segments where segment.firstPosition <= head.position {
            try carrier.bring(segment, through: head.position, progress: copyProgress)
        }
        guard carrier.nextPosition == head.position + 1, carrier.chain == head.chain else {
            let next = carrier.nextPosition
            throw RecordLogError(
                .corruption,
                "the segments end at position \(next - 1), but \(head.position) was durable",
                place: LogPlace(file: source.log, positions: next...max(next, head.position))
            )
        }
        var report = Report(
            manifest: BackupManifest(
                document: HeadDocument(head, at: now),
                segmentCount: carrier.copiedCount + carrier.keptCount,
                byteCount: carrier.byteCount
            ),
            copiedSegmentCount: carrier.copiedCount,
            keptSegmentCount: carrier.keptCount,
            copiedByteCount: carrier.copiedByteCount
        )
        try bringFiles(files, into: &report)
        try WholeFile.replace(report.manifest.json, path: target.manifest, fileSystem: fileSystem)
        return report
    }

    /// Holds the log against what the backup already is.
    private func check(_ kept: LogHead, in reader: RecordLogReader, upTo head: LogHead) throws {
        let hint = "make a new backup in another directory; this one is left as it is"
        guard kept.log == head.log else {
            throw BackupFault(target.directory, "this is a backup of another log than \(source.log)", hint: hint)
        }
        guard kept.position <= head.position else {
            throw BackupFault(
                source.log,
                "the log ends at position \(head.position), but the backup reaches \(kept.position)",
                hint: "events are missing from the log: run 'meterfold verify', or restore the backup. If the log was "
                    + "itself restored to an earlier point, \(hint)"
            )
        }
        guard try reader.chain(at: kept.position) == kept.chain else {
            throw BackupFault(
                source.log,
                "the log is not the one that was backed up: its chain is another at position \(kept.position)",
                hint: "an event up to there was altered, or the log was restored to an earlier point and went on "
                    + "differently. Then \(hint)"
            )
        }
    }

    /// Refuses to put a hole in the place of what the backup still has.
    private func checkHoles(of reader: RecordLogReader, upTo last: UInt64) throws {
        let kept = try RecordLogReader(directory: target.directory, fileSystem: fileSystem).holes()
        let holes = try reader.holes().filter { $0.lowerBound <= last && !kept.contains($0) }
        guard let hole = holes.first else { return }
        throw BackupFault(
            target.directory,
            "the log gave up positions \(hole.lowerBound) to \(hole.upperBound), which this backup still has",
            hint: "keep this backup: it is the only copy. 'meterfold restore' brings them back as far as it reaches; "
                + "back up what the log is now in another directory"
        )
    }

    /// Refuses a backup that has segments which the log has not.
    private func checkNames(_ segments: [SegmentSummary]) throws {
        let known = Set(segments.map(\.file))
        for name in try fileSystem.names(inDirectory: target.log) where !known.contains(name) {
            throw BackupFault(
                target.log + "/" + name,
                "the log has no such segment",
                hint: "make a new backup in another directory; this one is left as it is"
            )
        }
    }

    private func bringFiles(_ files: FileCarrier, into report: inout Report) throws {
        func bring(_ name: String, from source: String, to target: String) throws {
            guard let isCopied = try files.bring(name, from: source, to: target) else { return }
            if isCopied { report.copiedFileCount += 1 } else { report.keptFileCount += 1 }
        }
        for name in [BackupLayout.settings, BackupLayout.tokens] {
            try bring(name, from: source.directory, to: target.directory)
        }
        let quarantined = try fileSystem.namesIfThere(source.quarantine) ?? []
        for name in quarantined { try bring(name, from: source.quarantine, to: target.quarantine) }
    }
}
