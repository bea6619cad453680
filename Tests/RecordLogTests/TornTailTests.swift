import Testing

@testable import RecordLog

/// A last write that did not complete: every byte prefix and every subset of sectors is trimmed, and nothing before it is touched.
@Suite struct TornTailTests {
    private static func bodies(_ count: Int, byteCount: Int, seed: UInt64) -> [[UInt8]] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in (0..<byteCount).map { _ in UInt8.random(in: 0...255, using: &generator) } }
    }

    /// The log's last segment without its last block, and where and with what bytes that block lies.
    private static func split(_ fileSystem: SimulatedFileSystem) throws -> (
        path: String, before: [UInt8], block: Range<Int>
    ) {
        let path = try #require(try TestLog.segmentPaths(fileSystem).last)
        let content = try #require(fileSystem.content(of: path))
        let block = try content.withUnsafeBytes { bytes -> Range<Int> in
            guard case .header(let header) = SegmentHeader.decode(bytes) else { throw CancellationError() }
            let scan = SegmentScan(bytes, header: header)
            return try #require(scan.entries.last).offset..<scan.endOffset
        }
        var before = content
        before.replaceSubrange(block, with: repeatElement(0, count: block.count))
        return (path, before, block)
    }

    private static func check(
        _ fileSystem: SimulatedFileSystem,
        blocks: [TestBlock],
        whole: [UInt8],
        torn: [UInt8],
        path: String
    ) throws {
        let copy = fileSystem.copy()
        copy.setContent(torn, of: path)
        let isWhole = torn == whole
        let expected = isWhole ? blocks : Array(blocks.dropLast())
        try #require(try TestLog.read(copy) == expected)
        try #require(try !TestLog.verify(copy).hasDamage)
        let (writer, report) = try TestLog.open(copy)
        let head = expected.last.map { $0.firstPosition + UInt64($0.recordCount) - 1 } ?? 0
        try #require(report.head == head)
        var next = TestBlock(body: Array("next".utf8), recordCount: 1)
        next.firstPosition = try TestLog.append(next, to: writer).lowerBound
        writer.close()
        try #require(try TestLog.read(copy) == expected + [next])
        try #require(try TestLog.verify(copy).findings.isEmpty)
    }

    @Test(arguments: [0, 1, 70, 337, 338, 339, 340, 341, 342, 420, 423, 900])
    func `every byte prefix of the last write is trimmed`(_ firstByteCount: Int) throws {
        // The first body's length moves the second block over sector boundaries.
        let bodies = Self.bodies(1, byteCount: firstByteCount, seed: 3) + Self.bodies(1, byteCount: 700, seed: 4)
        let (fileSystem, blocks) = try TestLog.make(bodies: bodies)
        let (path, before, block) = try Self.split(fileSystem)
        let whole = try #require(fileSystem.content(of: path))
        for byteCount in 0...block.count {
            var torn = before
            let part = block.lowerBound..<block.lowerBound + byteCount
            torn.replaceSubrange(part, with: whole[part])
            try Self.check(fileSystem, blocks: blocks, whole: whole, torn: torn, path: path)
        }
    }

    @Test(arguments: [0, 1, 339, 340, 341, 342, 420, 423, 424])
    func `every subset of sectors of the last write is trimmed`(_ firstByteCount: Int) throws {
        for body in Self.bodies(1, byteCount: 2300, seed: 9) + [Self.mostlyZero] {
            let bodies = Self.bodies(1, byteCount: firstByteCount, seed: 3) + [body]
            let (fileSystem, blocks) = try TestLog.make(bodies: bodies)
            let (path, before, block) = try Self.split(fileSystem)
            let whole = try #require(fileSystem.content(of: path))
            let pieces = Array(SectorPieces(block))
            for subset in 0..<(1 << pieces.count) {
                var torn = before
                for (number, piece) in pieces.enumerated() where subset >> number & 1 == 1 {
                    torn.replaceSubrange(piece, with: whole[piece])
                }
                try Self.check(fileSystem, blocks: blocks, whole: whole, torn: torn, path: path)
            }
        }
    }

    /// Random bytes around a run of zeros.
    private static let mostlyZero =
        bodies(1, byteCount: 500, seed: 21)[0] + [UInt8](repeating: 0, count: 1024)
        + bodies(1, byteCount: 500, seed: 22)[0]

    @Test func `a seal cut short at every byte prefix and sector subset is completed or wiped`() throws {
        let (fileSystem, blocks) = try TestLog.make(bodies: Self.bodies(9, byteCount: 80, seed: 6))
        let path = try #require(try TestLog.segmentPaths(fileSystem).last)
        let before = try #require(fileSystem.content(of: path))
        let sealed = fileSystem.copy()
        let (writer, _) = try TestLog.open(sealed)
        writer.sealedIndex = { _ in [UInt8](repeating: 0, count: 250) + [1] }
        try writer.roll()
        writer.close()
        let live = try #require(sealed.content(of: path))
        let whole = live + [UInt8](repeating: 0, count: before.count - live.count)
        let start = try #require(zip(before, whole).enumerated().first { $0.element.0 != $0.element.1 }).offset
        var variants = (0...(live.count - start)).map { Array(whole[..<(start + $0)]) + Array(before[(start + $0)...]) }
        let pieces = Array(SectorPieces(start..<live.count))
        for subset in 0..<(1 << pieces.count) {
            var torn = before
            for (number, piece) in pieces.enumerated() where subset >> number & 1 == 1 {
                torn.replaceSubrange(piece, with: whole[piece])
            }
            variants.append(torn)
        }
        for torn in variants {
            let copy = fileSystem.copy()
            copy.setContent(torn, of: path)
            try #require(try TestLog.read(copy) == blocks)
            try #require(try !TestLog.verify(copy).hasDamage)
            let (writer, report) = try TestLog.open(copy)
            try #require(report.head == UInt64(blocks.count + 6))
            var next = TestBlock(body: [1], recordCount: 1)
            next.firstPosition = try TestLog.append(next, to: writer).lowerBound
            writer.close()
            try #require(try TestLog.read(copy) == blocks + [next])
            try #require(try TestLog.verify(copy).findings.isEmpty)
        }
    }

    @Test func `a crash at every operation of trimming a torn tail is survived`() throws {
        let (fileSystem, blocks) = try TestLog.make(bodies: Self.bodies(2, byteCount: 1100, seed: 8))
        let (path, before, block) = try Self.split(fileSystem)
        let whole = try #require(fileSystem.content(of: path))
        let pieces = Array(SectorPieces(block))
        for subset in 0..<(1 << pieces.count) - 1 {
            var torn = before
            for (number, piece) in pieces.enumerated() where subset >> number & 1 == 1 {
                torn.replaceSubrange(piece, with: whole[piece])
            }
            for operation in 0..<14 {
                let copy = fileSystem.copy(seed: UInt64(100 * subset + operation))
                copy.setContent(torn, of: path)
                copy.inject(.powerCut, atOperation: copy.operationCount + operation)
                if let (writer, _) = try? TestLog.open(copy) { writer.close() }
                copy.restart()
                let (writer, report) = try TestLog.open(copy)
                writer.close()
                try #require(report.head == 1, "subset \(subset), operation \(operation)")
                try #require(try TestLog.read(copy) == [blocks[0]])
            }
        }
    }
}
