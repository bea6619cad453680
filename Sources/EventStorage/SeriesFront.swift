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

    /// Whether the latest reading of all is the latest that was calm, so that the next counts from it.
    @inline(__always)
    var isInOrder: Bool { state.lastAt == at && state.lastValue == value && at != SeriesStates.unseen }

    /// Whether a register reading of this time and value is calm (`ColumnRun.walk`).
    @inline(__always)
    func isCalm(_ instant: Int64, _ next: Int64) -> Bool {
        SeriesFront.isCalmStep(instant &- at, next &- value, reach: UInt64(reach)) && instant <= limit
    }

    /// The same of what passed since the latest, and what was used, but for the limit.
    @inline(__always)
    static func isCalmStep(_ elapsed: Int64, _ rise: Int64, reach: UInt64) -> Bool {
        UInt64(bitPattern: elapsed &- 1) < reach && UInt64(bitPattern: rise) <= UInt64(maximumMilliValue)
    }

    /// Moves on by a reading that is calm or taken for such.
    @inline(__always)
    package mutating func moveOn(to instant: Int64, _ next: Int64, _ recent: RecentReadings, _ series: UInt32) {
        at = instant
        value = next
        recent[series, count] = RecentReadings.Reading(at: instant, value: next)
        count &+= 1
    }

    /// Forgets what a segment told, as its series do at the end of each.
    package mutating func beginSegment() { state.forget() }
}

/// The readings by which the front of each series was moved on last, as many of each.
///
/// Four of a series that follow each other are a line of a cache, and the lines with the same four of all series lie
/// side by side: series that are read in turn, each as often as the others, are written as memory lies. Whoever moves a
/// front on puts its reading here.
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

    private static let lineByteCount = 64
    /// Lines of one series must not meet in the same set of a cache, as places a power of two apart do.
    private static let oddLineCount = 33

    @usableFromInline
    let base: UnsafeMutablePointer<Reading>
    /// How many lines there are between two of a series.
    @usableFromInline
    let lineStride: Int
    @usableFromInline
    let mask: UInt32

    /// Room for so many series; what is not used takes no memory.
    ///
    /// - Parameters:
    ///   - seriesCount: how many.
    ///   - capacityBits: so many readings of each are kept, as a power of two: at least 2. Nil: none is, and none is
    ///     asked for.
    package init(seriesCount: Int, capacityBits: UInt32?) {
        guard let capacityBits else {
            base = .allocate(capacity: 1)
            lineStride = 0
            mask = 0
            return
        }
        precondition(capacityBits >= 2, "less than a line of readings")
        lineStride = seriesCount + RecentReadings.oddLineCount
        mask = 1 << capacityBits - 1
        let count = lineStride << Int(capacityBits)
        base = UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<Reading>.stride,
            alignment: RecentReadings.lineByteCount
        )
        .bindMemory(to: Reading.self, capacity: count)
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
        nonmutating set { if mask > 0 { base[place(series, n)] = newValue } }
    }

    /// Where the nth reading of a series lies, with those of its line, to have it fetched ahead.
    package func address(of series: UInt32, _ n: UInt32) -> UnsafeRawPointer {
        UnsafeRawPointer(base + place(series, n))
    }

    @inlinable
    @inline(__always)
    func place(_ series: UInt32, _ n: UInt32) -> Int {
        let slot = Int(n & mask)
        return (slot &>> 2 &* lineStride &+ Int(series)) &<< 2 &+ slot & 3
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
