package import MeterModel
package import RecordLog

/// Reads a log as batches of columns, from its first block on.
///
/// Invariants: `decoder` is behind the last block taken, and `nextPosition` behind its last record; `devices` has the
/// device of each series that the log has by then, `deviceNames` the name of each device by number, `registerCount` is
/// how many registers.
package final class ColumnLoader {
    private let log: RecordLogReader
    private let decoder = BlockBodyDecoder()
    private var segments: ArraySlice<SegmentSummary>
    private let last: UInt64
    private var nextPosition: UInt64 = 1
    private var devices: ContiguousArray<UInt32> = []
    /// The names of the devices that the log has.
    package private(set) var deviceNames = NameTable(minimumCapacity: 16_384)
    private var registerCount = 0
    private var unread = UnreadSeries()

    /// - Parameters:
    ///   - reader: the log's; it must not be used meanwhile.
    ///   - segments: the log's, where they were looked at already: the one being written on is read for that.
    ///   - last: The last position wanted, known to be durable; nil is as far as there is now.
    /// - Throws: `RecordLogError`; also where the log ends before `last`.
    package init(_ reader: EventLogReader, of segments: [SegmentSummary]? = nil, through last: Position? = nil) throws {
        log = reader.log
        let segments = try (segments ?? log.segments(through: last?.rawValue)).filter { $0.lastPosition != nil }
        self.segments = segments[...]
        let head = segments.last?.lastPosition ?? 0
        self.last = min(last?.rawValue ?? head, head)
        if let last, last.rawValue > head {
            try log.forEachBlock(from: last.rawValue, through: last.rawValue) { _ in .stop }
        }
    }

    /// The last position read so far.
    package var position: Position { Position(nextPosition - 1) }

    /// Fills a batch with the blocks that follow.
    ///
    /// - Parameters:
    ///   - batch: what it held is gone.
    ///   - parts: into how many parts it is cut, where it can be.
    /// - Returns: false at the end of the log.
    /// - Throws: `RecordLogError`, `EventStorageError`.
    package func load(_ batch: ColumnBatch, parts: Int) throws -> Bool {
        batch.reset()
        let isFirst = nextPosition == 1
        while let segment = segments.first, let segmentLast = segment.lastPosition, batch.readingCount == 0 {
            let end = min(last, segmentLast)
            if nextPosition > end {
                segments.removeFirst()
                if batch.beginsSegment || !batch.events.isEmpty { break }
                continue
            }
            try log.forEachBlock(from: nextPosition, through: end) { view in
                try take(view, into: batch)
                return batch.isFull(isFirst: isFirst) ? .stop : .proceed
            }
        }
        devices.withUnsafeBufferPointer { batch.cut(intoParts: parts, $0) }
        return batch.readingCount > 0 || batch.beginsSegment || !batch.events.isEmpty
    }

    private func take(_ view: BlockView, into batch: ColumnBatch) throws {
        if view.isFirstInSegment {
            batch.beginsSegment = true
            unread.beginSegment()
        }
        let block = try decoder.decode(view, body: batch.copy(view.body), depth: .columns)
        let positions = view.firstPosition...view.lastPosition
        guard block.before.series <= devices.count, block.before.registers <= registerCount,
            block.before.devices <= deviceNames.count
        else {
            throw EventStorageError.definitionsMissing(positions: positions)
        }
        // Behind records that were given up there are blocks that define what is known already.
        for i in block.devices.newOrdinals where decoder.segment.devices.numbers[i] >= deviceNames.count {
            decoder.segment.devices.withBytes(ofDefinition: i) { _ = deviceNames.intern($0) }
        }
        for i in block.series.newOrdinals where decoder.segment.series.states[i].series >= devices.count {
            devices.append(decoder.segment.series.states[i].device)
            batch.newSeries.append(
                NewSeries(
                    device: decoder.segment.series.states[i].device,
                    register: decoder.segment.registerOfSeries[i]
                )
            )
        }
        for i in block.registers.newOrdinals where decoder.segment.registers.numbers[i] >= registerCount {
            batch.newRegisters.append(decoder.segment.registers.name(decoder.segment.registers.numbers[i]) ?? "")
        }
        registerCount = max(registerCount, block.after.registers)
        unread.define(block, decoder.segment)
        do throws(MalformedBytes) {
            try takeRuns(block, into: batch)
        } catch {
            throw EventStorageError.malformedBlock(positions: positions, error)
        }
        nextPosition = view.lastPosition + 1
    }

    private func takeRuns(_ block: BlockBodyDecoder.Block, into batch: ColumnBatch) throws(MalformedBytes) {
        var columns = block.columns[...]
        var position = block.firstPosition
        for run in block.runs {
            guard position <= last else { return }
            switch run {
            case .readings: preconditionFailure("readings of a block that was decoded for its columns")
            case .event(_, _, let event):
                let device = event.device.flatMap { deviceNames.index(of: $0) }
                batch.events.append(ColumnBatch.Event(device: device, event: event))
                position += 1
            case .lost(_, let lost): position += UInt64(lost.count)
            case .passedOver(let count):
                try devices.withUnsafeBufferPointer { devices throws(MalformedBytes) in
                    try batch.append(
                        columns.removeFirst(),
                        count: Int(min(UInt64(count), last - position + 1)),
                        devices: devices,
                        unread: &unread
                    )
                }
                position += UInt64(count)
            }
        }
    }
}
