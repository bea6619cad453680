import FleetSimulator
import RecordLog

/// A disk that takes its time: while it is written to, everything goes on that does not wait for it.
///
/// Invariant: nothing is done to a file before the wait is over.
// Safety: one thread moves the simulation.
final class SimulatedSlowness: @unchecked Sendable {
    /// How slow it is.
    enum Pace: CaseIterable {
        case immediate
        case brisk
        case slow
        case stalling
    }

    var pace = Pace.immediate
    /// Whose intake waits.
    weak var server: SimulatedServer?
    private let clients: [SimulatedClient]
    private let time: SimulatedTime
    private let executor: SimulatedExecutor
    private var random: SeededGenerator
    private var isWaiting = false
    /// Waits so far, and how long they were in all, in milliseconds.
    private(set) var waitCount = 0
    private(set) var waitTime: Int64 = 0
    /// What showed while it waited.
    private(set) var fault: (any Error)?

    init(seed: UInt64, _ clients: [SimulatedClient], _ time: SimulatedTime, _ executor: SimulatedExecutor) {
        random = SeededGenerator(seed: seed)
        self.clients = clients
        self.time = time
        self.executor = executor
    }

    /// Waits for the disk, mostly not for long.
    func wait() {
        guard pace != .immediate, !isWaiting else { return }
        let bound: Int
        switch pace {
        case .immediate: return
        case .brisk: bound = 30
        case .slow: bound = random.below(4) == 0 ? 5000 : 300
        case .stalling: bound = random.below(3) == 0 ? 90_000 : 3000
        }
        isWaiting = true
        defer { isWaiting = false }
        let total = Int64(1 + random.below(bound))
        waitCount += 1
        waitTime += total
        var left = total
        for _ in 0..<random.below(6) {
            let part = Int64(random.below(Int(left) + 1))
            left -= part
            time.advance(part)
            step()
        }
        time.advance(left)
    }

    /// What goes on meanwhile: all but the one thread that waits.
    private func step() {
        guard let server, server.failure == nil else { return }
        let client = clients[random.below(clients.count)]
        do {
            switch random.below(12) {
            case 0..<4: for _ in 0..<1 + random.below(8) where !executor.runOne(&random) { break }
            case 4..<7: client.send(1 + random.below(600), to: server)
            case 7, 8: try client.readReplies()
            case 9: server.fold(blockCount: 1 + random.below(4))
            case 10: server.commitViews()
            default:
                guard random.below(4) == 0, let session = client.session else { break }
                server.end(session)
                try client.disconnect(readingReplies: random.below(2) == 0)
                client.connect()
            }
        } catch {
            fault = fault ?? error
        }
    }
}

/// A file system whose changes wait for a slow disk.
struct SlowFileSystem: FileSystem {
    let disk: any FileSystem
    let slowness: SimulatedSlowness

    func makeDirectory(_ path: String) throws(RecordLogError) { try disk.makeDirectory(path) }

    func names(inDirectory path: String) throws(RecordLogError) -> [String] { try disk.names(inDirectory: path) }

    func open(_ path: String, mode: FileOpenMode) throws(RecordLogError) -> any OpenFile {
        SlowFile(file: try disk.open(path, mode: mode), slowness: slowness)
    }

    func rename(_ path: String, to newPath: String) throws(RecordLogError) { try disk.rename(path, to: newPath) }

    func link(_ path: String, to newPath: String) throws(RecordLogError) { try disk.link(path, to: newPath) }

    func remove(_ path: String) throws(RecordLogError) { try disk.remove(path) }

    func syncDirectory(_ path: String) throws(RecordLogError) {
        slowness.wait()
        try disk.syncDirectory(path)
    }

    func lock(_ path: String, holder: String) throws(RecordLogError) -> any FileLock {
        try disk.lock(path, holder: holder)
    }
}

private final class SlowFile: OpenFile {
    private let file: any OpenFile
    private let slowness: SimulatedSlowness

    init(file: any OpenFile, slowness: SimulatedSlowness) {
        self.file = file
        self.slowness = slowness
    }

    func byteCount() throws(RecordLogError) -> Int { try file.byteCount() }

    func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(RecordLogError) -> Int {
        try file.read(into: target, at: offset)
    }

    func write(_ source: UnsafeRawBufferPointer, at offset: Int) throws(RecordLogError) {
        slowness.wait()
        try file.write(source, at: offset)
    }

    func sync() throws(RecordLogError) {
        slowness.wait()
        try file.sync()
    }

    func dropCache() throws(RecordLogError) { try file.dropCache() }

    func truncate(to byteCount: Int) throws(RecordLogError) {
        slowness.wait()
        try file.truncate(to: byteCount)
    }

    func close() { file.close() }
}
