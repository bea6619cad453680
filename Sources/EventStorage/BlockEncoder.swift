import MeterModel
import RecordLog

/// A part of a batch that becomes one block: readings and events that follow each other.
struct BlockPart {
    var readings: Range<Int>
    var events: Range<Int>

    var count: Int { readings.count + events.count }
}

/// Writes a part of a batch as a block body, and computes the digest of its canonical content.
struct BlockBodyEncoder: ~Copyable {
    private var runs = ReadingRunEncoder()
    private var payload = ByteWriter()
    /// The numbers that the block defines; scratch.
    private var devices = NumberSet()
    private var registers = NumberSet()
    private var series = NumberSet()

    static let version: UInt8 = 2

    /// What the block says beside its items.
    struct Context {
        var recordedAt: Instant
        var recordedBy: String
        /// What the log has before the block.
        var before: DefinitionCounts
    }

    /// Appends the body to `out`, defines in `segment` what the block uses, and moves its series on.
    /// - Returns: what the log has with the block.
    mutating func encode(
        _ part: BlockPart,
        of batch: EventBatch,
        in context: Context,
        directory: SeriesDirectory,
        segment: inout SegmentDictionary,
        limitingScaleTo maximumDigits: Int = DecimalScale.maximumValueDigits,
        into out: inout ByteWriter
    ) -> DefinitionCounts {
        collectDefinitions(part, of: batch, before: context.before, directory: directory, segment: segment)
        out.append(BlockBodyEncoder.version)
        out.append(littleEndian: context.recordedAt.milliseconds)
        out.append(text: context.recordedBy)
        out.append(varint: UInt64(context.before.devices))
        out.append(varint: UInt64(context.before.registers))
        out.append(varint: UInt64(context.before.series))
        DefinitionTables.writeNames(devices.sorted, from: directory.devices, defining: &segment.devices, into: &out)
        DefinitionTables.writeNames(
            registers.sorted,
            from: directory.registers,
            defining: &segment.registers,
            into: &out
        )
        DefinitionTables.writeSeries(series.sorted, from: directory, defining: &segment, into: &out)
        let pieces = BlockBodyEncoder.pieces(part, of: batch)
        out.append(varint: UInt64(pieces.count))
        batch.readings.withUnsafeBufferPointer { readings in
            for piece in pieces {
                switch piece {
                case .readings(let range):
                    runs.encode(
                        UnsafeBufferPointer(rebasing: readings[range]),
                        states: segment.series,
                        limitingScaleTo: maximumDigits,
                        into: &out
                    )
                case .event(let i):
                    let event = batch.events[i].event
                    payload.removeAll()
                    EventWriter.write(event, into: &payload)
                    out.append(EventKind(event).rawValue)
                    out.append(varint: UInt64(payload.count))
                    out.append(contentsOf: payload.bytes)
                }
            }
        }
        return DefinitionCounts(devices: devices.end, registers: registers.end, series: series.end)
    }

    /// The digest of what the block says: the same whatever the segment has defined.
    mutating func digest(
        _ part: BlockPart,
        of batch: EventBatch,
        in context: Context,
        after: DefinitionCounts,
        firstPosition: UInt64,
        directory: SeriesDirectory,
        content: inout CanonicalContent
    ) -> Digest32 {
        let before = context.before
        content.head(
            firstPosition: firstPosition,
            recordCount: part.count,
            recordedAt: context.recordedAt,
            recordedBy: context.recordedBy,
            before: before
        )
        content.table(count: after.devices - before.devices)
        for i in before.devices..<after.devices { directory.devices.withBytes(of: UInt32(i)) { content.name($0) } }
        content.table(count: after.registers - before.registers)
        for i in before.registers..<after.registers {
            directory.registers.withBytes(of: UInt32(i)) { content.name($0) }
        }
        content.table(count: after.series - before.series)
        for i in before.series..<after.series {
            let number = UInt32(i)
            content.series(
                device: directory.device(ofSeries: number),
                register: directory.register(ofSeries: number)
            )
        }
        batch.readings.withUnsafeBufferPointer { readings in
            for piece in BlockBodyEncoder.pieces(part, of: batch) {
                switch piece {
                case .readings(let range): content.readings(UnsafeBufferPointer(rebasing: readings[range]))
                case .event(let i):
                    let event = batch.events[i].event
                    payload.removeAll()
                    EventWriter.write(event, into: &payload)
                    content.event(kind: EventKind(event).rawValue, payload: payload.bytes)
                }
            }
        }
        return content.finish()
    }

    enum Piece {
        case readings(Range<Int>)
        case event(Int)
    }

    /// The runs of a part, in position order.
    static func pieces(_ part: BlockPart, of batch: EventBatch) -> [Piece] {
        var pieces: [Piece] = []
        var next = part.readings.lowerBound
        for i in part.events {
            let place = batch.events[i].readingIndex
            precondition(place <= part.readings.upperBound, "an event behind readings that its block does not have")
            if place > next { pieces.append(.readings(next..<place)) }
            next = place
            pieces.append(.event(i))
        }
        if next < part.readings.upperBound { pieces.append(.readings(next..<part.readings.upperBound)) }
        return pieces
    }

    private mutating func collectDefinitions(
        _ part: BlockPart,
        of batch: EventBatch,
        before: DefinitionCounts,
        directory: SeriesDirectory,
        segment: borrowing SegmentDictionary
    ) {
        devices.begin(at: before.devices)
        registers.begin(at: before.registers)
        series.begin(at: before.series)
        batch.readings.withUnsafeBufferPointer { readings in
            for i in part.readings where !segment.series.isDefined(readings[i].series) {
                series.insert(readings[i].series)
            }
        }
        series.close()
        for number in series.sorted {
            let device = directory.device(ofSeries: number)
            if !segment.devices.isDefined(device) { devices.insert(device) }
            let register = directory.register(ofSeries: number)
            if !segment.registers.isDefined(register) { registers.insert(register) }
        }
        for i in part.events {
            guard let name = batch.events[i].event.device, let device = directory.devices.index(of: name) else {
                continue
            }
            if !segment.devices.isDefined(device) { devices.insert(device) }
        }
        devices.close()
        registers.close()
    }
}

/// Numbers to define in a block: those the log has, and consecutive new ones up to the highest that is used.
struct NumberSet {
    private(set) var sorted: [UInt32] = []
    private var start = 0
    /// The first number that the log does not have with these.
    private(set) var end = 0

    mutating func begin(at count: Int) {
        sorted.removeAll(keepingCapacity: true)
        start = count
        end = count
    }

    mutating func insert(_ number: UInt32) {
        precondition(Int(number) < EventStorageLimits.maximumNumber, "more than 2^25 devices, registers or series")
        if Int(number) >= start {
            end = max(end, Int(number) + 1)
        } else if sorted.last != number {
            sorted.append(number)
        }
    }

    /// Ends the insertions: afterwards `sorted` ascends and has each number once.
    mutating func close() {
        sorted.sort()
        var kept = 0
        for i in 0..<sorted.count where i == 0 || sorted[i] != sorted[kept - 1] {
            sorted[kept] = sorted[i]
            kept += 1
        }
        sorted.removeSubrange(kept...)
        for number in start..<end { sorted.append(UInt32(number)) }
    }
}
