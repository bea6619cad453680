import MeterModel

/// Readings of many blocks that wait to be folded device by device: a device's state is then fetched from memory once
/// a gather and not once a reading.
///
/// Nothing that is folded of a device follows from another one, so the rows are those of the log's own order: readings
/// of one device keep theirs, and every event that is no reading is folded behind all that wait.
///
/// Invariants: `positions` has one position for each of `readings`, ascending; `times` covers them; there are never
/// more than `capacity`.
package struct ReadingGather {
    /// Readings that may wait: enough that each device of a large fleet has several among them.
    package static let usualCapacity = 1 << 21

    let capacity: Int
    private(set) var readings: ContiguousArray<ReadingRecord> = []
    private(set) var positions: ContiguousArray<UInt64> = []
    private(set) var times = RecordedTimes()
    private var keys: ContiguousArray<UInt64> = []
    private var spareKeys: ContiguousArray<UInt64> = []

    init(capacity: Int) {
        precondition(capacity > 0 && capacity <= Int(UInt32.max), "a gather of \(capacity) readings")
        self.capacity = capacity
    }

    var isEmpty: Bool { readings.isEmpty }
    var room: Int { capacity - readings.count }

    /// - Precondition: there is room for all, and `first` is later than every position that waits.
    mutating func append(_ run: UnsafeBufferPointer<ReadingRecord>, first: Position, recordedAt: Instant) {
        precondition(run.count <= room, "more readings than may wait")
        if isEmpty { times = RecordedTimes(recordedAt) } else { times.append(from: first.rawValue, recordedAt) }
        readings.append(contentsOf: run)
        positions.append(contentsOf: first.rawValue..<first.rawValue + UInt64(run.count))
    }

    mutating func removeAll() {
        readings.removeAll(keepingCapacity: true)
        positions.removeAll(keepingCapacity: true)
    }

    /// Gives the memory back.
    mutating func release() { self = ReadingGather(capacity: capacity) }

    /// The places of what waits in order of device, of one device in the order it has.
    mutating func order(by device: (UInt32) -> UInt32) -> ContiguousArray<UInt64> {
        keys.removeAll(keepingCapacity: true)
        var largest: UInt32 = 0
        for (i, reading) in readings.enumerated() {
            let number = device(reading.series)
            largest = max(largest, number)
            keys.append(UInt64(number) << 32 | UInt64(i))
        }
        spareKeys = keys
        var shift: UInt64 = 32
        while shift < 64, (UInt64(largest) << 32) >> shift > 0 {
            sortByDigit(at: shift)
            swap(&keys, &spareKeys)
            shift += ReadingGather.digitBits
        }
        return keys
    }

    private static let digitBits: UInt64 = 11

    /// One stable pass, from `keys` into `spareKeys`.
    private mutating func sortByDigit(at shift: UInt64) {
        let mask: UInt64 = 1 << ReadingGather.digitBits - 1
        var ends = ContiguousArray(repeating: 0, count: Int(mask) + 1)
        keys.withUnsafeBufferPointer { keys in
            spareKeys.withUnsafeMutableBufferPointer { sorted in
                ends.withUnsafeMutableBufferPointer { ends in
                    for key in keys { ends[Int(key &>> shift & mask)] += 1 }
                    var start = 0
                    for digit in ends.indices {
                        let count = ends[digit]
                        ends[digit] = start
                        start += count
                    }
                    for key in keys {
                        let digit = Int(key &>> shift & mask)
                        sorted[ends[digit]] = key
                        ends[digit] += 1
                    }
                }
            }
        }
    }
}

extension Fold {
    /// Folds what waits in a gather, device by device, and empties it.
    func apply(_ gather: inout ReadingGather, directory: SeriesDirectory) {
        guard let last = gather.positions.last else { return }
        grow(to: directory)
        recordedTimes = gather.times
        let places = gather.order { owners[Int($0)].index }
        var run: ContiguousArray<ReadingRecord> = []
        var positions: ContiguousArray<UInt64> = []
        var start = 0
        while start < places.count {
            let series = gather.readings[Int(places[start] & 0xFFFF_FFFF)].series
            let device = places[start] >> 32
            run.removeAll(keepingCapacity: true)
            positions.removeAll(keepingCapacity: true)
            while start < places.count, places[start] >> 32 == device {
                let place = Int(places[start] & 0xFFFF_FFFF)
                guard gather.readings[place].series == series else { break }
                run.append(gather.readings[place])
                positions.append(gather.positions[place])
                start += 1
            }
            run.withUnsafeBufferPointer { run in
                positions.withUnsafeBufferPointer { positions in
                    guard let table = positions.baseAddress else { return }
                    applyRun(run, positions: RunPositions(table))
                }
            }
        }
        position = Position(last)
        gather.removeAll()
    }
}
