internal import NIOPosix
package import ReadModel
internal import Synchronization

/// Why views could not be read just now.
package enum ViewPoolFault: Error, Hashable, Sendable {
    /// As many reads wait as may.
    case full
}

/// Reads a file of views on a few threads of its own: SQLite blocks, and the event loops must not.
///
/// Invariants: `waiting` counts the reads handed over and not yet over, and never exceeds `queueMaximum`. A read that
/// has begun keeps the store it began with; `reopen` only decides which store later reads begin with.
package final class ViewPool: ViewReading {
    /// Threads that read.
    package static let threadCount = 4
    /// Reads under way or waiting at once.
    package static let queueMaximum = 64

    private let path: String
    private let threads: NIOThreadPool
    private let store = Mutex<ViewStore?>(nil)
    private let waiting = Gate(maximum: ViewPool.queueMaximum)

    /// - Parameter path: the file. It is opened with the first read, which fails where there are no views yet.
    package init(path: String) {
        self.path = path
        threads = NIOThreadPool(numberOfThreads: ViewPool.threadCount)
        threads.start()
    }

    /// Makes later reads open the file anew: what stands at the path may be another one.
    package func reopen() { store.withLock { $0 = nil } }

    /// Waits for the reads under way and ends the threads. Later reads fail.
    package func close() async {
        try? await threads.shutdownGracefully()
        reopen()
    }

    package func read<T: Sendable>(_ body: @Sendable @escaping (ViewReader) throws -> T) async throws -> T {
        guard waiting.enter() else { throw ViewPoolFault.full }
        defer { waiting.leave() }
        return try await threads.runIfActive { try self.current().read(body) }
    }

    private func current() throws -> ViewStore {
        if let open = store.withLock({ $0 }) { return open }
        let opened = try ViewStore.openForReading(path: path)
        store.withLock { $0 = opened }
        return opened
    }
}
