import MeterModel
import Testing

@testable import EventStorage
@testable import RecordLog

/// Batches of many blocks, each of a part of the devices, and what is read of them for some devices.
struct LargeBatchTests {
    /// A register's reading, so many milliseconds after the fleet was first read.
    private func reading(_ series: UInt32, after time: Int64, value: Int64) -> ReadingRecord {
        ReadingRecord(
            series: series,
            traits: ReadingTraits(quality: .measured, isInterval: false, unit: .kilowattHour),
            at: 1_767_225_600_000 + time,
            value: value,
            span: 0,
            receivedAt: ReadingDraft.absentInstant
        )
    }

    /// A fleet whose batches are cut into many blocks, over several segments.
    private func log(_ seed: UInt64) throws -> LogUnderTest {
        let log = try LogUnderTest(seed: seed, segmentByteCount: 12 << 10, sealedIndexByteCount: 4 << 10)
        let registers = seed % 3 == 0 ? ["1-0:1.8.0", "1-0:2.8.0"] : ["1-0:1.8.0"]
        let numbers = registers.map { log.items.directory.register(named: $0) }
        let deviceCount = Int(log.items.number(20...120))
        // Of a fleet that was declared devices have other numbers than their series.
        if seed % 2 == 0 {
            for i in (0..<deviceCount).reversed() { _ = log.items.directory.device(named: "E-\(i)") }
        }
        let series = (0..<deviceCount).flatMap { i in
            let device = log.items.directory.device(named: "E-\(i)")
            return numbers.map { log.items.directory.series(device: device, register: $0) }
        }
        for round in 0..<10 as Range<Int64> {
            var batch = EventBatch()
            for step in 0..<30 as Range<Int64> {
                for series in series where !log.items.generator.chance(10) {
                    let late = log.items.generator.chance(3) ? log.items.number(0...40) : 0
                    let quarter = round * 30 + step - late
                    let jitter = log.items.number(0...8) * 1000
                    batch.readings.append(reading(series, after: quarter * 900_000 + jitter, value: quarter * 250_000))
                }
                if log.items.generator.chance(2) {
                    batch.events.append((batch.readings.count, log.items.event(.dayTurned)))
                }
            }
            try log.append(batch)
        }
        return log
    }

    private struct Found: Equatable {
        var readings: [UInt64: ReadingRecord] = [:]
        var events: [UInt64: MeterEvent] = [:]

        mutating func take(_ block: RecordedBlock, where isWanted: (ReadingRecord) -> Bool = { _ in true }) {
            for run in block.runs {
                switch run {
                case .readings(let first, let some):
                    for (i, reading) in some.enumerated() where isWanted(reading) {
                        readings[first.rawValue + UInt64(i)] = reading
                    }
                case .event(let position, let event): events[position.rawValue] = event
                case .lost: break
                }
            }
        }
    }

    private func all(_ log: LogUnderTest, of scope: DeviceScope) throws -> Found {
        var found = Found()
        try log.reader().forEachBlock(from: .origin) { block in
            found.take(block) { scope.contains(log.items.directory.deviceName(ofSeries: $0.series)) }
            return .proceed
        }
        return found
    }

    @Test(arguments: 0..<16 as Range<UInt64>)
    func `some devices are read as a full read does, however much is read ahead`(seed: UInt64) throws {
        let log = try log(seed)
        #expect(try log.reader().segments().count > 3)
        for round in 0..<6 {
            let names = (0...round).map { _ in "E-\(log.items.number(0...130))" }
            let scope = DeviceScope(names)
            let expected = try all(log, of: scope)
            for limit in [0, 40, Int.max] {
                var found = Found()
                try log.reader().forEachBlock(of: scope, through: nil, readAt: nil, aheadLimit: limit) { block in
                    found.take(block)
                    return .proceed
                }
                #expect(found == expected, "seed \(seed), \(names), at most \(limit) ahead")
            }
        }
    }

