import MeterModel

/// Where a series stands for who walks columns, and when its owner wants to hear of it. 64 bytes: one line of a cache.
package struct SeriesFront: BitwiseCopyable {
    /// What decoding needs.
    var state: SeriesStates.State
    /// The latest reading so far that was calm or that the owner took for such.
    package var at: Int64 = .min
    package var value: Int64 = 0
    /// A reading later than this is not calm.
    package var limit: Int64 = .max
    /// A reading later than the latest by more than this many milliseconds is not calm; 0: none is.
    package var reach: UInt32 = 0

    /// - Parameters:
    ///   - series: its number in the log.
    ///   - device: its device's.
    package init(series: UInt32, device: UInt32) {
        state = SeriesStates.State(
            lastAt: SeriesStates.unseen,
            period: 0,
            lastValue: 0,
            device: device,
            series: series
        )
    }

    /// The number of its device.
    package var device: UInt32 { state.device }

    /// Forgets what a segment told, as its series do at the end of each.
    package mutating func beginSegment() {
        state.lastAt = SeriesStates.unseen
        state.period = 0
        state.lastValue = 0
    }
}

/// A series that is first in the log in a batch.
package struct NewSeries: Sendable {
    /// The log's numbers.
    package var device: UInt32
    package var register: UInt32

    /// - Parameters:
    ///   - device: its device's number.
    ///   - register: its register's.
    package init(device: UInt32, register: UInt32) {
        self.device = device
        self.register = register
    }
}
