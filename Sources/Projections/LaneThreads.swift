import Threading

/// A thread for each lane, on which lanes are worked on side by side.
///
/// Invariant: what a lane's work failed with is the lane's from `begin` until `wait` returns, and the caller's else.
// Safety: as the invariant says; `threads` hand memory from one thread to the other.
final class LaneThreads: @unchecked Sendable {
    // Safety: as above.
    private final class Outcome: @unchecked Sendable {
        var failure: (any Error)?
    }

    private let threads: [SideThread]
    private let outcomes: [Outcome]

    init(count: Int) {
        threads = (0..<count).map { _ in SideThread(name: "lane") }
        outcomes = (0..<count).map { _ in Outcome() }
    }

    /// Begins to do something for each lane; `wait` is to follow.
    ///
    /// - Precondition: nothing is under way.
    func begin(_ body: @escaping (Int) throws -> Void) {
        for (lane, (thread, outcome)) in zip(threads, outcomes).enumerated() {
            thread.hold()
            thread.perform {
                do { try body(lane) } catch { outcome.failure = error }
            }
        }
    }

    /// Waits until nothing is under way.
    ///
    /// - Throws: what was thrown for the first lane for which something was.
    func wait() throws {
        for thread in threads { thread.wait() }
        let failures = outcomes.compactMap(\.failure)
        for outcome in outcomes { outcome.failure = nil }
        if let failure = failures.first { throw failure }
    }

    /// Does something for each lane.
    ///
    /// - Throws: what it throws for the first lane for which it does.
    func each(_ body: (Int) throws -> Void) throws {
        try withoutActuallyEscaping(body) { body in
            begin(body)
            try wait()
        }
    }
}
