import Glibc
import RecordLog
import Synchronization
import Testing

/// A file system under test and an empty directory in it.
private struct Bench {
    let fileSystem: any FileSystem
    let directory: String
    let remove: () -> Void

    static func make(_ kind: FileSystemContractTests.Kind) throws -> Bench {
        switch kind {
        case .simulated: return Bench(fileSystem: SimulatedFileSystem(seed: 1), directory: "data", remove: {})
        case .posix:
            let directory = try TemporaryDirectory.make()
            return Bench(fileSystem: PosixFileSystem(), directory: directory) { TemporaryDirectory.remove(directory) }
        }
    }
}

/// Directories for tests with real files.
enum TemporaryDirectory {
    static func make() throws -> String {
        var template = Array("/tmp/record-log-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) } != nil
        }
        try #require(made)
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes the directory, its files and one level of directories.
    static func remove(_ directory: String) {
        let fileSystem = PosixFileSystem()
        for name in (try? fileSystem.names(inDirectory: directory)) ?? [] {
            let path = directory + "/" + name
            if unlink(path) == 0 { continue }
            for inner in (try? fileSystem.names(inDirectory: path)) ?? [] { unlink(path + "/" + inner) }
            rmdir(path)
        }
        rmdir(directory)
    }
}

/// One law for every file system.
@Suite struct FileSystemContractTests {
    enum Kind: CaseIterable {
        case posix
        case simulated
    }

    @Test(arguments: Kind.allCases)
    func `a file keeps what is written where it is written`(_ kind: Kind) throws {
        let bench = try Bench.make(kind)
        defer { bench.remove() }
        let file = try bench.fileSystem.open(bench.directory + "/a", mode: .create)
        #expect(try file.byteCount() == 0)
        try [UInt8](1...4).withUnsafeBytes { try file.write($0, at: 2) }
        #expect(try file.byteCount() == 6)
        #expect(try Self.read(file, at: 0, count: 10) == [0, 0, 1, 2, 3, 4])
        #expect(try Self.read(file, at: 4, count: 1) == [3])
        #expect(try Self.read(file, at: 6, count: 4) == [])
        try file.truncate(to: 3)
        try file.truncate(to: 5)
        #expect(try Self.read(file, at: 0, count: 10) == [0, 0, 1, 0, 0])
        try file.sync()
        try file.dropCache()
        #expect(try Self.read(file, at: 0, count: 10) == [0, 0, 1, 0, 0])
        file.close()
        file.close()
        let error = #expect(throws: RecordLogError.self) { _ = try file.byteCount() }
        #expect(error?.code == .closed)
        let again = try bench.fileSystem.open(bench.directory + "/a", mode: .create)
        #expect(try again.byteCount() == 5)
    }

