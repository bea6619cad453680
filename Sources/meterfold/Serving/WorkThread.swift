import Foundation

/// A thread for one piece of work that takes long and blocks.
final class WorkThread: Sendable {
    private let thread: Thread

    init(_ body: @escaping @Sendable () -> Void) {
        thread = Thread(block: body)
        thread.name = "work"
        thread.stackSize = 8 << 20
    }

    func start() { thread.start() }
}
