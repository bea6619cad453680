import EventStorage
import RecordLog

/// Brings the segments of a log from one directory to another, in order, each proved before it gets its name.
///
/// Invariants:
/// - Under the target's `log/` a segment is either what was there before, or a copy that was synced, read back from the
///   device, decoded and held against its chain.
/// - `nextPosition` and `chain` are what the next segment must continue.
///
/// Not `Sendable`: one owner uses it from one place at a time.
final class SegmentCarrier {
    private let fileSystem: any FileSystem
    private let source: BackupLayout
    private let target: BackupLayout
    private let staging: String
    /// Whether the zeros of an unsealed segment are written, so that a writer finds its space prepared.
    private let prewrites: Bool
    private let files: FileCarrier

    private(set) var nextPosition: UInt64 = 1
    private(set) var chain = Digest32.zero
    private(set) var copiedCount = 0
    private(set) var keptCount = 0
    private(set) var copiedByteCount = 0
    /// Bytes in use in all segments that were brought.
    private(set) var byteCount = 0

    init(
        fileSystem: any FileSystem,
        from source: BackupLayout,
        to target: BackupLayout,
        staging: String,
        prewrites: Bool,
        files: FileCarrier
    ) {
        self.fileSystem = fileSystem
        self.source = source
        self.target = target
        self.staging = staging
        self.prewrites = prewrites
        self.files = files
    }

    /// Brings the next segment, unless an equal one is there.
    ///
    /// - Parameters:
    ///   - segment: as the source's reader has it.
    ///   - last: the last position wanted; durable, and the end of a block.
    ///   - progress: told of bytes that are done.
    /// - Throws: `RecordLogError`: `corruption` naming the source's positions if it is damaged; `inputOutput` if the
    ///   target does not give back what was written.
    func bring(_ segment: SegmentSummary, through last: UInt64, progress: CopyProgress) throws {
        try checkLink(segment)
        let content: SegmentContent
        do {
            content = try SegmentContent(
                segment,
                through: last,
                directory: source.directory,
                fileSystem: fileSystem
            )
        } catch { throw located(error) }
        let summary = content.summary
        let zeroCount = summary.byteCount - summary.liveByteCount
        if try files.isEqual(target.log + "/" + summary.file, content, zeroCount: zeroCount) {
            keptCount += 1
            progress.advance(summary.liveByteCount)
        } else {
            try copy(content, zeroCount: zeroCount, progress: progress)
            copiedCount += 1
            copiedByteCount += summary.liveByteCount
        }
        byteCount += summary.liveByteCount
        nextPosition = (summary.lastPosition ?? summary.firstPosition - 1) + 1
        chain = summary.chain
    }

    private func checkLink(_ segment: SegmentSummary) throws {
        guard segment.firstPosition != nextPosition || segment.chainBefore != chain else { return }
        let isMissing = segment.firstPosition != nextPosition
        let lower = min(nextPosition, segment.firstPosition)
        throw damage(
            segment.file,
            isMissing
                ? "the segment begins with position \(segment.firstPosition) where \(nextPosition) must follow"
                : "the segment's chain does not begin where the one before it ends",
            lower...max(lower, max(nextPosition, segment.firstPosition) - 1)
        )
    }

    private func copy(_ content: SegmentContent, zeroCount: Int, progress: CopyProgress) throws {
        let summary = content.summary
        let copy = try files.begin(summary.file, isPrivate: false)
        defer { copy.close() }
        try files.write(content, to: copy, progress: progress)
        if zeroCount > 0 {
            if prewrites {
                try files.writeZeros(summary.liveByteCount..<summary.byteCount, to: copy)
            } else {
                try copy.truncate(to: summary.byteCount)
            }
        }
        try files.settle(copy)
        try prove(content, zeroCount: zeroCount)
        try files.finish(summary.file, to: target.log)
    }

    /// Reads the copy back, decodes it and holds it against its chain.
    private func prove(_ content: SegmentContent, zeroCount: Int) throws {
        let summary = content.summary
        let report = try EventLogVerification.run(segmentsIn: staging, fileSystem: fileSystem)
        if !report.hasDamage, report.log.head == summary.lastPosition ?? summary.firstPosition - 1,
            report.log.chain == summary.chain || summary.blockCount == 0
        {
            return
        }
        guard try files.isEqual(staging + "/" + summary.file, content, zeroCount: zeroCount) else {
            throw RecordLogError(
                .inputOutput,
                "what was written is not what is read back",
                place: LogPlace(file: staging + "/" + summary.file),
                hint: "check the device that holds it"
            )
        }
        let positions = summary.firstPosition...max(summary.firstPosition, summary.lastPosition ?? 0)
        if let finding = report.log.findings.first(where: { $0.severity == .damage }) {
            throw damage(summary.file, finding.text, finding.place.positions ?? positions, finding.place.byteOffset)
        }
        throw damage(summary.file, "the segment's index is not that of its blocks", positions)
    }

    private func damage(
        _ file: String,
        _ text: String,
        _ positions: ClosedRange<UInt64>,
        _ byteOffset: Int? = nil
    ) -> RecordLogError {
        let place = LogPlace(file: source.log + "/" + file, byteOffset: byteOffset, positions: positions)
        return RecordLogError(.corruption, text, place: place)
    }

    /// The error with the segment's whole path, as there are two logs that it may be of.
    private func located(_ error: RecordLogError) -> RecordLogError {
        guard let place = error.place, !place.file.contains("/") else { return error }
        var error = error
        error.place?.file = source.log + "/" + place.file
        return error
    }
}

extension SegmentContent: CopiedContent {
    var byteCount: Int { summary.liveByteCount }
}
