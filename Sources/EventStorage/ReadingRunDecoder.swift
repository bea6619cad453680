import MeterModel

/// Reads runs of readings back from columns, trusting nothing they say.
enum ReadingRunDecoder {
    /// The head of a run: its count, scales and forms, and its columns.
    struct Columns {
        var count: Int
        var timeScale: Int64
        var valueScale: Int64
        var traitsAreMixed: Bool
        var receivedForm: UInt8
        var series: ColumnCursor
        var times: ColumnCursor
        var values: ColumnCursor
        var traits: UnsafeRawBufferPointer
        var spans: UnsafeRawBufferPointer
        var received: UnsafeRawBufferPointer
    }

    /// How many readings the run has whose kind byte was just read; the cursor stays.
    static func count(at reader: ByteReader) throws(MalformedBytes) -> Int {
        var ahead = reader
        return try count(&ahead)
    }

    private static func count(_ reader: inout ByteReader) throws(MalformedBytes) -> Int {
        let count = try reader.count(atMost: EventStorageLimits.maximumReadingsPerBlock, "count of a run")
        guard count > 0 else { throw reader.malformed("empty run") }
        return count
    }

    /// Decodes a run behind its kind byte into `out` and moves the states of its series on.
    /// - Precondition: `out` has room for as many readings as `count(at:)` says.
    static func decode(
        _ reader: inout ByteReader,
        states: borrowing SeriesStates,
        into out: UnsafeMutablePointer<ReadingRecord>
    ) throws(MalformedBytes) {
        let columns = try head(&reader)
        try decodeMain(columns, states: states, reader) { i, series, at, value in
            out[i] = ReadingRecord(
                series: series,
                traits: ReadingTraits(rawValue: 0),
                at: at,
                value: value,
                span: 0,
                receivedAt: ReadingDraft.absentInstant
            )
        }
        let intervals = try takeTraits(columns, into: out, reader)
        if intervals > 0 || !columns.spans.isEmpty { try decodeSpans(columns, into: out, reader) }
        if columns.receivedForm > 0 {
            try decodeReceived(columns, into: out, reader)
        } else if !columns.received.isEmpty {
            throw reader.malformed("received column where there is none")
        }
    }

    /// Moves the states of a run's series on, and checks all that it says.
    ///
    /// - Parameters:
    ///   - reader: behind the run's kind byte.
    ///   - states: of the segment.
    ///   - scratch: where a run that tells more than registers' times and values is decoded; room as of `decode`.
    /// - Returns: when and of which series its readings are.
    /// - Throws: where the run is malformed.
    static func moveOn(
        _ reader: inout ByteReader,
        states: borrowing SeriesStates,
        scratch: UnsafeMutablePointer<ReadingRecord>
    ) throws(MalformedBytes) -> BlockBounds.Readings {
        let start = reader
        let columns = try head(&reader)
        var kinds: UInt8 = 0
        for byte in columns.traits {
            kinds |= byte
            guard ReadingTraits(rawValue: byte).isValid else { throw reader.malformed("traits \(byte)") }
        }
        guard !ReadingTraits(rawValue: kinds).isInterval, columns.spans.isEmpty, columns.receivedForm == 0,
            columns.received.isEmpty
        else {
            reader = start
            try decode(&reader, states: states, into: scratch)
            return BlockBounds.Readings(UnsafeBufferPointer(start: scratch, count: columns.count))
        }
        var (earliest, latest) = (Int64.max, Int64.min)
        var (lowest, highest) = (UInt32.max, UInt32.min)
        try decodeMain(columns, states: states, reader) { _, series, at, _ in
            earliest = min(earliest, at)
            latest = max(latest, at)
            lowest = min(lowest, series)
            highest = max(highest, series)
        }
        return BlockBounds.Readings(readAt: earliest...latest, series: lowest...highest)
    }

    /// Decodes the series and traits of a run behind its kind byte into `out`, with times and values of 0. The other
    /// columns are not looked at, and no series is moved on.
    /// - Precondition: as of `decode`.
    static func decodeTraits(
        _ reader: inout ByteReader,
        states: borrowing SeriesStates,
        into out: UnsafeMutablePointer<ReadingRecord>
    ) throws(MalformedBytes) {
        let columns = try head(&reader)
        var series = columns.series
        var number: Int64 = 0
        for i in 0..<columns.count {
            number &+= series.nextNumber()
            guard UInt64(bitPattern: number) < UInt64(states.mapped),
                states.ordinals[Int(number)] != SeriesStates.absent
            else { throw reader.malformed("series \(number) is not defined") }
            out[i] = ReadingRecord(
                series: UInt32(truncatingIfNeeded: number),
                traits: ReadingTraits(rawValue: 0),
                at: 0,
                value: 0,
                span: 0,
                receivedAt: ReadingDraft.absentInstant
            )
        }
        guard series.isUsedUp else { throw reader.malformed("the series column is not as long as its run") }
        _ = try takeTraits(columns, into: out, reader)
    }

