import Testing

@testable import RecordLog

/// Parity files: disposable, and believed only where they are right.
@Suite struct ParityFileTests {
    @Test(arguments: 0..<4)
    func `A damaged parity file is made anew, to the byte`(_ shard: UInt64) throws {
        var generator = SeededGenerator(seed: 200 + shard)
        let log = try ParityLog(seed: 20 + shard)
        let path = log.parityPath(0)
        let sound = try #require(log.original[path])
        for round in 0..<40 {
            let copy = log.copy()
            var content = sound
            switch round % 4 {
            case 0: content[Int.random(in: 0..<content.count, using: &generator)] ^= 0x20
            case 1: content.removeLast(Int.random(in: 1...content.count, using: &generator))
            case 2: content.append(9)
            default:
                let start = Int.random(in: 0..<content.count, using: &generator)
                for offset in start..<content.count { content[offset] = 0 }
            }
            guard content != sound else { continue }
            copy.fileSystem.setContent(content, of: path)
            let place: Comment = "seed \(200 + shard), round \(round)"
            try #require(copy.scrub(0) != .sound, place)
            try #require(try copy.inspect(0).state == .parityDamaged, place)
            try #require(try copy.mend(0).state == .parityMade, place)
            try #require(try copy.contents() == copy.original, place)
        }
    }

    @Test func `A segment is repaired although one end of its parity file is lost`() throws {
        let log = try ParityLog(seed: 30)
        let byteCount = try #require(log.original[log.parityPath(0)]).count
        for lost in [0..<400, byteCount - 400..<byteCount] {
            let copy = log.copy()
            try copy.overwrite(copy.parityPath(0), lost) { _ in 0 }
            try copy.overwrite(copy.path(0), 20_000..<20_100) { ~$0 }
            #expect(try copy.mend(0).state == .repaired)
            #expect(try copy.logIsOriginal())
            #expect(try copy.inspect(0).state == .parityDamaged)
            #expect(try copy.mend(0).state == .parityMade)
        }
        // Both ends: no use any more, and the segment stays as it is.
        try log.overwrite(log.parityPath(0), 0..<400) { _ in 0 }
        try log.overwrite(log.parityPath(0), byteCount - 400..<byteCount) { _ in 0 }
        try log.overwrite(log.path(0), 20_000..<20_100) { ~$0 }
        let before = try log.contents()
        #expect(try log.mend(0).state == .beyondRepair)
        #expect(try log.contents() == before)
    }

