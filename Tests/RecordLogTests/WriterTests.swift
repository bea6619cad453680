import RecordLog
import Testing

@Suite struct WriterTests {
    @Test func `positions are gapless and durable on return`() throws {
        let fileSystem = SimulatedFileSystem(seed: 4)
        let (writer, report) = try TestLog.open(fileSystem)
        #expect(report.isNew)
        #expect(report.head == 0)
        #expect(try TestLog.append(TestBlock(body: [1], recordCount: 3), to: writer) == 1...3)
        #expect(try TestLog.append(TestBlock(body: [2], recordCount: 1), to: writer) == 4...4)
        #expect(writer.head == 4)
        let chain = writer.chain
        fileSystem.restart()
        let (again, second) = try TestLog.open(fileSystem)
        #expect(second.head == 4)
        #expect(second.chain == chain)
        #expect(!second.isNew)
        #expect(second.findings.isEmpty)
        #expect(again.activeSegment.blockCount == 2)
        #expect(again.activeSegment.lastPosition == 4)
    }

    @Test func `prepare tells when a segment begins and rolls before the body comes`() throws {
        let fileSystem = SimulatedFileSystem(seed: 4)
        let (writer, _) = try TestLog.open(fileSystem)
        #expect(try writer.prepare(maximumBodyByteCount: 2000) == .new)
        #expect(try writer.prepare(maximumBodyByteCount: 2000) == .new)
        _ = try TestLog.appendUnprepared(TestBlock(body: Self.noise(2000), recordCount: 1), to: writer)
        #expect(try writer.prepare(maximumBodyByteCount: 1000) == .same)
        #expect(try writer.prepare(maximumBodyByteCount: 2000) == .new)
        #expect(writer.activeSegment.segmentID == 2)
        _ = try TestLog.appendUnprepared(TestBlock(body: Self.noise(2000), recordCount: 1), to: writer)
        let error = #expect(throws: RecordLogError.self) {
            _ = try TestLog.appendUnprepared(TestBlock(body: Self.noise(2000), recordCount: 1), to: writer)
        }
        #expect(error?.code == .segmentFull)
        // Nothing was broken by that.
        #expect(try TestLog.append(TestBlock(body: Self.noise(2000), recordCount: 1), to: writer) == 3...3)
        let tooLarge = #expect(throws: RecordLogError.self) { _ = try writer.prepare(maximumBodyByteCount: 5000) }
        #expect(tooLarge?.code == .bodyTooLarge)
        #expect(try writer.prepare(maximumBodyByteCount: TestLog.configuration().maximumBodyByteCount) == .new)
    }

    @Test func `a second writer is refused and told who holds the log`() throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let configuration = TestLog.configuration(segmentByteCount: 64 << 10)
        let (first, _) = try RecordLogWriter.open(
            directory: directory,
            configuration: configuration,
            lockDescription: "serve --data x"
        )
        let error = #expect(throws: RecordLogError.self) {
            _ = try RecordLogWriter.open(directory: directory, configuration: configuration, lockDescription: "two")
        }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("serve --data x") == true)
        first.close()
        let (second, _) = try RecordLogWriter.open(
            directory: directory,
            configuration: configuration,
            lockDescription: "two"
        )
        second.close()
        let closed = #expect(throws: RecordLogError.self) { _ = try second.prepare(maximumBodyByteCount: 1) }
        #expect(closed?.code == .closed)
    }

    @Test(arguments: [SimulatedFileSystem.Fault.inputOutputError, .noSpace, .shortWrite], [0, 1])
    func `a failed write or sync stops the log for good`(_ fault: SimulatedFileSystem.Fault, _ operation: Int) throws {
        let fileSystem = SimulatedFileSystem(seed: 4)
        let (writer, _) = try TestLog.open(fileSystem)
        _ = try TestLog.append(TestBlock(body: [1], recordCount: 1), to: writer)
        fileSystem.inject(fault, atOperation: fileSystem.operationCount + operation)
        #expect(throws: RecordLogError.self) {
            _ = try TestLog.append(TestBlock(body: [2], recordCount: 1), to: writer)
        }
        let operationCount = fileSystem.operationCount
        for _ in 0..<3 {
            let error = #expect(throws: RecordLogError.self) {
                _ = try TestLog.appendUnprepared(TestBlock(body: [2], recordCount: 1), to: writer)
            }
            #expect(error?.code == .failed)
            #expect(throws: RecordLogError.self) { try writer.roll() }
        }
        #expect(fileSystem.operationCount == operationCount)
        #expect(writer.head == 1)
    }

    @Test func `a full device is found before the segment ends and leaves the log usable`() throws {
        let fileSystem = SimulatedFileSystem(seed: 4)
        let (writer, _) = try TestLog.open(fileSystem)
        let block = TestBlock(body: Self.noise(1000), recordCount: 1)
        _ = try TestLog.append(block, to: writer)
        // The second append passes the middle: write, sync, then the spare's create, truncate and write.
        for operation in [4, 5] { fileSystem.inject(.noSpace, atOperation: fileSystem.operationCount + operation) }
        #expect(try TestLog.append(block, to: writer) == 2...2)
        fileSystem.clearFaults()
        for operation in 0..<6 { fileSystem.inject(.noSpace, atOperation: fileSystem.operationCount + operation) }
        let error = #expect(throws: RecordLogError.self) { try writer.roll() }
        #expect(error?.code == .noSpace)
        // What still fits is still taken, and with room again the log rolls.
        fileSystem.clearFaults()
        #expect(try TestLog.append(TestBlock(body: [1], recordCount: 1), to: writer) == 3...3)
        try writer.roll()
        #expect(try TestLog.append(block, to: writer) == 4...4)
        writer.close()
        #expect(try TestLog.verify(fileSystem).findings.isEmpty)
    }

    @Test func `a head known from elsewhere is demanded`() throws {
        let (fileSystem, _) = try TestLog.make(bodies: [[1], [2]])
        let (writer, _) = try TestLog.open(fileSystem, configuration: TestLog.configuration(expectedHead: 2))
        writer.close()
        let error = #expect(throws: RecordLogError.self) {
            _ = try TestLog.open(fileSystem, configuration: TestLog.configuration(expectedHead: 3))
        }
        #expect(error?.code == .corruption)
        #expect(error?.place?.positions == 3...3)
        #expect(try TestLog.verify(fileSystem, expectedHead: 3).hasDamage)
    }

    @Test func `an index beyond its reserve is left out and counted`() throws {
        let fileSystem = SimulatedFileSystem(seed: 4)
        let (writer, _) = try TestLog.open(fileSystem)
        writer.sealedIndex = { _ in [UInt8](repeating: 1, count: 4000) }
        _ = try TestLog.append(TestBlock(body: [1], recordCount: 1), to: writer)
        try writer.roll()
        #expect(writer.omittedIndexCount == 1)
        let reader = try RecordLogReader(directory: TestLog.directory, fileSystem: fileSystem)
        #expect(try reader.sealedIndex(ofSegmentAt: 1) == nil)
        writer.sealedIndex = { positions in Array("\(positions)".utf8) }
        _ = try TestLog.append(TestBlock(body: [1], recordCount: 2), to: writer)
        try writer.roll()
        #expect(try reader.sealedIndex(ofSegmentAt: 2) == Array("2...3".utf8))
    }

    @Test func `contradicting configurations are refused`() throws {
        for (segment, index) in [(100, 0), (2 << 30, 0), (8192, 5000), (8192, -1)] {
            let configuration = RecordLogConfiguration(segmentByteCount: segment, sealedIndexByteCount: index)
            let error = #expect(throws: RecordLogError.self) {
                _ = try TestLog.open(SimulatedFileSystem(), configuration: configuration)
            }
            #expect(error?.code == .invalidConfiguration)
        }
    }

    @Test func `a log on real files survives reopening, with spares from another thread`() throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        var configuration = TestLog.configuration(segmentByteCount: 64 << 10)
        configuration.preparesSpareInBackground = true
        var expected: [TestBlock] = []
        for round in 0..<4 {
            let (writer, report) = try RecordLogWriter.open(
                directory: directory,
                configuration: configuration,
                lockDescription: "a test"
            )
            #expect(report.head == UInt64(expected.count))
            for number in 0..<40 {
                var block = TestBlock(body: Self.noise(3000, seed: UInt64(100 * round + number)), recordCount: 1)
                block.firstPosition = try TestLog.append(block, to: writer).lowerBound
                expected.append(block)
            }
            writer.close()
        }
        let reader = try RecordLogReader(directory: directory)
        #expect(try TestLog.read(reader, from: 1).blocks == expected)
        let report = try RecordLogVerification.run(directory: directory) { .sha256($0.body) }
        #expect(report.findings.isEmpty)
        #expect(report.blockCount == expected.count)
        #expect(report.liveByteCount + report.prewrittenByteCount == (try Self.byteCount(reader)))
    }

    private static func byteCount(_ reader: RecordLogReader) throws -> Int {
        try reader.segments().map(\.byteCount).reduce(0, +)
    }

    private static func noise(_ count: Int, seed: UInt64 = 3) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
}
