/// What opening a log for writing found and did.
package struct OpenReport: Sendable {
    /// The last durable position; 0 for an empty log.
    package var head: UInt64
    /// The chain value after the last durable block.
    package var chain: Digest32
    /// The number of segments, the active one included.
    package var segmentCount: Int
    /// Whether the log was made by this call.
    package var isNew: Bool
    /// The positions of records that were given up, in order.
    package var holes: [ClosedRange<UInt64>]
    /// What was trimmed, completed or rebuilt.
    ///
    /// Empty after a clean end.
    package var findings: [LogFinding]
}

extension RecordLogWriter {
    /// Opens the log of a data directory for writing, making it if there is none.
    ///
    /// Takes the lock, looks at each segment's header and footer, scans the last segment, wipes a torn tail and
    /// completes an unfinished seal. Costs two small reads a segment and one pass over the last one.
    ///
    /// - Parameters:
    ///   - directory: The data directory; it must exist. `log/`, `spare/` and `lock` lie in it.
    ///   - fileSystem: Where the directory is.
    ///   - configuration: How new segments are made.
    ///   - lockDescription: What to tell a second writer: normally the command line.
    /// - Returns: The writer, and what was found.
    /// - Throws: `locked` naming the holder; `corruption` with segment, offset and positions, leaving every file as it
    ///   was; `newerVersion`; `noSpace` if a new segment is needed and has no room; `invalidConfiguration`;
    ///   `inputOutput`.
    package static func open(
        directory: String,
        fileSystem: any FileSystem = PosixFileSystem(),
        configuration: RecordLogConfiguration = RecordLogConfiguration(),
        lockDescription: String
    ) throws(RecordLogError) -> (writer: RecordLogWriter, report: OpenReport) {
        try configuration.validate()
        let paths = LogPaths(directory: directory)
        let lock = try fileSystem.lock(paths.lock, holder: lockDescription)
        do throws(RecordLogError) {
            var recovery = LogRecovery(fileSystem: fileSystem, paths: paths, configuration: configuration)
            let spare = SparePreparation(
                fileSystem: fileSystem,
                paths: paths,
                byteCount: configuration.segmentByteCount
            )
            let recovered = try recovery.run(spare: spare)
            let report = OpenReport(
                head: recovered.link.nextPosition - 1,
                chain: recovered.link.chain,
                segmentCount: recovered.segmentCount,
                isNew: recovered.isNew,
                holes: recovery.holes,
                findings: recovery.findings
            )
            return (RecordLogWriter(recovered, lock: lock, spare: spare), report)
        } catch {
            lock.release()
            throw error
        }
    }
}

/// The state of a log that is ready to be appended to.
struct RecoveredLog {
    var fileSystem: any FileSystem
    var paths: LogPaths
    var configuration: RecordLogConfiguration
    var active: SegmentFile
    var entries: [BlockEntry]
    var endOffset: Int
    var link: SegmentLink
    var segmentCount: Int
    var isNew: Bool
}

/// Brings a log from whatever a crash left to a state that can be appended to, or refuses.
///
/// Invariant: nothing is written before everything that can be refused has been checked, except in the last segment's
/// torn tail.
struct LogRecovery {
    let fileSystem: any FileSystem
    let paths: LogPaths
    let configuration: RecordLogConfiguration
    private(set) var findings: [LogFinding] = []
    private(set) var holes: [ClosedRange<UInt64>] = []
    private let buffer = ByteBuffer()

    init(fileSystem: any FileSystem, paths: LogPaths, configuration: RecordLogConfiguration) {
        self.fileSystem = fileSystem
        self.paths = paths
        self.configuration = configuration
    }

