import Foundation
import Synchronization

/// Runs a piece of work that takes long and blocks on a thread of its own.
func onThreadOfItsOwn<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        let thread = Thread { continuation.resume(with: Result { try body() }) }
        thread.name = "work"
        thread.stackSize = 8 << 20
        thread.start()
    }
}

/// The same on a thread that gives way to the intake, as those do that it begins.
///
/// Who waits is woken by one that does not: threads that are made for who is woken have the priority of the waker.
func onPatientThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await onThreadOfItsOwn {
        let outcome = Mutex<Result<T, any Error>?>(nil)
        let isDone = DispatchSemaphore(value: 0)
        let thread = Thread {
            ThreadPriority.giveWayToIntake()
            let result = Result { try body() }
            outcome.withLock { $0 = result }
            isDone.signal()
        }
        thread.name = "patient work"
        thread.stackSize = 8 << 20
        thread.start()
        isDone.wait()
        guard let result = outcome.withLock({ $0 }) else { preconditionFailure("work that ended without a result") }
        return try result.get()
    }
}
