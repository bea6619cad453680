package import MeterModel
import Synchronization

/// What the intake has done since it began, for metrics; read from any thread.
package final class IntakeFigures: Sendable {
    /// The upper bounds of the buckets of `Snapshot.syncCounts`, in milliseconds; the last bucket is open.
    package static let syncBucketsMilliseconds = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

    /// The figures at one time.
    package struct Snapshot: Sendable {
        package var accepted = 0
        package var reasons: [RefusalCode: Int] = [:]
        package var commitCount = 0
        /// How many commits, append and sync together, took so long; one bucket more than there are bounds.
        package var syncCounts = [Int](repeating: 0, count: IntakeFigures.syncBucketsMilliseconds.count + 1)
        package var syncSeconds = 0.0
    }

    private let snapshotBox = Mutex(Snapshot())

    package init() {}

    package var snapshot: Snapshot { snapshotBox.withLock { $0 } }

    /// Notes what was taken in and refused so far.
    func note(_ summary: IntakeSummary) {
        snapshotBox.withLock { figures in
            figures.accepted = summary.accepted
            figures.reasons = summary.reasons
        }
    }

    /// Notes an append besides.
    func note(_ summary: IntakeSummary, appendDuration: Duration) {
        note(summary)
        let seconds = Double(appendDuration.components.seconds) + Double(appendDuration.components.attoseconds) / 1e18
        let bounds = IntakeFigures.syncBucketsMilliseconds
        let bucket = bounds.firstIndex { seconds * 1000 <= $0 } ?? bounds.count
        snapshotBox.withLock { figures in
            figures.commitCount += 1
            figures.syncCounts[bucket] += 1
            figures.syncSeconds += seconds
        }
    }
}
