import MeterModel
import RecordLog
import Testing

@testable import EventStorage

/// Reads of what a log brings that is new, against the full read as the slow twin.
struct NewsTests {
    private struct News: Equatable {
        var events: [UInt64: MeterEvent] = [:]
        /// Of each segment, by its first position, the traits of the first reading of each series.
        var beginnings: [UInt64: [UInt32: UInt8]] = [:]
        var counts = DefinitionCounts()
        var blockCount = 0

        mutating func take(_ block: RecordedBlock, segment: UInt64, _ directory: inout SeriesDirectory) throws {
            try block.extend(&directory)
            blockCount += 1
            for run in block.runs {
                switch run {
                case .readings(_, let readings):
                    for reading in readings where beginnings[segment]?[reading.series] == nil {
                        beginnings[segment, default: [:]][reading.series] = reading.traits.rawValue
                    }
                case .event(let position, let event): events[position.rawValue] = event
                case .lost: break
                }
            }
            counts = DefinitionCounts(directory)
        }
    }

    /// The first position of the segment that holds a position.
    private func segment(of position: Position, in firsts: [UInt64]) -> UInt64 {
        firsts.last { $0 <= position.rawValue } ?? 0
    }

    private func log(_ seed: UInt64, sealedIndexByteCount: Int) throws -> LogUnderTest {
        let log = try LogUnderTest(
            seed: seed,
            segmentByteCount: 16 << 10,
            sealedIndexByteCount: sealedIndexByteCount
        )
        log.items.deviceLimit = 12
        for round in 0..<90 {
            if round % 9 == 0 {
                // The fleet grows, and what is new speaks late in a segment as well.
                log.items.deviceLimit += 3
                try log.appendAdmitted()
            } else {
                var batch = EventBatch()
                for _ in 0..<120 { batch.readings.append(log.items.reading()) }
                try log.append(batch)
            }
            if round == 50 { try log.writer.roll() }
        }
        return log
    }

    @Test(arguments: 0..<16 as Range<UInt64>)
    func `are all events, definitions, and the first reading of each series in a segment`(_ seed: UInt64) throws {
        let log = try log(seed, sealedIndexByteCount: seed % 4 == 3 ? 256 : 4 << 10)
        let head = log.writer.head
        let segments = try log.reader().segments()
        #expect(segments.count > 2)
        let firsts = segments.map(\.firstPosition)
        var (found, wanted) = (News(), News())
        var directory = SeriesDirectory()
        try log.reader().forEachBlock(from: .origin) { block in
            try wanted.take(block, segment: segment(of: block.firstPosition, in: firsts), &directory)
            return .proceed
        }
        directory = SeriesDirectory()
        try log.reader().forEachBlock(through: head, bringing: { _ in .beginnings }) { block in
            try found.take(block, segment: segment(of: block.firstPosition, in: firsts), &directory)
        }
        #expect(found.events == wanted.events)
        #expect(found.beginnings == wanted.beginnings)
        #expect(found.counts == wanted.counts)
        if seed % 4 != 3 { #expect(found.blockCount < wanted.blockCount) }
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `of the segment that is being written are the same by its index`(_ seed: UInt64) throws {
        let log = try log(seed, sealedIndexByteCount: 4 << 10)
        for _ in 0..<20 {
            var batch = EventBatch()
            for _ in 0..<120 { batch.readings.append(log.items.reading()) }
            try log.append(batch)
        }
        let active = log.writer.activeFirstPosition
        let index = try #require(log.writer.activeIndex)
        var (found, wanted) = (News(), News())
        let known = try log.reader().directory(through: Position(active.rawValue - 1))
        var directory = known
        try log.reader().forEachBlock(from: active) { block in
            try wanted.take(block, segment: active.rawValue, &directory)
            return .proceed
        }
        directory = known
        let head = log.writer.head
        try log.reader().forEachBlock(from: active, through: head, active: index, bringing: { _ in .beginnings }) {
            try found.take($0, segment: active.rawValue, &directory)
        }
        #expect(found.events == wanted.events)
        #expect(found.beginnings == wanted.beginnings)
        #expect(found.counts == wanted.counts)
        #expect(found.blockCount <= wanted.blockCount)
        var blockCount = 0
        try log.reader().forEachBlock(
            from: active,
            through: head,
            active: index,
            bringing: { $0.added == DefinitionCounts() ? .none : .beginnings },
            { _ in blockCount += 1 }
        )
        #expect(blockCount == (index.added == DefinitionCounts() ? 0 : found.blockCount))
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `of a segment that defines nothing new may be its events alone, or nothing`(_ seed: UInt64) throws {
        let log = try log(seed, sealedIndexByteCount: 4 << 10)
        var events: [UInt64: MeterEvent] = [:]
        var isPassedOver: [ClosedRange<UInt64>] = []
        var directory = SeriesDirectory()
        try log.reader().forEachBlock(
            through: log.writer.head,
            bringing: { index in
                guard index.added == DefinitionCounts() else { return .beginnings }
                if index.positions.lowerBound % 2 == 0 { return .events }
                isPassedOver.append(index.positions)
                return .none
            },
            { block in
                try block.extend(&directory)
                for case .event(let position, let event) in block.runs { events[position.rawValue] = event }
            }
        )
        var wanted: [UInt64: MeterEvent] = [:]
        try log.reader().forEachBlock(from: .origin) { block in
            for case .event(let position, let event) in block.runs
            where !isPassedOver.contains(where: { $0.contains(position.rawValue) }) {
                wanted[position.rawValue] = event
            }
            return .proceed
        }
        #expect(events == wanted)
    }
}
