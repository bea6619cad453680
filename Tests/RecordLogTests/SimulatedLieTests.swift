import RecordLog
import Testing

/// The simulated disk's lies: what is said to be written and is not, or somewhere else.
@Suite struct SimulatedLieTests {
    private static let sector = 512

    private static func content(_ number: UInt8) -> [UInt8] { [UInt8](repeating: number, count: 4 * sector) }

    private func write(_ bytes: [UInt8], at offset: Int, to path: String, _ disk: SimulatedFileSystem) throws {
        let file = try disk.open(path, mode: .create)
        try bytes.withUnsafeBytes { try file.write($0, at: offset) }
        try file.sync()
        file.close()
        try disk.syncDirectory("data")
    }

    @Test func `a lost write is there until nothing of it is in memory, and then never was`() throws {
        let disk = SimulatedFileSystem(seed: 1)
        try write(Self.content(1), at: 0, to: "data/a", disk)
        disk.lie(.lost, fromOperation: disk.operationCount)
        try write([9, 9], at: 700, to: "data/a", disk)
        var meant = Self.content(1)
        meant.replaceSubrange(700..<702, with: [9, 9])
        #expect(disk.content(of: "data/a") == meant)
        #expect(disk.falseNames(inDirectory: "data") == ["a"])
        #expect(disk.lieCounts == [.lost: 1])
        disk.dropCaches()
        #expect(disk.content(of: "data/a") == Self.content(1))
        #expect(disk.meantContent(of: "data/a") == meant)
        // Written once more it is there.
        try write([9, 9], at: 700, to: "data/a", disk)
        disk.restart()
        #expect(disk.content(of: "data/a") == meant)
        #expect(disk.falseNames(inDirectory: "data").isEmpty)
    }

    @Test func `a lost write at the end makes the file longer all the same`() throws {
        let disk = SimulatedFileSystem(seed: 1)
        disk.lie(.lost, fromOperation: 0)
        try write([1, 2, 3], at: 2, to: "data/a", disk)
        disk.restart()
        #expect(disk.content(of: "data/a") == [0, 0, 0, 0, 0])
        disk.expectZeros(in: "data/a", from: 0)
        #expect(disk.falseNames(inDirectory: "data").isEmpty)
    }

    @Test func `a misdirected write changes one other place`() throws {
        var hitOthers = 0
        for seed in 0..<200 {
            let disk = SimulatedFileSystem(seed: UInt64(seed))
            for (i, name) in ["a", "b"].enumerated() {
                try write(Self.content(UInt8(i + 1)), at: 0, to: "data/\(name)", disk)
            }
            disk.lie(.misdirected, fromOperation: disk.operationCount)
            let written = [UInt8](repeating: 9, count: 100)
            try write(written, at: 600, to: "data/a", disk)
            disk.restart()
            let a = try #require(disk.content(of: "data/a"))
            let b = try #require(disk.content(of: "data/b"))
            #expect(a.count == Self.content(1).count && b.count == a.count)
            let changed = [(a, UInt8(1)), (b, 2)].flatMap { bytes, old in bytes.filter { $0 != old } }
            #expect(changed.allSatisfy { $0 == 9 } && changed.count <= written.count)
            // What reaches beyond the end of a file is lost, and so is what would land where it belongs.
            let told = disk.lieCounts[.misdirected, default: 0] + disk.lieCounts[.lost, default: 0]
            #expect(told == 1)
            #expect(disk.falseNames(inDirectory: "data").contains("a"))
            if b.contains(9) { hitOthers += 1 }
        }
        #expect(hitOthers > 50 && hitOthers < 150)
    }

    @Test func `what is not synced lies or is torn, and is false only where it came elsewhere`() throws {
        for seed in 0..<200 {
            let disk = SimulatedFileSystem(seed: UInt64(seed))
            try write(Self.content(1), at: 0, to: "data/a", disk)
            disk.lie(.lost, fromOperation: disk.operationCount)
            let file = try disk.open("data/a", mode: .write)
            try Self.content(9).withUnsafeBytes { try file.write($0, at: 0) }
            disk.restart()
            #expect(disk.content(of: "data/a") == Self.content(1))
            let isFalse = disk.meantContent(of: "data/a") != Self.content(1)
            #expect(disk.falseNames(inDirectory: "data").isEmpty == !isFalse)
        }
    }
}