    @Test(arguments: Kind.allCases)
    func `a new file is made once, and a private one is for its owner alone`(_ kind: Kind) throws {
        let bench = try Bench.make(kind)
        defer { bench.remove() }
        for (name, mode) in [("a", FileOpenMode.createNew), ("b", .createPrivate)] {
            let path = bench.directory + "/" + name
            let file = try bench.fileSystem.open(path, mode: mode)
            try [UInt8(7)].withUnsafeBytes { try file.write($0, at: 0) }
            file.close()
            for again in [FileOpenMode.createNew, .createPrivate] {
                let error = #expect(throws: RecordLogError.self) {
                    _ = try bench.fileSystem.open(path, mode: again)
                }
                #expect(error?.code == .exists)
            }
            #expect(try Self.read(bench.fileSystem.open(path, mode: .create), at: 0, count: 2) == [7])
            guard kind == .posix else { continue }
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o077 == (mode == .createPrivate ? 0 : 0o044))
        }
    }

    @Test(arguments: Kind.allCases)
    func `a whole file is written once, replaced at once, and read back`(_ kind: Kind) throws {
        let bench = try Bench.make(kind)
        defer { bench.remove() }
        let path = bench.directory + "/a"
        try WholeFile.write("one", path: path, mode: .createNew, fileSystem: bench.fileSystem)
        let error = #expect(throws: RecordLogError.self) {
            try WholeFile.write("two", path: path, mode: .createNew, fileSystem: bench.fileSystem)
        }
        #expect(error?.code == .exists)
        #expect(try WholeFile.read(path, fileSystem: bench.fileSystem) == "one")
        _ = try bench.fileSystem.open(path + ".new", mode: .create)
        try WholeFile.replace("three", path: path, fileSystem: bench.fileSystem)
        #expect(try WholeFile.read(path, fileSystem: bench.fileSystem) == "three")
        #expect(try bench.fileSystem.names(inDirectory: bench.directory) == ["a"])
    }

    @Test(arguments: Kind.allCases)
    func `names follow create, rename and remove`(_ kind: Kind) throws {
        let bench = try Bench.make(kind)
        defer { bench.remove() }
        let fileSystem = bench.fileSystem
        try fileSystem.makeDirectory(bench.directory + "/log")
        try fileSystem.makeDirectory(bench.directory + "/log")
        try fileSystem.makeDirectory(bench.directory + "/spare")
        #expect(try fileSystem.names(inDirectory: bench.directory) == ["log", "spare"])
        for name in ["b", "a", "c"] { _ = try fileSystem.open(bench.directory + "/spare/" + name, mode: .create) }
        #expect(try fileSystem.names(inDirectory: bench.directory + "/spare") == ["a", "b", "c"])
        let file = try fileSystem.open(bench.directory + "/spare/a", mode: .write)
        try [UInt8(9)].withUnsafeBytes { try file.write($0, at: 0) }
        try fileSystem.rename(bench.directory + "/spare/a", to: bench.directory + "/log/x")
        try fileSystem.rename(bench.directory + "/spare/b", to: bench.directory + "/spare/c")
        try fileSystem.syncDirectory(bench.directory + "/log")
        try fileSystem.syncDirectory(bench.directory + "/spare")
        #expect(try fileSystem.names(inDirectory: bench.directory + "/spare") == ["c"])
        #expect(try fileSystem.names(inDirectory: bench.directory + "/log") == ["x"])
        // A file stays open under its new name.
        #expect(try Self.read(file, at: 0, count: 1) == [9])
        try fileSystem.remove(bench.directory + "/log/x")
        #expect(try fileSystem.names(inDirectory: bench.directory + "/log") == [])
    }

    @Test(arguments: Kind.allCases)
    func `a second name keeps a file that loses its first`(_ kind: Kind) throws {
        let bench = try Bench.make(kind)
        defer { bench.remove() }
        let fileSystem = bench.fileSystem
        let (first, second, other) = (
            "\(bench.directory)/first", "\(bench.directory)/second", "\(bench.directory)/other"
        )
        let file = try fileSystem.open(first, mode: .create)
        try [UInt8(1)].withUnsafeBytes { try file.write($0, at: 0) }
        try fileSystem.link(first, to: second)
        let another = try fileSystem.open(other, mode: .create)
        try [UInt8(2)].withUnsafeBytes { try another.write($0, at: 0) }
        try fileSystem.rename(other, to: first)
        try fileSystem.syncDirectory(bench.directory)
        #expect(try Self.read(fileSystem.open(first, mode: .read), at: 0, count: 1) == [2])
        #expect(try Self.read(fileSystem.open(second, mode: .read), at: 0, count: 1) == [1])
        #expect(throws: RecordLogError.self) { try fileSystem.link(first, to: second) }
        #expect(throws: RecordLogError.self) { try fileSystem.link(other, to: "\(bench.directory)/third") }
    }

    @Test(arguments: Kind.allCases)
    func `what is missing is not found`(_ kind: Kind) throws {
        let bench = try Bench.make(kind)
        defer { bench.remove() }
        let path = bench.directory + "/nothing"
        let calls: [() throws -> Void] = [
            { _ = try bench.fileSystem.open(path, mode: .read) },
            { _ = try bench.fileSystem.open(path, mode: .write) },
            { _ = try bench.fileSystem.names(inDirectory: path) },
            { try bench.fileSystem.remove(path) },
            { try bench.fileSystem.rename(path, to: path + "2") },
            { try bench.fileSystem.syncDirectory(path) },
            { _ = try bench.fileSystem.open(path + "/inner", mode: .create) },
            { try bench.fileSystem.makeDirectory(path + "/inner") },
        ]
        for call in calls {
            let error = #expect(throws: RecordLogError.self) { try call() }
            #expect(error?.code == .notFound)
        }
    }

    @Test(arguments: Kind.allCases)
    func `a lock is held once and names its holder`(_ kind: Kind) throws {
        let bench = try Bench.make(kind)
        defer { bench.remove() }
        let path = bench.directory + "/lock"
        let lock = try bench.fileSystem.lock(path, holder: "meterfold serve\n--data x")
        let error = #expect(throws: RecordLogError.self) { _ = try bench.fileSystem.lock(path, holder: "another") }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("meterfold serve") == true)
        if kind == .posix { #expect(error?.message.contains("process \(getpid()) ") == true) }
        lock.release()
        lock.release()
        let second = try bench.fileSystem.lock(path, holder: "another")
        second.release()
    }

    @Test func `a lock is given up though a process that is being started has the descriptor`() throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let path = directory + "/lock"
        let lock = try PosixFileSystem().lock(path, holder: "one")
        let number = try #require((0..<4096).first { Self.path(ofDescriptor: $0) == path })
        // As a child has it between fork and exec.
        let inherited = dup(number)
        defer { close(inherited) }
        lock.release()
        try PosixFileSystem().lock(path, holder: "another").release()
    }

    private static func path(ofDescriptor number: Int32) -> String {
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/fd/\(number)", &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    @Test func `power loss keeps what was synced and may tear the rest`() throws {
        var outcomes: Set<[UInt8]> = []
        for seed in 0..<200 as Range<UInt64> {
            let fileSystem = SimulatedFileSystem(seed: seed)
            let file = try fileSystem.open("data/a", mode: .create)
            try [UInt8](repeating: 1, count: 1024).withUnsafeBytes { try file.write($0, at: 0) }
            try file.sync()
            try fileSystem.syncDirectory("data")
            try [UInt8](repeating: 2, count: 1024).withUnsafeBytes { try file.write($0, at: 1024) }
            fileSystem.restart()
            #expect(throws: RecordLogError.self) { _ = try file.byteCount() }
            let content = try #require(fileSystem.content(of: "data/a"))
            #expect(content.prefix(1024).allSatisfy { $0 == 1 })
            outcomes.insert(Array(content.dropFirst(1024)))
        }
        #expect(outcomes.contains([]))
        #expect(outcomes.contains([UInt8](repeating: 2, count: 1024)))
        #expect(outcomes.contains([UInt8](repeating: 0, count: 512) + [UInt8](repeating: 2, count: 512)))
        #expect(outcomes.count > 20)
    }

    private static func read(_ file: any OpenFile, at offset: Int, count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xAA, count: count)
        let done = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
        return Array(bytes[..<done])
    }
}
