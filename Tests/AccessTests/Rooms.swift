import Foundation
import MeterModel
import Synchronization

/// A folder of its own for a test, removed with it.
final class Room {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("access-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var tokens: String { path + "/tokens" }
}

/// A clock that stands until it is set.
final class SetClock: WallClock {
    private let milliseconds: Mutex<Int64>

    init(_ milliseconds: Int64 = 1_800_000_000_000) { self.milliseconds = Mutex(milliseconds) }

    func now() -> Instant { Instant(milliseconds: milliseconds.withLock { $0 }) }

    func advance(_ by: Int64) { milliseconds.withLock { $0 += by } }
}
