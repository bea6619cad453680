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
    ///
    /// `own`: the ordinals of the series that the block defines in its segment, if no reading of the block was passed
    /// over before the run; what these tell can be told from the run alone.
    /// - Precondition: `out` and `cells` have room for as many readings as `count(at:)` says.
    static func decodeWanted(
        _ reader: inout ByteReader,
        wanted: borrowing WantedSeries,
        own: Range<Int>?,
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
        if pick.isKnown(states) {
            try pick.combine(states)
        } else {
            guard let own, try pick.combineAlone(states, own: own) else { return .needsWhole }
        }
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

    /// Whether no reading at the cells counts from one that is not known: the first of a series in its segment counts
    /// from the one before it, which is known if it is wanted too, or none. Of a series whose readings do not follow
    /// each other in the run it may be false all the same.
    func isKnown(_ states: borrowing SeriesStates) -> Bool {
        for i in 0..<count where isUnseen(i, states) {
            if i > 0, cells[i - 1].series == cells[i].series { continue }
            let previous = i > 0 ? Int(cells[i - 1].index) : -1
            if previous != Int(cells[i].index) - 1 { return false }
        }
        return true
    }

    /// Whether no reading of a cell's series came before the run.
    private func isUnseen(_ cell: Int, _ states: borrowing SeriesStates) -> Bool {
        states.states[Int(states.ordinals[Int(cells[cell].series)])].lastAt == SeriesStates.unseen
    }

    /// Makes readings of the differences at the cells by decoding all before them too; false where one may count from a
    /// reading of a series that is not wanted and was read before in the segment. The states are then as good as
    /// nothing.
    ///
    /// `own`: the ordinals of series that were not.
    func combineAlone(_ states: borrowing SeriesStates, own: Range<Int>) throws(MalformedBytes) -> Bool {
        var last = count - 1
        while last > 0, !isUnseen(last, states) { last -= 1 }
        let lastUnseen = Int(cells[last].index)
        var next = 0
        var firstUnknown = Int.max
        let ordinals = states.ordinals
        try ReadingRunDecoder.decodeMain(
            columns,
            upTo: Int(cells[count - 1].index) + 1,
            states: states,
            reader
        ) { i, series, at, value in
            if next < count, Int(cells[next].index) == i {
                put(at, value, at: next)
                next += 1
            } else if firstUnknown == Int.max, !own.contains(Int(ordinals[Int(series)])) {
                firstUnknown = i
            }
        }
        return firstUnknown > lastUnseen
    }

    private func put(_ at: Int64, _ value: Int64, at cell: Int) {
        out[cell] = ReadingRecord(
            series: cells[cell].series,
            traits: ReadingTraits(rawValue: 0),
            at: at,
            value: value,
            span: 0,
            receivedAt: ReadingDraft.absentInstant
        )
    }

    /// Makes readings of the differences at the cells.
    /// - Precondition: `isKnown`.
    func combine(_ states: borrowing SeriesStates) throws(MalformedBytes) {
        var times = columns.times
        var values = columns.values
        let ordinals = states.ordinals
        let all = states.states
        var next = 0
        var previousAt: Int64 = 0
        for i in 0..<count {
            let index = Int(cells[i].index)
            times.skip(index - next)
            values.skip(index - next)
            next = index + 1
            let (at, value) = all[Int(ordinals[Int(cells[i].series)])].advance(
                times.nextNumber() &* columns.timeScale,
                values.nextNumber() &* columns.valueScale,
                after: previousAt
            )
            previousAt = at
            put(at, value, at: i)
        }
        guard !times.overran, !values.overran else { throw reader.malformed("a column is not as long as its run") }
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
