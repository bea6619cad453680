import Glibc
import Synchronization

/// The operating system's files.
package struct PosixFileSystem: FileSystem {
    /// Makes the file system; it has no state.
    package init() {}

    package func makeDirectory(_ path: String) throws(RecordLogError) {
        if mkdir(path, 0o755) != 0, errno != EEXIST { throw .system("make directory", path) }
    }

    package func names(inDirectory path: String) throws(RecordLogError) -> [String] {
        guard let stream = opendir(path) else { throw .system("list", path) }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        if errno != 0 { throw .system("list", path) }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    package func open(_ path: String, mode: FileOpenMode) throws(RecordLogError) -> any OpenFile {
        let flags =
            switch mode {
            case .read: O_RDONLY | O_CLOEXEC
            case .write: O_RDWR | O_CLOEXEC
            case .create: O_RDWR | O_CREAT | O_CLOEXEC
            case .createNew, .createPrivate: O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC
            }
        let permissions: mode_t = mode == .createPrivate ? 0o600 : 0o644
        return PosixFile(descriptor: try Self.descriptor(path, flags: flags, permissions: permissions), path: path)
    }

    package func rename(_ path: String, to newPath: String) throws(RecordLogError) {
        if Glibc.rename(path, newPath) != 0 { throw .system("rename", path) }
    }

    package func link(_ path: String, to newPath: String) throws(RecordLogError) {
        if Glibc.link(path, newPath) != 0 { throw .system("link", path) }
    }

    package func remove(_ path: String) throws(RecordLogError) {
        if unlink(path) != 0 { throw .system("remove", path) }
    }

    package func syncDirectory(_ path: String) throws(RecordLogError) {
        let descriptor = try Self.descriptor(path, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { Glibc.close(descriptor) }
        if fsync(descriptor) != 0 { throw .system("sync directory", path) }
    }

    package func lock(_ path: String, holder: String) throws(RecordLogError) -> any FileLock {
        let descriptor = try Self.descriptor(path, flags: O_RDWR | O_CREAT | O_CLOEXEC)
        let file = PosixFile(descriptor: descriptor, path: path)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let number = errno
            defer { file.close() }
            guard number == EWOULDBLOCK else { throw .system("lock", path, number: number) }
            throw .locked(path: path, text: try LockText.read(from: file))
        }
        try file.truncate(to: 0)
        try LockText.write(process: Int(getpid()), holder: holder, to: file)
        return PosixLock(file: file)
    }

    private static func descriptor(
        _ path: String,
        flags: Int32,
        permissions: mode_t = 0o644
    ) throws(RecordLogError) -> Int32 {
        while true {
            let descriptor = Glibc.open(path, flags, permissions)
            if descriptor >= 0 { return descriptor }
            if errno != EINTR { throw .system("open", path) }
        }
    }
}

/// A file descriptor with one owner.
///
/// Invariant: the descriptor is open until `close`, which takes it out exactly once; each call holds it for its own
/// duration only under the promise of its owner that `close` comes after the last use.
private final class PosixFile: OpenFile {
    private let descriptor: Mutex<Int32?>
    private let path: String

    init(descriptor: Int32, path: String) {
        self.descriptor = Mutex(descriptor)
        self.path = path
    }

    deinit { close() }

    private func opened() throws(RecordLogError) -> Int32 {
        guard let number = descriptor.withLock({ $0 }) else {
            throw RecordLogError(.closed, "the file is closed", place: LogPlace(file: path))
        }
        return number
    }

    func byteCount() throws(RecordLogError) -> Int {
        var status = stat()
        if fstat(try opened(), &status) != 0 { throw .system("stat", path) }
        return Int(status.st_size)
    }

    func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(RecordLogError) -> Int {
        let number = try opened()
        var done = 0
        while done < target.count, let base = target.baseAddress {
            let count = pread(number, base + done, target.count - done, off_t(offset + done))
            if count > 0 { done += count }
            if count == 0 { break }
            if count < 0, errno != EINTR { throw .system("read", path) }
        }
        return done
    }

    func write(_ source: UnsafeRawBufferPointer, at offset: Int) throws(RecordLogError) {
        let number = try opened()
        guard let base = source.baseAddress, !source.isEmpty else { return }
        var count = pwrite(number, base, source.count, off_t(offset))
        // Interrupted before the first byte: nothing was written, so this is still the first write.
        while count < 0, errno == EINTR { count = pwrite(number, base, source.count, off_t(offset)) }
        if count < 0 { throw .system("write", path) }
        if count < source.count {
            throw .inputOutput("wrote only \(count) of \(source.count) bytes", path: path)
        }
    }

    func sync() throws(RecordLogError) {
        if fdatasync(try opened()) != 0 { throw .system("sync", path) }
    }

    func dropCache() throws(RecordLogError) {
        let number = posix_fadvise(try opened(), 0, 0, POSIX_FADV_DONTNEED)
        if number != 0 { throw .system("drop the cache of", path, number: number) }
    }

    func truncate(to byteCount: Int) throws(RecordLogError) {
        if ftruncate(try opened(), off_t(byteCount)) != 0 { throw .system("truncate", path) }
    }

    /// Gives up a `flock`, also where a process that is just being started still has the descriptor.
    func unlock() {
        if let number = descriptor.withLock({ $0 }) { flock(number, LOCK_UN) }
    }

    func close() {
        let number = descriptor.withLock { value in
            defer { value = nil }
            return value
        }
        if let number { Glibc.close(number) }
    }
}

/// A held `flock`; the system releases it with the descriptor, so also when the process dies.
private final class PosixLock: FileLock {
    private let file: PosixFile

    init(file: PosixFile) { self.file = file }

    deinit { release() }

    func release() {
        // The text is a courtesy to the next comer; if it cannot be cleared, the lock itself is what counts.
        try? file.truncate(to: 0)
        file.unlock()
        file.close()
    }
}

extension RecordLogError {
    /// A failed system call, from `errno`.
    fileprivate static func system(_ operation: String, _ path: String, number: Int32 = errno) -> RecordLogError {
        let text = String(cString: strerror(number))
        let code: Code =
            switch number {
            case ENOSPC, EDQUOT: .noSpace
            case ENOENT: .notFound
            case EEXIST: .exists
            default: .inputOutput
            }
        return RecordLogError(
            code,
            "cannot \(operation): \(text)",
            place: LogPlace(file: path),
            systemError: number
        )
    }

    static func inputOutput(_ message: String, path: String) -> RecordLogError {
        RecordLogError(.inputOutput, message, place: LogPlace(file: path))
    }

    static func locked(path: String, text: String) -> RecordLogError {
        RecordLogError(
            .locked,
            "already open for writing by \(text.isEmpty ? "a process that has not named itself yet" : text)",
            place: LogPlace(file: path),
            hint: "stop that process, or send the command to it"
        )
    }
}

/// The text in a lock file: process number, newline, what it does, newline.
enum LockText {
    /// The most of a lock's text that is written or shown, in bytes.
    static let maximumByteCount = 1024

    static func write(process: Int, holder: String, to file: any OpenFile) throws(RecordLogError) {
        let line = holder.utf8.map { $0 < 0x20 ? 0x20 : $0 }.prefix(maximumByteCount - 24)
        let bytes = Array("\(process)\n".utf8) + line + [0x0A]
        try file.write(bytes, at: 0)
    }

    /// "process 12 (meterfold serve)"; empty if nothing is written yet.
    static func read(from file: any OpenFile) throws(RecordLogError) -> String {
        let bytes = try file.bytes(at: 0, count: maximumByteCount)
        return description(of: bytes)
    }

    static func description(of bytes: [UInt8]) -> String {
        let lines = bytes.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
        guard let process = lines.first else { return "" }
        return lines.count > 1 ? "process \(process) (\(lines[1]))" : "process \(process)"
    }
}

extension OpenFile {
    /// Reads up to `count` bytes into an array; shorter where the file ends.
    func bytes(at offset: Int, count: Int) throws(RecordLogError) -> [UInt8] {
        var failure: RecordLogError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            do throws(RecordLogError) {
                initialized = try read(into: UnsafeMutableRawBufferPointer(target), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
