import MeterModel

/// What a block of a sealed segment holds, so that a reader can pass over it (event format, "Index of a sealed
/// segment").
package struct BlockBounds: Hashable, Sendable {
    /// Whether it defines devices, registers or series in its segment.
    package var defines: Bool
    /// Whether it has events that are no readings.
    package var hasEvents = false
    /// Of its readings; nil if it has none.
    package var readings: Readings?

    /// When, and of which series.
    package struct Readings: Hashable, Sendable {
        /// From the earliest `readAt`, or start of an interval, to the latest.
        package var readAt: ClosedRange<Int64>
        /// From the lowest number to the highest.
        package var series: ClosedRange<UInt32>

        /// - Parameters:
        ///   - readAt: when they are.
        ///   - series: of which series.
        init(readAt: ClosedRange<Int64>, series: ClosedRange<UInt32>) {
            self.readAt = readAt
            self.series = series
        }

        /// Of a run, which is not empty.
        init(_ run: UnsafeBufferPointer<ReadingRecord>) {
            var (earliest, latest) = (run[0].at, run[0].at)
            var (lowest, highest) = (run[0].series, run[0].series)
            for reading in run {
                earliest = min(earliest, reading.at &- reading.span, reading.at)
                latest = max(latest, reading.at)
                lowest = min(lowest, reading.series)
                highest = max(highest, reading.series)
            }
            self.init(readAt: earliest...latest, series: lowest...highest)
        }

        /// Of these and others.
        mutating func add(_ other: Readings) {
            let (earliest, latest) = (other.readAt.lowerBound, other.readAt.upperBound)
            readAt = min(readAt.lowerBound, earliest)...max(readAt.upperBound, latest)
            let (lowest, highest) = (other.series.lowerBound, other.series.upperBound)
            series = min(series.lowerBound, lowest)...max(series.upperBound, highest)
        }
    }

    init(defines: Bool) { self.defines = defines }

    mutating func add(_ run: Readings) {
        if readings == nil { readings = run } else { readings?.add(run) }
    }
}

extension BlockBounds {
    static func write(_ blocks: [BlockBounds], into out: inout ByteWriter) {
        out.append(varint: UInt64(blocks.count))
        var before = Readings(readAt: 0...0, series: 0...0)
        for block in blocks {
            out.append((block.readings == nil ? 0 : 1) | (block.hasEvents ? 2 : 0) | (block.defines ? 4 : 0))
            guard let readings = block.readings else { continue }
            out.append(zigzag: readings.readAt.lowerBound &- before.readAt.lowerBound)
            out.append(varint: UInt64(bitPattern: readings.readAt.upperBound &- readings.readAt.lowerBound))
            out.append(zigzag: Int64(readings.series.lowerBound) - Int64(before.series.lowerBound))
            out.append(varint: UInt64(readings.series.upperBound - readings.series.lowerBound))
            before = readings
        }
    }

    static func read(_ reader: inout ByteReader) throws(MalformedBytes) -> [BlockBounds] {
        let count = try reader.count(atMost: reader.remaining, "count of blocks")
        guard count > 0 else { throw reader.malformed("a table of no blocks") }
        var blocks: [BlockBounds] = []
        blocks.reserveCapacity(count)
        var before = Readings(readAt: 0...0, series: 0...0)
        for _ in 0..<count {
            let presence = try reader.byte()
            guard presence <= 7 else { throw reader.malformed("presence \(presence)") }
            var block = BlockBounds(defines: presence & 4 != 0)
            block.hasEvents = presence & 2 != 0
            if presence & 1 != 0 {
                before = try readings(&reader, after: before)
                block.readings = before
            }
            blocks.append(block)
        }
        return blocks
    }

    private static func readings(
        _ reader: inout ByteReader,
        after before: Readings
    ) throws(MalformedBytes) -> Readings {
        let earliest = before.readAt.lowerBound &+ (try reader.zigzag())
        let latest = earliest &+ Int64(bitPattern: try reader.varint())
        let lowest = Int64(before.series.lowerBound) &+ (try reader.zigzag())
        let reach = try reader.count(atMost: EventStorageLimits.maximumNumber, "reach of series")
        guard earliest <= latest, lowest >= 0, lowest <= Int64(EventStorageLimits.maximumNumber - 1 - reach) else {
            throw reader.malformed("bounds of a block out of range")
        }
        return Readings(readAt: earliest...latest, series: UInt32(lowest)...UInt32(Int(lowest) + reach))
    }
}

/// Which blocks of a sealed segment must be read for the readings of some devices, and all events.
struct BlockChoice {
    private let blocks: [BlockBounds]
    /// The last block with a reading that is wanted; those behind it are read for what else they have, their series not
    /// moved on.
    let lastNeeded: Int

    /// - Parameters:
    ///   - index: of the segment, which tells of its blocks.
    ///   - times: readings whose `readAt` lies outside are not wanted; nil: all are.
    init(_ index: SegmentIndex, readAt times: ClosedRange<Int64>?) {
        blocks = index.blocks
        lastNeeded =
            times.map { times in
                index.blocks.lastIndex { $0.readings.map { $0.readAt.overlaps(times) } ?? false } ?? -1
            } ?? index.blocks.count - 1
    }

    /// Whether a block must be read: it tells something besides readings, or moves a series on of which a reading is
    /// wanted, there or further on.
    ///
    /// - Parameters:
    ///   - number: the block's in its segment, from 0.
    ///   - wanted: the series wanted, of those that the blocks before define.
    /// - Returns: false for one that may be passed over.
    func contains(_ number: Int, _ wanted: borrowing WantedSeries) -> Bool {
        guard number < blocks.count else { return true }
        let block = blocks[number]
        if block.defines || block.hasEvents { return true }
        guard number <= lastNeeded, let readings = block.readings else { return false }
        return wanted.overlaps(readings.series)
    }
}
