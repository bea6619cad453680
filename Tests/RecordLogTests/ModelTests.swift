import Glibc
import RecordLog
import Synchronization
import Testing

/// Planted bugs in the file system: what a careless implementation or device would do.
final class NegligentFileSystem: FileSystem {
    enum Bug: CaseIterable {
        case ignoresDataSync
        case ignoresDirectorySync
        case retriesFailedSync
        case dropsFourthWrite
    }

    private let base: SimulatedFileSystem
    private let bug: Bug
    private let writeCount = Mutex(0)

    init(_ base: SimulatedFileSystem, bug: Bug) {
        self.base = base
        self.bug = bug
    }

    func makeDirectory(_ path: String) throws(RecordLogError) { try base.makeDirectory(path) }
    func names(inDirectory path: String) throws(RecordLogError) -> [String] { try base.names(inDirectory: path) }
    func rename(_ path: String, to newPath: String) throws(RecordLogError) { try base.rename(path, to: newPath) }
    func link(_ path: String, to newPath: String) throws(RecordLogError) { try base.link(path, to: newPath) }
    func remove(_ path: String) throws(RecordLogError) { try base.remove(path) }

    func open(_ path: String, mode: FileOpenMode) throws(RecordLogError) -> any OpenFile {
        NegligentFile(try base.open(path, mode: mode), owner: self)
    }

    func syncDirectory(_ path: String) throws(RecordLogError) {
        if bug != .ignoresDirectorySync { try base.syncDirectory(path) }
    }

    func lock(_ path: String, holder: String) throws(RecordLogError) -> any FileLock {
        try base.lock(path, holder: holder)
    }

    fileprivate func sync(_ file: any OpenFile) throws(RecordLogError) {
        switch bug {
        case .ignoresDataSync: return
        case .retriesFailedSync:
            do throws(RecordLogError) { try file.sync() } catch { try file.sync() }
        case .ignoresDirectorySync, .dropsFourthWrite: try file.sync()
        }
    }

    fileprivate var dropsWrite: Bool {
        let number = writeCount.withLock { count in
            count += 1
            return count
        }
        return bug == .dropsFourthWrite && number % 4 == 0
    }
}

private final class NegligentFile: OpenFile {
    private let base: any OpenFile
    private let owner: NegligentFileSystem

    init(_ base: any OpenFile, owner: NegligentFileSystem) {
        self.base = base
        self.owner = owner
    }

    func byteCount() throws(RecordLogError) -> Int { try base.byteCount() }
    func truncate(to byteCount: Int) throws(RecordLogError) { try base.truncate(to: byteCount) }
    func sync() throws(RecordLogError) { try owner.sync(base) }
    func dropCache() throws(RecordLogError) { try base.dropCache() }
    func close() { base.close() }

    func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(RecordLogError) -> Int {
        try base.read(into: target, at: offset)
    }

    func write(_ source: UnsafeRawBufferPointer, at offset: Int) throws(RecordLogError) {
        if !owner.dropsWrite { try base.write(source, at: offset) }
    }
}

@Suite struct ModelTests {
    private static let seedCount = getenv("METERFOLD_SEEDS").flatMap { UInt64(String(cString: $0)) } ?? 2000

    @Test func `a log under faults and crashes holds what was acknowledged`() {
        var blocks = 0
        var restarts = 0
        var tornTails = 0
        var failures = 0
        for seed in 0..<Self.seedCount {
            var run = ModelRun(seed: seed)
            do {
                try run.run()
            } catch {
                Issue.record("seed \(seed): \(error)")
                break
            }
            blocks += run.tally.blocks
            restarts += run.tally.restarts
            tornTails += run.tally.tornTails
            failures += run.tally.failures
        }
        // A model that never meets its faults proves nothing.
        #expect(blocks > 5 * Int(Self.seedCount))
        #expect(restarts > Int(Self.seedCount))
        #expect(tornTails > Int(Self.seedCount) / 20)
        #expect(failures > Int(Self.seedCount) / 4)
    }

    @Test(arguments: NegligentFileSystem.Bug.allCases)
    private func `the model test catches a planted bug`(_ bug: NegligentFileSystem.Bug) {
        let caught = (0..<UInt64(400)).contains { seed in
            var run = ModelRun(seed: seed) { NegligentFileSystem($0, bug: bug) }
            do {
                try run.run()
                return false
            } catch {
                return true
            }
        }
        #expect(caught, "no seed shows \(bug)")
    }

    @Test func `the same seed gives the same bytes`() throws {
        var contents: [[String: [UInt8]]] = []
        for _ in 0..<2 {
            let (fileSystem, _) = try TestLog.make(bodies: (0..<9).map { [UInt8](repeating: UInt8($0), count: 700) })
            contents.append(
                Dictionary(
                    uniqueKeysWithValues: try TestLog.segmentPaths(fileSystem).map {
                        ($0, fileSystem.content(of: $0) ?? [])
                    }
                )
            )
        }
        #expect(contents[0] == contents[1])
    }
}
