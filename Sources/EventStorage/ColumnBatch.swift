package import MeterModel

/// Blocks taken together, their runs as columns: to be walked in several parts at once.
///
/// A part is a range of devices, the same in every run, so that two parts never meet in a series. It takes that the
/// devices of each run ascend, and that no series is read for the first time in its segment: such a reading counts from
/// the one before it in the run, whatever its series. Else the batch is one part.
///
/// Invariants: the blocks follow each other and are of one segment; pointers lie in `arena`, until `reset`.
package final class ColumnBatch {
    /// An event that is no reading.
    package struct Event {
        /// The number of the device it is of; nil: of none in particular.
        package var device: UInt32?
        package var event: MeterEvent
    }

    private var arena = ColumnArena()
    private(set) var runs: [ColumnRun] = []
    /// Whether its first block begins a segment: the fronts of all series then do so before it is walked.
    package internal(set) var beginsSegment = false
    /// What is first in the log here, in order of their numbers.
    package internal(set) var newSeries: ContiguousArray<NewSeries> = []
    package internal(set) var newRegisters: [String] = []
    /// Events that are no readings, in order.
    package internal(set) var events: [Event] = []
    /// How many readings it has.
    package private(set) var readingCount = 0
    private(set) var blockCount = 0
    private var isOnePart = false
    /// How many parts there are.
    package private(set) var partCount = 1

    /// Readings at which a batch is full: of many series each is met some times in it, while what is known of the
    /// part's lies near.
    private static let fullReadingCount = 1 << 19
    /// The same of the first batch.
    private static let firstReadingCount = 1 << 16
    /// A batch of fewer is not worth being cut.
    private static let leastCutReadingCount = 1 << 12
    /// Of so many readings one has its device looked at, to cut parts of about the same length.
    private static let sampleStride = 512
    private static let fullBlockCount = 1 << 12

    package init() {}

    /// `isFirst`: whether it is the first of the log, on which all wait.
    func isFull(isFirst: Bool) -> Bool {
        let limit = isFirst ? ColumnBatch.firstReadingCount : ColumnBatch.fullReadingCount
        return readingCount >= limit || blockCount >= ColumnBatch.fullBlockCount
    }

    func reset() {
        arena.reset()
        runs.removeAll(keepingCapacity: true)
        beginsSegment = false
        newSeries.removeAll(keepingCapacity: true)
        newRegisters.removeAll()
        events.removeAll()
        readingCount = 0
        blockCount = 0
        isOnePart = false
        partCount = 1
    }

    func copy(_ body: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        blockCount += 1
        return arena.copy(body)
    }

    /// Takes in the columns of a run.
    ///
    /// - Parameters:
    ///   - columns: of a body that `copy` made.
    ///   - count: how many of its readings count, from its first.
    ///   - devices: those of all series that the log has behind the run's block.
    ///   - unread: the series that the segment has not read yet.
    /// - Throws: where the columns are malformed.
    func append(
        _ columns: ReadingRunDecoder.Columns,
        count: Int,
        devices: UnsafeBufferPointer<UInt32>,
        unread: inout UnreadSeries
    ) throws(MalformedBytes) {
        let numbers = arena.take(columns.count * MemoryLayout<UInt32>.stride)
            .bindMemory(to: UInt32.self, capacity: columns.count)
        let run = try ColumnRun(columns, count: count, numbers: numbers, devices: devices)
        if !unread.isEmpty, unread.read(run.series) { isOnePart = true }
        if !run.devicesAscend { isOnePart = true }
        runs.append(run)
        readingCount += count
    }

    /// Cuts the batch into at most so many parts, once it is whole.
    ///
    /// `devices`: those of all series that the log has behind it.
    func cut(intoParts wanted: Int, _ devices: UnsafeBufferPointer<UInt32>) {
        partCount = isOnePart || readingCount < ColumnBatch.leastCutReadingCount ? 1 : wanted
        guard partCount > 1 else {
            for i in runs.indices { runs[i].cut(at: [], devices) }
            return
        }
        // A run may have a few of the devices alone, so that they are taken from all.
        var some: [UInt32] = []
        for run in runs {
            for i in stride(from: 0, to: run.count, by: ColumnBatch.sampleStride) {
                some.append(devices[Int(run.series[i])])
            }
        }
        some.sort()
        let bounds = (1..<partCount).map { some[some.count * $0 / partCount] }
        for i in runs.indices { runs[i].cut(at: bounds, devices) }
    }
}
