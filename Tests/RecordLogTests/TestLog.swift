import RecordLog
import Testing

/// A block as a test knows it.
struct TestBlock: Equatable {
    var body: [UInt8]
    var recordCount: Int
    var firstPosition: UInt64 = 0
}

/// The tests' own generator: SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// A body that compresses well, badly or not at all, or is all zero.
    mutating func body(maximumByteCount: Int) -> [UInt8] {
        let count = Int.random(in: 0...maximumByteCount, using: &self)
        switch Int.random(in: 0..<4, using: &self) {
        case 0: return [UInt8](repeating: 0, count: count)
        case 1: return (0..<count).map { UInt8(truncatingIfNeeded: $0 / 7) }
        default: return (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
        }
    }
}

/// What tests do with a log again and again.
enum TestLog {
    static let directory = "data"

    static func configuration(segmentByteCount: Int = 4096, expectedHead: UInt64 = 0) -> RecordLogConfiguration {
        RecordLogConfiguration(
            segmentByteCount: segmentByteCount,
            sealedIndexByteCount: 256,
            preparesSpareInBackground: false,
            expectedHead: expectedHead
        )
    }

    static func open(
        _ fileSystem: any FileSystem,
        configuration: RecordLogConfiguration = configuration()
    ) throws(RecordLogError) -> (writer: RecordLogWriter, report: OpenReport) {
        try RecordLogWriter.open(
            directory: directory,
            fileSystem: fileSystem,
            configuration: configuration,
            lockDescription: "a test"
        )
    }

    static func append(_ block: TestBlock, to writer: RecordLogWriter) throws(RecordLogError) -> ClosedRange<UInt64> {
        _ = try writer.prepare(maximumBodyByteCount: block.body.count)
        return try appendUnprepared(block, to: writer)
    }

    static func appendUnprepared(
        _ block: TestBlock,
        to writer: RecordLogWriter
    ) throws(RecordLogError) -> ClosedRange<UInt64> {
        let result = block.body.withUnsafeBytes { body -> Result<ClosedRange<UInt64>, RecordLogError> in
            do throws(RecordLogError) {
                return .success(
                    try writer.append(body: body, recordCount: block.recordCount, contentDigest: .sha256(body))
                )
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// All blocks from a position on.
    static func read(_ fileSystem: any FileSystem, from position: UInt64 = 1, through last: UInt64? = nil) throws
        -> [TestBlock]
    {
        let reader = try RecordLogReader(directory: directory, fileSystem: fileSystem)
        return try read(reader, from: position, through: last).blocks
    }

    static func read(
        _ reader: RecordLogReader,
        from position: UInt64,
        startingAt start: ReadStart = .block,
        through last: UInt64? = nil
    ) throws -> (blocks: [TestBlock], next: UInt64) {
        var blocks: [TestBlock] = []
        let next = try reader.forEachBlock(from: position, startingAt: start, through: last) { view in
            blocks.append(
                TestBlock(body: Array(view.body), recordCount: view.recordCount, firstPosition: view.firstPosition)
            )
            return .proceed
        }
        return (blocks, next)
    }

    static func verify(_ fileSystem: any FileSystem, expectedHead: UInt64 = 0) throws -> VerificationReport {
        try RecordLogVerification.run(
            directory: directory,
            fileSystem: fileSystem,
            expectedHead: expectedHead
        ) { .sha256($0.body) }
    }

    /// A log with the given bodies, one record each but for every third with three.
    static func make(bodies: [[UInt8]], rollAfter: Set<Int> = []) throws -> (SimulatedFileSystem, [TestBlock]) {
        let fileSystem = SimulatedFileSystem(seed: 1)
        let (writer, _) = try open(fileSystem)
        writer.sealedIndex = { Array("index \($0.lowerBound)".utf8) }
        var blocks: [TestBlock] = []
        for (number, body) in bodies.enumerated() {
            var block = TestBlock(body: body, recordCount: number % 3 == 2 ? 3 : 1)
            block.firstPosition = try append(block, to: writer).lowerBound
            blocks.append(block)
            if rollAfter.contains(number) { try writer.roll() }
        }
        writer.close()
        return (fileSystem, blocks)
    }

    /// The segments' paths.
    static func segmentPaths(_ fileSystem: any FileSystem) throws -> [String] {
        try fileSystem.names(inDirectory: directory + "/log").map { directory + "/log/" + $0 }
    }
}
