import MeterModel
import RecordLog
import Testing

@testable import EventStorage

/// Reads of some devices alone, against the full read as the slow twin.
struct ScopedReadTests {
    /// What a read delivered: items by position, and the numbering it met on the way.
    private struct Delivered: Equatable {
        var items: [UInt64: LogUnderTest.Item] = [:]
        var counts = DefinitionCounts()
    }

    private func scopedRead(
        _ log: LogUnderTest,
        _ scope: DeviceScope,
        through last: UInt64?,
        readAt times: ClosedRange<Int64>? = nil
    ) throws -> Delivered {
        var delivered = Delivered()
        var directory = SeriesDirectory()
        var next: UInt64 = 1
        try log.reader().forEachBlock(of: scope, through: last.map { Position($0) }, readAt: times) { block in
            try block.extend(&directory)
            for run in block.runs {
                switch run {
                case .readings(let first, let readings):
                    #expect(first.rawValue >= next && !readings.isEmpty)
                    for (i, reading) in readings.enumerated() where times?.contains(reading.at) ?? true {
                        delivered.items[first.rawValue + UInt64(i)] = .reading(reading)
                    }
                    next = first.rawValue + UInt64(readings.count)
                case .event(let position, let event):
                    #expect(position.rawValue >= next)
                    delivered.items[position.rawValue] = .event(event)
                    next = position.rawValue + 1
                case .lost(let positions, _): next = positions.upperBound.rawValue + 1
                }
            }
            return .proceed
        }
        delivered.counts = DefinitionCounts(directory)
        return delivered
    }

    private func filteredRead(
        _ log: LogUnderTest,
        _ scope: DeviceScope,
        through last: UInt64?,
        readAt times: ClosedRange<Int64>? = nil
    ) throws -> Delivered {
        var delivered = Delivered()
        var directory = SeriesDirectory()
        try log.reader().forEachBlock(from: .origin, through: last.map { Position($0) }) { block in
            try block.extend(&directory)
            for run in block.runs {
                switch run {
                case .readings(let first, let readings):
                    for (i, reading) in readings.enumerated()
                    where scope.contains(directory.deviceName(ofSeries: reading.series))
                        && times?.contains(reading.at) ?? true
                    {
                        delivered.items[first.rawValue + UInt64(i)] = .reading(reading)
                    }
                case .event(let position, let event): delivered.items[position.rawValue] = .event(event)
                case .lost: break
                }
            }
            return .proceed
        }
        delivered.counts = DefinitionCounts(directory)
        return delivered
    }

    private func randomScope(_ log: LogUnderTest) -> DeviceScope {
        let count = UInt32(log.items.directory.deviceCount)
        let percent = Int(log.items.number(0...3)) * 15 + 1
        let names = (0..<count).filter { _ in log.items.generator.chance(percent) }
            .map { log.items.directory.devices[$0] }
        return DeviceScope(names + ["nobody"])
    }

    private func compare(_ log: LogUnderTest, rounds: Int) throws {
        for round in 0..<rounds {
            let scope = randomScope(log)
            let last = round % 3 == 0 ? nil : UInt64(log.items.number(1...Int64(log.logged.count)))
            let (scoped, filtered) = try (
                scopedRead(log, scope, through: last), filteredRead(log, scope, through: last)
            )
            #expect(scoped == filtered, "round \(round), through \(last ?? 0), \(scope.names)")
        }
    }

