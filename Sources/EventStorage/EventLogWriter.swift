package import MeterModel
package import RecordLog

/// The one writer of a log of meter events.
///
/// Invariants:
/// - `segment`, `index` and `counts` describe the blocks of the active segment that are durable, unless `isStale`: then
///   a block was encoded but not appended, and they are rebuilt from the log before the next.
/// - `counts` is what the log has defined; the directory handed to `append` knows at least that, under the same
///   numbers.
///
/// Not `Sendable`: one owner uses it from one place at a time. Calls block on the device.
package final class EventLogWriter {
    private let log: RecordLogWriter
    private let configuration: RecordLogConfiguration
    private let directoryPath: String
    private let fileSystem: any FileSystem
    private var segment = SegmentDictionary()
    private var index = SegmentIndexBuilder()
    private var counts = DefinitionCounts()
    private var isStale = true
    private var encoder = BlockBodyEncoder()
    private var content = CanonicalContent()
    private var body = ByteWriter(minimumCapacity: 1 << 20)
    private var scratch = ByteWriter()
    private var sorter = DeviceSort()
    private var deviceOfSeries: ContiguousArray<UInt32> = []

    private init(
        _ log: RecordLogWriter,
        _ configuration: RecordLogConfiguration,
        directoryPath: String,
        fileSystem: any FileSystem
    ) {
        self.log = log
        self.configuration = configuration
        self.directoryPath = directoryPath
        self.fileSystem = fileSystem
        log.sealedIndex = { [unowned self] _ in
            index.finish(segment: segment)?.encoded(atMost: configuration.sealedIndexByteCount)
        }
    }

    /// Opens the log of a data directory for writing, making it if there is none.
    ///
    /// - Parameters:
    ///   - directory: The data directory; it must exist.
    ///   - fileSystem: Where the directory is.
    ///   - configuration: How new segments are made.
    ///   - lockDescription: What to tell a second writer: normally the command line.
    ///   - readsState: Off, `readState` is to be called; else it is read before the first append.
    /// - Returns: The writer, and what opening found and did.
    /// - Throws: `RecordLogError` as `RecordLogWriter.open`; `EventStorageError` if the last segment cannot be decoded.
    package static func open(
        directory: String,
        fileSystem: any FileSystem = PosixFileSystem(),
        configuration: RecordLogConfiguration = RecordLogConfiguration(),
        lockDescription: String,
        readsState: Bool = true
    ) throws -> (writer: EventLogWriter, report: OpenReport) {
        let (log, report) = try RecordLogWriter.open(
            directory: directory,
            fileSystem: fileSystem,
            configuration: configuration,
            lockDescription: lockDescription
        )
        let writer = EventLogWriter(log, configuration, directoryPath: directory, fileSystem: fileSystem)
        do {
            if readsState { try writer.readState() }
        } catch {
            log.close()
            throw error
        }
        return (writer, report)
    }

    /// A reader of the log that it writes.
    ///
    /// - Throws: `RecordLogError`.
    package func makeReader() throws -> EventLogReader {
        try EventLogReader(directory: directoryPath, fileSystem: fileSystem)
    }

    /// The last durable position; `.origin` while the log is empty.
    package var head: Position { Position(log.head) }

    /// The chain value after the last durable block.
    package var chain: Digest32 { log.chain }

    /// Bytes of blocks written since opening, header and trailer included.
    package var writtenByteCount: Int { log.writtenByteCount }

    /// The segment that takes the next block.
    package var activeSegment: SegmentSummary { log.activeSegment }

    /// The position of that segment's first record, also while it is still empty.
    package var activeFirstPosition: Position { Position(log.activeSegment.firstPosition) }

    /// How many devices, registers and series the log has defined.
    package var definitionCounts: DefinitionCounts { counts }

    /// Appends accepted items as one block, or several if they are many. Durable on return.
    ///
    /// Each run of readings between events is sorted by device first; `batch` is left as it was logged, its first
    /// record at the first position returned. New entries of the directory are logged with the first block that needs
    /// them.
    ///
    /// - Parameters:
    ///   - batch: Not empty. The names of its new series should not exceed 8 MiB: a block holds the definitions of all
    ///     it uses.
    ///   - recordedAt: The log's clock, of all the batch.
    ///   - recordedBy: Who appends, at most 1024 bytes of UTF-8.
    ///   - directory: Knows every series of the batch, and all that the log has defined under the log's numbers.
    /// - Returns: The positions of the batch's records.
    /// - Throws: `RecordLogError`. Then `head` says how much is durable: whole blocks from the start of the batch.
    package func append(
        _ batch: inout EventBatch,
        recordedAt: Instant,
        recordedBy: String,
        directory: SeriesDirectory
    ) throws -> ClosedRange<UInt64> {
        precondition(!batch.isEmpty, "an empty batch")
        precondition(
            recordedBy.utf8.count <= EventStorageLimits.maximumRecordedByByteCount,
            "recordedBy is too long"
        )
        batch.checkPreconditions()
        try rebuildStateIfStale()
        let known = DefinitionCounts(directory)
        precondition(
            known.devices >= counts.devices && known.registers >= counts.registers && known.series >= counts.series,
            "the directory does not know what the log has defined"
        )
        sort(&batch, directory: directory)
        let first = log.head + 1
        var next = BlockPart(readings: 0..<0, events: 0..<0)
        while next.readings.upperBound < batch.readings.count || next.events.upperBound < batch.events.count {
            next = part(of: batch, after: next, directory: directory)
            try append(next, of: batch, recordedAt: recordedAt, recordedBy: recordedBy, directory: directory)
        }
        return first...log.head
    }

    /// Seals the current segment and begins the next; does nothing while the current one is empty.
    package func roll() throws {
        try rebuildStateIfStale()
        isStale = true
        try log.roll()
        beginSegment()
        isStale = false
    }

    /// Gives up the lock and closes the files. Appended blocks are durable already.
    package func close() { log.close() }

    private func append(
        _ part: BlockPart,
        of batch: EventBatch,
        recordedAt: Instant,
        recordedBy: String,
        directory: SeriesDirectory
    ) throws {
        let context = BlockBodyEncoder.Context(recordedAt: recordedAt, recordedBy: recordedBy, before: counts)
        let wasEmpty = log.activeSegment.lastPosition == nil
        isStale = true
        var after = encode(part, of: batch, in: context, directory: directory)
        if try log.prepare(maximumBodyByteCount: body.count) == .new, !wasEmpty {
            // The segment ended before this block, and the state it was encoded with ended too.
            beginSegment()
            after = encode(part, of: batch, in: context, directory: directory)
            _ = try log.prepare(maximumBodyByteCount: body.count)
        }
        let digest = encoder.digest(
            part,
            of: batch,
            in: context,
            after: after,
            firstPosition: log.head + 1,
            directory: directory,
            content: &content
        )
        let positions = try log.append(body: body.bytes, recordCount: part.count, contentDigest: digest)
        counts = after
        index.addBlock(positions, recordedAt: recordedAt, before: context.before, after: after, segment: segment)
        batch.readings.withUnsafeBufferPointer { readings in
            if !part.readings.isEmpty { index.add(UnsafeBufferPointer(rebasing: readings[part.readings])) }
        }
        for i in part.events { index.add(batch.events[i].event, segment: segment) }
        isStale = false
    }

    private func encode(
        _ part: BlockPart,
        of batch: EventBatch,
        in context: BlockBodyEncoder.Context,
        directory: SeriesDirectory
    ) -> DefinitionCounts {
        body.removeAll()
        return encoder.encode(
            part,
            of: batch,
            in: context,
            directory: directory,
            segment: &segment,
            into: &body
        )
    }

    private func sort(_ batch: inout EventBatch, directory: SeriesDirectory) {
        while deviceOfSeries.count < directory.seriesCount {
            deviceOfSeries.append(directory.device(ofSeries: UInt32(deviceOfSeries.count)))
        }
        if batch.events.isEmpty {
            return deviceOfSeries.withUnsafeBufferPointer { sorter.sort(&batch.readings, deviceOfSeries: $0) }
        }
        var bounds = batch.events.map(\.readingIndex)
        bounds.append(batch.readings.count)
        batch.readings.withUnsafeMutableBufferPointer { readings in
            deviceOfSeries.withUnsafeBufferPointer { devices in
                var start = 0
                for end in bounds where end > start {
                    sorter.sort(UnsafeMutableBufferPointer(rebasing: readings[start..<end]), deviceOfSeries: devices)
                    start = end
                }
            }
        }
    }

    /// The items after `last` that go into one block: bounded in readings, events, and bytes of definitions.
    ///
    /// Blocks of one batch have about as many readings, and end with a device where they can: then one that is the
    /// first of its segment to name its devices can be understood by itself.
    private func part(
        of batch: EventBatch,
        after last: BlockPart,
        directory: SeriesDirectory
    ) -> BlockPart {
        let room = configuration.maximumBodyByteCount
        // An encoded reading takes less than 64 bytes, whatever it says.
        let readingLimit = max(1, min(EventStorageLimits.maximumReadingsPerBlock, room / 128))
        let definitionLimit = min(EventStorageLimits.targetDefinitionByteCountPerBlock, room / 4)
        let payloadLimit = min(EventStorageLimits.targetPayloadByteCountPerBlock, room / 4)
        var reading = last.readings.upperBound
        var event = last.events.upperBound
        let left = batch.readings.count - reading
        let blockCount = max(1, (left + readingLimit - 1) / readingLimit)
        let readingEnd = reading + (left + blockCount - 1) / blockCount
        let eventEnd = min(batch.events.count, event + readingLimit)
        var definitionByteCount = 0
        var latest: UInt32?
        scratch.removeAll()
        items: while true {
            let runEnd = event < batch.events.count ? batch.events[event].readingIndex : batch.readings.count
            while reading < min(runEnd, readingEnd) {
                let series = batch.readings[reading].series
                // Readings of one series follow each other, mostly.
                if series != latest, !segment.series.isDefined(series) {
                    definitionByteCount += definitionByteCountBound(of: series, directory: directory)
                    if definitionByteCount > definitionLimit, reading > last.readings.upperBound { break items }
                }
                latest = series
                reading += 1
            }
            if reading == readingEnd, reading < runEnd {
                // What stands before an event that is in the block cannot be left out of it.
                let taken = event > last.events.upperBound ? batch.events[event - 1].readingIndex : 0
                let half = (last.readings.upperBound + reading) / 2
                reading = endOfDevice(before: reading, in: batch, behind: max(taken, half))
            }
            guard reading == runEnd, event < eventEnd else { break }
            EventWriter.write(batch.events[event].event, into: &scratch)
            if scratch.count > payloadLimit, event > last.events.upperBound || reading > last.readings.upperBound {
                break
            }
            event += 1
        }
        return BlockPart(
            readings: last.readings.upperBound..<reading,
            events: last.events.upperBound..<event
        )
    }

    /// Where the device before the one of a reading ends, if that is behind another reading's place; else the reading.
    private func endOfDevice(before reading: Int, in batch: EventBatch, behind least: Int) -> Int {
        let device = deviceOfSeries[Int(batch.readings[reading].series)]
        var end = reading
        while end > least {
            if deviceOfSeries[Int(batch.readings[end - 1].series)] != device { return end }
            end -= 1
        }
        return reading
    }

    private func definitionByteCountBound(of series: UInt32, directory: SeriesDirectory) -> Int {
        let device = directory.devices.withBytes(of: directory.device(ofSeries: series)) { $0.count }
        let register = directory.registers.withBytes(of: directory.register(ofSeries: series)) { $0.count }
        return device + register + 24
    }

    private func beginSegment() {
        segment.reset()
        index = SegmentIndexBuilder()
    }

    private func rebuildStateIfStale() throws {
        if isStale { try readState() }
    }

    /// Moves on to the state behind the active segment, or reads the counts alone of the one before it.
    ///
    /// - Throws: `RecordLogError`, `EventStorageError`.
    package func readState() throws {
        isStale = true
        beginSegment()
        counts = DefinitionCounts()
        if log.head > 0 {
            let reader = try makeReader()
            let isActive = log.activeSegment.lastPosition != nil
            let state = try reader.state(at: Position(log.head), depth: isActive ? .states : .definitions)
            counts = state.counts
            if isActive {
                segment = state.decoder.takeSegment()
                index = state.index
            }
        }
        isStale = false
    }

    /// What the active segment holds; nil while it holds nothing.
    /// - Precondition: the state is read.
    package var activeIndex: SegmentIndex? {
        precondition(!isStale, "the index of a state that is not known")
        return index.finish(segment: segment)
    }
}
