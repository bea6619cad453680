import MeterModel
import RecordLog
import Testing

@testable import EventStorage

/// What is behind a segment, read without its readings, against a decoder that makes each of them as the slow twin.
struct SegmentStateTests {
    private struct State: Equatable {
        var at: Int64
        var period: Int64
        var value: Int64
        var device: UInt32
        var series: UInt32
    }

    private func states(_ decoder: BlockBodyDecoder) -> [State] {
        (0..<decoder.segment.series.count).map { i in
            let state = decoder.segment.series.states[i]
            return State(
                at: state.lastAt,
                period: state.period,
                value: state.lastValue,
                device: state.device,
                series: state.series
            )
        }
    }

    @Test(arguments: 0..<24 as Range<UInt64>)
    func `is the same behind every block`(_ seed: UInt64) throws {
        let log = try LogUnderTest(seed: seed, segmentByteCount: 24 << 10, sealedIndexByteCount: 4 << 10)
        for round in 0..<40 {
            if seed % 2 == 0 || round % 5 == 0 {
                try log.appendAdmitted()
            } else {
                // Most logs have nothing but registers in most blocks.
                var batch = EventBatch()
                while batch.readings.count < 60 {
                    var reading = log.items.reading()
                    reading.receivedAt = ReadingDraft.absentInstant
                    if !reading.traits.isInterval { batch.readings.append(reading) }
                }
                try log.append(batch)
            }
        }
        let slow = BlockBodyDecoder()
        var index = SegmentIndexBuilder()
        var blockCount = 0
        let reader = try log.reader()
        try reader.log.forEachBlock(from: 1) { view in
            if view.isFirstInSegment { index = SegmentIndexBuilder() }
            index.add(try slow.decode(view), slow)
            let fast = try log.reader().state(at: Position(view.lastPosition), depth: .states)
            #expect(states(fast.decoder) == states(slow))
            #expect(fast.index.finish(segment: fast.decoder.segment) == index.finish(segment: slow.segment))
            blockCount += 1
            return .proceed
        }
        #expect(blockCount > 20)
    }
}
