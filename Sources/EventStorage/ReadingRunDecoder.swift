import MeterModel

/// Reads runs of readings back from columns, trusting nothing they say.
enum ReadingRunDecoder {
    /// The head of a run: its count, scales and forms, and its columns.
    private struct Columns {
        var count: Int
        var timeScale: Int64
        var valueScale: Int64
        var traitsAreMixed: Bool
        var receivedForm: UInt8
        var series: UnsafeRawBufferPointer
        var times: UnsafeRawBufferPointer
        var values: UnsafeRawBufferPointer
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
    /// - Returns: the number of readings.
    static func decode(
        _ reader: inout ByteReader,
        states: borrowing SeriesStates,
        into out: UnsafeMutablePointer<ReadingRecord>
    ) throws(MalformedBytes) -> Int {
        let columns = try head(&reader)
        try decodeMain(columns, states: states, into: out, reader)
        var intervals = 0
        if columns.traitsAreMixed {
            for i in 0..<columns.count {
                let traits = ReadingTraits(rawValue: columns.traits[i])
                guard traits.isValid else { throw reader.malformed("traits \(traits.rawValue)") }
                out[i].traits = traits
                intervals += traits.isInterval ? 1 : 0
            }
        } else {
            let traits = ReadingTraits(rawValue: columns.traits[0])
            guard traits.isValid else { throw reader.malformed("traits \(traits.rawValue)") }
            for i in 0..<columns.count { out[i].traits = traits }
            intervals = traits.isInterval ? columns.count : 0
        }
        if intervals > 0 || !columns.spans.isEmpty { try decodeSpans(columns, into: out, reader) }
        if columns.receivedForm > 0 {
            try decodeReceived(columns, into: out, reader)
        } else if !columns.received.isEmpty {
            throw reader.malformed("received column where there is none")
        }
        return columns.count
    }

    private static func head(_ reader: inout ByteReader) throws(MalformedBytes) -> Columns {
        let count = try count(&reader)
        let timeDigits = try reader.byte()
        guard timeDigits == 0 || timeDigits == 3 else { throw reader.malformed("time scale \(timeDigits)") }
        let valueDigits = try reader.byte()
        guard valueDigits <= 9 else { throw reader.malformed("value scale \(valueDigits)") }
        let traitsForm = try reader.byte()
        guard traitsForm <= 1 else { throw reader.malformed("traits form \(traitsForm)") }
        let receivedForm = try reader.byte()
        guard receivedForm <= 2 else { throw reader.malformed("received form \(receivedForm)") }
        let limit = count * Varint.maximumByteCount
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
            series: try reader.slice(seriesCount),
            times: try reader.slice(timeCount),
            values: try reader.slice(valueCount),
            traits: try reader.slice(traitsForm == 1 ? count : 1),
            spans: try reader.slice(spanCount),
            received: try reader.slice(receivedCount)
        )
    }

    /// Series, times and values: one walk over three columns.
    private static func decodeMain(
        _ columns: Columns,
        states: borrowing SeriesStates,
        into out: UnsafeMutablePointer<ReadingRecord>,
        _ reader: ByteReader
    ) throws(MalformedBytes) {
        var series = ColumnCursor(columns.series)
        var times = ColumnCursor(columns.times)
        var values = ColumnCursor(columns.values)
        let ordinals = states.ordinals
        let mapped = UInt64(states.mapped)
        let all = states.states
        var number: Int64 = 0
        var previousAt: Int64 = 0
        let traits = ReadingTraits(rawValue: 0)
        for i in 0..<columns.count {
            number &+= Varint.unzigzag(series.next())
            guard UInt64(bitPattern: number) < mapped else { throw reader.malformed("series \(number)") }
            let ordinal = ordinals[Int(number)]
            guard ordinal != SeriesStates.absent else { throw reader.malformed("series \(number) is not defined") }
            let state = all + Int(ordinal)
            let deviation = Varint.unzigzag(times.next()) &* columns.timeScale
            let last = state.pointee.lastAt
            let at: Int64
            if last == SeriesStates.unseen {
                at = previousAt &+ deviation
                state.pointee.lastPeriod = 0
            } else {
                at = last &+ state.pointee.lastPeriod &+ deviation
                state.pointee.lastPeriod = at &- last
            }
            let value = state.pointee.lastValue &+ Varint.unzigzag(values.next()) &* columns.valueScale
            state.pointee.lastAt = at
            state.pointee.lastValue = value
            previousAt = at
            out[i] = ReadingRecord(
                series: UInt32(truncatingIfNeeded: number),
                traits: traits,
                at: at,
                value: value,
                span: 0,
                receivedAt: ReadingDraft.absentInstant
            )
        }
        guard series.isUsedUp, times.isUsedUp, values.isUsedUp else {
            throw reader.malformed("a column is not as long as its run")
        }
    }

