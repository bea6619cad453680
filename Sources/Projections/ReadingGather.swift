import EventStorage
import MeterModel

/// Readings of many blocks that wait to be folded device by device: a device's state is then fetched from memory once
/// a gather and not once a reading.
///
/// Nothing that is folded of a device follows from another one, so the rows are those of the log's own order: readings
/// of one device keep theirs, and every event that is no reading is folded behind all that wait.
///
/// Invariants: `positions` has one position for each of `readings`, ascending; `times` covers them; there are never
/// more than `capacity`.
package struct ReadingGather: ~Copyable {
    /// Readings that may wait: enough that each device of a large fleet has several among them.
    package static let usualCapacity = 1 << 21

    let capacity: Int
    private(set) var readings: ContiguousArray<ReadingRecord> = []
    private(set) var positions: ContiguousArray<UInt64> = []
    private(set) var times = RecordedTimes()
    private var deviceOrder = DeviceOrder()

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

    /// The keys of what waits in order of device, of one device in the order it has; valid until the next change.
    mutating func order(by device: (UInt32) -> UInt32) -> UnsafeBufferPointer<UInt64> {
        let keys = deviceOrder.unsorted(count: readings.count)
        var largest: UInt32 = 0
        for i in 0..<readings.count {
            let number = device(readings[i].series)
            largest = max(largest, number)
            keys[i] = DeviceOrder.key(device: number, place: i)
        }
        return deviceOrder.sorted(count: readings.count, largest: largest)
    }
}

extension Fold {
    /// Folds what waits in a gather, device by device, and empties it.
    func apply(_ gather: inout ReadingGather, directory: SeriesDirectory) {
        guard let last = gather.positions.last else { return }
        grow(to: directory)
        recordedTimes = gather.times
        let keys = gather.order { owners[Int($0)].index }
        var run: ContiguousArray<ReadingRecord> = []
        var positions: ContiguousArray<UInt64> = []
        var start = 0
        while start < keys.count {
            let series = gather.readings[DeviceOrder.place(of: keys[start])].series
            let device = DeviceOrder.device(of: keys[start])
            run.removeAll(keepingCapacity: true)
            positions.removeAll(keepingCapacity: true)
            while start < keys.count, DeviceOrder.device(of: keys[start]) == device {
                let place = DeviceOrder.place(of: keys[start])
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