    @Test(arguments: 0..<24 as Range<UInt64>)
    func `deliver what a full read does of these devices, and all events`(_ seed: UInt64) throws {
        let log = try LogUnderTest(seed: seed, segmentByteCount: seed % 3 == 0 ? 6 << 10 : 24 << 10)
        log.items.deviceLimit = seed % 2 == 0 ? 12 : 60
        for _ in 0..<24 {
            try log.appendAdmitted()
            if log.items.generator.chance(5) { try log.writer.roll() }
        }
        #expect(try log.reader().segments().count > 1)
        try compare(log, rounds: 12)
        let all = (0..<UInt32(log.items.directory.deviceCount)).map { log.items.directory.devices[$0] }
        let whole = try scopedRead(log, DeviceScope(all), through: nil)
        #expect(whole == (try filteredRead(log, DeviceScope(all), through: nil)))
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `pass over segments in which the devices have nothing`(_ seed: UInt64) throws {
        let log = try LogUnderTest(seed: seed, segmentByteCount: 8 << 10)
        log.items.deviceLimit = 30
        // First all of the fleet speaks, then a part of the fleet speaks at a time.
        for _ in 0..<4 { try log.appendAdmitted() }
        for round in 0..<60 {
            var batch = EventBatch()
            while batch.readings.count < 60 {
                let reading = log.items.reading()
                let device = log.items.directory.device(ofSeries: reading.series)
                if Int(device) % 3 == round / 20 { batch.readings.append(reading) }
            }
            try log.append(batch)
        }
        try compare(log, rounds: 20)
        var (scopedBlockCount, blockCount) = (0, 0)
        try log.reader().forEachBlock(of: DeviceScope([log.items.directory.devices[0]])) { _ in
            scopedBlockCount += 1
            return .proceed
        }
        try log.reader().forEachBlock(from: .origin) { _ in
            blockCount += 1
            return .proceed
        }
        #expect(scopedBlockCount < blockCount * 3 / 4)
    }

    /// A fleet that is read on and on, some of it late, with an event now and then.
    private func steadyLog(_ seed: UInt64, sealedIndexByteCount: Int) throws -> LogUnderTest {
        let log = try LogUnderTest(
            seed: seed,
            segmentByteCount: 24 << 10,
            sealedIndexByteCount: sealedIndexByteCount
        )
        log.items.deviceLimit = seed % 2 == 0 ? 12 : 60
        for round in 0..<160 as Range<Int64> {
            var batch = EventBatch()
            for _ in 0..<log.items.number(1...120) {
                var reading = log.items.reading()
                let lateness = log.items.generator.chance(4) ? log.items.number(0...40) : 0
                reading.at = 1_767_225_600_000 + (round - lateness) * 3_600_000 + log.items.number(0...3599) * 1000
                batch.readings.append(reading)
            }
            if log.items.generator.chance(4) {
                let event = log.items.event(.dayTurned)
                batch.events.append((batch.readings.count, event))
            }
            try log.append(batch)
        }
        return log
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func `deliver what a full read does of a span of time`(_ seed: UInt64) throws {
        // Too little room for what each block holds, or enough.
        let log = try steadyLog(seed, sealedIndexByteCount: seed % 4 == 0 ? 512 : 4 << 10)
        #expect(try log.reader().segments().count > 2)
        for round in 0..<24 {
            let scope = randomScope(log)
            let last = round % 3 == 0 ? UInt64(log.items.number(1...Int64(log.logged.count))) : nil
            let from = 1_767_225_600_000 + log.items.number(-10...170) * 3_600_000
            let times = from...from + log.items.number(0...40) * 3_600_000
            let (scoped, filtered) = try (
                scopedRead(log, scope, through: last, readAt: times),
                filteredRead(log, scope, through: last, readAt: times)
            )
            #expect(scoped == filtered, "seed \(seed), round \(round), \(times), \(scope.names)")
        }
        guard seed % 4 != 0 else { return }
        let (all, none) = try (blockCount(log, nil), blockCount(log, 0...0))
        #expect(none < all * 3 / 4, "seed \(seed): \(none) of \(all) blocks read for nothing")
    }

    private func blockCount(_ log: LogUnderTest, _ times: ClosedRange<Int64>?) throws -> Int {
        var count = 0
        try log.reader().forEachBlock(of: DeviceScope([log.items.directory.devices[0]]), readAt: times) { _ in
            count += 1
            return .proceed
        }
        return count
    }

    @Test func `a log that ends before what was acknowledged is damaged, whoever is asked about`() throws {
        let log = try steadyLog(1, sealedIndexByteCount: 4 << 10)
        let beyond = Position(UInt64(log.logged.count) + 1)
        for scope in [nil, DeviceScope([log.items.directory.devices[0]]), DeviceScope(["nobody"])] {
            #expect(throws: RecordLogError.self) {
                try log.reader().forEachBlock(of: scope, through: beyond, readAt: 0...0) { _ in .proceed }
            }
        }
    }

    @Test func `follow a steady fleet over blocks and segments`() throws {
        let log = try LogUnderTest(seed: 3, segmentByteCount: 96 << 10)
        let register = log.items.directory.register(named: "1-0:1.8.0")
        let traits = ReadingTraits(quality: .measured, isInterval: false, unit: .kilowattHour)
        let series = (0..<900).map { i in
            let device = log.items.directory.device(named: "E-\(i)")
            return log.items.directory.series(device: device, register: register)
        }
        for round in 0..<4 as Range<Int64> {
            var batch = EventBatch()
            for step in 0..<80 as Range<Int64> {
                let at = 1_767_225_600_000 + (round * 80 + step) * 900_000
                for (i, series) in series.enumerated() where (Int64(i) + step) % 97 != 0 {
                    batch.readings.append(
                        ReadingRecord(
                            series: series,
                            traits: traits,
                            at: at + log.items.number(0...1) * 1000,
                            value: (round * 80 + step) * 250_000 + log.items.number(0...400) * 1000,
                            span: 0,
                            receivedAt: ReadingDraft.absentInstant
                        )
                    )
                }
            }
            try log.append(batch)
        }
        #expect(try log.reader().segments().count > 1)
        for names in [["E-0"], ["E-899"], ["E-450", "E-451", "E-7"], []] {
            let scope = DeviceScope(names)
            #expect(try scopedRead(log, scope, through: nil) == filteredRead(log, scope, through: nil), "\(names)")
        }
    }

    @Test func `of a body cut or changed never trap, and say what a full decode says`() {
        var decodedAnyway = 0
        for seed in 0..<12 as Range<UInt64> {
            var items = RandomItems(seed: seed)
            var encoding = SegmentEncoding()
            let first = encoding.encode(items.batch(maximumCount: 60), directory: items.directory)
            let second = encoding.encode(items.batch(maximumCount: 60), directory: items.directory)
            let names = (0..<UInt32(items.directory.deviceCount)).filter { $0 % 3 == 0 }
                .map { items.directory.devices[$0] }
            let (scoped, full) = (BlockBodyDecoder(scope: DeviceScope(names)), BlockBodyDecoder())
            for place in 0..<second.body.count {
                for _ in 0..<3 {
                    var changed = second
                    changed.body[place] ^= UInt8(items.number(1...255))
                    _ = try? first.withView { view in
                        var block = try scoped.decode(view, depth: .wanted)
                        let whole = try full.decode(view)
                        if block.needsWhole { scoped.take(whole, decodedBy: full, into: &block) }
                    }
                    try? changed.withView { view in
                        let block = try scoped.decode(view, depth: .wanted)
                        decodedAnyway += 1
                        guard !block.needsWhole, let whole = try? full.decode(view) else { return }
                        let wanted = batch(whole, full).readings.filter { reading in
                            scoped.wanted?.contains(reading.series) ?? false
                        }
                        #expect(batch(block, scoped).readings == ContiguousArray(wanted), "seed \(seed), byte \(place)")
                    }
                }
            }
        }
        #expect(decodedAnyway > 0)
    }

    @Test func `leaps over a column are steps`() {
        for seed in 0..<600 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let numbers = generator.numbers(atMost: 400, isSigned: seed % 2 == 0)
            let count = numbers.count
            var scratch = numbers
            var out = ByteWriter()
            let column = scratch.withUnsafeMutableBufferPointer { NumberColumn.write($0, into: &out) }
            var cursor = ColumnCursor(out.bytes, column, count: count)
            var next = 0
            while next < count {
                let leap = Int.random(in: 0...min(count - next - 1, seed % 5 == 0 ? 300 : 20), using: &generator)
                cursor.skip(leap)
                next += leap
                #expect(cursor.nextNumber() == numbers[next], "seed \(seed), number \(next)")
                next += 1
                if generator.chance(5) {
                    cursor.skip(count - next)
                    next = count
                }
            }
            #expect(cursor.isUsedUp, "seed \(seed)")
        }
    }
}
