import MeterModel

/// Writes runs of readings as columns (event format, "A run of readings").
///
/// Two passes over a run: the first takes differences against the states of the series, the second writes them in the
/// coarsest scale that divides all. Scratch memory is kept from run to run.
struct ReadingRunEncoder: ~Copyable {
    private let times: UnsafeMutablePointer<Int64>
    private let values: UnsafeMutablePointer<Int64>
    private let series: UnsafeMutablePointer<Int64>
    private var columns = ByteWriter()

    init() {
        let capacity = EventStorageLimits.maximumReadingsPerBlock
        times = .allocate(capacity: capacity)
        values = .allocate(capacity: capacity)
        series = .allocate(capacity: capacity)
    }

    deinit {
        times.deallocate()
        values.deallocate()
        series.deallocate()
    }

    /// What the first pass learns about a run as a whole.
    private struct Shape {
        var traits: UInt8
        var mixedTraits: UInt8 = 0
        var intervalCount = 0
        var receivedCount = 0
    }

    /// Appends a run with its kind byte and moves the states of its series on.
    /// - Precondition: 1 to `maximumReadingsPerBlock` readings, each of a series that is defined, with valid traits,
    ///   and with a span if and only if it is an interval.
    mutating func encode(
        _ run: UnsafeBufferPointer<ReadingRecord>,
        states: borrowing SeriesStates,
        limitingScaleTo maximumDigits: Int = DecimalScale.maximumValueDigits,
        into out: inout ByteWriter
    ) {
        precondition(!run.isEmpty && run.count <= EventStorageLimits.maximumReadingsPerBlock, "run out of bounds")
        let shape = takeDifferences(run, states: states)
        let series = UnsafeMutableBufferPointer(start: series, count: run.count)
        let times = UnsafeMutableBufferPointer(start: times, count: run.count)
        let values = UnsafeMutableBufferPointer(start: values, count: run.count)
        let timeDigits = min(DecimalScale.secondDigits, maximumDigits / 3 * 3)
        let timeScale = DecimalScale.largest(dividing: UnsafeBufferPointer(times), from: timeDigits, step: 3)
        let valueScale = DecimalScale.largest(dividing: UnsafeBufferPointer(values), from: maximumDigits)

        columns.removeAll()
        let seriesForm = NumberColumn.write(series, into: &columns)
        let seriesEnd = columns.count
        ReadingRunEncoder.reduce(times, to: timeScale)
        let timeForm = NumberColumn.write(times, into: &columns)
        let timeEnd = columns.count
        ReadingRunEncoder.reduce(values, to: valueScale)
        let valueForm = NumberColumn.write(values, into: &columns)
        let valueEnd = columns.count
        ReadingRunEncoder.writeTraits(run, shape, into: &columns)
        let traitsEnd = columns.count
        if shape.intervalCount > 0 { ReadingRunEncoder.writeSpans(run, into: &columns) }
        let spanEnd = columns.count
        if shape.receivedCount > 0 {
            ReadingRunEncoder.writeReceived(run, all: shape.receivedCount == run.count, into: &columns)
        }

        out.append(0)
        out.append(varint: UInt64(run.count))
        out.append(UInt8(timeScale.digits))
        out.append(UInt8(valueScale.digits))
        out.append(shape.mixedTraits == 0 ? 0 : 1)
        out.append(shape.receivedCount == 0 ? 0 : shape.receivedCount == run.count ? 1 : 2)
        out.append(seriesForm.form)
        out.append(timeForm.form)
        out.append(valueForm.form)
        out.append(varint: UInt64(seriesEnd))
        out.append(varint: UInt64(timeEnd - seriesEnd))
        out.append(varint: UInt64(valueEnd - timeEnd))
        out.append(varint: UInt64(spanEnd - traitsEnd))
        out.append(varint: UInt64(columns.count - spanEnd))
        out.append(contentsOf: columns.bytes)
    }

    private func takeDifferences(_ run: UnsafeBufferPointer<ReadingRecord>, states: borrowing SeriesStates) -> Shape {
        var shape = Shape(traits: run[0].traits.rawValue)
        var previousAt: Int64 = 0
        var previousSeries: Int64 = 0
        let all = states.states
        for i in 0..<run.count {
            let reading = run[i]
            let ordinal = states.ordinal(of: reading.series)
            precondition(ordinal != SeriesStates.absent, "a reading of a series that is not defined")
            let state = all + Int(ordinal)
            let last = state.pointee.lastAt
            if last == SeriesStates.unseen {
                times[i] = reading.at &- previousAt
                state.pointee.period = 0
            } else {
                times[i] = reading.at &- (last &+ state.pointee.period)
                state.pointee.turn(times[i])
            }
            values[i] = reading.value &- state.pointee.lastValue
            state.pointee.lastAt = reading.at
            state.pointee.lastValue = reading.value
            previousAt = reading.at
            series[i] = Int64(reading.series) &- previousSeries
            previousSeries = Int64(reading.series)
            shape.mixedTraits |= reading.traits.rawValue ^ shape.traits
            shape.intervalCount &+= Int(reading.traits.rawValue >> 2 & 1)
            if reading.receivedAt != ReadingDraft.absentInstant { shape.receivedCount &+= 1 }
        }
        return shape
    }

    /// Divides the differences by their scale.
    private static func reduce(_ column: UnsafeMutableBufferPointer<Int64>, to scale: DecimalScale) {
        guard scale.digits > 0 else { return }
        for i in 0..<column.count { column[i] = scale.quotient(column[i]) }
    }

    private static func writeTraits(
        _ run: UnsafeBufferPointer<ReadingRecord>,
        _ shape: Shape,
        into columns: inout ByteWriter
    ) {
        guard shape.mixedTraits != 0 else { return columns.append(shape.traits) }
        let p = columns.reserve(run.count)
        for i in 0..<run.count { p[i] = run[i].traits.rawValue }
        columns.advance(to: p + run.count)
    }

    private static func writeSpans(_ run: UnsafeBufferPointer<ReadingRecord>, into columns: inout ByteWriter) {
        var previous: Int64 = 0
        for reading in run where reading.traits.isInterval {
            columns.append(zigzag: reading.span &- previous)
            previous = reading.span
        }
    }

    private static func writeReceived(
        _ run: UnsafeBufferPointer<ReadingRecord>,
        all: Bool,
        into columns: inout ByteWriter
    ) {
        if !all {
            let byteCount = (run.count + 7) / 8
            let bitmap = columns.reserve(byteCount)
            bitmap.update(repeating: 0, count: byteCount)
            for i in 0..<run.count where run[i].receivedAt != ReadingDraft.absentInstant {
                bitmap[i / 8] |= 1 << UInt8(i % 8)
            }
            columns.advance(to: bitmap + byteCount)
        }
        var previous: Int64 = 0
        for reading in run where reading.receivedAt != ReadingDraft.absentInstant {
            let delay = reading.receivedAt &- reading.at
            columns.append(zigzag: delay &- previous)
            previous = delay
        }
    }
}
