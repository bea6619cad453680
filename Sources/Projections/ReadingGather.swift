import CPrefetch
import EventStorage
import MeterModel

/// Blocks of the log that wait to be folded together, their readings device by device: a device's state is then
/// fetched from memory once a gather and not once a reading.
///
/// Nothing that is folded of a device follows from another one, so the rows are those of the log's own order: readings
/// of one device keep theirs, and every event that is no reading is folded behind all readings that came before it.
///
/// Invariants: `positions` has one position for each of `readings`, ascending; `times` covers them; there are never
/// more than `capacity`. `stages` ascends: of each stage the readings are folded first and then the events; only the
/// last may be open.
final class ReadingGather {
    /// Readings that may wait: enough that each device of a large fleet has several among them.
    static let usualCapacity = 1 << 20
    /// How many of each series may wait instead where series are many and all is made anew; so many times the usual
    /// number at most.
    static let readingsPerSeries = 8
    static let largestGrowth = 8
    /// Events that are no readings that may wait.
    static let eventCapacity = 1 << 14
    /// Fewer readings than this are folded as they came; in a small gather fewer than a quarter of it.
    static let usualSortedCount = 4096
    /// How many readings ahead these are fetched from memory, and the state of their series and devices: they lie where
    /// the processor does not expect them.
    private static let readingsAhead = 16
    private static let stateAhead = 30

    private struct Stage {
        var readingEnd = 0
        var eventEnd = 0
    }

    private struct Event {
        var event: MeterEvent
        var position: Position
        var recordedAt: Instant
    }

    private var capacity: Int
    private let sortedCount: Int
    private var readings: ContiguousArray<ReadingRecord> = []
    private var positions: ContiguousArray<UInt64> = []
    private var times = RecordedTimes()
    private var events: [Event] = []
    private var stages: [Stage] = []
    /// Of the last stage's readings.
    private var ascents = DeviceAscents()
    private var deviceOrder = DeviceOrder()
    /// The order of the last stage's readings, if it is sorted.
    private var keys: UnsafeBufferPointer<UInt64>?
    /// Knows everything that waits.
    private var directory = SeriesDirectory()

    init(capacity: Int) {
        precondition(capacity > 0 && capacity <= Int(UInt32.max), "a gather of \(capacity) readings")
        self.capacity = capacity
        sortedCount = max(1, min(ReadingGather.usualSortedCount, capacity / 4))
    }

    var isEmpty: Bool { stages.isEmpty }
    var room: Int { capacity - readings.count }
    var isFull: Bool { room == 0 || events.count >= ReadingGather.eventCapacity }

    /// Lets more readings wait, at least as many as before.
    func grow(to capacity: Int) { self.capacity = max(self.capacity, capacity) }

    /// Whether readings may join: not behind an event that waits for many readings.
    var takesReadings: Bool {
        guard let last = stages.last else { return true }
        return !isFull && !(isLarge(stages.count - 1) && last.eventEnd > eventStart(of: stages.count - 1))
    }

    /// `directory`: knows their series.
    /// - Precondition: there is room for all, and `first` is later than every position that waits.
    func append(
        _ run: UnsafeBufferPointer<ReadingRecord>,
        first: Position,
        recordedAt: Instant,
        directory: SeriesDirectory
    ) {
        precondition(run.count <= room, "more readings than may wait")
        if readings.isEmpty {
            times = RecordedTimes(recordedAt)
        } else {
            times.append(from: first.rawValue, recordedAt)
        }
        reserve(run.count)
        let place = readings.count
        readings.append(contentsOf: run)
        positions.append(contentsOf: first.rawValue..<first.rawValue + UInt64(run.count))
        // Readings behind an event begin a stage.
        if stages.isEmpty || events.count > eventStart(of: stages.count - 1) {
            stages.append(Stage(readingEnd: readings.count, eventEnd: events.count))
            ascents.removeAll()
        } else {
            stages[stages.count - 1].readingEnd = readings.count
        }
        ascents.append(run, place: place, directory: directory)
    }

    /// Sees to room for some more readings, for all that may wait once these are not few: memory that grows by doubling
    /// is cleared and copied twice.
    private func reserve(_ count: Int) {
        let wanted = readings.count + count
        guard wanted > readings.capacity, wanted > capacity / 8 else { return }
        // What may wait may come to be little more, many times.
        let room = max(capacity, 2 * readings.capacity)
        readings.reserveCapacity(room)
        positions.reserveCapacity(room)
    }

    /// - Precondition: `position` is later than every one that waits.
    func append(_ event: MeterEvent, position: Position, recordedAt: Instant) {
        events.append(Event(event: event, position: position, recordedAt: recordedAt))
        if stages.isEmpty { stages.append(Stage()) }
        stages[stages.count - 1].eventEnd = events.count
    }

    /// Makes it ready to be folded.
    ///
    /// `directory`: knows everything that waits.
    func close(_ directory: SeriesDirectory) {
        self.directory = directory
        let last = stages.count - 1
        guard last >= 0, isLarge(last) else { return }
        let start = readingStart(of: last)
        let count = stages[last].readingEnd - start
        if ascents.areFew(among: count) { return }
        let unsorted = deviceOrder.unsorted(count: count)
        var largest: UInt32 = 0
        for i in 0..<count {
            let device = directory.device(ofSeries: readings[start + i].series)
            largest = max(largest, device)
            unsorted[i] = DeviceOrder.key(device: device, place: start + i)
        }
        keys = deviceOrder.sorted(count: count, largest: largest)
    }

