import Synchronization

/// A file system in memory that can lose power: for tests, of this module and of those above it.
///
/// It keeps apart what is visible and what is durable. Written bytes become durable with `sync` of their file, names
/// with `syncDirectory`. `restart` ends the running "machine": of what was not durable, a seeded choice survives, torn
/// within writes by 512-byte sectors or at any byte. Same seed and same operations, same outcome.
///
/// It can lie too: say that a write is durable that is lost or went somewhere else. That shows once nothing of it is in
/// memory any more.
///
/// Invariants: `Node.durable` changes only through a sync, a crash, a misdirected write or a test's own hand; files
/// opened and locks taken before a restart never work again.
package final class SimulatedFileSystem: FileSystem {
    /// What goes wrong at an operation.
    package enum Fault: Sendable, Equatable {
        /// The operation fails and has no effect; a sync leaves each dirty sector durable or not, and clean.
        case inputOutputError
        /// The operation fails for lack of room and has no effect.
        case noSpace
        /// A write stops half way, and fails.
        case shortWrite
        /// Power goes: the operation may have begun, it and all later ones fail until `restart`.
        case powerCut
    }

    /// What the disk does with a write that it reports as done, and synced.
    package enum Lie: Sendable, Hashable, CaseIterable {
        /// The bytes never come.
        case lost
        /// They come to another place of the file or of another one; the right place keeps what it had.
        case misdirected
    }

    let state: Mutex<SimulatedDisk>

    /// An empty disk with one durable directory.
    ///
    /// - Parameters:
    ///   - seed: Chooses what survives faults and restarts.
    ///   - directory: The directory that exists: the data directory.
    package init(seed: UInt64 = 0, directory: String = "data") {
        state = Mutex(SimulatedDisk(seed: seed, directory: directory))
    }

    /// The number of operations so far that change something: write, sync, truncate, create, rename, remove, directory
    /// sync.
    package var operationCount: Int { state.withLock { $0.operationCount } }

    /// Makes the operation with this number, counted as `operationCount` counts, go wrong.
    ///
    /// The next one has the current count.
    package func inject(_ fault: Fault, atOperation number: Int) {
        state.withLock { $0.faults[number] = fault }
    }

    /// The number of operations so far that only look: open a file that is there, its length, a read, names.
    package var readCount: Int { state.withLock { $0.readCount } }

    /// Makes the operation with this number, counted as `readCount` counts, fail.
    package func injectReadError(atOperation number: Int) {
        state.withLock { _ = $0.readFaults.insert(number) }
    }

    /// Does so with the first write from the operation with this number on, which succeeds.
    package func lie(_ lie: Lie, fromOperation number: Int) {
        state.withLock { $0.lies.append((number, lie)) }
    }

    /// How many lies so far have made durable bytes other than they should be.
    package var lieCounts: [Lie: Int] { state.withLock { $0.lieCounts } }

    /// The files in a directory whose durable bytes are not what an honest disk would hold.
    package func falseNames(inDirectory path: String) -> [String] {
        state.withLock { $0.falseNames(inDirectory: path) }
    }

    /// What an honest disk would durably hold of a file; nil if there is none.
    package func meantContent(of path: String) -> [UInt8]? {
        state.withLock { disk in disk.node(path).map { $0.meant ?? $0.durable } }
    }

    /// Says that an honest disk would hold zeros from an offset of a file on: what was there was given up.
    package func expectZeros(in path: String, from offset: Int) {
        state.withLock { $0.expectZeros(in: path, from: offset) }
    }

    /// Forgets what memory holds of files that have no unsynced writes: what is read next comes from the disk.
    package func dropCaches() {
        state.withLock { $0.dropCaches() }
    }

    /// Takes back all faults that have not come yet, and all lies.
    package func clearFaults() {
        state.withLock {
            $0.lies.removeAll()
            $0.faults.removeAll()
            $0.readFaults.removeAll()
        }
    }

    /// Power off and on: what was not durable is lost, kept or torn, as the seed has it.
    ///
    /// Restores power after a `powerCut`.
    package func restart() {
        state.withLock { $0.restart() }
    }

    /// The visible content of a file; `nil` if there is none.
    package func content(of path: String) -> [UInt8]? {
        state.withLock { $0.node(path)?.visible }
    }

    /// Replaces a file's content, visible and durable, or makes the file: damage by a test's hand.
    package func setContent(_ content: [UInt8], of path: String) {
        state.withLock { $0.setContent(content, of: path) }
    }

    /// A second file system with the same durable and visible content, for playing variants of one history.
    package func copy(seed: UInt64 = 0) -> SimulatedFileSystem {
        let copied = state.withLock { $0.copied(seed: seed) }
        let other = SimulatedFileSystem(seed: seed)
        other.state.withLock { $0 = copied }
        return other
    }

    package func makeDirectory(_ path: String) throws(RecordLogError) {
        try perform { disk in disk.makeDirectory(path) }
    }

    package func names(inDirectory path: String) throws(RecordLogError) -> [String] {
        try perform { disk in disk.names(inDirectory: path) }
    }

    package func open(_ path: String, mode: FileOpenMode) throws(RecordLogError) -> any OpenFile {
        let (node, generation) = try perform { disk in disk.open(path, mode: mode) }
        return SimulatedFile(fileSystem: self, path: path, node: node, generation: generation)
    }

    package func rename(_ path: String, to newPath: String) throws(RecordLogError) {
        try perform { disk in disk.rename(path, to: newPath) }
    }

    package func link(_ path: String, to newPath: String) throws(RecordLogError) {
        try perform { disk in disk.link(path, to: newPath) }
    }

    package func remove(_ path: String) throws(RecordLogError) {
        try perform { disk in disk.remove(path) }
    }

    package func syncDirectory(_ path: String) throws(RecordLogError) {
        try perform { disk in disk.syncDirectory(path) }
    }

    package func lock(_ path: String, holder: String) throws(RecordLogError) -> any FileLock {
        let generation = try perform { disk -> Result<Int, RecordLogError> in
            if disk.isPowerOff { return .failure(.inputOutput("the power is off", path: path)) }
            if let text = disk.locks[path] { return .failure(.locked(path: path, text: text)) }
            disk.locks[path] = "process 1 (\(holder))"
            return .success(disk.generation)
        }
        return SimulatedLock(fileSystem: self, path: path, generation: generation)
    }

    fileprivate func perform<Value: Sendable>(
        _ work: (inout sending SimulatedDisk) -> Result<Value, RecordLogError>
    ) throws(RecordLogError) -> Value {
        try state.withLock { disk in work(&disk) }.get()
    }
}