    /// - Returns: how many of the readings are of intervals.
    private static func takeTraits(
        _ columns: Columns,
        into out: UnsafeMutablePointer<ReadingRecord>,
        _ reader: ByteReader
    ) throws(MalformedBytes) -> Int {
        guard columns.traitsAreMixed else {
            let traits = ReadingTraits(rawValue: columns.traits[0])
            guard traits.isValid else { throw reader.malformed("traits \(traits.rawValue)") }
            for i in 0..<columns.count { out[i].traits = traits }
            return traits.isInterval ? columns.count : 0
        }
        var intervals = 0
        for i in 0..<columns.count {
            let traits = ReadingTraits(rawValue: columns.traits[i])
            guard traits.isValid else { throw reader.malformed("traits \(traits.rawValue)") }
            out[i].traits = traits
            intervals += traits.isInterval ? 1 : 0
        }
        return intervals
    }

    static func head(_ reader: inout ByteReader) throws(MalformedBytes) -> Columns {
        let count = try count(&reader)
        let timeDigits = try reader.byte()
        guard timeDigits == 0 || timeDigits == 3 else { throw reader.malformed("time scale \(timeDigits)") }
        let valueDigits = try reader.byte()
        guard valueDigits <= 9 else { throw reader.malformed("value scale \(valueDigits)") }
        let traitsForm = try reader.byte()
        guard traitsForm <= 1 else { throw reader.malformed("traits form \(traitsForm)") }
        let receivedForm = try reader.byte()
        guard receivedForm <= 2 else { throw reader.malformed("received form \(receivedForm)") }
        let seriesForm = try form(&reader)
        let timeForm = try form(&reader)
        let valueForm = try form(&reader)
        // A slot has at most 4 bytes, and what follows it at most 10.
        let limit = count * (Varint.maximumByteCount + 4)
        let seriesCount = try reader.count(atMost: limit, "series bytes")
        let timeCount = try reader.count(atMost: limit, "time bytes")
        let valueCount = try reader.count(atMost: limit, "value bytes")
        let spanCount = try reader.count(atMost: limit, "span bytes")
        let receivedCount = try reader.count(atMost: limit + count, "received bytes")
        return Columns(
            count: count,
            timeScale: timeDigits == 0 ? 1 : 1000,
            valueScale: DecimalScale(digits: Int(valueDigits)).divisor,
            traitsAreMixed: traitsForm == 1,
            receivedForm: receivedForm,
            series: ColumnCursor(try reader.slice(seriesCount), seriesForm, count: count),
            times: ColumnCursor(try reader.slice(timeCount), timeForm, count: count),
            values: ColumnCursor(try reader.slice(valueCount), valueForm, count: count),
            traits: try reader.slice(traitsForm == 1 ? count : 1),
            spans: try reader.slice(spanCount),
            received: try reader.slice(receivedCount)
        )
    }

    private static func form(_ reader: inout ByteReader) throws(MalformedBytes) -> NumberColumn {
        let byte = try reader.byte()
        guard let column = NumberColumn(form: byte) else { throw reader.malformed("form of a column \(byte)") }
        return column
    }

    /// How many numbers of each column are decoded at a time: few enough to stay in the nearest cache.
    static let stepCount = 512

    /// Series, times and values, a step of each column at a time; `take` gets them reading by reading, numbered from 0.
    ///
    /// `end`: behind which reading it may end; nil: all are decoded, and the columns must end with them.
    @inline(__always)
    static func decodeMain(
        _ columns: Columns,
        upTo end: Int? = nil,
        states: borrowing SeriesStates,
        _ reader: ByteReader,
        _ take: (Int, UInt32, Int64, Int64) -> Void
    ) throws(MalformedBytes) {
        var columns = columns
        let scratch = UnsafeMutablePointer<Int64>.allocate(capacity: 3 * stepCount)
        defer { scratch.deallocate() }
        var step = Step(series: scratch, times: scratch + stepCount, values: scratch + 2 * stepCount)
        var next = 0
        let wantedCount = end ?? columns.count
        while next < wantedCount {
            let count = min(stepCount, wantedCount - next)
            columns.series.read(count, into: step.series)
            columns.times.read(count, into: step.times)
            columns.values.read(count, into: step.values)
            let isDefined = step.combine(count, columns, states: states) { take(next &+ $0, $1, $2, $3) }
            guard isDefined else {
                throw reader.malformed("series \(step.number) is not defined")
            }
            next += count
        }
        let isWhole = columns.series.isUsedUp && columns.times.isUsedUp && columns.values.isUsedUp
        guard isWhole || (end != nil && !columns.times.overran && !columns.values.overran) else {
            throw reader.malformed("a column is not as long as its run")
        }
    }

