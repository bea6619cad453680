import MeterModel
import RecordLog
import Testing

@testable import EventStorage

/// A random log that is damaged at random, and what is left of it once the lost records were given up.
struct HoleTests {
    private static let now = Instant(milliseconds: 1_767_300_000_000)

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `what is left behind holes is what was appended, and the log goes on`(_ seed: UInt64) throws {
        let log = try LogUnderTest(seed: seed, segmentByteCount: 6 << 10)
        for _ in 0..<25 {
            try log.appendAdmitted(maximumCount: 60)
            if log.items.generator.chance(10) { try log.reopen() }
        }
        log.writer.close()
        let whole = try log.reader().segments()
        let touched = try damage(log, whole)
        let lost = try giveUp(log)
        try check(log, lost, touched)
        try log.goOn()
        try check(log, lost, touched)
        // Once more: a segment with a hole may be hit again.
        log.writer.close()
        let more = try damage(log, log.reader().segments())
        let all = try giveUp(log, known: lost)
        try check(log, all, touched.union(more))
    }

    @Test
    func `a loss at the end of the log takes the positions that were acknowledged`() throws {
        let log = try LogUnderTest(seed: 5, segmentByteCount: 32 << 10)
        for _ in 0..<6 { try log.appendAdmitted(maximumCount: 40) }
        log.writer.close()
        let name = "data/log/" + (try #require(log.reader().segments().last).file)
        var content = try #require(log.fileSystem.content(of: name))
        // Everything behind the second block.
        for i in 600..<content.count { content[i] = 0 }
        log.fileSystem.setContent(content, of: name)
        let head = UInt64(log.logged.count)
        let holes = try EventLogHoles(directory: "data", fileSystem: log.fileSystem, holder: "test")
        let loss = try #require(holes.losses(expectedHead: Position(head)).first)
        #expect(loss.positions?.upperBound == head)
        #expect(!loss.isEndKnown)
        // A sender was told more than the views have seen.
        let kept = try holes.giveUp(
            loss,
            through: Position(head + 10),
            recordedBy: "test",
            now: HoleTests.now,
            keptAs: "now"
        )
        #expect(kept == "data/damaged/\(loss.segment).now")
        holes.close()
        let first = try #require(loss.positions).lowerBound
        #expect(try RecordLogReader(directory: "data", fileSystem: log.fileSystem).holes() == [first...head + 10])
        log.fileSystem.restart()
        #expect(try LogUnderTest.open(log.fileSystem, log.configuration).head.rawValue == head + 10)
    }

    @Test
    func `a log that is whole has nothing to give up, and a header alone is made anew`() throws {
        let log = try LogUnderTest(seed: 6)
        for _ in 0..<20 { try log.appendAdmitted() }
        log.writer.close()
        #expect(try giveUp(log).isEmpty)
        for segment in try log.reader().segments() {
            let name = "data/log/" + segment.file
            var content = try #require(log.fileSystem.content(of: name))
            content[30] ^= 4
            log.fileSystem.setContent(content, of: name)
        }
        #expect(try giveUp(log).isEmpty)
        try check(log, [], [])
    }

    @Test(arguments: [.inputOutputError, .noSpace, .shortWrite, .powerCut] as [SimulatedFileSystem.Fault])
    func `a fault at any operation leaves the damaged file or the one with the hole`(
        _ fault: SimulatedFileSystem.Fault
    ) throws {
        let log = try LogUnderTest(seed: 7)
        for _ in 0..<20 { try log.appendAdmitted() }
        log.writer.close()
        log.fileSystem.restart()
        let name = "data/log/" + (try log.reader().segments()[1].file)
        var damaged = try #require(log.fileSystem.content(of: name))
        for i in damaged.count / 2..<damaged.count / 2 + 100 { damaged[i] = 0xAA }
        log.fileSystem.setContent(damaged, of: name)
        let head = Position(UInt64(log.logged.count))
        func giveUp(_ disk: SimulatedFileSystem) throws {
            let holes = try EventLogHoles(directory: "data", fileSystem: disk, holder: "test")
            defer { holes.close() }
            guard let loss = try holes.losses(expectedHead: head).first else { return }
            let last = Position(try #require(loss.positions).upperBound)
            _ = try holes.giveUp(loss, through: last, recordedBy: "test", now: HoleTests.now, keptAs: "now")
        }
        let probe = log.fileSystem.copy()
        let first = probe.operationCount
        try giveUp(probe)
        let filled = try #require(probe.content(of: name))
        #expect(filled != damaged)
        #expect(probe.operationCount - first > 6)
        for number in first..<probe.operationCount {
            let disk = log.fileSystem.copy(seed: UInt64(number))
            disk.inject(fault, atOperation: number)
            try? giveUp(disk)
            disk.clearFaults()
            disk.restart()
            #expect([damaged, filled].contains(disk.content(of: name)), "operation \(number - first)")
            try giveUp(disk)
            #expect(disk.content(of: name) == filled)
            let kept = try disk.names(inDirectory: "data/damaged")
            #expect(kept.allSatisfy { disk.content(of: "data/damaged/" + $0) == damaged } && !kept.isEmpty)
            let report = try EventLogVerification.run(directory: "data", fileSystem: disk, expectedHead: head)
            #expect(!report.hasDamage && report.log.holes.count == 1)
        }
    }

    /// Damages some segments; returns the positions of those that were hit.
    private func damage(_ log: LogUnderTest, _ segments: [SegmentSummary]) throws -> Set<UInt64> {
        var touched: Set<UInt64> = []
        for _ in 0..<log.items.number(1...4) {
            let segment = segments[Int(log.items.number(0...Int64(segments.count - 1)))]
            let name = "data/log/" + segment.file
            guard var content = log.fileSystem.content(of: name), content.count > 80, let last = segment.lastPosition
            else { continue }
            touched.formUnion(segment.firstPosition...last)
            switch log.items.number(0...5) {
            case 0: try log.fileSystem.remove(name)
            case 1: for i in 0..<80 { content[i] = UInt8(log.items.number(0...255)) }
            case 2: content.removeLast(content.count - place(log, content, segment))
            case 3:
                let start = place(log, content, segment)
                for i in start..<min(content.count, start + 600) { content[i] = 0 }
            default:
                for _ in 0..<log.items.number(1...3) {
                    content[place(log, content, segment)] ^= 1 << UInt8(log.items.number(0...7))
                }
            }
            if log.fileSystem.content(of: name) != nil { log.fileSystem.setContent(content, of: name) }
        }
        return touched
    }

    /// A byte of a segment that is in use.
    private func place(_ log: LogUnderTest, _ content: [UInt8], _ segment: SegmentSummary) -> Int {
        Int(log.items.number(0...Int64(min(content.count, segment.liveByteCount) - 1)))
    }

    /// Gives up all that is lost; returns all holes.
    private func giveUp(_ log: LogUnderTest, known: [ClosedRange<UInt64>] = []) throws -> [ClosedRange<UInt64>] {
        let holes = try EventLogHoles(directory: "data", fileSystem: log.fileSystem, holder: "test")
        defer { holes.close() }
        let head = Position(UInt64(log.logged.count))
        var count = 0
        while let loss = try holes.losses(expectedHead: head).first {
            count += 1
            try #require(count <= 40, "\(loss)")
            _ = try holes.giveUp(
                loss,
                through: Position(loss.positions?.upperBound ?? 0),
                recordedBy: "test",
                now: HoleTests.now,
                keptAs: "\(count)"
            )
        }
        return try RecordLogReader(directory: "data", fileSystem: log.fileSystem).holes()
    }

    private func check(_ log: LogUnderTest, _ lost: [ClosedRange<UInt64>], _ touched: Set<UInt64>) throws {
        let head = UInt64(log.logged.count)
        let report = try EventLogVerification.run(
            directory: "data",
            fileSystem: log.fileSystem,
            expectedHead: Position(head)
        )
        #expect(!report.hasDamage, "\(report.log.findings)")
        #expect(report.log.holes == lost)
        let gone = Set(lost.flatMap { Array($0) })
        #expect(gone.isSubset(of: touched), "a segment that was not hit lost \(gone.subtracting(touched))")
        let (found, directory) = try read(log)
        for position in 1...head {
            let expected = gone.contains(position) ? nil : log.logged[Int(position) - 1]
            #expect(found[position] == expected, "position \(position)")
            guard case .reading(let reading)? = expected else { continue }
            let (series, known) = (reading.series, log.items.directory)
            #expect(directory.deviceName(ofSeries: series) == known.deviceName(ofSeries: series))
            #expect(directory.registerName(ofSeries: series) == known.registerName(ofSeries: series))
        }
        let readings = found.values.count { if case .reading = $0 { true } else { false } }
        #expect(try columnReadingCount(log) == readings)
        for device in 0..<UInt32(min(3, directory.deviceCount)) {
            let isWanted = { (item: LogUnderTest.Item) in
                guard case .reading(let reading) = item else { return false }
                return directory.device(ofSeries: reading.series) == device
            }
            let alone = try read(log, of: DeviceScope([directory.devices[device]])).0.filter { isWanted($0.value) }
            #expect(alone == found.filter { isWanted($0.value) })
        }
        try checkParity(log)
    }

    private func read(
        _ log: LogUnderTest,
        of scope: DeviceScope? = nil
    ) throws -> ([UInt64: LogUnderTest.Item], SeriesDirectory) {
        var found: [UInt64: LogUnderTest.Item] = [:]
        var directory = SeriesDirectory()
        try log.reader().forEachBlock(of: scope) { block in
            try block.extend(&directory)
            for run in block.runs {
                switch run {
                case .readings(let first, let readings):
                    for (i, reading) in readings.enumerated() { found[first.rawValue + UInt64(i)] = .reading(reading) }
                case .event(let position, let event): found[position.rawValue] = .event(event)
                case .lost(let positions, let lost):
                    let count = positions.upperBound.rawValue - positions.lowerBound.rawValue + 1
                    #expect(Int(count) == lost.count && lost.givenUpAt == HoleTests.now && !lost.reason.isEmpty)
                }
            }
            return .proceed
        }
        return (found, directory)
    }

    private func columnReadingCount(_ log: LogUnderTest) throws -> Int {
        let loader = try ColumnLoader(log.reader())
        let batch = ColumnBatch()
        var count = 0
        while try loader.load(batch, parts: 2) { count += batch.readingCount }
        return count
    }

    /// A segment with a hole has parity like any other.
    private func checkParity(_ log: LogUnderTest) throws {
        let parity = LogParity(directory: "data", fileSystem: log.fileSystem, holder: "test")
        for name in try parity.sealedSegments() {
            let verdict = try parity.mend(name, at: "later", contentDigest: EventContent.digest())
            #expect([.sound, .parityMade].contains(verdict.state), "\(name): \(verdict)")
        }
    }
}

extension LogUnderTest {
    /// Goes on as whoever opens the log does: under the numbers that the log tells.
    fileprivate func goOn() throws {
        fileSystem.restart()
        writer = try LogUnderTest.open(fileSystem, configuration)
        #expect(writer.head.rawValue == UInt64(logged.count))
        var directory = SeriesDirectory()
        try reader().forEachBlock(from: Position(1)) { block in
            try block.extend(&directory)
            return .proceed
        }
        items.directory = directory
        for _ in 0..<8 { try appendAdmitted(maximumCount: 60) }
        try reopen()
        for _ in 0..<4 { try appendAdmitted(maximumCount: 60) }
    }
}