    func removeAll() {
        readings.removeAll(keepingCapacity: true)
        positions.removeAll(keepingCapacity: true)
        events.removeAll(keepingCapacity: true)
        stages.removeAll(keepingCapacity: true)
        ascents.removeAll()
        keys = nil
        directory = SeriesDirectory()
    }

    private func readingStart(of stage: Int) -> Int { stage > 0 ? stages[stage - 1].readingEnd : 0 }
    private func eventStart(of stage: Int) -> Int { stage > 0 ? stages[stage - 1].eventEnd : 0 }

    private func isLarge(_ stage: Int) -> Bool {
        stages[stage].readingEnd - readingStart(of: stage) >= sortedCount
    }

    // MARK: Folding

    /// Folds what waits; it was closed before.
    func fold(into fold: Fold) {
        guard !isEmpty else { return }
        // Held once, and not anew for each event: lanes would count references to the same one side by side.
        let directory = directory
        fold.grow(to: directory)
        for (i, stage) in stages.enumerated() {
            let range = readingStart(of: i)..<stage.readingEnd
            if let last = range.last {
                fold.recordedTimes = times
                if i < stages.count - 1 || !isLarge(i) {
                    foldInOrder(range, into: fold)
                } else if let keys {
                    foldSorted(keys, into: fold)
                } else {
                    foldAscents(range, into: fold)
                }
                fold.position = Position(positions[last])
            }
            for event in events[eventStart(of: i)..<stage.eventEnd] {
                fold.applyCounting(
                    event.event,
                    position: event.position,
                    recordedAt: event.recordedAt,
                    directory: directory
                )
            }
        }
    }

    private func foldInOrder(_ range: Range<Int>, into fold: Fold) {
        readings.withUnsafeBufferPointer { readings in
            positions.withUnsafeBufferPointer { positions in
                guard let table = positions.baseAddress else { return }
                let stage = UnsafeBufferPointer(rebasing: readings[range])
                fold.applyRuns(stage, positions: RunPositions(table + range.lowerBound))
            }
        }
    }

    private func foldSorted(_ keys: UnsafeBufferPointer<UInt64>, into fold: Fold) {
        var run = Run()
        guard let lane = fold.lane else { return foldKeys(keys, into: fold, &run) }
        var start = 0
        while start < keys.count {
            let device = DeviceOrder.device(of: keys[start])
            let pieceEnd = lane.end(ofPieceWith: device)
            let end = keys[start...].partitioned { DeviceOrder.device(of: $0) < pieceEnd }
            if lane.has(device) { foldKeys(UnsafeBufferPointer(rebasing: keys[start..<end]), into: fold, &run) }
            start = end
        }
    }

    private func foldAscents(_ range: Range<Int>, into fold: Fold) {
        var run = Run()
        readings.withUnsafeBufferPointer { readings in
            let bits = fold.lane?.pieceBits ?? DeviceAscents.windowBits(range.count, of: directory.deviceCount)
            var windows = ascents.windows(of: readings, end: range.upperBound, bits: bits, directory: directory)
            while let device = windows.lowest() {
                if fold.lane?.has(device) ?? true {
                    windows.take(device)
                    windows.keys.withUnsafeBufferPointer { foldKeys($0, into: fold, &run) }
                } else {
                    windows.pass(device)
                }
            }
        }
    }

    /// Readings of one series, put side by side.
    private struct Run {
        var readings: ContiguousArray<ReadingRecord> = []
        var positions: ContiguousArray<UInt64> = []
    }

    /// Folds the readings of these keys, which are in order of device.
    private func foldKeys(_ keys: UnsafeBufferPointer<UInt64>, into fold: Fold, _ run: inout Run) {
        readings.withUnsafeBufferPointer { readings in
            positions.withUnsafeBufferPointer { positions in
                var start = 0
                while start < keys.count {
                    let series = readings[DeviceOrder.place(of: keys[start])].series
                    let device = DeviceOrder.device(of: keys[start])
                    run.readings.removeAll(keepingCapacity: true)
                    run.positions.removeAll(keepingCapacity: true)
                    if start + ReadingGather.stateAhead < keys.count {
                        let key = keys[start + ReadingGather.stateAhead]
                        fold.fetchAhead(device: DeviceOrder.device(of: key))
                        fold.fetchAhead(series: readings[DeviceOrder.place(of: key)].series)
                    }
                    while start < keys.count, DeviceOrder.device(of: keys[start]) == device {
                        let place = DeviceOrder.place(of: keys[start])
                        guard readings[place].series == series else { break }
                        run.readings.append(readings[place])
                        run.positions.append(positions[place])
                        start += 1
                        if start + ReadingGather.readingsAhead < keys.count {
                            let ahead = DeviceOrder.place(of: keys[start + ReadingGather.readingsAhead])
                            meterfold_prefetch(readings.baseAddress.map { $0 + ahead })
                            meterfold_prefetch(positions.baseAddress.map { $0 + ahead })
                        }
                    }
                    run.readings.withUnsafeBufferPointer { readings in
                        run.positions.withUnsafeBufferPointer { table in
                            if let table = table.baseAddress {
                                fold.applyRun(readings, positions: RunPositions(table))
                            }
                        }
                    }
                }
            }
        }
    }
}
