import MeterModel

/// Reads of a run what is wanted alone.
extension ReadingRunDecoder {
    /// What became of a run.
    enum Outcome {
        /// So many readings are wanted.
        case readings(Int)
        /// The first reading of a wanted series in its segment counts from one that is not wanted, and so not known:
        /// the states of the wanted series are then as good as nothing.
        case needsWhole
    }

    /// Decodes the readings of wanted series of a run behind its kind byte into `out`, their places into `cells`, and
    /// moves the states of these series on.
    ///
    /// The series column is read as a whole. Without a wanted reading in it no other column is looked at; else all are
    /// held against their lengths, and what they say of the wanted readings is checked.
    /// - Precondition: `out` and `cells` have room for as many readings as `count(at:)` says.
    static func decodeWanted(
        _ reader: inout ByteReader,
        wanted: borrowing WantedSeries,
        states: borrowing SeriesStates,
        cells: UnsafeMutablePointer<WantedCell>,
        into out: UnsafeMutablePointer<ReadingRecord>
    ) throws(MalformedBytes) -> Outcome {
        let columns = try head(&reader)
        guard !wanted.isEmpty else { return .readings(0) }
        var series = columns.series
        let found = series.findSums(columns.count, of: wanted, into: cells)
        guard series.isUsedUp else { throw reader.malformed("the series column is not as long as its run") }
        guard found > 0 else { return .readings(0) }
        guard try combine(columns, states: states, cells: cells, found, into: out, reader) else { return .needsWhole }
        try takeTraits(columns, cells: cells, found, into: out, reader)
        if (0..<found).contains(where: { out[$0].traits.isInterval }) {
            try takeSpans(columns, cells: cells, found, into: out, reader)
        }
        if columns.receivedForm > 0 { try takeReceived(columns, cells: cells, found, into: out, reader) }
        return .readings(found)
    }

    /// Makes readings of the differences at the cells; false where one counts from a reading that is not known.
    private static func combine(
        _ columns: Columns,
        states: borrowing SeriesStates,
        cells: UnsafeMutablePointer<WantedCell>,
        _ found: Int,
        into out: UnsafeMutablePointer<ReadingRecord>,
        _ reader: ByteReader
    ) throws(MalformedBytes) -> Bool {
        var times = columns.times
        var values = columns.values
        let ordinals = states.ordinals
        let all = states.states
        var next = 0
        // The reading before a cell is known if it is wanted too, or none: a run begins at 0.
        var previousIndex = -1
        var previousAt: Int64 = 0
        for i in 0..<found {
            let index = Int(cells[i].index)
            times.skip(index - next)
            values.skip(index - next)
            next = index + 1
            let state = all + Int(ordinals[Int(cells[i].series)])
            let deviation = times.nextNumber() &* columns.timeScale
            let last = state.pointee.lastAt
            let at: Int64
            if last == SeriesStates.unseen {
                guard previousIndex == index - 1 else { return false }
                at = previousAt &+ deviation
                state.pointee.period = 0
            } else {
                at = last &+ state.pointee.period &+ deviation
                state.pointee.turn(deviation)
            }
            let value = state.pointee.lastValue &+ values.nextNumber() &* columns.valueScale
            state.pointee.lastAt = at
            state.pointee.lastValue = value
            previousAt = at
            previousIndex = index
            out[i] = ReadingRecord(
                series: cells[i].series,
                traits: ReadingTraits(rawValue: 0),
                at: at,
                value: value,
                span: 0,
                receivedAt: ReadingDraft.absentInstant
            )
        }
        times.skip(columns.count - next)
        values.skip(columns.count - next)
        guard times.isUsedUp, values.isUsedUp else {
            throw reader.malformed("a column is not as long as its run")
        }
        return true
    }

    private static func takeTraits(
        _ columns: Columns,
        cells: UnsafeMutablePointer<WantedCell>,
        _ found: Int,
        into out: UnsafeMutablePointer<ReadingRecord>,
        _ reader: ByteReader
    ) throws(MalformedBytes) {
        for i in 0..<found {
            let traits = ReadingTraits(rawValue: columns.traits[columns.traitsAreMixed ? Int(cells[i].index) : 0])
            guard traits.isValid else { throw reader.malformed("traits \(traits.rawValue)") }
            out[i].traits = traits
        }
    }

    private static func takeSpans(
        _ columns: Columns,
        cells: UnsafeMutablePointer<WantedCell>,
        _ found: Int,
        into out: UnsafeMutablePointer<ReadingRecord>,
        _ reader: ByteReader
    ) throws(MalformedBytes) {
        var spans = ColumnCursor(columns.spans, .zigzags, count: 0)
        var span: Int64 = 0
        var cell = 0
        for i in 0..<columns.count {
            let traits = ReadingTraits(rawValue: columns.traits[columns.traitsAreMixed ? i : 0])
            if traits.isInterval { span &+= spans.next() }
            guard cell < found, Int(cells[cell].index) == i else { continue }
            if traits.isInterval { out[cell].span = span }
            cell += 1
        }
        guard spans.isUsedUp else { throw reader.malformed("the span column is not as long as its intervals") }
    }

    private static func takeReceived(
        _ columns: Columns,
        cells: UnsafeMutablePointer<WantedCell>,
        _ found: Int,
        into out: UnsafeMutablePointer<ReadingRecord>,
        _ reader: ByteReader
    ) throws(MalformedBytes) {
        let bitmapByteCount = columns.receivedForm == 2 ? (columns.count + 7) / 8 : 0
        guard columns.received.count >= bitmapByteCount else { throw reader.malformed("received bitmap ends early") }
        let bitmap = UnsafeRawBufferPointer(rebasing: columns.received[..<bitmapByteCount])
        var received = ColumnCursor(
            UnsafeRawBufferPointer(rebasing: columns.received[bitmapByteCount...]),
            .zigzags,
            count: 0
        )
        var delay: Int64 = 0
        var cell = 0
        for i in 0..<columns.count {
            let isThere = columns.receivedForm == 1 || bitmap[i / 8] >> UInt8(i % 8) & 1 == 1
            if isThere { delay &+= received.next() }
            guard cell < found, Int(cells[cell].index) == i else { continue }
            if isThere {
                out[cell].receivedAt = out[cell].at &+ delay
                guard out[cell].receivedAt != ReadingDraft.absentInstant else {
                    throw reader.malformed("receivedAt is absent")
                }
            }
            cell += 1
        }
        guard received.isUsedUp else { throw reader.malformed("the received column is not as long as its readings") }
    }
}
