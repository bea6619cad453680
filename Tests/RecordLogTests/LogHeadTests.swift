import Testing

@testable import RecordLog

struct LogHeadTests {
    /// Blocks of one, one and three records: positions 1, 2, 3 to 5, and so on.
    private func log(_ blockCount: Int, rollAfter: Set<Int> = []) throws -> (SimulatedFileSystem, [TestBlock]) {
        try TestLog.make(
            bodies: (0..<blockCount).map { [UInt8](repeating: UInt8($0 + 1), count: 100) },
            rollAfter: rollAfter
        )
    }

    private func reader(_ disk: SimulatedFileSystem) throws -> RecordLogReader {
        try RecordLogReader(directory: TestLog.directory, fileSystem: disk)
    }

    @Test func `An empty log has no head`() throws {
        let (disk, _) = try log(0)
        #expect(try reader(disk).durableHead() == nil)
    }

    @Test(arguments: [[], [0], [4], [0, 2, 4]] as [Set<Int>])
    func `The head is where the writer left off, over rolls too`(_ rolls: Set<Int>) throws {
        let (disk, blocks) = try log(5, rollAfter: rolls)
        let (writer, report) = try TestLog.open(disk)
        writer.close()
        let head = try #require(try reader(disk).durableHead())
        #expect(head.position == report.head)
        #expect(head.chain == report.chain)
        let verified = try TestLog.verify(disk)
        #expect(head.log == verified.firstChain)
        #expect(try reader(disk).chain(at: head.position) == head.chain)
        #expect(try reader(disk).block(holding: 4) == 3...5)
        #expect(try reader(disk).chain(at: 4) == nil, "no block ends there")
        #expect(try reader(disk).block(holding: head.position + 1) == nil)
        #expect(blocks.count == 5)
    }

    @Test func `Chain values asked for are told, and whether they are proved`() throws {
        let (disk, blocks) = try log(6, rollAfter: [1, 3])
        func verify(_ positions: Set<UInt64>) throws -> VerificationReport {
            try RecordLogVerification.run(
                directory: TestLog.directory,
                fileSystem: disk,
                chainPositions: positions
            ) { .sha256($0.body) }
        }
        let ends = Set(blocks.map { $0.firstPosition + UInt64($0.recordCount) - 1 })
        let whole = try verify(Set(1...20))
        #expect(Set(whole.chains.keys) == ends)
        for (position, value) in whole.chains {
            #expect(value.isProved)
            #expect(try reader(disk).chain(at: position) == value.chain)
        }
        // Behind a damaged block nothing is proved.
        let path = try TestLog.segmentPaths(disk)[1]
        var bytes = try #require(disk.content(of: path))
        bytes[SegmentHeader.byteCount + BlockHeader.byteCount] ^= 1
        disk.setContent(bytes, of: path)
        let damaged = try verify(ends)
        #expect(damaged.hasDamage)
        #expect(damaged.chains[2]?.isProved == true)
        #expect(damaged.chains.filter { $0.key > 5 }.allSatisfy { !$0.value.isProved })
        #expect(damaged.chains.count == ends.count - 1)
    }

    @Test func `A copy's content is the file of a sealed segment, or its blocks up to a position`() throws {
        let (disk, _) = try log(6, rollAfter: [2])
        let segments = try reader(disk).segments()
        func content(_ number: Int, through last: UInt64) throws -> (SegmentSummary, [UInt8]) {
            let content = try SegmentContent(
                segments[number],
                through: last,
                directory: TestLog.directory,
                fileSystem: disk
            )
            var bytes = [UInt8](repeating: 0, count: content.summary.byteCount)
            let count = try bytes.withUnsafeMutableBytes { try content.read(into: $0, at: 0) }
            #expect(count == content.summary.liveByteCount)
            return (content.summary, bytes)
        }
        let paths = try TestLog.segmentPaths(disk)
        let (whole, wholeBytes) = try content(0, through: 5)
        #expect(whole == segments[0])
        #expect(wholeBytes == disk.content(of: paths[0]))
        let (cut, cutBytes) = try content(0, through: 2)
        #expect(!cut.isSealed && cut.lastPosition == 2 && cut.blockCount == 2)
        #expect(try cut.chain == reader(disk).chain(at: 2))
        disk.setContent(cutBytes, of: paths[0])
        try disk.remove(paths[1])
        #expect(try TestLog.verify(disk).hasDamage == false)
        #expect(try reader(disk).durableHead()?.position == 2)
    }
}
