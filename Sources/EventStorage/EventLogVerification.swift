package import MeterModel
package import RecordLog

/// What a verification of a log of events found.
package struct EventVerificationReport: Sendable {
    /// What the record log found, blocks whose content is malformed or disagrees among it.
    package var log: VerificationReport
    /// Positions of sealed segments whose stored index of events is not that of their blocks: readers that trust it may
    /// pass over events.
    package var wrongIndexes: [ClosedRange<UInt64>] = []

    /// Whether anything is damaged.
    package var hasDamage: Bool { log.hasDamage || !wrongIndexes.isEmpty }
}

/// Holds a log against its chain: decodes each block, recomputes the digest of its content, and checks definitions and
/// indexes.
package struct EventLogVerification {
    private let decoder = BlockBodyDecoder()
    private var directory = SeriesDirectory()
    /// False behind damage: then definitions are missing and cannot be held against the log's.
    private var knowsDefinitions = true
    private var nextPosition: UInt64 = 1
    private var index = SegmentIndexBuilder()
    private var segmentFirstPosition: UInt64?
    private var isSegmentWhole = true
    private var indexes: [(first: UInt64, index: SegmentIndex)] = []

    private init() {}

    /// Verifies the log of a data directory. Linear in its size; never writes, needs no lock.
    ///
    /// - Parameters:
    ///   - directory: The data directory.
    ///   - fileSystem: Where it is.
    ///   - expectedHead: A position known to have been acknowledged, `.origin` for none.
    ///   - chainPositions: Positions at which the chain's value is wanted in the report.
    /// - Returns: Findings and totals. Damage is reported there, not thrown.
    /// - Throws: `RecordLogError` with `notALog`, `newerVersion` or `inputOutput`.
    package static func run(
        directory: String,
        fileSystem: any FileSystem = PosixFileSystem(),
        expectedHead: Position = .origin,
        chainPositions: Set<UInt64> = []
    ) throws -> EventVerificationReport {
        var verification = EventLogVerification()
        let log = try RecordLogVerification.run(
            directory: directory,
            fileSystem: fileSystem,
            expectedHead: expectedHead.rawValue,
            chainPositions: chainPositions
        ) { try verification.digest($0) }
        return try verification.report(log, RecordLogReader(directory: directory, fileSystem: fileSystem))
    }

    /// Verifies segments that follow each other from anywhere in a log, such as one that was copied.
    ///
    /// What they take over from those before them, the chain's value and numbers for names, is believed.
    ///
    /// - Parameters:
    ///   - folder: Where the segments lie.
    ///   - fileSystem: Where the folder is.
    /// - Returns: Findings and totals. Damage is reported there, not thrown.
    /// - Throws: `RecordLogError` with `notALog`, `newerVersion` or `inputOutput`.
    package static func run(
        segmentsIn folder: String,
        fileSystem: any FileSystem
    ) throws -> EventVerificationReport {
        var verification = EventLogVerification()
        verification.knowsDefinitions = false
        let log = try RecordLogVerification.run(segmentsIn: folder, fileSystem: fileSystem) {
            try verification.digest($0)
        }
        return try verification.report(log, RecordLogReader(segmentsIn: folder, fileSystem: fileSystem))
    }

    /// What was found in the log, and which of its stored indexes are not those of their blocks.
    private mutating func report(
        _ log: VerificationReport,
        _ reader: RecordLogReader
    ) throws -> EventVerificationReport {
        endSegment()
        var report = EventVerificationReport(log: log)
        for (first, index) in indexes {
            guard let stored = try reader.sealedIndex(ofSegmentAt: first), !index.isEncoded(as: stored) else {
                continue
            }
            report.wrongIndexes.append(index.positions)
        }
        return report
    }

    /// The digest of a block's content.
    /// - Throws: `EventStorageError` if it cannot be decoded or its definitions contradict those before it.
    private mutating func digest(_ view: BlockView) throws -> Digest32 {
        if view.isFirstInSegment {
            endSegment()
            segmentFirstPosition = view.firstPosition
            isSegmentWhole = true
        }
        if view.firstPosition != nextPosition { knowsDefinitions = false }
        nextPosition = view.lastPosition + 1
        do {
            let block = try decoder.decode(view)
            index.add(block, decoder)
            if knowsDefinitions {
                try decoder.extend(&directory, by: block)
                guard decoder.agrees(directory, with: block) else {
                    throw EventStorageError.definitionsMissing(positions: view.firstPosition...view.lastPosition)
                }
            }
            return decoder.digest(block)
        } catch {
            knowsDefinitions = false
            isSegmentWhole = false
            throw error
        }
    }

    private mutating func endSegment() {
        if let first = segmentFirstPosition, isSegmentWhole, let built = index.finish(segment: decoder.segment) {
            indexes.append((first, built))
        }
        index = SegmentIndexBuilder()
        segmentFirstPosition = nil
    }
}
