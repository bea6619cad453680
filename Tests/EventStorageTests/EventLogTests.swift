import MeterModel
import RecordLog
import Testing

@testable import EventStorage

/// A log in memory, and beside it an array of what was appended.
final class LogUnderTest {
    let fileSystem: SimulatedFileSystem
    let configuration: RecordLogConfiguration
    var writer: EventLogWriter
    var items: RandomItems
    /// What stands at each position, from 1.
    var logged: [Item] = []

    enum Item: Equatable {
        case reading(ReadingRecord)
        case event(MeterEvent)
    }

    init(seed: UInt64, segmentByteCount: Int = 8 << 10, sealedIndexByteCount: Int = 512) throws {
        fileSystem = SimulatedFileSystem(seed: seed)
        configuration = RecordLogConfiguration(
            segmentByteCount: segmentByteCount,
            sealedIndexByteCount: sealedIndexByteCount,
            preparesSpareInBackground: false
        )
        writer = try LogUnderTest.open(fileSystem, configuration)
        items = RandomItems(seed: seed)
    }

    static func open(
        _ fileSystem: SimulatedFileSystem,
        _ configuration: RecordLogConfiguration
    ) throws -> EventLogWriter {
        try EventLogWriter.open(
            directory: "data",
            fileSystem: fileSystem,
            configuration: configuration,
            lockDescription: "test"
        ).writer
    }

    func append(_ batch: EventBatch) throws {
        var batch = batch
        let sent = batch
        let first = UInt64(logged.count + 1)
        let positions = try writer.append(
            &batch,
            recordedAt: Instant(milliseconds: 1_767_225_700_000 + Int64(first)),
            recordedBy: "test",
            directory: items.directory
        )
        #expect(positions == first...first + UInt64(batch.count) - 1)
        #expect(batch.events.map(\.readingIndex) == sent.events.map(\.readingIndex))
        checkOrder(sent, batch)
        batch.forEachRun(
            readings: { offset, range in
                #expect(logged.count == Int(first) - 1 + offset)
                logged += batch.readings[range].map { .reading($0) }
            },
            event: { offset, i in
                #expect(logged.count == Int(first) - 1 + offset)
                logged.append(.event(batch.events[i].event))
            }
        )
    }

    /// Appends random items, their devices and series numbered in order of arrival, as admission does it.
    func appendAdmitted(maximumCount: Int64 = 200) throws {
        var batch = EventBatch()
        for _ in 0..<items.number(1...maximumCount) {
            guard items.generator.chance(5) else {
                batch.readings.append(items.reading())
                continue
            }
            var event = items.event()
            while event.register == "" { event = items.event() }
            items.directory.enter(event)
            batch.events.append((batch.readings.count, event))
        }
        try append(batch)
    }

    /// Each run holds the readings sent, by device, those of one device in order.
    private func checkOrder(_ sent: EventBatch, _ sorted: EventBatch) {
        sent.forEachRun(
            readings: { _, range in
                let expected = sent.readings[range].enumerated().sorted { a, b in
                    let x = items.directory.device(ofSeries: a.element.series)
                    let y = items.directory.device(ofSeries: b.element.series)
                    return x != y ? x < y : a.offset < b.offset
                }
                #expect(Array(sorted.readings[range]) == expected.map(\.element))
            },
            event: { _, _ in }
        )
    }

    func reopen() throws {
        writer.close()
        fileSystem.restart()
        writer = try LogUnderTest.open(fileSystem, configuration)
    }

    func reader() throws -> EventLogReader { try EventLogReader(directory: "data", fileSystem: fileSystem) }

    /// Reads a range and checks that positions have no gaps.
    func read(_ reader: EventLogReader, from: UInt64, through: UInt64? = nil) throws -> [Item] {
        var read: [Item] = []
        let next = try reader.forEachBlock(from: Position(from), through: through.map { Position($0) }) { block in
            #expect(block.firstPosition.rawValue == max(1, from) + UInt64(read.count))
            for run in block.runs {
                let expected = Position(max(1, from) + UInt64(read.count))
                switch run {
                case .readings(let position, let readings):
                    #expect(position == expected)
                    read += readings.map { .reading($0) }
                case .event(let position, let event):
                    #expect(position == expected)
                    read.append(.event(event))
                case .lost: Issue.record("nothing was given up")
                }
            }
            #expect(block.lastPosition.rawValue == max(1, from) + UInt64(read.count) - 1)
            return .proceed
        }
        #expect(next.rawValue == max(1, from) + UInt64(read.count))
        return read
    }
}

