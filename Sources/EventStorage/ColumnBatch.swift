package import MeterModel

/// Blocks taken together, their runs as columns: to be walked in several parts at once.
///
/// A part is a range of series, the same in every run, so that two parts never meet in a series. It takes that the
/// series of each run ascend, and that none is read for the first time in its segment: such a reading counts from the
/// one before it in the run, whatever its series. Else the batch is one part.
///
/// Invariants: the blocks follow each other and are of one segment; pointers lie in `arena`, until `reset`.
package final class ColumnBatch {
    private var arena = ColumnArena()
    private(set) var runs: [ColumnRun] = []
    /// Whether its first block begins a segment: the fronts of all series then do so before it is walked.
    package internal(set) var beginsSegment = false
    /// What is first in the log here, in order of their numbers.
    package internal(set) var newSeries: ContiguousArray<NewSeries> = []
    package internal(set) var newRegisters: [String] = []
    /// Events that are no readings, in order.
    package internal(set) var events: [MeterEvent] = []
    /// How many readings it has.
    package private(set) var readingCount = 0
    private(set) var blockCount = 0
    private var isOnePart = false
    /// How many parts there are.
    package private(set) var partCount = 1

    /// Readings at which a batch is full, so that parts are long and yet stay near in memory.
    private static let fullReadingCount = 1 << 18
    private static let fullBlockCount = 1 << 12

    package init() {}

    var isFull: Bool {
        readingCount >= ColumnBatch.fullReadingCount || blockCount >= ColumnBatch.fullBlockCount
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
    ///   - seriesCount: how many series the log has behind the run's block.
    ///   - unread: the series that the segment has not read yet.
    /// - Throws: where the columns are malformed.
    func append(
        _ columns: ReadingRunDecoder.Columns,
        count: Int,
        seriesCount: Int,
        unread: inout UnreadSeries
    ) throws(MalformedBytes) {
        let numbers = arena.take(columns.count * MemoryLayout<UInt32>.stride)
            .bindMemory(to: UInt32.self, capacity: columns.count)
        let run = try ColumnRun(columns, count: count, numbers: numbers, seriesCount: seriesCount)
        if !unread.isEmpty, unread.read(run.series) { isOnePart = true }
        if !columns.series.isUnsigned { isOnePart = true }
        runs.append(run)
        readingCount += count
    }

    /// Cuts the batch into at most so many parts, once it is whole.
    func cut(intoParts wanted: Int) {
        partCount = isOnePart || readingCount < ColumnBatch.fullReadingCount / 64 ? 1 : wanted
        guard partCount > 1, let longest = runs.max(by: { $0.count < $1.count }) else {
            partCount = 1
            for i in runs.indices { runs[i].cut(at: []) }
            return
        }
        let bounds = (1..<partCount).map { longest.series[longest.count * $0 / partCount] }
        for i in runs.indices { runs[i].cut(at: bounds) }
    }
}