    mutating func run(spare: SparePreparation) throws(RecordLogError) -> RecoveredLog {
        try fileSystem.makeDirectory(paths.log)
        try fileSystem.makeDirectory(paths.spare)
        try fileSystem.syncDirectory(paths.directory)
        try fileSystem.syncDirectory(paths.log)
        try fileSystem.syncDirectory(paths.spare)
        let listing = try SegmentListing(fileSystem, directory: paths.log)
        for name in listing.strayNames {
            note(.notice, .strayFile, LogPlace(file: name), "not a segment; left alone")
        }
        var link = SegmentLink.origin
        for name in listing.names.dropLast() { link = try checkSealed(name, after: link) }
        var last: RecoveredLog?
        if let name = listing.names.last {
            last = try recoverLast(name, after: &link, segmentCount: listing.names.count)
        }
        try requireExpectedHead(link, lastName: listing.names.last)
        try spare.adoptLeftOver()
        if let last { return last }
        return try begin(after: link, earlierSegmentCount: listing.names.count, spare: spare)
    }

    /// Refuses a log that ends before what is known to have been acknowledged.
    private func requireExpectedHead(_ link: SegmentLink, lastName: String?) throws(RecordLogError) {
        guard link.nextPosition <= configuration.expectedHead else { return }
        throw .corruption(
            "the log ends at position \(link.nextPosition - 1), but \(configuration.expectedHead) was acknowledged",
            file: lastName ?? paths.log,
            byteOffset: nil,
            positions: link.nextPosition...configuration.expectedHead
        )
    }

    private mutating func note(
        _ severity: LogFinding.Severity,
        _ kind: LogFinding.Kind,
        _ place: LogPlace,
        _ text: String
    ) {
        findings.append(LogFinding(severity: severity, kind: kind, place: place, text: text))
    }

    private mutating func noteHole(of segment: SegmentFile) throws(RecordLogError) {
        if let hole = try segment.hole() { holes.append(hole) }
    }

    /// A fresh active segment behind sealed ones, or the first of all.
    private func begin(
        after link: SegmentLink,
        earlierSegmentCount: Int,
        spare: SparePreparation
    ) throws(RecordLogError) -> RecoveredLog {
        let header = SegmentHeader(
            segmentID: link.nextSegmentID,
            firstPosition: link.nextPosition,
            segmentByteCount: configuration.segmentByteCount,
            createdAtMilliseconds: configuration.createdAtMilliseconds(),
            chainBefore: link.chain
        )
        let file = try spare.take()
        let active = try SegmentCreation.create(file: file, header: header, fileSystem: fileSystem, paths: paths)
        return RecoveredLog(
            fileSystem: fileSystem,
            paths: paths,
            configuration: configuration,
            active: active,
            entries: [],
            endOffset: SegmentHeader.byteCount,
            link: link,
            segmentCount: earlierSegmentCount + 1,
            isNew: earlierSegmentCount == 0
        )
    }

    /// Checks a segment that has a successor; returns what the successor must continue.
    private mutating func checkSealed(_ name: String, after link: SegmentLink) throws(RecordLogError) -> SegmentLink {
        let segment = try SegmentFile(fileSystem, directory: paths.log, name: name)
        defer { segment.file.close() }
        try checkLink(segment, after: link)
        if let footer = segment.footer {
            try noteHole(of: segment)
            return SegmentLink(
                nextSegmentID: link.nextSegmentID + 1,
                nextPosition: footer.lastPosition + 1,
                chain: footer.chain
            )
        }
        // Derived data is rebuilt from the blocks; whether they reach the next segment is checked there.
        let scan = SegmentScan(try segment.readAll(into: buffer), header: segment.header)
        note(
            .damage,
            .derivedData,
            LogPlace(file: name, byteOffset: scan.endOffset),
            "the segment's index or footer is missing or damaged; its blocks were read instead"
        )
        return SegmentLink(nextSegmentID: link.nextSegmentID + 1, nextPosition: scan.nextPosition, chain: scan.chain)
    }

    private func checkLink(_ segment: SegmentFile, after link: SegmentLink) throws(RecordLogError) {
        guard let mismatch = link.mismatch(segment.header) else { return }
        let first = min(link.nextPosition, segment.header.firstPosition)
        let last = max(link.nextPosition, segment.header.firstPosition)
        throw .corruption(
            mismatch,
            file: segment.name,
            byteOffset: 0,
            positions: first...max(first, last - 1)
        )
    }