    /// Numbers of three columns, and where the run stands.
    private struct Step {
        let series: UnsafeMutablePointer<Int64>
        let times: UnsafeMutablePointer<Int64>
        let values: UnsafeMutablePointer<Int64>
        var number: Int64 = 0
        var previousAt: Int64 = 0

        init(
            series: UnsafeMutablePointer<Int64>,
            times: UnsafeMutablePointer<Int64>,
            values: UnsafeMutablePointer<Int64>
        ) {
            self.series = series
            self.times = times
            self.values = values
        }

        /// Makes readings of differences; false at a series that is not defined.
        @inline(__always)
        mutating func combine(
            _ count: Int,
            _ columns: borrowing Columns,
            states: borrowing SeriesStates,
            _ take: (Int, UInt32, Int64, Int64) -> Void
        ) -> Bool {
            let ordinals = states.ordinals
            let mapped = UInt64(states.mapped)
            let all = states.states
            let timeScale = columns.timeScale
            let valueScale = columns.valueScale
            for i in 0..<count {
                number &+= series[i]
                guard UInt64(bitPattern: number) < mapped else { return false }
                let ordinal = ordinals[Int(number)]
                guard ordinal != SeriesStates.absent else { return false }
                let (at, value) = all[Int(ordinal)].advance(
                    times[i] &* timeScale,
                    values[i] &* valueScale,
                    after: previousAt
                )
                previousAt = at
                take(i, UInt32(truncatingIfNeeded: number), at, value)
            }
            return true
        }
    }

    private static func decodeSpans(
        _ columns: Columns,
        into out: UnsafeMutablePointer<ReadingRecord>,
        _ reader: ByteReader
    ) throws(MalformedBytes) {
        var spans = ColumnCursor(columns.spans, .zigzags, count: 0)
        var previous: Int64 = 0
        for i in 0..<columns.count where out[i].traits.isInterval {
            previous &+= spans.next()
            out[i].span = previous
        }
        guard spans.isUsedUp else { throw reader.malformed("the span column is not as long as its intervals") }
    }

    private static func decodeReceived(
        _ columns: Columns,
        into out: UnsafeMutablePointer<ReadingRecord>,
        _ reader: ByteReader
    ) throws(MalformedBytes) {
        var received = try ReceivedColumn(columns, reader)
        for i in 0..<columns.count {
            guard let delay = received.delay(ofReading: i) else { continue }
            try out[i].receive(after: delay, reader)
        }
        try received.finish(reader)
    }
}

/// Walks the times of receipt of a run, reading by reading.
struct ReceivedColumn {
    private let count: Int
    /// Which readings have one; empty where all have.
    private let bitmap: UnsafeRawBufferPointer
    private var delays: ColumnCursor
    private var delay: Int64 = 0

    init(_ columns: ReadingRunDecoder.Columns, _ reader: ByteReader) throws(MalformedBytes) {
        count = columns.count
        let bitmapByteCount = columns.receivedForm == 2 ? (columns.count + 7) / 8 : 0
        guard columns.received.count >= bitmapByteCount else { throw reader.malformed("received bitmap ends early") }
        bitmap = UnsafeRawBufferPointer(rebasing: columns.received[..<bitmapByteCount])
        delays = ColumnCursor(
            UnsafeRawBufferPointer(rebasing: columns.received[bitmapByteCount...]),
            .zigzags,
            count: 0
        )
    }

    /// How long after its time a reading was received; nil where it was not told. To be asked of each reading in order.
    @inline(__always)
    mutating func delay(ofReading i: Int) -> Int64? {
        if !bitmap.isEmpty, bitmap[i / 8] >> UInt8(i % 8) & 1 == 0 { return nil }
        delay &+= delays.next()
        return delay
    }

    /// Checks what is left once every reading was asked for: nothing.
    func finish(_ reader: ByteReader) throws(MalformedBytes) {
        guard delays.isUsedUp else { throw reader.malformed("the received column is not as long as its readings") }
        if count % 8 != 0, let last = bitmap.last, last >> UInt8(count % 8) != 0 {
            throw reader.malformed("received bitmap is not padded with 0")
        }
    }
}

extension ReadingRecord {
    /// Takes in that it was received so long after its time.
    @inline(__always)
    mutating func receive(after delay: Int64, _ reader: ByteReader) throws(MalformedBytes) {
        receivedAt = at &+ delay
        guard receivedAt != ReadingDraft.absentInstant else { throw reader.malformed("receivedAt is absent") }
    }
}
