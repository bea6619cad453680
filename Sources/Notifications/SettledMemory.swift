import MeterModel

/// The last jobs that were settled, and whether they were delivered.
///
/// Invariant: at most `capacity`, the oldest goes first.
struct SettledMemory {
    private let capacity: Int
    private var wasDelivered: [ByteName: Bool] = [:]
    private var ring: [ByteName] = []
    private var next = 0

    init(capacity: Int) { self.capacity = capacity }

    func contains(_ key: ByteName) -> Bool { wasDelivered[key] != nil }

    func wasDelivered(_ key: ByteName) -> Bool? { wasDelivered[key] }

    mutating func insert(_ key: ByteName, wasDelivered delivered: Bool) {
        guard wasDelivered.updateValue(delivered, forKey: key) == nil else { return }
        if ring.count < capacity {
            ring.append(key)
        } else {
            wasDelivered[ring[next]] = nil
            ring[next] = key
            next = (next + 1) % capacity
        }
    }
}
