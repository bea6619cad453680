import MeterModel
import RecordLog

/// Decodes the blocks of a segment, one after the other from its first, trusting nothing they say.
///
/// Invariants: `segment` holds what the blocks decoded so far define, and `nextPosition` is the position behind them;
/// it is nil where the state is of no use for a following block: at first, and after a block that could not be decoded.
/// Pointers in `block` are good until the next call, and as long as the body they were decoded from.
final class BlockBodyDecoder {
    private(set) var segment = SegmentDictionary()
    private(set) var nextPosition: UInt64?
    /// What the log has behind the block decoded last.
    private var nextCounts = DefinitionCounts()
    let readings: UnsafeMutablePointer<ReadingRecord>
    private var content = CanonicalContent()
    /// Nil: every series is.
    private(set) var wanted: WantedSeries?
    let cells: UnsafeMutablePointer<WantedCell>?

    /// What part of a block is wanted.
    enum Depth {
        /// The definitions alone; runs are passed over, so the series are not moved on.
        case definitions
        case all
        /// All events, and the readings of the decoder's scope alone.
        case wanted
        /// All events; readings are passed over, so the series are not moved on.
        case events
        /// All events, and of the readings the series and traits alone: times and values are 0, and the series are not
        /// moved on.
        case traits
        /// All events, and the columns of the runs as they lie in the body; the series are not moved on.
        case columns
        /// All events; the series are moved on, and of the readings their bounds alone are told.
        case states
    }

    /// A block as decoded.
    struct Block {
        var firstPosition: UInt64
        var recordCount: Int
        var recordedAt: Instant
        var recordedBy: String
        var before: DefinitionCounts
        var devices: DefinitionSlice
        var registers: DefinitionSlice
        var series: DefinitionSlice
        var runs: [Run] = []
        var readingCount = 0
        /// Of a block decoded for its columns: those of each run that `runs` passes over.
        var columns: [ReadingRunDecoder.Columns] = []
        /// Of a block decoded for its states: when and of which series the readings are.
        var bounds: BlockBounds.Readings?
        /// Of a block decoded for what is wanted: that this cannot be told from its own bytes and the states of the
        /// wanted series. Then `runs` are not to be used before `take(_:decodedBy:into:)`.
        var needsWhole = false

        /// What the log has with this block.
        var after: DefinitionCounts {
            DefinitionCounts(
                devices: before.devices + devices.newCount,
                registers: before.registers + registers.newCount,
                series: before.series + series.newCount
            )
        }
    }

    enum Run {
        /// A range of the decoded readings.
        case readings(Range<Int>)
        /// So many readings that are not wanted.
        case passedOver(Int)
        case event(kind: UInt8, payload: UnsafeRawBufferPointer, MeterEvent)
        /// What stands for records that were given up.
        case lost(payload: UnsafeRawBufferPointer, LostRecords)
    }

    /// - Parameter scope: the devices whose readings the depth `wanted` is about; nil: that depth is not used.
    init(scope: DeviceScope? = nil) {
        readings = .allocate(capacity: EventStorageLimits.maximumReadingsPerBlock)
        wanted = scope.map { WantedSeries($0) }
        cells = scope.map { _ in .allocate(capacity: EventStorageLimits.maximumReadingsPerBlock) }
    }

    deinit {
        readings.deallocate()
        cells?.deallocate()
    }

    /// The readings of a run of the block decoded last.
    func records(_ range: Range<Int>) -> UnsafeBufferPointer<ReadingRecord> {
        UnsafeBufferPointer(start: readings + range.lowerBound, count: range.count)
    }

    /// Forgets what was decoded.
    func reset() {
        segment.reset()
        wanted?.reset()
        nextPosition = nil
    }

    /// Hands over what the segment has defined, and forgets it.
    func takeSegment() -> SegmentDictionary {
        var taken = SegmentDictionary()
        swap(&taken, &segment)
        reset()
        return taken
    }

    /// Decodes the next block of the segment, or the first of another.
    ///
    /// A decoder with a scope takes what lies between for blocks that define nothing and have no reading of a wanted
    /// series.
    ///
    /// - Parameters:
    ///   - view: as the log reader hands it over.
    ///   - body: a copy of its body, to which then the pointers lead; nil: its own.
    ///   - depth: what of it is wanted.
    /// - Returns: The block, good until the next call.
    /// - Throws: `EventStorageError` with the block's positions if it cannot be decoded, or if the blocks before it in
    ///   its segment were not.
    func decode(_ view: BlockView, body: UnsafeRawBufferPointer? = nil, depth: Depth = .all) throws -> Block {
        let positions = view.firstPosition...view.lastPosition
        if view.isFirstInSegment {
            segment.reset()
            wanted?.reset()
        } else if nextPosition != view.firstPosition, wanted == nil || nextPosition ?? .max > view.firstPosition {
            nextPosition = nil
            throw EventStorageError.stateMissing(positions: positions)
        }
        nextPosition = nil
        do throws(MalformedBytes) {
            let block = try decode(body ?? view.body, view.firstPosition, view.recordCount, depth)
            guard view.isFirstInSegment || block.before == nextCounts else {
                throw MalformedBytes(reason: "definitions do not follow those of the block before", byteOffset: 0)
            }
            nextCounts = block.after
            nextPosition = view.lastPosition + 1
            return block
        } catch {
            throw EventStorageError.malformedBlock(positions: positions, error)
        }
    }

