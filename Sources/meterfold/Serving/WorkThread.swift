import Foundation

/// Runs a piece of work that takes long and blocks on a thread of its own.
func onThreadOfItsOwn<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        let thread = Thread { continuation.resume(with: Result { try body() }) }
        thread.name = "work"
        thread.stackSize = 8 << 20
        thread.start()
    }
}
