import Testing

@testable import RecordLog

/// Repair of sealed segments from their parity: what is within reach comes back to the byte, what is not is left alone.
@Suite struct ParityTests {
    /// What a damaged segment needs, told the slow way: chunk by chunk, byte by byte.
    private static func isWithinReach(_ damaged: [UInt8], _ original: [UInt8]) -> Bool {
        let chunkCount = (original.count + 4095) / 4096
        let groupCount = (chunkCount + 15) / 16
        var hits = [Int](repeating: 0, count: groupCount)
        for chunk in 0..<chunkCount {
            let range = 4096 * chunk..<min(original.count, 4096 * (chunk + 1))
            let isHit = range.contains { $0 >= damaged.count ? original[$0] != 0 : damaged[$0] != original[$0] }
            if isHit { hits[chunk % groupCount] += 1 }
        }
        return hits.allSatisfy { $0 <= 1 }
    }

    /// Mends a damaged segment and checks everything that must be so.
    private static func check(_ log: ParityLog, _ number: Int, _ place: Comment) throws {
        let path = log.path(number)
        let damaged = try #require(log.fileSystem.content(of: path))
        let original = try #require(log.original[path])
        guard damaged != original else { return }
        let before = try log.contents()
        let reach = isWithinReach(damaged, original)
        try #require(log.scrub(number) != .sound, place)
        let seen = try log.inspect(number)
        try #require(seen.state == (reach ? .repairable : .beyondRepair), "\(place): \(seen)")
        try #require(try log.contents() == before, place)
        let done = try log.mend(number)
        guard reach else {
            try #require(done.state == .beyondRepair && !done.text.isEmpty, "\(place): \(done)")
            try #require(try log.contents() == before, place)
            return
        }
        try #require(done.state == .repaired && done.chunkCount == seen.chunkCount, "\(place): \(done)")
        var expected = log.original
        expected["data/damaged/\(log.names[number]).\(ParityLog.time)"] = damaged
        try #require(try log.contents() == expected, place)
        try #require(try log.scrub(number) == .sound, place)
        try #require(try log.inspect(number).state == .sound, place)
        try #require(try TestLog.verify(log.fileSystem).findings.isEmpty, place)
        try #require(try TestLog.read(log.fileSystem) == log.blocks, place)
    }

    @Test func `A sound log is sound with parity, and its parity takes a fifteenth`() throws {
        let log = try ParityLog(seed: 1)
        #expect(log.names.count == 2)
        #expect(try TestLog.verify(log.fileSystem).findings.isEmpty)
        for number in 0..<2 {
            #expect(try log.inspect(number).state == .sound)
            #expect(try log.scrub(number) == .sound)
            #expect(try log.mend(number).state == .sound)
            let segment = try #require(log.original[log.path(number)])
            let parity = try #require(log.original[log.parityPath(number)])
            #expect(parity.count * 15 < segment.count + 15 * 8192, "\(parity.count) of \(segment.count)")
        }
        #expect(try log.contents() == log.original)
    }

    @Test func `Every single chunk that is lost comes back`() throws {
        let log = try ParityLog(seed: 2)
        for number in 0..<2 {
            let byteCount = try #require(log.original[log.path(number)]).count
            for start in stride(from: 0, to: byteCount, by: 4096) {
                let copy = log.copy()
                try copy.overwrite(copy.path(number), start..<min(byteCount, start + 4096)) { _ in 0xA5 }
                try Self.check(copy, number, "segment \(number), chunk at \(start)")
            }
        }
    }

    @Test func `A sixteenth in a row comes back, wherever it is, and a chunk more does not`() throws {
        let log = try ParityLog(seed: 3)
        let byteCount = try #require(log.original[log.path(0)]).count
        let chunkCount = (byteCount + 4095) / 4096
        let groupCount = (chunkCount + 15) / 16
        #expect(groupCount > 2)
        for first in 0...chunkCount - groupCount {
            for extra in [0, 1] where first + groupCount + extra <= chunkCount {
                let copy = log.copy()
                let end = min(byteCount, 4096 * (first + groupCount + extra))
                try copy.overwrite(copy.path(0), 4096 * first..<end) { ~$0 }
                let state = try copy.inspect(0).state
                try #require(state == (extra == 0 ? .repairable : .beyondRepair), "from chunk \(first), \(extra)")
                try Self.check(copy, 0, "from chunk \(first), \(extra) more")
            }
        }
    }

    @Test func `A segment cut at its end comes back as far as parity reaches`() throws {
        let log = try ParityLog(seed: 4)
        let content = try #require(log.original[log.path(1)])
        let reach = 4096 * ((content.count + 4095) / 4096 + 15) / 16
        for cut in [1, 83, 84, 500, 4096, 8000, 3 * 4096, 4 * 4096, reach + 8192, content.count - 80, content.count] {
            let copy = log.copy()
            copy.fileSystem.setContent(Array(content.dropLast(cut)), of: copy.path(1))
            try Self.check(copy, 1, "cut by \(cut)")
        }
        let longer = log.copy()
        longer.fileSystem.setContent(content + [1, 2, 3], of: longer.path(1))
        try Self.check(longer, 1, "longer")
    }

