import MeterModel

/// The tags or fields that a profile maps, compiled for comparison by length and the first eight bytes.
struct LineProtocolKeys: Sendable {
    enum Role: UInt8 {
        case device
        case register
        case unit
        case quality
        case field
    }

    private struct Key {
        var count: Int
        var head: UInt64
        var role: Role
        /// Which of its role: the rank of a device tag, the number of a field.
        var index: Int
        var name: ContiguousArray<UInt8>
    }

    private var keys: ContiguousArray<Key> = []

    /// The tags of a profile.
    static func tags(_ profile: LineProtocolProfile) -> LineProtocolKeys {
        var keys = LineProtocolKeys()
        for (rank, name) in profile.deviceTags.enumerated() { keys.add(name, .device, rank) }
        if let name = profile.registerTag { keys.add(name, .register, 0) }
        if let name = profile.unitTag { keys.add(name, .unit, 0) }
        if let name = profile.qualityTag { keys.add(name, .quality, 0) }
        return keys
    }

    /// The fields of a profile.
    static func fields(_ profile: LineProtocolProfile) -> LineProtocolKeys {
        var keys = LineProtocolKeys()
        for (index, field) in profile.fields.enumerated() { keys.add(field.name, .field, index) }
        return keys
    }

    private mutating func add(_ name: String, _ role: Role, _ index: Int) {
        let bytes = ContiguousArray(name.utf8)
        var head: UInt64 = 0
        for (k, byte) in bytes.prefix(8).enumerated() { head |= UInt64(byte) << UInt64(8 * k) }
        keys.append(Key(count: bytes.count, head: head, role: role, index: index, name: bytes))
    }

    /// What the key from `start` to `end` means, or nil where it is not mapped. `limit` ends the readable bytes.
    @inline(__always)
    func find(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ limit: Int) -> (role: Role, index: Int)? {
        let count = end - start
        let head = LineProtocolKeys.head(base, start, min(count, 8), limit)
        for k in 0..<keys.count {
            guard keys[k].count == count, keys[k].head == head else { continue }
            if count <= 8 || hasName(k, base, start) { return (keys[k].role, keys[k].index) }
        }
        return nil
    }

    private func hasName(_ k: Int, _ base: UnsafePointer<UInt8>, _ start: Int) -> Bool {
        for (offset, byte) in keys[k].name.enumerated() where base[start + offset] != byte { return false }
        return true
    }

    /// The first `count` (0 to 8) bytes as one little-endian word.
    @inline(__always)
    private static func head(_ base: UnsafePointer<UInt8>, _ start: Int, _ count: Int, _ limit: Int) -> UInt64 {
        if start + 8 <= limit {
            let word = UInt64(littleEndian: UnsafeRawPointer(base + start).loadUnaligned(as: UInt64.self))
            return count == 8 ? word : word & ((1 << UInt64(8 * count)) &- 1)
        }
        var word: UInt64 = 0
        for k in 0..<count { word |= UInt64(base[start + k]) << UInt64(8 * k) }
        return word
    }
}
