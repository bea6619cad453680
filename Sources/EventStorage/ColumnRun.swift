package import MeterModel

/// A run of readings whose series are decoded and whose times and values are still columns.
struct ColumnRun {
    /// Where a part of the run begins.
    private struct Start {
        var index: Int
        var times: ColumnCursor
        var values: ColumnCursor
    }

    private let numbers: UnsafePointer<UInt32>
    let count: Int
    private let timeScale: Int64
    private let valueScale: Int64
    private let traits: UnsafeRawBufferPointer
    private let traitsAreMixed: Bool
    private let hasIntervals: Bool
    /// Whether all of its readings count, so that its columns must end with them.
    private let isWhole: Bool
    private let times: ColumnCursor
    private let values: ColumnCursor
    private var starts: [Start] = []
    /// Whether the devices of its readings never descend, so that it can be cut between them.
    let devicesAscend: Bool

    var series: UnsafeBufferPointer<UInt32> { UnsafeBufferPointer(start: numbers, count: count) }

    /// - Parameters:
    ///   - columns: the run's.
    ///   - count: how many of its readings count, from its first.
    ///   - numbers: has room for all readings of the run.
    ///   - devices: those of all series that the log has behind the run's block.
    /// - Throws: where the columns are malformed.
    init(
        _ columns: ReadingRunDecoder.Columns,
        count: Int,
        numbers: UnsafeMutablePointer<UInt32>,
        devices: UnsafeBufferPointer<UInt32>
    ) throws(MalformedBytes) {
        self.numbers = UnsafePointer(numbers)
        self.count = count
        timeScale = columns.timeScale
        valueScale = columns.valueScale
        traits = columns.traits
        traitsAreMixed = columns.traitsAreMixed
        var union: UInt8 = 0
        for byte in columns.traits {
            union |= byte
            guard ReadingTraits(rawValue: byte).isValid else {
                throw MalformedBytes(reason: "traits \(byte)", byteOffset: 0)
            }
        }
        hasIntervals = ReadingTraits(rawValue: union).isInterval
        isWhole = count == columns.count
        times = columns.times
        values = columns.values
        devicesAscend = try ColumnRun.decodeSeries(columns, into: numbers, devices)
    }