struct EventLogTests {
    @Test(arguments: 0..<8 as Range<UInt64>)
    func `what was appended is read back from anywhere, over restarts and rolls`(_ seed: UInt64) throws {
        let log = try LogUnderTest(seed: seed)
        for _ in 0..<25 {
            try log.append(log.items.batch())
            if log.items.generator.chance(15) { try log.reopen() }
            if log.items.generator.chance(5) { try log.writer.roll() }
        }
        let reader = try log.reader()
        #expect(try reader.segments().count > 3)
        let head = UInt64(log.logged.count)
        #expect(log.writer.head.rawValue == head)
        #expect(try log.read(reader, from: 0) == log.logged)
        for _ in 0..<15 {
            let from = UInt64(log.items.number(1...Int64(head)))
            let through = UInt64(log.items.number(Int64(from)...Int64(head)))
            #expect(
                try log.read(reader, from: from, through: through) == Array(log.logged[Int(from) - 1..<Int(through)])
            )
        }
        let directory = try reader.directory()
        let counts = DefinitionCounts(directory)
        #expect(counts == log.writer.definitionCounts)
        for series in 0..<UInt32(counts.series) {
            #expect(directory.deviceName(ofSeries: series) == log.items.directory.deviceName(ofSeries: series))
            #expect(directory.registerName(ofSeries: series) == log.items.directory.registerName(ofSeries: series))
        }
        let report = try EventLogVerification.run(directory: "data", fileSystem: log.fileSystem)
        #expect(!report.hasDamage, "\(report.log.findings)")
        #expect(report.log.head == head && report.log.chain == log.writer.chain)
    }

    @Test func `a reader follows the writer, block by block`() throws {
        let log = try LogUnderTest(seed: 99)
        try log.append(log.items.batch())
        let reader = try log.reader()
        var next: UInt64 = 1
        for _ in 0..<20 {
            let read = try log.read(reader, from: next)
            #expect(read == Array(log.logged[(Int(next) - 1)...]))
            next += UInt64(read.count)
            try log.append(log.items.batch())
        }
    }

    @Test func `the stored index of a segment is the one its blocks give, and filters lose nothing`() throws {
        let log = try LogUnderTest(seed: 5)
        log.items.deviceLimit = 400
        for round in 0..<30 {
            var batch = EventBatch()
            for _ in 0..<80 { batch.readings.append(log.items.reading()) }
            if round % 7 == 0 { batch.events.append((40, log.items.event())) }
            try log.append(batch)
        }
        let reader = try log.reader()
        let segments = try reader.segments()
        var sealedCount = 0
        for segment in segments where segment.isSealed {
            guard let last = segment.lastPosition else { continue }
            sealedCount += 1
            let stored = try reader.index(of: segment)
            var rebuilt = try reader.rebuiltIndex(ofSegmentAt: segment.firstPosition, through: last)
            #expect(rebuilt?.blocks.count == segment.blockCount)
            if let stored { #expect(rebuilt?.isEncoded(as: stored.encoded()) == true) }
            // What has no room is left out.
            if stored?.blocks.isEmpty ?? false { rebuilt?.blocks = [] }
            #expect(rebuilt == stored)
            #expect(stored?.positions == segment.firstPosition...last)
            if let stored { #expect(try SegmentIndex(decoding: stored.encoded()) == stored) }
        }
        #expect(sealedCount > 2)
        for device in 0..<UInt32(log.items.directory.deviceCount) {
            let wanted = log.logged.filter { item in
                if case .reading(let reading) = item {
                    return log.items.directory.device(ofSeries: reading.series) == device
                }
                return false
            }
            var found: [LogUnderTest.Item] = []
            let scope = DeviceScope([log.items.directory.devices[device]])
            try reader.forEachBlock(of: scope) { block in
                for case .readings(_, let readings) in block.runs {
                    for reading in readings where log.items.directory.device(ofSeries: reading.series) == device {
                        found.append(.reading(reading))
                    }
                }
                return .proceed
            }
            #expect(found == wanted)
        }
    }

    @Test(arguments: [
        [0, 4, 5, 300_000], Array(0..<21) + Array(30..<39), Array(3..<12) + [EventStorageLimits.maximumNumber - 1],
    ])
    func `an index cut or changed never traps`(devices: [Int]) {
        var index = SegmentIndex(
            positions: 5...900,
            recordedAt: 10...20,
            readAt: -5...7,
            namesUnnumberedDevices: true,
            kinds: 0b101,
            before: DefinitionCounts(devices: 1, registers: 2, series: 3),
            added: DefinitionCounts(devices: 9, registers: 1, series: 9),
            devices: devices.map(UInt32.init)
        )
        var defining = BlockBounds(defines: true)
        defining.add(BlockBounds.Readings(readAt: -5...6, series: 3...300_000))
        var late = BlockBounds(defines: false)
        late.add(BlockBounds.Readings(readAt: Int64.min...Int64.max, series: 0...1))
        late.hasEvents = true
        for blocks in [[], [defining, BlockBounds(defines: false), late, defining]] {
            index.blocks = blocks
            let bytes = index.encoded()
            #expect((try? SegmentIndex(decoding: bytes)) == index)
            for cut in 0..<bytes.count {
                #expect(throws: MalformedBytes.self) { try SegmentIndex(decoding: Array(bytes[..<cut])) }
            }
            for place in bytes.indices {
                for bit in 0..<8 {
                    var changed = bytes
                    changed[place] ^= 1 << UInt8(bit)
                    #expect((try? SegmentIndex(decoding: changed)) != index)
                }
            }
            let shorter = index.encoded(atMost: bytes.count - 1)
            #expect(index.isEncoded(as: bytes) && index.isEncoded(as: shorter))
            #expect((shorter == bytes) == blocks.isEmpty)
        }
    }

    @Test func `a batch of many readings becomes several blocks, and positions go on`() throws {
        let log = try LogUnderTest(seed: 1, segmentByteCount: 4 << 20)
        log.items.deviceLimit = 500
        var batch = EventBatch()
        for _ in 0..<70_000 { batch.readings.append(log.items.reading()) }
        try log.append(batch)
        #expect(log.writer.activeSegment.blockCount > 1)
        #expect(try log.read(log.reader(), from: 1) == log.logged)
    }

    @Test func `devices that only events name are numbered if the directory numbers them`() throws {
        let log = try LogUnderTest(seed: 2)
        _ = log.items.directory.device(named: "E-early")
        let event = MeterEvent.tariffAssigned(
            TariffAssigned(device: "E-early", tariff: "t", from: LocalDate(dayNumber: 1))
        )
        try log.append(EventBatch(events: [(0, event)]))
        let reader = try log.reader()
        #expect(try reader.directory().devices.index(of: "E-early") == 0)
        let index = try reader.segments().first.flatMap { try reader.index(of: $0) }
        #expect(index?.devices == [0] && index?.namesUnnumberedDevices == false)
    }

    @Test func `a failed append leaves a log that can be opened and read`() throws {
        for fault in 0..<40 {
            let log = try LogUnderTest(seed: UInt64(fault))
            for _ in 0..<5 { try log.append(log.items.batch()) }
            let durable = log.logged
            log.fileSystem.inject(.powerCut, atOperation: log.fileSystem.operationCount + fault)
            for _ in 0..<12 {
                do { try log.append(log.items.batch()) } catch { break }
            }
            log.fileSystem.clearFaults()
            try log.reopen()
            let read = try log.read(log.reader(), from: 1)
            #expect(Array(read.prefix(durable.count)) == durable)
            #expect(read.count >= log.logged.count, "acknowledged and lost")
            log.logged = read
            try log.append(log.items.batch())
            #expect(try log.read(log.reader(), from: 1) == log.logged)
        }
    }

    @Test func `content that cannot be decoded is reported, with all that depends on it`() throws {
        let log = try LogUnderTest(seed: 4, segmentByteCount: 64 << 10)
        try log.append(log.items.batch())
        log.writer.close()
        let (raw, _) = try RecordLogWriter.open(
            directory: "data",
            fileSystem: log.fileSystem,
            configuration: log.configuration,
            lockDescription: "test"
        )
        let body: [UInt8] = [1, 2, 3]
        _ = try body.withUnsafeBytes { try raw.append(body: $0, recordCount: 2, contentDigest: .zero) }
        raw.close()
        let head = UInt64(log.logged.count)
        let reader = try log.reader()
        #expect(try log.read(reader, from: 1, through: head) == log.logged)
        #expect(throws: EventStorageError.self) { try log.read(reader, from: 1) }
        #expect(throws: EventStorageError.self) { try log.reopen() }
        let report = try EventLogVerification.run(directory: "data", fileSystem: log.fileSystem)
        #expect(report.hasDamage)
        #expect(report.log.findings.first?.kind == .content)
        #expect(report.log.findings.first?.place.positions == head + 1...head + 2)
    }
}