    private static func decodeSpans(
        _ columns: Columns,
        into out: UnsafeMutablePointer<ReadingRecord>,
        _ reader: ByteReader
    ) throws(MalformedBytes) {
        var spans = ColumnCursor(columns.spans)
        var previous: Int64 = 0
        for i in 0..<columns.count where out[i].traits.isInterval {
            previous &+= Varint.unzigzag(spans.next())
            out[i].span = previous
        }
        guard spans.isUsedUp else { throw reader.malformed("the span column is not as long as its intervals") }
    }

    private static func decodeReceived(
        _ columns: Columns,
        into out: UnsafeMutablePointer<ReadingRecord>,
        _ reader: ByteReader
    ) throws(MalformedBytes) {
        let bitmapByteCount = columns.receivedForm == 2 ? (columns.count + 7) / 8 : 0
        guard columns.received.count >= bitmapByteCount else { throw reader.malformed("received bitmap ends early") }
        let bitmap = UnsafeRawBufferPointer(rebasing: columns.received[..<bitmapByteCount])
        var received = ColumnCursor(UnsafeRawBufferPointer(rebasing: columns.received[bitmapByteCount...]))
        var delay: Int64 = 0
        for i in 0..<columns.count {
            if columns.receivedForm == 2, bitmap[i / 8] >> UInt8(i % 8) & 1 == 0 { continue }
            delay &+= Varint.unzigzag(received.next())
            out[i].receivedAt = out[i].at &+ delay
            guard out[i].receivedAt != ReadingDraft.absentInstant else {
                throw reader.malformed("receivedAt is absent")
            }
        }
        guard received.isUsedUp else { throw reader.malformed("the received column is not as long as its readings") }
        if columns.receivedForm == 2, columns.count % 8 != 0, let last = bitmap.last,
            last >> UInt8(columns.count % 8) != 0
        {
            throw reader.malformed("received bitmap is not padded with 0")
        }
    }
}

/// Walks a column of varints. Past its end it yields zeros and remembers that: one check a column, not one a number.
struct ColumnCursor {
    private var cursor: UnsafePointer<UInt8>
    private let end: UnsafePointer<UInt8>
    private var overran = false

    /// - Precondition: `bytes` lies in memory, be it empty.
    init(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            preconditionFailure("a column without memory")
        }
        cursor = base
        end = base + bytes.count
    }

    /// Whether every byte was used and none was missing.
    var isUsedUp: Bool { cursor == end && !overran }

    @inline(__always)
    mutating func next() -> UInt64 {
        if end - cursor >= 2 {
            let first = cursor[0]
            if first < 0x80 {
                cursor += 1
                return UInt64(first)
            }
            let second = cursor[1]
            if second < 0x80 {
                cursor += 2
                return UInt64(first & 0x7F) | UInt64(second) &<< 7
            }
        }
        return nextLong()
    }

    private mutating func nextLong() -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while cursor < end, shift < 64 {
            let byte = cursor.pointee
            cursor += 1
            value |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 { return value }
            shift += 7
        }
        overran = true
        return 0
    }
}