    /// - Returns: whether their devices never descend.
    private static func decodeSeries(
        _ columns: ReadingRunDecoder.Columns,
        into numbers: UnsafeMutablePointer<UInt32>,
        _ devices: UnsafeBufferPointer<UInt32>
    ) throws(MalformedBytes) -> Bool {
        var series = columns.series
        var number: Int64 = 0
        var largest: UInt64 = 0
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: ReadingRunDecoder.stepCount) { step in
            guard let step = step.baseAddress else { return }
            var next = 0
            while next < columns.count {
                let count = min(ReadingRunDecoder.stepCount, columns.count - next)
                series.read(count, into: step)
                for i in 0..<count {
                    number &+= step[i]
                    largest = max(largest, UInt64(bitPattern: number))
                    numbers[next &+ i] = UInt32(truncatingIfNeeded: number)
                }
                next += count
            }
        }
        guard series.isUsedUp, largest < UInt64(devices.count) else {
            throw MalformedBytes(reason: "series that are not defined, or not as many as readings", byteOffset: 0)
        }
        var previous: UInt32 = 0
        for i in 0..<columns.count {
            let device = devices[Int(numbers[i])]
            if device < previous { return false }
            previous = device
        }
        return true
    }

    /// Cuts the run where its devices reach each of some numbers, which ascend.
    ///
    /// `devices`: those of all series.
    /// - Precondition: the devices of the run ascend, or there are no bounds.
    mutating func cut(at bounds: [UInt32], _ devices: UnsafeBufferPointer<UInt32>) {
        starts.removeAll(keepingCapacity: true)
        var start = Start(index: 0, times: times, values: values)
        starts.append(start)
        for bound in bounds {
            var low = start.index
            var high = count
            while low < high {
                let middle = (low + high) / 2
                if devices[Int(numbers[middle])] < bound { low = middle + 1 } else { high = middle }
            }
            start.times.skip(low - start.index)
            start.values.skip(low - start.index)
            start.index = low
            starts.append(start)
        }
    }

    /// Moves the fronts of a part's series on.
    ///
    /// A reading is calm, and nothing more is told of it, if it is a register reading later than its front by no more
    /// than the front's reach and not later than its limit, of a value not less and not too much more.
    ///
    /// - Parameters:
    ///   - part: from 0.
    ///   - fronts: by number of series, of all that the log has by now.
    ///   - recent: takes the calm readings.
    ///   - scratch: room for twice as many numbers as a step has.
    ///   - uncalm: hears of every other reading, in order: its series, time, value and traits. It moves nothing of its
    ///     front but `state` on: the rest is for whoever wants that.
    /// - Throws: where a column is not as long as the run.
    @inline(__always)
    func walk(
        _ part: Int,
        fronts: UnsafeMutablePointer<SeriesFront>,
        recent: RecentReadings,
        scratch: UnsafeMutablePointer<Int64>,
        uncalm: (UInt32, Int64, Int64, ReadingTraits) -> Void
    ) throws(MalformedBytes) {
        let start = starts[part]
        let end = part + 1 < starts.count ? starts[part + 1].index : count
        var times = start.times
        var values = start.values
        var next = start.index
        var previousAt: Int64 = 0
        while next < end {
            let stepCount = min(ReadingRunDecoder.stepCount, end - next)
            let (deviations, rises) = (scratch, scratch + ReadingRunDecoder.stepCount)
            times.read(stepCount, into: deviations)
            values.read(stepCount, into: rises)
            let step = Step(series: numbers + next, deviations: deviations, rises: rises, count: stepCount)
            var i = 0
            while i < stepCount {
                let number = step.series[i]
                let front = fronts + Int(number)
                if !hasIntervals, front.pointee.isInOrder {
                    let calmCount = walkCalm(step, from: i, front, recent)
                    if calmCount > 0 {
                        previousAt = front.pointee.at
                        i += calmCount
                        continue
                    }
                }
                let (at, value) = front.pointee.state.advance(
                    deviations[i] &* timeScale,
                    rises[i] &* valueScale,
                    after: previousAt
                )
                previousAt = at
                if !hasIntervals, front.pointee.isCalm(at, value) {
                    front.pointee.moveOn(to: at, value, recent, number)
                } else {
                    uncalm(number, at, value, ReadingTraits(rawValue: traits[traitsAreMixed ? next &+ i : 0]))
                }
                i += 1
            }
            next += stepCount
        }
        guard !isWhole || end < count || (times.isUsedUp && values.isUsedUp) else {
            throw MalformedBytes(reason: "a column is not as long as its run", byteOffset: 0)
        }
    }

    /// Some of the run's readings, decoded.
    private struct Step {
        let series: UnsafePointer<UInt32>
        let deviations: UnsafeMutablePointer<Int64>
        let rises: UnsafeMutablePointer<Int64>
        let count: Int
    }

    /// Moves a front on by the calm readings of its series that follow each other from a place on, which most do: what
    /// is known of the series is kept out of memory meanwhile.
    ///
    /// - Precondition: the front is in order.
    /// - Returns: how many there are.
    @inline(__always)
    private func walkCalm(
        _ step: Step,
        from first: Int,
        _ front: UnsafeMutablePointer<SeriesFront>,
        _ recent: RecentReadings
    ) -> Int {
        let number = step.series[first]
        let (reach, limit) = (UInt64(front.pointee.reach), front.pointee.limit)
        var (at, value, count) = (front.pointee.at, front.pointee.value, front.pointee.count)
        var state = front.pointee.state
        var i = first
        repeat {
            let deviation = step.deviations[i] &* timeScale
            let rise = step.rises[i] &* valueScale
            let elapsed = state.period &+ deviation
            guard SeriesFront.isCalmStep(elapsed, rise, reach: reach), at &+ elapsed <= limit else { break }
            at &+= elapsed
            value &+= rise
            state.turn(deviation)
            recent[number, count] = RecentReadings.Reading(at: at, value: value)
            count &+= 1
            i += 1
        } while i < step.count && step.series[i] == number
        guard i > first else { return 0 }
        front.pointee.at = at
        front.pointee.value = value
        front.pointee.count = count
        front.pointee.state.lastAt = at
        front.pointee.state.lastValue = value
        front.pointee.state.period = state.period
        return i - first
    }
}

extension ColumnBatch {
    /// Moves the fronts of a part's series on, and tells of each reading that is not calm (`ColumnRun.walk`).
    ///
    /// - Parameters:
    ///   - part: below `partCount`; others may be walked at the same time.
    ///   - fronts: by number of series, of all that the log has with this batch.
    ///   - recent: takes the calm readings; has room for all series.
    ///   - uncalm: hears of each reading that is not calm, those of one series in the log's order.
    /// - Throws: `MalformedBytes`.
    package func walk(
        _ part: Int,
        fronts: UnsafeMutablePointer<SeriesFront>,
        recent: RecentReadings,
        uncalm: (UInt32, Int64, Int64, ReadingTraits) -> Void
    ) throws {
        let scratch = UnsafeMutablePointer<Int64>.allocate(capacity: 2 * ReadingRunDecoder.stepCount)
        defer { scratch.deallocate() }
        for run in runs { try run.walk(part, fronts: fronts, recent: recent, scratch: scratch, uncalm: uncalm) }
    }
}
