import EventStorage
import MeterModel
import Threading

/// Folds blocks on a thread of its own while the caller reads those that follow.
///
/// What is folded, and in which order, does not depend on the threads: one gather after the other, each as it was
/// closed.
///
/// Invariants: `filling` is the caller's; `folding` and the fold are the thread's from `handOver` until it is held
/// again, and the caller's while it is held.
// Safety: as the invariants say; `thread` hands memory from one thread to the other.
final class FoldPipeline: @unchecked Sendable {
    private let fold: Fold
    private let capacity: Int
    private var filling: ReadingGather
    private var folding: ReadingGather
    private let thread = SideThread(name: "fold")

    init(_ fold: Fold, capacity: Int) {
        self.fold = fold
        self.capacity = capacity
        filling = ReadingGather(capacity: capacity)
        folding = ReadingGather(capacity: capacity)
    }

    /// Takes in a block that follows; it is folded by `finish` at the latest, and nobody looks at the fold before.
    ///
    /// `directory`: is extended by the block already.
    func take(_ block: RecordedBlock, directory: SeriesDirectory) {
        for run in block.runs {
            switch run {
            case .readings(let first, let readings):
                var start = 0
                while start < readings.count {
                    if !filling.takesReadings { handOver(directory) }
                    let end = min(readings.count, start + filling.room)
                    filling.append(
                        UnsafeBufferPointer(rebasing: readings[start..<end]),
                        first: first.advanced(by: start),
                        recordedAt: block.recordedAt
                    )
                    start = end
                }
            case .event(let position, let event):
                if filling.isFull { handOver(directory) }
                filling.append(event, position: position, recordedAt: block.recordedAt)
            case .lost(let positions, _):
                finish(directory)
                fold.lose(positions, directory: directory)
            }
        }
    }

    private func handOver(_ directory: SeriesDirectory) {
        filling.close(directory)
        thread.hold()
        swap(&filling, &folding)
        thread.perform { [self] in
            folding.fold(into: fold)
            folding.removeAll()
        }
    }

    /// Folds all that was taken in, and gives back the memory in which it waited.
    func finish(_ directory: SeriesDirectory) {
        thread.hold()
        defer { thread.release() }
        filling.close(directory)
        filling.fold(into: fold)
        filling = ReadingGather(capacity: capacity)
        folding = ReadingGather(capacity: capacity)
    }

    /// Forgets what was taken in and is not folded yet.
    func abandon() {
        thread.hold()
        filling = ReadingGather(capacity: capacity)
        thread.release()
    }
}