    @Test func `A chunk whose parity is damaged too is beyond reach`() throws {
        let log = try ParityLog(seed: 31)
        let layout = ParityLayout(liveByteCount: try #require(log.original[log.path(0)]).count)
        let start = layout.parityOffset(ofGroup: 2)
        try log.overwrite(log.parityPath(0), start + 7..<start + 8) { ~$0 }
        for (chunk, state) in [(2, ParityVerdict.State.beyondRepair), (3, .repairable)] {
            let copy = log.copy()
            try copy.overwrite(copy.path(0), layout.range(ofChunk: chunk)) { ~$0 }
            #expect(try copy.inspect(0).state == state)
        }
    }

    @Test func `Parity of other bytes is not trusted`() throws {
        let other = try ParityLog(seed: 40)
        let log = try ParityLog(seed: 41)
        // As after a restore: the log is another than the one the parity was made of.
        log.fileSystem.setContent(try #require(other.original[other.parityPath(0)]), of: log.parityPath(0))
        let path = log.path(0)
        #expect(try log.inspect(0).state == .parityStale)
        let damaged = log.copy()
        try damaged.overwrite(path, 30_000..<30_001) { ~$0 }
        let before = try damaged.contents()
        #expect(try damaged.mend(0).state == .beyondRepair)
        #expect(try damaged.contents() == before)
        #expect(try log.mend(0).state == .parityMade)
        #expect(try log.contents() == log.original)
    }

    @Test func `A segment of another log with the same name is not put in place`() throws {
        let other = try ParityLog(seed: 42)
        let log = try ParityLog(seed: 43)
        // Segment and parity agree with each other, and with nothing around them.
        log.fileSystem.setContent(try #require(other.original[other.parityPath(0)]), of: log.parityPath(0))
        log.fileSystem.setContent(try #require(other.original[other.path(0)]), of: log.path(0))
        try log.overwrite(log.path(0), 5000..<5001) { ~$0 }
        let before = try log.contents()
        let verdict = try log.mend(0)
        if log.names[1] == other.names[1] || verdict.state == .beyondRepair {
            #expect(verdict.state == .beyondRepair, "\(verdict)")
            #expect(try log.contents() == before)
        }
    }

    @Test func `A later version's parity is left alone`() throws {
        let log = try ParityLog(seed: 44)
        var content = try #require(log.original[log.parityPath(0)])
        content.withUnsafeMutableBytes { bytes in
            for offset in [0, bytes.count - ParityHeader.byteCount] {
                bytes[offset + 4] = 2
                bytes.sealStructure(at: offset, byteCount: ParityHeader.byteCount)
            }
        }
        log.fileSystem.setContent(content, of: log.parityPath(0))
        let before = try log.contents()
        #expect(try log.mend(0).state == .parityNewer)
        #expect(try log.contents() == before)
    }
}

/// An error or power cut at every operation of a repair and of making parity.
@Suite struct RepairFaultTests {
    private static let faults: [SimulatedFileSystem.Fault] = [.inputOutputError, .noSpace, .shortWrite, .powerCut]

    @Test(arguments: faults)
    func `A fault anywhere in a repair leaves the damaged or the repaired file, and the original kept`(
        _ fault: SimulatedFileSystem.Fault
    ) throws {
        let log = try ParityLog(seed: 50, segmentByteCount: 90_000)
        let path = log.path(0)
        try log.overwrite(path, 9000..<9100) { ~$0 }
        let damaged = try #require(log.fileSystem.content(of: path))
        let calm = log.copy()
        let start = calm.fileSystem.operationCount
        #expect(try calm.mend(0).state == .repaired)
        let operationCount = calm.fileSystem.operationCount - start
        #expect(operationCount >= 10, "\(operationCount)")
        for operation in 0..<operationCount {
            for (seed, restarts) in [(0, false), (1, true), (2, true), (3, true)] {
                let copy = log.copy()
                let fileSystem = copy.fileSystem.copy(seed: UInt64(1000 * operation + seed))
                let parity = LogParity(directory: TestLog.directory, fileSystem: fileSystem, holder: "a test")
                func mend() throws(RecordLogError) -> ParityVerdict {
                    try parity.mend(log.names[0], at: ParityLog.time) { .sha256($0.body) }
                }
                fileSystem.inject(fault, atOperation: fileSystem.operationCount + operation)
                var isDone = false
                do { isDone = try mend().state == .repaired } catch {
                    #expect(error.code == .inputOutput || error.code == .noSpace, "\(error)")
                }
                fileSystem.clearFaults()
                if restarts || fault == .powerCut { fileSystem.restart() }
                let place: Comment = "operation \(operation), seed \(seed), restarted: \(restarts)"
                let now = fileSystem.content(of: path)
                try #require(now == log.original[path] || now == damaged, place)
                if isDone { try #require(now == log.original[path], place) }
                let kept = try ParityLog.contents(fileSystem).filter { $0.key.hasPrefix("data/damaged/") }
                if now != damaged { try #require(kept.values.contains(damaged), place) }
                // Once more brings it about, whatever the first left.
                let again = try mend()
                try #require(again.state == .repaired || again.state == .sound, "\(place): \(again)")
                let all = try ParityLog.contents(fileSystem)
                try #require(all[path] == log.original[path], place)
                try #require(all.contains { $0.key.hasPrefix("data/damaged/") && $0.value == damaged }, place)
                try #require(try TestLog.read(fileSystem) == log.blocks, place)
            }
        }
    }

    /// Repairs a copy through a file system and cuts the power; whether the segment is whole then and the damaged file
    /// kept.
    private static func holds(
        _ log: ParityLog,
        seed: UInt64,
        through wrap: (SimulatedFileSystem) -> any FileSystem
    ) throws -> Bool {
        let damaged = log.fileSystem.content(of: log.path(0))
        let fileSystem = log.fileSystem.copy(seed: seed)
        let parity = LogParity(directory: TestLog.directory, fileSystem: wrap(fileSystem), holder: "a test")
        let verdict = try parity.mend(log.names[0], at: ParityLog.time) { .sha256($0.body) }
        #expect(verdict.state == .repaired)
        fileSystem.restart()
        return try fileSystem.content(of: log.path(0)) == log.original[log.path(0)]
            && ParityLog.contents(fileSystem).contains { $0.key.hasPrefix("data/damaged/") && $0.value == damaged }
    }

    @Test func `A repair is durable when it is told, and these tests would see it if it were not`() throws {
        let log = try ParityLog(seed: 52, segmentByteCount: 90_000)
        try log.overwrite(log.path(0), 9000..<9100) { ~$0 }
        for seed in 0..<UInt64(40) { #expect(try Self.holds(log, seed: seed) { $0 }, "seed \(seed)") }
        for bug in [NegligentFileSystem.Bug.ignoresDataSync, .ignoresDirectorySync] {
            let lost = try (0..<UInt64(40)).count { seed in
                try !Self.holds(log, seed: seed) { NegligentFileSystem($0, bug: bug) }
            }
            #expect(lost > 5, "\(bug): \(lost)")
        }
    }

    @Test(arguments: faults)
    func `A fault anywhere in making parity leaves none or the right one`(
        _ fault: SimulatedFileSystem.Fault
    ) throws {
        let sound = try ParityLog(seed: 51, segmentByteCount: 90_000)
        let log = try ParityLog(seed: 51, segmentByteCount: 90_000, makesParity: false)
        let calm = log.copy()
        let start = calm.fileSystem.operationCount
        #expect(try calm.parity.make(log.names[0]).state == .parityMade)
        for operation in 0..<calm.fileSystem.operationCount - start {
            for seed in 0..<4 {
                let fileSystem = log.fileSystem.copy(seed: UInt64(1000 * operation + seed))
                let parity = LogParity(directory: TestLog.directory, fileSystem: fileSystem, holder: "a test")
                fileSystem.inject(fault, atOperation: fileSystem.operationCount + operation)
                _ = try? parity.make(log.names[0])
                fileSystem.clearFaults()
                if seed > 0 || fault == .powerCut { fileSystem.restart() }
                let place: Comment = "operation \(operation), seed \(seed)"
                let made = fileSystem.content(of: log.parityPath(0))
                try #require(made == nil || made == sound.original[log.parityPath(0)], place)
                _ = try parity.make(log.names[0])
                let again = fileSystem.content(of: log.parityPath(0))
                try #require(again == sound.original[log.parityPath(0)], place)
                try #require(try TestLog.read(fileSystem) == log.blocks, place)
            }
        }
    }
}
