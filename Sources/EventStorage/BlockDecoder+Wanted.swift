import MeterModel

extension BlockBodyDecoder {
    /// Decodes the wanted readings of a run of `count` behind its kind byte.
    func decodeWanted(_ reader: inout ByteReader, _ count: Int, into block: inout Block) throws(MalformedBytes) {
        guard let wanted, let cells else { preconditionFailure("a decoder without a scope") }
        if block.needsWhole {
            // The states are no good any more.
            _ = try ReadingRunDecoder.head(&reader)
            return
        }
        let start = block.readingCount
        // Of the first run of a block nothing was passed over that could bear on what the block defines.
        let isFirst = block.runs.allSatisfy { if case .event = $0 { true } else { false } }
        let outcome = try ReadingRunDecoder.decodeWanted(
            &reader,
            wanted: wanted,
            own: isFirst && block.series.count > 0
                ? block.series.first..<block.series.first + block.series.count : nil,
            states: segment.series,
            cells: cells,
            into: readings + start
        )
        switch outcome {
        case .needsWhole: block.needsWhole = true
        case .readings(let found):
            var next = 0
            var i = 0
            while i < found {
                let first = Int(cells[i].index)
                block.pass(over: first - next)
                let from = i
                repeat { i += 1 } while i < found && Int(cells[i].index) == first + i - from
                block.runs.append(.readings(start + from..<start + i))
                next = first + i - from
            }
            block.pass(over: count - next)
            block.readingCount += found
        }
    }

    /// Puts the wanted readings of a block that needs it into `block`, as another decoder decoded it whole, and takes
    /// over where it left the wanted series.
    ///
    /// - Parameters:
    ///   - whole: the same block.
    ///   - decoder: decoded it last, and before it all of its segment.
    ///   - block: as this decoder decoded it last.
    func take(_ whole: Block, decodedBy decoder: BlockBodyDecoder, into block: inout Block) {
        guard let wanted else { preconditionFailure("a decoder without a scope") }
        block.runs.removeAll()
        block.readingCount = 0
        block.needsWhole = false
        for run in whole.runs {
            guard case .readings(let range) = run else {
                block.runs.append(run)
                continue
            }
            let records = decoder.records(range)
            var i = 0
            while i < records.count {
                let start = i
                while i < records.count, !wanted.contains(records[i].series) { i += 1 }
                block.pass(over: i - start)
                let first = block.readingCount
                while i < records.count, wanted.contains(records[i].series) {
                    readings[block.readingCount] = records[i]
                    block.readingCount += 1
                    i += 1
                }
                if block.readingCount > first { block.runs.append(.readings(first..<block.readingCount)) }
            }
        }
        for series in wanted.series {
            let own = Int(segment.series.ordinal(of: series))
            let other = Int(decoder.segment.series.ordinal(of: series))
            segment.series.states[own] = decoder.segment.series.states[other]
        }
    }
}

extension BlockBodyDecoder.Block {
    fileprivate mutating func pass(over count: Int) {
        if count > 0 { runs.append(.passedOver(count)) }
    }
}
