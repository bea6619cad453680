import EventStorage
import MeterModel
import RecordLog
import Testing

@testable import Ingest

/// What of a sorted batch is whose, against a twin that follows each single item.
@Suite struct BatchShareTests {
    /// An item of a batch as it arrived: who sent it.
    private struct Trial {
        var directory = SeriesDirectory()
        var batch = EventBatch()
        var shares: [BatchShare]
        var readingSenders: [Int] = []
        var eventSenders: [Int] = []
        /// Whether readings of a series are all alike.
        let isTwinned: Bool

        init(_ random: inout StageRandom, senderCount: Int) {
            shares = Array(repeating: BatchShare(), count: senderCount)
            let deviceCount = Int.random(in: 1...6, using: &random)
            for d in 0..<deviceCount {
                for r in 0..<2 {
                    let register = directory.register(named: "r\(r)")
                    _ = directory.series(device: directory.device(named: "d\(d)"), register: register)
                }
            }
            isTwinned = Bool.random(using: &random)
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let sender = Int.random(in: 0..<senderCount, using: &random)
                let before = (readings: batch.readings.count, events: batch.events.count)
                for _ in 0..<Int.random(in: 0...6, using: &random) {
                    if Int.random(in: 0..<6, using: &random) == 0 {
                        let event = MeterEvent.dayTurned(DayTurned(timezone: "UTC", at: stageTime))
                        batch.events.append((batch.readings.count, event))
                        eventSenders.append(sender)
                    } else {
                        let series = UInt32.random(in: 0..<UInt32(directory.seriesCount), using: &random)
                        batch.readings.append(
                            ReadingRecord(
                                series: series,
                                traits: ReadingTraits(quality: .measured, isInterval: false, unit: .kilowattHour),
                                // Where twins are allowed, one cannot be told from another but by its place.
                                at: isTwinned ? 60_000 : Int64(batch.readings.count) * 60_000,
                                value: isTwinned ? 1 : Int64(batch.readings.count),
                                span: 0,
                                receivedAt: ReadingDraft.absentInstant
                            )
                        )
                        readingSenders.append(sender)
                    }
                }
                shares[sender].add(batch, since: before)
            }
        }

        /// What stands at each position, from 1: the run and the device of a reading, the place of an event.
        var kinds: [String] {
            var kinds = [""]
            var start = 0
            for i in 0...batch.events.count {
                let end = i < batch.events.count ? batch.events[i].readingIndex : batch.readings.count
                kinds += batch.readings[start..<end].map { "\(i) \(directory.device(ofSeries: $0.series))" }.sorted()
                start = end
                if i < batch.events.count { kinds.append("event \(i)") }
            }
            return kinds
        }

        /// By sender the positions of its items, from where the sort puts each, stably.
        var positions: [[Int]] {
            var positions = Array(repeating: [Int](), count: shares.count)
            var next = 1
            var start = 0
            for i in 0...batch.events.count {
                let end = i < batch.events.count ? batch.events[i].readingIndex : batch.readings.count
                let run = (start..<end).sorted { a, b in
                    let (x, y) = (batch.readings[a].series, batch.readings[b].series)
                    return (directory.device(ofSeries: x), a) < (directory.device(ofSeries: y), b)
                }
                for place in run {
                    positions[readingSenders[place]].append(next)
                    next += 1
                }
                start = end
                if i < batch.events.count {
                    positions[eventSenders[i]].append(next)
                    next += 1
                }
            }
            return positions
        }
    }

    @Test func `Each sender's lowest and highest position, as the log sorts`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = StageRandom(seed: seed)
        var testedCount = 0
        for _ in 0..<2000 {
            let trial = Trial(&random, senderCount: Int.random(in: 1...4, using: &random))
            guard !trial.batch.isEmpty else { continue }
            let extremes = trial.shares.map { share in
                (share.lowest(in: trial.batch, trial.directory), share.highest(in: trial.batch, trial.directory))
            }
            var sorted = trial.batch
            let writer = try EventLogWriter.open(
                directory: "data",
                fileSystem: SimulatedFileSystem(),
                configuration: RecordLogConfiguration(
                    segmentByteCount: 64 << 10,
                    sealedIndexByteCount: 8 << 10,
                    preparesSpareInBackground: false
                ),
                lockDescription: "test"
            ).writer
            let given = try writer.append(
                &sorted,
                recordedAt: stageTime,
                recordedBy: "test",
                directory: trial.directory
            )
            writer.close()
            let first = Position(given.lowerBound)
            for (sender, positions) in trial.positions.enumerated() {
                let share = trial.shares[sender]
                #expect(share.count == positions.count && share.isEmpty == positions.isEmpty, "seed \(seed)")
                let (lowest, highest) = extremes[sender]
                guard let least = positions.min(), let most = positions.max() else {
                    #expect(lowest == nil && highest == nil, "seed \(seed)")
                    continue
                }
                func position(_ item: BatchShare.Extreme?) -> UInt64? {
                    item.map { BatchShare.position(of: $0, in: sorted, first: first, trial.directory).rawValue }
                }
                testedCount += 1
                let found = (Int(position(lowest) ?? 0), Int(position(highest) ?? 0))
                // Of twins any will do, so that it may be a little beside.
                let isRight =
                    trial.isTwinned
                    ? trial.kinds[found.0] == trial.kinds[least] && trial.kinds[found.1] == trial.kinds[most]
                    : found == (least, most)
                if !isRight {
                    Issue.record(
                        """
                        seed \(seed): \(position(lowest) ?? 0)...\(position(highest) ?? 0) in place of \
                        \(least)...\(most)
                        """
                    )
                    return
                }
            }
        }
        #expect(testedCount > 1000)
    }
}
