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
    /// The series column is read as a whole. Without a wanted reading in it no other column is looked at; else they are
    /// read up to the last wanted one, and what they say of those is checked.
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
        let pick = WantedPick(columns: columns, cells: cells, count: found, out: out, reader: reader)
        guard try pick.combine(states) else { return .needsWhole }
        try pick.takeTraits()
        if (0..<found).contains(where: { out[$0].traits.isInterval }) { try pick.takeSpans() }
        if columns.receivedForm > 0 { try pick.takeReceived() }
        return .readings(found)
    }
}

/// The wanted readings of one run: where they stand in its columns, and where they go.
private struct WantedPick {
    let columns: ReadingRunDecoder.Columns
    let cells: UnsafeMutablePointer<WantedCell>
    /// How many cells there are, at least 1.
    let count: Int
    /// Room for as many readings.
    let out: UnsafeMutablePointer<ReadingRecord>
    /// Says where the run is, in faults.
    let reader: ByteReader

    /// Makes readings of the differences at the cells; false where one counts from a reading that is not known.
    func combine(_ states: borrowing SeriesStates) throws(MalformedBytes) -> Bool {
        var times = columns.times
        var values = columns.values
        let ordinals = states.ordinals
        let all = states.states
        var next = 0
        // The reading before a cell is known if it is wanted too, or none: a run begins at 0.
        var previousIndex = -1
        var previousAt: Int64 = 0
        for i in 0..<count {
            let index = Int(cells[i].index)
            times.skip(index - next)
            values.skip(index - next)
            next = index + 1
            let state = all + Int(ordinals[Int(cells[i].series)])
            if state.pointee.lastAt == SeriesStates.unseen, previousIndex != index - 1 { return false }
            let (at, value) = state.pointee.advance(
                times.nextNumber() &* columns.timeScale,
                values.nextNumber() &* columns.valueScale,
                after: previousAt
            )
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
        guard !times.overran, !values.overran else { throw reader.malformed("a column is not as long as its run") }
        return true
    }

    func takeTraits() throws(MalformedBytes) {
        for i in 0..<count {
            let traits = traits(ofReading: Int(cells[i].index))
            guard traits.isValid else { throw reader.malformed("traits \(traits.rawValue)") }
            out[i].traits = traits
        }
    }

    private func traits(ofReading i: Int) -> ReadingTraits {
        ReadingTraits(rawValue: columns.traits[columns.traitsAreMixed ? i : 0])
    }

    func takeSpans() throws(MalformedBytes) {
        var spans = ColumnCursor(columns.spans, .zigzags, count: 0)
        var span: Int64 = 0
        var cell = 0
        for i in 0..<columns.count {
            let isInterval = traits(ofReading: i).isInterval
            if isInterval { span &+= spans.next() }
            guard cell < count, Int(cells[cell].index) == i else { continue }
            if isInterval { out[cell].span = span }
            cell += 1
        }
        guard spans.isUsedUp else { throw reader.malformed("the span column is not as long as its intervals") }
    }

    func takeReceived() throws(MalformedBytes) {
        var received = try ReceivedColumn(columns, reader)
        var cell = 0
        for i in 0..<columns.count {
            let delay = received.delay(ofReading: i)
            guard cell < count, Int(cells[cell].index) == i else { continue }
            if let delay { try out[cell].receive(after: delay, reader) }
            cell += 1
        }
        try received.finish(reader)
    }
}