    private func decode(
        _ body: UnsafeRawBufferPointer,
        _ firstPosition: UInt64,
        _ recordCount: Int,
        _ depth: Depth
    ) throws(MalformedBytes) -> Block {
        var reader = ByteReader(body)
        let version = try reader.byte()
        // What a version says the later ones say alike.
        guard version > 0, version <= LostRecords.bodyVersion else {
            throw reader.malformed("unknown version \(version)")
        }
        let recordedAt = Instant(milliseconds: try reader.int64())
        let recordedBy = try reader.text(atMost: EventStorageLimits.maximumRecordedByByteCount)
        let limit = EventStorageLimits.maximumNumber
        let before = DefinitionCounts(
            devices: try reader.count(atMost: limit, "devices before"),
            registers: try reader.count(atMost: limit, "registers before"),
            series: try reader.count(atMost: limit, "series before")
        )
        let devices = try DefinitionTables.readNames(&reader, before: before.devices, defining: &segment.devices)
        let registers = try DefinitionTables.readNames(
            &reader,
            before: before.registers,
            defining: &segment.registers
        )
        var block = Block(
            firstPosition: firstPosition,
            recordCount: recordCount,
            recordedAt: recordedAt,
            recordedBy: recordedBy,
            before: before,
            devices: devices,
            registers: registers,
            series: try DefinitionTables.readSeries(&reader, before: before.series, defining: &segment)
        )
        wanted?.add(block, segment)
        if depth != .definitions { try decodeRuns(&reader, version, depth, into: &block) }
        return block
    }

    private func decodeRuns(
        _ reader: inout ByteReader,
        _ version: UInt8,
        _ depth: Depth,
        into block: inout Block
    ) throws(MalformedBytes) {
        let runCount = try reader.count(atMost: reader.remaining, "count of runs")
        block.runs.reserveCapacity(min(runCount, EventStorageLimits.maximumReadingsPerBlock))
        var recordCount = 0
        var runReadingCount = 0
        for _ in 0..<runCount {
            let kind = try reader.byte()
            if kind == 0 {
                let count = try ReadingRunDecoder.count(at: reader)
                guard count <= EventStorageLimits.maximumReadingsPerBlock - runReadingCount else {
                    throw reader.malformed("more readings than a block may have")
                }
                switch depth {
                case .wanted: try decodeWanted(&reader, count, into: &block)
                case .events, .columns:
                    let columns = try ReadingRunDecoder.head(&reader)
                    block.runs.append(.passedOver(count))
                    if depth == .columns { block.columns.append(columns) }
                case .states:
                    let run = try ReadingRunDecoder.moveOn(&reader, states: segment.series, scratch: readings)
                    if block.bounds == nil { block.bounds = run } else { block.bounds?.add(run) }
                    block.runs.append(.passedOver(count))
                case .all, .traits, .definitions:
                    let out = readings + block.readingCount
                    if depth == .traits {
                        try ReadingRunDecoder.decodeTraits(&reader, states: segment.series, into: out)
                    } else {
                        try ReadingRunDecoder.decode(&reader, states: segment.series, into: out)
                    }
                    block.runs.append(.readings(block.readingCount..<block.readingCount + count))
                    block.readingCount += count
                }
                runReadingCount += count
                recordCount += count
            } else {
                let byteCount = try reader.count(atMost: reader.remaining, "bytes of an event")
                let payload = try reader.slice(byteCount)
                if kind == LostRecords.kind, version >= LostRecords.bodyVersion {
                    let lost = try LostRecords(payload)
                    block.runs.append(.lost(payload: payload, lost))
                    recordCount += lost.count
                } else {
                    let event = try EventReader.read(kind: kind, payload: payload)
                    block.runs.append(.event(kind: kind, payload: payload, event))
                    recordCount += 1
                }
            }
        }
        guard reader.isAtEnd else { throw reader.malformed("bytes behind the last run") }
        guard recordCount == block.recordCount else {
            throw reader.malformed("\(recordCount) records where the log has \(block.recordCount)")
        }
    }

    /// The digest of the canonical content of the block decoded last, all of it.
    func digest(_ block: Block) -> Digest32 {
        content.head(
            firstPosition: block.firstPosition,
            recordCount: block.recordCount,
            recordedAt: block.recordedAt,
            recordedBy: block.recordedBy,
            before: block.before
        )
        content.table(count: block.devices.newCount)
        for i in block.devices.newOrdinals { segment.devices.withBytes(ofDefinition: i) { content.name($0) } }
        content.table(count: block.registers.newCount)
        for i in block.registers.newOrdinals { segment.registers.withBytes(ofDefinition: i) { content.name($0) } }
        content.table(count: block.series.newCount)
        for i in block.series.newOrdinals {
            content.series(device: segment.series.states[i].device, register: segment.registerOfSeries[i])
        }
        for run in block.runs {
            switch run {
            case .readings(let range): content.readings(records(range))
            case .passedOver: preconditionFailure("a digest of a part of a block")
            case .event(let kind, let payload, _): content.event(kind: kind, payload: payload)
            case .lost(let payload, _): content.event(kind: LostRecords.kind, payload: payload)
            }
        }
        return content.finish()
    }
}