    @Test func `a read ends with the block that it is told to`() throws {
        let log = try log(5)
        let scope = DeviceScope(["E-3"])
        var blockCount = 0
        try log.reader().forEachBlock(of: scope) { _ in
            blockCount += 1
            return .proceed
        }
        #expect(blockCount > 12)
        for last in 1...blockCount {
            var count = 0
            try log.reader().forEachBlock(of: scope) { _ in
                count += 1
                return count == last ? .stop : .proceed
            }
            #expect(count == last)
        }
    }

    @Test func `damage in a segment read ahead is told behind what comes before it`() throws {
        let log = try log(7)
        let segments = try log.reader().segments()
        let scope = DeviceScope(["E-3"])
        var whole: [UInt64] = []
        try log.reader().forEachBlock(of: scope) { block in
            whole.append(block.firstPosition.rawValue)
            return .proceed
        }
        for segment in segments.dropFirst(1).dropLast(1) {
            let log = try self.log(7)
            let name = "data/log/" + SegmentListing.name(firstPosition: segment.firstPosition)
            var bytes = try #require(log.fileSystem.content(of: name))
            // Within the first block's body.
            bytes[SegmentHeader.byteCount + BlockHeader.byteCount + 40] ^= 0x10
            log.fileSystem.setContent(bytes, of: name)
            var seen: [UInt64] = []
            #expect(throws: RecordLogError.self) {
                try log.reader().forEachBlock(of: scope) { block in
                    seen.append(block.firstPosition.rawValue)
                    return .proceed
                }
            }
            #expect(seen == whole.filter { $0 < segment.firstPosition })
        }
    }

    @Test(arguments: [0, 1, 2, 3] as [UInt64])
    func `blocks of a batch are about as long, and end with a device where they can`(seed: UInt64) throws {
        let log = try LogUnderTest(seed: seed, segmentByteCount: 40 << 10)
        let register = log.items.directory.register(named: "1-0:1.8.0")
        let series = (0..<150).map { i in
            log.items.directory.series(device: log.items.directory.device(named: "E-\(i)"), register: register)
        }
        var batch = EventBatch()
        for step in 0..<4000 as Range<Int64> {
            let late = log.items.number(0...9)
            batch.readings.append(
                reading(series[Int(step + late) % series.count], after: step * 1000, value: step * 1000)
            )
        }
        try log.append(batch)
        var blocks: [(first: UInt32, last: UInt32, count: Int)] = []
        try log.reader().forEachBlock(from: .origin) { block in
            for case .readings(_, let readings) in block.runs {
                let devices = readings.map { log.items.directory.device(ofSeries: $0.series) }
                blocks.append((devices[0], devices[devices.count - 1], devices.count))
            }
            return .proceed
        }
        #expect(blocks.count > 4)
        for (before, after) in zip(blocks, blocks.dropFirst()) { #expect(before.last != after.first, "seed \(seed)") }
        let counts = blocks.map(\.count)
        #expect((counts.min() ?? 0) * 3 > (counts.max() ?? 0), "seed \(seed): \(counts)")
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `events within the readings of a device stay where they are, wherever blocks end`(seed: UInt64) throws {
        let log = try LogUnderTest(seed: seed, segmentByteCount: 40 << 10)
        let register = log.items.directory.register(named: "1-0:1.8.0")
        for round in 0..<4 as Range<Int64> {
            var batch = EventBatch()
            for _ in 0..<log.items.number(1...4) {
                let device = log.items.directory.device(named: "E-\(log.items.number(0...2))")
                let series = log.items.directory.series(device: device, register: register)
                for _ in 0..<log.items.number(1...300) {
                    let time = (round * 2000 + Int64(batch.readings.count)) * 1000
                    batch.readings.append(reading(series, after: time, value: time))
                    if log.items.generator.chance(1) {
                        batch.events.append((batch.readings.count, log.items.event(.dayTurned)))
                    }
                }
            }
            try log.append(batch)
        }
        #expect(try log.read(log.reader(), from: 1) == log.logged, "seed \(seed)")
    }
}
