import RecordLog
import Testing

@Suite struct ReaderTests {
    private static func log() throws -> (SimulatedFileSystem, [TestBlock]) {
        try TestLog.make(bodies: (0..<12).map { [UInt8](repeating: UInt8($0), count: 40) }, rollAfter: [3, 7])
    }

    @Test func `reading begins with the block that holds the position`() throws {
        let (fileSystem, blocks) = try Self.log()
        let head = blocks.map { UInt64($0.recordCount) }.reduce(0, +)
        for position in 0...head {
            let wanted = blocks.filter { $0.firstPosition + UInt64($0.recordCount) > position }
            #expect(try TestLog.read(fileSystem, from: position) == wanted)
            // And ends with the block that holds the last one wanted.
            let part = wanted.filter { $0.firstPosition <= min(head, position + 3) }
            let last = min(head, position + 3)
            #expect(try TestLog.read(fileSystem, from: position, through: last) == part)
        }
        #expect(try TestLog.read(fileSystem, from: head + 1).isEmpty)
    }

    @Test func `reading may begin with the segment for decoders with state`() throws {
        let (fileSystem, blocks) = try Self.log()
        let reader = try RecordLogReader(directory: TestLog.directory, fileSystem: fileSystem)
        let starts = try reader.segments().map(\.firstPosition)
        #expect(starts.count == 3)
        for block in blocks {
            let start = try #require(starts.last { $0 <= block.firstPosition })
            let read = try TestLog.read(reader, from: block.firstPosition, startingAt: .segment)
            #expect(read.blocks == blocks.filter { $0.firstPosition >= start })
        }
        var firsts: [UInt64] = []
        try reader.forEachBlock(from: 1) { view in
            if view.isFirstInSegment { firsts.append(view.firstPosition) }
            return .proceed
        }
        #expect(firsts == starts)
    }

    @Test func `a reader follows a writer over rolls`() throws {
        let fileSystem = SimulatedFileSystem(seed: 4)
        let (writer, _) = try TestLog.open(fileSystem)
        let reader = try RecordLogReader(directory: TestLog.directory, fileSystem: fileSystem)
        var generator = SeededGenerator(seed: 11)
        var expected: [TestBlock] = []
        var seen: [TestBlock] = []
        var next: UInt64 = 1
        for round in 0..<300 {
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                var block = TestBlock(body: generator.body(maximumByteCount: 600), recordCount: 2)
                block.firstPosition = try TestLog.append(block, to: writer).lowerBound
                expected.append(block)
                if Int.random(in: 0..<9, using: &generator) == 0 { try writer.roll() }
            }
            let (blocks, position) = try TestLog.read(reader, from: next, through: round % 2 == 0 ? nil : writer.head)
            seen += blocks
            next = position
            #expect(next == writer.head + 1)
        }
        #expect(seen == expected)
    }

    @Test func `stopping and going on loses and repeats nothing`() throws {
        let (fileSystem, blocks) = try Self.log()
        let reader = try RecordLogReader(directory: TestLog.directory, fileSystem: fileSystem)
        var seen: [UInt64] = []
        var next: UInt64 = 1
        for _ in blocks {
            next = try reader.forEachBlock(from: next) { view in
                seen.append(view.firstPosition)
                return .stop
            }
        }
        #expect(seen == blocks.map(\.firstPosition))
    }

    @Test func `an error of the caller passes through and spoils nothing`() throws {
        let (fileSystem, blocks) = try Self.log()
        let reader = try RecordLogReader(directory: TestLog.directory, fileSystem: fileSystem)
        #expect(throws: CancellationError.self) {
            try reader.forEachBlock(from: 1) { view in
                if view.firstPosition > 4 { throw CancellationError() }
                return .proceed
            }
        }
        #expect(try TestLog.read(reader, from: 1).blocks == blocks)
    }

    @Test func `what a reader has seen survives a power cut`() throws {
        let (fileSystem, blocks) = try TestLog.make(bodies: [[1], [UInt8](repeating: 2, count: 9)])
        let path = try #require(try TestLog.segmentPaths(fileSystem).first)
        let content = try #require(fileSystem.content(of: path))
        for seed in 0..<60 as Range<UInt64> {
            // The second block's write is visible, its sync has not come.
            let (shorter, _) = try TestLog.make(bodies: [[1]])
            let copy = shorter.copy(seed: seed)
            let file = try copy.open(path, mode: .write)
            try content.withUnsafeBytes { bytes in
                try file.write(UnsafeRawBufferPointer(rebasing: bytes[169...]), at: 169)
            }
            if seed % 2 == 0 { #expect(try TestLog.read(copy) == blocks) }
            copy.restart()
            let afterwards = try TestLog.read(copy)
            #expect(seed % 2 == 0 ? afterwards == blocks : blocks.starts(with: afterwards))
        }
    }

    @Test func `an unknown directory holds no log`() throws {
        let error = #expect(throws: RecordLogError.self) {
            _ = try RecordLogReader(directory: "data", fileSystem: SimulatedFileSystem())
        }
        #expect(error?.code == .notALog)
        #expect(throws: RecordLogError.self) { _ = try TestLog.verify(SimulatedFileSystem()) }
    }

    @Test func `a demanded end that is not there is damage`() throws {
        let (fileSystem, _) = try Self.log()
        let error = #expect(throws: RecordLogError.self) { _ = try TestLog.read(fileSystem, through: 1000) }
        #expect(error?.code == .corruption)
        #expect(error?.place?.positions?.upperBound == 1000)
    }

    @Test func `segments are listed with what they hold`() throws {
        let (fileSystem, blocks) = try Self.log()
        let reader = try RecordLogReader(directory: TestLog.directory, fileSystem: fileSystem)
        let segments = try reader.segments()
        #expect(segments.map(\.blockCount) == [4, 4, 4])
        #expect(segments.map(\.isSealed) == [true, true, false])
        #expect(segments.map(\.segmentID) == [1, 2, 3])
        #expect(segments.last?.lastPosition == blocks.last.map { $0.firstPosition + UInt64($0.recordCount) - 1 })
        #expect(segments[0].liveByteCount == segments[0].byteCount)
        #expect(segments[2].byteCount == 4096)
        #expect(try reader.sealedIndex(ofSegmentAt: 1) == Array("index 1".utf8))
        #expect(try reader.sealedIndex(ofSegmentAt: segments[2].firstPosition) == nil)
    }

    @Test func `a damaged index is rebuilt and named`() throws {
        let (original, blocks) = try Self.log()
        let path = try #require(try TestLog.segmentPaths(original).first)
        let content = try #require(original.content(of: path))
        for offset in content.count - 195..<content.count {
            let fileSystem = original.copy()
            var damaged = content
            damaged[offset] ^= 0xFF
            fileSystem.setContent(damaged, of: path)
            #expect(try TestLog.read(fileSystem, from: 2) == Array(blocks.dropFirst()))
            let report = try TestLog.verify(fileSystem)
            #expect(report.findings.map(\.kind) == [.derivedData])
            #expect(report.blockCount == blocks.count)
            let (writer, _) = try TestLog.open(fileSystem)
            writer.close()
        }
    }
}