    /// Looks at the last segment: `nil` if it is sealed, so that a new one must be begun.
    private mutating func recoverLast(
        _ name: String,
        after link: inout SegmentLink,
        segmentCount: Int
    ) throws(RecordLogError) -> RecoveredLog? {
        try confirmDurability(ofLast: name)
        let segment = try SegmentFile(fileSystem, directory: paths.log, name: name, mode: .write)
        try checkLink(segment, after: link)
        if let footer = segment.footer {
            defer { segment.file.close() }
            try noteHole(of: segment)
            link = SegmentLink(
                nextSegmentID: link.nextSegmentID + 1,
                nextPosition: footer.lastPosition + 1,
                chain: footer.chain
            )
            return nil
        }
        let scan = SegmentScan(try segment.readAll(into: buffer), header: segment.header)
        guard segment.byteCount == segment.header.segmentByteCount else {
            throw .corruption(
                "the file has \(segment.byteCount) bytes and no sound footer, "
                    + "an unsealed one has \(segment.header.segmentByteCount)",
                file: name,
                byteOffset: scan.endOffset,
                positions: scan.nextPosition...UInt64.max
            )
        }
        link = SegmentLink(
            nextSegmentID: segment.header.segmentID,
            nextPosition: scan.nextPosition,
            chain: scan.chain
        )
        // Before anything is trimmed: damage in what was acknowledged may look like a write that did not complete.
        if case .torn = scan.end { try requireExpectedHead(link, lastName: name) }
        if try settle(segment, scan: scan) {
            segment.file.close()
            link.nextSegmentID += 1
            return nil
        }
        return RecoveredLog(
            fileSystem: fileSystem,
            paths: paths,
            configuration: configuration,
            active: segment,
            entries: scan.entries,
            endOffset: scan.endOffset,
            link: link,
            segmentCount: segmentCount,
            isNew: false
        )
    }

    /// Makes durable what a killed process may have left in memory, then looks at the device rather than at memory.
    ///
    /// What is found behind this is acknowledged by the report, so it must not depend on a sync that never came or
    /// failed.
    private func confirmDurability(ofLast name: String) throws(RecordLogError) {
        let file = try fileSystem.open(paths.log + "/" + name, mode: .write)
        defer { file.close() }
        try file.sync()
        try file.dropCache()
    }

    /// Wipes a torn tail or completes a seal; returns whether the segment is sealed now.
    private mutating func settle(_ segment: SegmentFile, scan: SegmentScan) throws(RecordLogError) -> Bool {
        switch scan.end {
        case .clean: return false
        case .sealed(let tail):
            try segment.file.truncate(to: tail.footer.liveByteCount)
            try segment.file.sync()
            note(
                .notice,
                .unfinishedSeal,
                LogPlace(file: segment.name, byteOffset: tail.footer.indexOffset),
                "sealing the segment was completed"
            )
            return true
        case .torn(let end):
            try wipe(segment.file, from: scan.endOffset, to: end)
            note(
                .notice,
                .tornTail,
                LogPlace(file: segment.name, byteOffset: scan.endOffset),
                "a write of \(end - scan.endOffset) bytes that did not complete and was never acknowledged was trimmed"
            )
            return false
        case .corrupt(let reason, let positions, _):
            throw .corruption(reason, file: segment.name, byteOffset: scan.endOffset, positions: positions)
        }
    }

    /// Overwrites a torn tail with zeros, in steps each of which the torn-tail rule still recognises.
    private func wipe(_ file: any OpenFile, from start: Int, to end: Int) throws(RecordLogError) {
        try file.write([0], at: start + 1)
        try file.sync()
        try file.write([Mark.block[0]], at: start)
        try file.sync()
        if end > start + 2 {
            try file.write([UInt8](repeating: 0, count: end - start - 2), at: start + 2)
            try file.sync()
        }
        try file.write([0], at: start)
        try file.sync()
    }
}
