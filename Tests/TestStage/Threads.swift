import Foundation

/// Runs what computes for minutes on a thread of its own: the few threads that all suites share stay free for those
/// that wait for each other.
///
/// - Returns: what `body` returns.
package func onThread<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
        let thread = Thread { continuation.resume(returning: body()) }
        thread.stackSize = 8 << 20
        thread.start()
    }
}

/// As above, for what may throw.
package func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    let result: Result<T, any Error> = await onThread { Result { try body() } }
    return try result.get()
}
