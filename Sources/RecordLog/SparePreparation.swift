import Dispatch
import Synchronization

/// Prepares the file of the next segment: zeros to its full size, synced, under `spare/ready`.
///
/// Invariants: at most one preparation runs; `spare/ready` exists and is all zero exactly while the state is `ready`;
/// a failure is kept until `take`, which reports it.
final class SparePreparation: Sendable {
    private enum State {
        case none
        case running
        case ready(any OpenFile)
        case failed(RecordLogError)
    }

    private static let chunkByteCount = 1 << 20

    private let fileSystem: any FileSystem
    private let paths: LogPaths
    private let byteCount: Int
    private let state = Mutex(State.none)
    private let running = DispatchGroup()

    init(fileSystem: any FileSystem, paths: LogPaths, byteCount: Int) {
        self.fileSystem = fileSystem
        self.paths = paths
        self.byteCount = byteCount
    }

    /// Keeps a spare from an earlier run if it is untouched and of the right size; removes anything else.
    func adoptLeftOver() throws(RecordLogError) {
        let names = try fileSystem.names(inDirectory: paths.spare)
        if names.contains("filling") { try fileSystem.remove(paths.fillingSpare) }
        guard names.contains("ready") else { return }
        let file = try fileSystem.open(paths.readySpare, mode: .write)
        let start = try file.bytes(at: 0, count: SegmentHeader.byteCount)
        if try file.byteCount() == byteCount, start.allSatisfy({ $0 == 0 }) {
            state.withLock { $0 = .ready(file) }
        } else {
            file.close()
            try fileSystem.remove(paths.readySpare)
        }
    }

    /// Begins to prepare a spare unless there is one, or one was tried; never throws: `take` does.
    func start(inBackground: Bool) {
        let begins = state.withLock { state in
            guard case .none = state else { return false }
            state = .running
            return true
        }
        guard begins else { return }
        guard inBackground else { return prepare() }
        DispatchQueue.global(qos: .utility).async(group: running) { self.prepare() }
    }

    /// The prepared file, waiting for it or preparing it now as needed.
    ///
    /// It still lies under `spare/ready`.
    ///
    /// Throws `noSpace` if there is none: the next `take` tries again.
    func take() throws(RecordLogError) -> any OpenFile {
        running.wait()
        let needsPreparation = state.withLock { state in
            switch state {
            case .none: true
            case .failed(let error): error.code == .noSpace
            case .running, .ready: false
            }
        }
        if needsPreparation { prepare() }
        let outcome = state.withLock { state -> Result<any OpenFile, RecordLogError> in
            switch state {
            case .ready(let file):
                state = .none
                return .success(file)
            case .failed(let error): return .failure(error)
            case .none, .running: preconditionFailure("a spare is ready or failed once prepared")
            }
        }
        return try outcome.get()
    }

    /// Waits for a running preparation and closes what it made; the file stays for the next run.
    func finish() {
        running.wait()
        state.withLock { state in
            if case .ready(let file) = state { file.close() }
            state = .none
        }
    }

    private func prepare() {
        do throws(RecordLogError) {
            let file = try fill()
            state.withLock { $0 = .ready(file) }
        } catch {
            // Half a file is of no use; if it cannot be removed either, the next opening does it.
            try? fileSystem.remove(paths.fillingSpare)
            state.withLock { $0 = .failed(error) }
        }
    }

    private func fill() throws(RecordLogError) -> any OpenFile {
        let file = try fileSystem.open(paths.fillingSpare, mode: .create)
        try file.truncate(to: 0)
        let zeros = [UInt8](repeating: 0, count: min(byteCount, Self.chunkByteCount))
        var offset = 0
        while offset < byteCount {
            let count = min(zeros.count, byteCount - offset)
            try file.write(zeros, count: count, at: offset)
            offset += count
        }
        try file.sync()
        try fileSystem.rename(paths.fillingSpare, to: paths.readySpare)
        try fileSystem.syncDirectory(paths.spare)
        return file
    }
}

extension OpenFile {
    /// Writes the first `count` bytes of an array with one write.
    func write(_ bytes: [UInt8], count: Int? = nil, at offset: Int) throws(RecordLogError) {
        let result = bytes.withUnsafeBytes { source -> Result<Void, RecordLogError> in
            do throws(RecordLogError) {
                return .success(
                    try write(UnsafeRawBufferPointer(rebasing: source[..<(count ?? source.count)]), at: offset)
                )
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }
}
