import EventStorage
import MeterModel
import Threading

/// Folds blocks on threads of its own, one for each lane, while the caller reads those that follow.
///
/// What is folded of a device, and in which order, does not depend on the threads: one gather after the other, each as
/// it was closed.
///
/// Invariants: `filling` is the caller's; `folding` and the folds are the threads' from `handOver` until all are held
/// again, and the caller's while they are held.
// Safety: as the invariants say; `threads` hand memory from one thread to the other.
final class FoldPipeline: @unchecked Sendable {
    private let lanes: [Fold]
    private let capacity: Int
    private let largestCapacity: Int
    private var filling: ReadingGather
    private var folding: ReadingGather
    private let threads: [SideThread]

    /// - Parameters:
    ///   - lanes: of one fold, or that alone.
    ///   - capacity: how many readings may wait to be folded device by device.
    ///   - growth: how many times as many may wait where that is few for the series there are.
    init(_ lanes: [Fold], capacity: Int, growth: Int = 1) {
        self.lanes = lanes
        self.capacity = capacity
        largestCapacity = capacity * growth
        filling = ReadingGather(capacity: capacity)
        folding = ReadingGather(capacity: capacity)
        threads = lanes.map { _ in SideThread(name: "fold") }
    }

    /// Takes in a block that follows; it is folded by `finish` at the latest, and nobody looks at the fold before.
    ///
    /// `directory`: is extended by the block already.
    func take(_ block: RecordedBlock, directory: SeriesDirectory) {
        for run in block.runs {
            switch run {
            case .readings(let first, let readings):
                take(readings, first: first, recordedAt: block.recordedAt, directory: directory)
            case .event(let position, let event):
                take(event, position: position, recordedAt: block.recordedAt, directory: directory)
            case .lost(let positions, _):
                finish(directory)
                for lane in lanes { lane.lose(positions, directory: directory) }
            }
        }
    }

    /// The same of a batch as it was logged from `first` on.
    func take(_ batch: EventBatch, first: Position, recordedAt: Instant, directory: SeriesDirectory) {
        batch.readings.withUnsafeBufferPointer { readings in
            batch.forEachRun(
                readings: { offset, range in
                    take(
                        UnsafeBufferPointer(rebasing: readings[range]),
                        first: first.advanced(by: offset),
                        recordedAt: recordedAt,
                        directory: directory
                    )
                },
                event: { offset, index in
                    take(
                        batch.events[index].event,
                        position: first.advanced(by: offset),
                        recordedAt: recordedAt,
                        directory: directory
                    )
                }
            )
        }
    }

    private func take(
        _ readings: UnsafeBufferPointer<ReadingRecord>,
        first: Position,
        recordedAt: Instant,
        directory: SeriesDirectory
    ) {
        var start = 0
        while start < readings.count {
            if !filling.takesReadings, !makesRoom(directory) { handOver(directory) }
            let end = min(readings.count, start + filling.room)
            filling.append(
                UnsafeBufferPointer(rebasing: readings[start..<end]),
                first: first.advanced(by: start),
                recordedAt: recordedAt,
                directory: directory
            )
            start = end
        }
    }

    private func take(_ event: MeterEvent, position: Position, recordedAt: Instant, directory: SeriesDirectory) {
        if filling.isFull { handOver(directory) }
        filling.append(event, position: position, recordedAt: recordedAt)
    }

    /// Whether more may join what is full, for it has few readings of each series.
    private func makesRoom(_ directory: SeriesDirectory) -> Bool {
        filling.grow(to: min(ReadingGather.readingsPerSeries * directory.seriesCount, largestCapacity))
        return filling.takesReadings
    }

    private func handOver(_ directory: SeriesDirectory) {
        filling.close(directory)
        hold()
        folding.removeAll()
        swap(&filling, &folding)
        fold()
    }

    private func hold() { for thread in threads { thread.hold() } }

    private func release() { for thread in threads { thread.release() } }

    /// Has what is to be folded folded.
    private func fold() {
        for (thread, lane) in zip(threads, lanes) { thread.perform { [folding] in folding.fold(into: lane) } }
    }

    /// Folds all that was taken in, and gives back the memory in which it waited.
    func finish(_ directory: SeriesDirectory) {
        filling.close(directory)
        hold()
        if lanes.count == 1 {
            // Under load it would wait for a processor again on another thread.
            filling.fold(into: lanes[0])
        } else {
            folding.removeAll()
            swap(&filling, &folding)
            fold()
            hold()
        }
        filling = ReadingGather(capacity: capacity)
        folding = ReadingGather(capacity: capacity)
        release()
    }

    /// Forgets what was taken in and is not folded yet.
    func abandon() {
        hold()
        filling = ReadingGather(capacity: capacity)
        release()
    }
}
