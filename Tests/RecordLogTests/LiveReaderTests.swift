import Dispatch
import RecordLog
import Synchronization
import Testing

/// A reader and a verification beside a working writer, on real files: a write under way is never taken for damage.
@Suite struct LiveReaderTests {
    @Test func `readers beside a writer see only whole blocks and no damage`() throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let configuration = RecordLogConfiguration(segmentByteCount: 1 << 20, sealedIndexByteCount: 256)
        let (first, _) = try RecordLogWriter.open(
            directory: directory,
            configuration: configuration,
            lockDescription: "a test"
        )
        first.close()
        let blockCount = 150
        let failure = Mutex<(any Error)?>(nil)
        let writing = DispatchGroup()
        DispatchQueue.global().async(group: writing) {
            do {
                try Self.write(blockCount: blockCount, directory: directory, configuration: configuration)
            } catch {
                failure.withLock { $0 = error }
            }
        }
        let reader = try RecordLogReader(directory: directory)
        var next: UInt64 = 1
        var rounds = 0
        while next <= UInt64(blockCount), failure.withLock({ $0 == nil }) {
            let (blocks, position) = try TestLog.read(reader, from: next)
            for block in blocks {
                try #require(block == Self.block(Int(block.firstPosition)))
                try #require(block.firstPosition == next)
                next += 1
            }
            try #require(position == next)
            rounds += 1
            if rounds % 8 == 0 {
                let report = try RecordLogVerification.run(directory: directory) { .sha256($0.body) }
                try #require(!report.hasDamage, "\(report.findings)")
            }
        }
        writing.wait()
        if let error = failure.withLock({ $0 }) { throw error }
        #expect(try TestLog.read(reader, from: 1).blocks.count == blockCount)
    }

    private static func block(_ number: Int) -> TestBlock {
        var generator = SeededGenerator(seed: UInt64(number))
        let count = Int.random(in: 1...60_000, using: &generator)
        let body = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        return TestBlock(body: body, recordCount: 1, firstPosition: UInt64(number))
    }

    private static func write(blockCount: Int, directory: String, configuration: RecordLogConfiguration) throws {
        let (writer, _) = try RecordLogWriter.open(
            directory: directory,
            configuration: configuration,
            lockDescription: "a test"
        )
        defer { writer.close() }
        for number in 1...blockCount { _ = try TestLog.append(block(number), to: writer) }
    }
}