    @Test(arguments: 0..<8)
    func `Random damage is repaired to the byte or refused without a change`(_ shard: UInt64) throws {
        var generator = SeededGenerator(seed: 100 + shard)
        for round in 0..<40 {
            let log = try ParityLog(
                seed: generator.next() % 1000,
                segmentByteCount: [4096, 16 << 10, 90_000, 300_000].randomElement(using: &generator) ?? 4096
            )
            let number = Int.random(in: 0..<2, using: &generator)
            let path = log.path(number)
            var content = try #require(log.fileSystem.content(of: path))
            for _ in 0..<Int.random(in: 1...4, using: &generator) where !content.isEmpty {
                let start = Int.random(in: 0..<content.count, using: &generator)
                let end = min(content.count, start + Int.random(in: 1...9000, using: &generator))
                switch Int.random(in: 0..<5, using: &generator) {
                case 0: content[start] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 1: for offset in start..<end { content[offset] = 0 }
                case 2: for offset in start..<end { content[offset] = UInt8.random(in: 0...255, using: &generator) }
                case 3: content.removeLast(min(content.count, Int.random(in: 0...9000, using: &generator)))
                default: content.append(contentsOf: repeatElement(7, count: end - start))
                }
            }
            log.fileSystem.setContent(content, of: path)
            try Self.check(log, number, "seed \(100 + shard), round \(round)")
        }
    }

    @Test func `Both segments damaged at the ends that vouch for each other come back`() throws {
        let log = try ParityLog(seed: 5)
        let first = try #require(log.original[log.path(0)]).count
        try log.overwrite(log.path(0), first - 100..<first) { ~$0 }
        try log.overwrite(log.path(1), 0..<100) { ~$0 }
        #expect(try log.mend(0).state == .repaired)
        #expect(try log.mend(1).state == .repaired)
        #expect(try log.logIsOriginal())
    }

    @Test func `What the device does not give counts as lost`() throws {
        let log = try ParityLog(seed: 6)
        let lost = 5 * 4096 + 10..<6 * 4096 + 20
        let device = UnreadableFileSystem(log.fileSystem, path: log.path(0), range: lost)
        let parity = LogParity(directory: TestLog.directory, fileSystem: device, holder: "a test")
        #expect(try parity.scrub(log.names[0]) { _ in true } != .sound)
        let report = try RecordLogVerification.run(directory: TestLog.directory, fileSystem: device) {
            .sha256($0.body)
        }
        #expect(report.findings.first?.place.file == log.names[0])
        let verdict = try parity.mend(log.names[0], at: ParityLog.time) { .sha256($0.body) }
        #expect(verdict.state == .repaired)
        #expect(verdict.ranges == [5 * 4096..<7 * 4096])
        #expect(try log.logIsOriginal())
    }

    @Test func `Changed content with right checksums is found by the chain and taken back`() throws {
        let log = try ParityLog(seed: 7)
        let path = log.path(0)
        var content = try #require(log.fileSystem.content(of: path))
        // Another body of the same length, stored as is, with its checksums made right.
        content.withUnsafeMutableBytes { bytes in
            guard case .header(let header) = SegmentHeader.decode(UnsafeRawBufferPointer(bytes)) else { return }
            for entry in SegmentScan(UnsafeRawBufferPointer(bytes), header: header).entries {
                guard
                    var block = BlockHeader.decode(
                        UnsafeRawBufferPointer(bytes),
                        at: entry.offset,
                        segmentID: header.segmentID,
                        offset: entry.offset
                    ), block.compression == BlockHeader.storedAsIs, block.storedByteCount > 100
                else { continue }
                let start = block.offset + BlockHeader.byteCount
                bytes[start + 50] ^= 0x11
                block.bodyCRC = UnsafeRawBufferPointer(bytes).crc32c(start..<start + block.storedByteCount)
                block.encode(into: UnsafeMutableRawBufferPointer(rebasing: bytes[block.offset...]))
                return
            }
        }
        log.fileSystem.setContent(content, of: path)
        #expect(try TestLog.verify(log.fileSystem).findings.map(\.kind) == [.chain])
        try Self.check(log, 0, "altered")
    }

    @Test func `Two repairs exclude each other`() throws {
        let log = try ParityLog(seed: 8)
        let lock = try log.fileSystem.lock("data/parity/lock", holder: "another")
        let error = #expect(throws: RecordLogError.self) { try log.mend(0) }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("another") == true)
        lock.release()
        #expect(try log.mend(0).state == .sound)
    }

    @Test func `The last segment is never touched`() throws {
        let log = try ParityLog(seed: 9, makesParity: false)
        let all = try TestLog.segmentPaths(log.fileSystem)
        #expect(log.names.count == all.count - 1)
        #expect(try log.parity.segmentsWithoutParity() == log.names)
        #expect(try log.parity.segmentsWithoutParity(from: 2) == [log.names[1]])
    }

    @Test func `Without parity block checksums are read, and nothing is repaired`() throws {
        let log = try ParityLog(seed: 10, makesParity: false)
        #expect(try log.scrub(0) == .sound)
        let byteCount = try #require(log.original[log.path(0)]).count
        for offset in [10, 300, byteCount / 2, byteCount - 200, byteCount - 20] {
            let copy = log.copy()
            try copy.overwrite(copy.path(0), offset..<offset + 1) { $0 ^ 4 }
            let before = try copy.contents()
            try #require(copy.scrub(0) != .sound, "\(offset)")
            #expect(try copy.inspect(0).state == .parityMissing)
            try #require(try copy.mend(0).state == .beyondRepair)
            try #require(try copy.contents() == before)
        }
    }

    @Test func `A scrub ends when it is told to`() throws {
        let log = try ParityLog(seed: 11)
        var asked = 0
        let verdict = try log.parity.scrub(log.names[0]) { _ in
            asked += 1
            return false
        }
        #expect(verdict == .stopped && asked == 1)
    }
}