/// An open file of the simulation.
private final class SimulatedFile: OpenFile {
    private let fileSystem: SimulatedFileSystem
    private let path: String
    private let node: Int
    private let generation: Int
    private let isClosed = Mutex(false)

    init(fileSystem: SimulatedFileSystem, path: String, node: Int, generation: Int) {
        self.fileSystem = fileSystem
        self.path = path
        self.node = node
        self.generation = generation
    }

    private func perform<Value: Sendable>(
        _ work: (inout SimulatedDisk, Int) -> Result<Value, RecordLogError>
    ) throws(RecordLogError) -> Value {
        if isClosed.withLock({ $0 }) {
            throw RecordLogError(.closed, "the file is closed", place: LogPlace(file: path))
        }
        return try fileSystem.perform { disk in
            guard disk.generation == generation else {
                return .failure(.inputOutput("the file was open before a restart", path: path))
            }
            return work(&disk, node)
        }
    }

    func byteCount() throws(RecordLogError) -> Int {
        try perform { disk, node in disk.byteCount(node) }
    }

    func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(RecordLogError) -> Int {
        try perform { disk, node in disk.read(node, into: target, at: offset) }
    }

    func write(_ source: UnsafeRawBufferPointer, at offset: Int) throws(RecordLogError) {
        try perform { disk, node in disk.write(node, source, at: offset) }
    }

    func sync() throws(RecordLogError) {
        try perform { disk, node in disk.sync(node) }
    }

    func dropCache() throws(RecordLogError) {
        try perform { disk, node in disk.dropCache(node) }
    }

    func truncate(to byteCount: Int) throws(RecordLogError) {
        try perform { disk, node in disk.truncate(node, to: byteCount) }
    }

    func close() {
        isClosed.withLock { $0 = true }
    }
}

/// A lock of the simulation; a restart frees it.
private final class SimulatedLock: FileLock {
    private let fileSystem: SimulatedFileSystem
    private let path: String
    private let generation: Int
    private let isHeld = Mutex(true)

    init(fileSystem: SimulatedFileSystem, path: String, generation: Int) {
        self.fileSystem = fileSystem
        self.path = path
        self.generation = generation
    }

    deinit { release() }

    func release() {
        let wasHeld = isHeld.withLock { isHeld in
            defer { isHeld = false }
            return isHeld
        }
        guard wasHeld else { return }
        fileSystem.state.withLock { disk in
            // A lock taken by somebody else after a restart is not ours to free.
            if disk.generation == generation { disk.locks[path] = nil }
        }
    }
}
