internal import Synchronization

/// Lets so many in at once.
final class Gate: Sendable {
    private let maximum: Int
    private let inside = Atomic<Int>(0)

    init(maximum: Int) { self.maximum = maximum }

    /// Whether one more may come in; who does must `leave`.
    func enter() -> Bool {
        if inside.wrappingAdd(1, ordering: .relaxed).newValue <= maximum { return true }
        leave()
        return false
    }

    func leave() { inside.wrappingSubtract(1, ordering: .relaxed) }
}
