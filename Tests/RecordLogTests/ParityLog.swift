import Testing

@testable import RecordLog

/// A log with two sealed segments and parity of both, for tests of repair.
struct ParityLog {
    let fileSystem: SimulatedFileSystem
    let blocks: [TestBlock]
    /// The sealed segments' names.
    let names: [String]
    /// What each file held when all was well, by path.
    let original: [String: [UInt8]]

    static let time = "20260105T000000Z"

    init(seed: UInt64, segmentByteCount: Int = 256 << 10, makesParity: Bool = true) throws {
        fileSystem = SimulatedFileSystem(seed: seed)
        var generator = SeededGenerator(seed: seed)
        let configuration = TestLog.configuration(segmentByteCount: segmentByteCount)
        let (writer, _) = try TestLog.open(fileSystem, configuration: configuration)
        writer.sealedIndex = { Array("index \($0.lowerBound)".utf8) }
        var blocks: [TestBlock] = []
        while writer.activeSegment.segmentID < 3 || writer.activeSegment.blockCount < 2 {
            let body = generator.body(maximumByteCount: min(9000, segmentByteCount / 4))
            var block = TestBlock(body: body, recordCount: 1 + blocks.count % 3)
            block.firstPosition = try TestLog.append(block, to: writer).lowerBound
            blocks.append(block)
        }
        writer.close()
        self.blocks = blocks
        let parity = LogParity(directory: TestLog.directory, fileSystem: fileSystem, holder: "a test")
        names = try parity.sealedSegments()
        if makesParity {
            for name in names { #expect(try parity.make(name).state == .parityMade) }
        }
        original = try Self.contents(fileSystem)
    }

    private init(_ other: ParityLog) {
        fileSystem = other.fileSystem.copy()
        (blocks, names, original) = (other.blocks, other.names, other.original)
    }

    /// The same on a disk of its own.
    func copy() -> ParityLog { ParityLog(self) }

    var parity: LogParity { LogParity(directory: TestLog.directory, fileSystem: fileSystem, holder: "a test") }

    func path(_ number: Int) -> String { TestLog.directory + "/log/" + names[number] }
    func parityPath(_ number: Int) -> String {
        TestLog.directory + "/parity/" + ParityFile.name(ofSegment: names[number])
    }

    func inspect(_ number: Int) throws -> ParityVerdict {
        try parity.inspect(names[number]) { .sha256($0.body) }
    }

    func mend(_ number: Int) throws(RecordLogError) -> ParityVerdict {
        try parity.mend(names[number], at: Self.time) { .sha256($0.body) }
    }

    func scrub(_ number: Int) throws -> ScrubVerdict { try parity.scrub(names[number]) { _ in true } }

    /// Every file of the data directory but locks, by path.
    static func contents(_ fileSystem: SimulatedFileSystem) throws -> [String: [UInt8]] {
        var contents: [String: [UInt8]] = [:]
        for directory in ["log", "parity", "damaged"] {
            let path = TestLog.directory + "/" + directory
            for name in (try? fileSystem.names(inDirectory: path)) ?? [] where name != "lock" {
                contents[path + "/" + name] = fileSystem.content(of: path + "/" + name)
            }
        }
        return contents
    }

    func contents() throws -> [String: [UInt8]] { try Self.contents(fileSystem) }

    /// The files of the log alone.
    func logIsOriginal() throws -> Bool {
        try contents().filter { $0.key.hasPrefix("data/log/") } == original.filter { $0.key.hasPrefix("data/log/") }
    }

    /// Replaces bytes of a file by others of the same count.
    func overwrite(_ path: String, _ range: Range<Int>, with byte: (UInt8) -> UInt8) throws {
        var content = try #require(fileSystem.content(of: path))
        for offset in range { content[offset] = byte(content[offset]) }
        fileSystem.setContent(content, of: path)
    }
}

/// A file system whose device does not give some bytes.
final class UnreadableFileSystem: FileSystem {
    private let base: SimulatedFileSystem
    private let path: String
    private let range: Range<Int>

    init(_ base: SimulatedFileSystem, path: String, range: Range<Int>) {
        (self.base, self.path, self.range) = (base, path, range)
    }

    func makeDirectory(_ path: String) throws(RecordLogError) { try base.makeDirectory(path) }
    func names(inDirectory path: String) throws(RecordLogError) -> [String] { try base.names(inDirectory: path) }
    func rename(_ path: String, to newPath: String) throws(RecordLogError) { try base.rename(path, to: newPath) }
    func link(_ path: String, to newPath: String) throws(RecordLogError) { try base.link(path, to: newPath) }
    func remove(_ path: String) throws(RecordLogError) { try base.remove(path) }
    func syncDirectory(_ path: String) throws(RecordLogError) { try base.syncDirectory(path) }
    func lock(_ path: String, holder: String) throws(RecordLogError) -> any FileLock {
        try base.lock(path, holder: holder)
    }

    func open(_ path: String, mode: FileOpenMode) throws(RecordLogError) -> any OpenFile {
        let file = try base.open(path, mode: mode)
        return path == self.path ? UnreadableFile(file, range: range) : file
    }
}

private final class UnreadableFile: OpenFile {
    private let base: any OpenFile
    private let range: Range<Int>

    init(_ base: any OpenFile, range: Range<Int>) { (self.base, self.range) = (base, range) }

    func byteCount() throws(RecordLogError) -> Int { try base.byteCount() }
    func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(RecordLogError) -> Int {
        if range.overlaps(offset..<offset + target.count) { throw .inputOutput("the device gives no answer", path: "") }
        return try base.read(into: target, at: offset)
    }
    func write(_ source: UnsafeRawBufferPointer, at offset: Int) throws(RecordLogError) {
        try base.write(source, at: offset)
    }
    func sync() throws(RecordLogError) { try base.sync() }
    func dropCache() throws(RecordLogError) { try base.dropCache() }
    func truncate(to byteCount: Int) throws(RecordLogError) { try base.truncate(to: byteCount) }
    func close() { base.close() }
}
