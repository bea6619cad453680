import Glibc
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
    /// How many readings it was moved on by.
    package var count: UInt32 = 0

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

/// The readings by which the front of each series was moved on last, as many of each.
///
/// The nth of a series, from 0, lies at `(n + 4 * series) % capacity` of its place: series that are read in turn must
/// not meet in the same lines of a cache, as places a power of two apart do. Whoever moves a front on puts its reading
/// here.
package struct RecentReadings {
    /// A time and a value.
    package struct Reading: BitwiseCopyable {
        package var at: Int64
        package var value: Int64

        @inlinable
        package init(at: Int64, value: Int64) {
            self.at = at
            self.value = value
        }
    }

    private static let largePageByteCount = 2 << 20

    @usableFromInline
    let base: UnsafeMutablePointer<Reading>
    @usableFromInline
    let shift: UInt32
    @usableFromInline
    let mask: UInt32

    /// Room for so many series; what is not used takes no memory.
    ///
    /// - Parameters:
    ///   - seriesCount: how many.
    ///   - capacityBits: so many readings of each are kept, as a power of two.
    package init(seriesCount: Int, capacityBits: UInt32) {
        let byteCount = (seriesCount << Int(capacityBits)) * MemoryLayout<Reading>.stride
        let alignment = RecentReadings.largePageByteCount
        let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: alignment)
        // Places far from each other are written in turn: with small pages each costs a look at the page table.
        if capacityBits > 0 { madvise(memory, byteCount, MADV_HUGEPAGE) }
        base = memory.bindMemory(to: Reading.self, capacity: seriesCount << Int(capacityBits))
        shift = capacityBits
        mask = 1 << capacityBits - 1
    }

    /// Gives the memory back.
    package func deallocate() { base.deallocate() }

    /// How many readings of a series are kept.
    package var capacity: Int { Int(mask) + 1 }

    /// The nth reading of a series.
    /// - Precondition: it is one of its last `capacity`.
    @inlinable
    package subscript(series: UInt32, n: UInt32) -> Reading {
        get { base[place(series, n)] }
        nonmutating set { base[place(series, n)] = newValue }
    }

    @inlinable
    @inline(__always)
    func place(_ series: UInt32, _ n: UInt32) -> Int {
        Int(series) &<< Int(shift) &+ Int((n &+ series &<< 2) & mask)
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
