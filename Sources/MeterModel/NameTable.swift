/// Names as small numbers: each distinct byte string gets the next index, from 0, in order of first appearance.
///
/// Invariants: `ends[i]` is where name i stops in `bytes`; `slots` has a power of two of entries, at most half of them
/// used, each `index + 1` (0 is free), found by linear probing from the hash. Names are bytes, never normalised.
package struct NameTable: Sendable {
    private var bytes: ContiguousArray<UInt8> = []
    private var ends: ContiguousArray<Int> = []
    private var hashes: ContiguousArray<UInt64> = []
    private var slots: ContiguousArray<UInt32>

    package init(minimumCapacity: Int = 256) {
        var capacity = 512
        while capacity < minimumCapacity * 2 { capacity *= 2 }
        slots = ContiguousArray(repeating: 0, count: capacity)
    }

    package var count: Int { ends.count }

    /// The index of a name, new or old.
    package mutating func intern(_ name: UnsafeBufferPointer<UInt8>) -> UInt32 {
        let hash = NameTable.hash(name)
        if let index = find(name, hash) { return index }
        return insert(name, hash)
    }

    package mutating func intern(_ name: String) -> UInt32 {
        var name = name
        return name.withUTF8 { intern($0) }
    }

    /// The index of a name that is there, else nil.
    package func index(of name: UnsafeBufferPointer<UInt8>) -> UInt32? { find(name, NameTable.hash(name)) }

    package func index(of name: String) -> UInt32? {
        var name = name
        return name.withUTF8 { index(of: $0) }
    }

    /// The name with an index. Its bytes were valid UTF-8 if all that was interned was.
    package subscript(index: UInt32) -> String {
        withBytes(of: index) { String(decoding: $0, as: UTF8.self) }
    }

    /// The bytes of a name, for the duration of `body`.
    package func withBytes<R>(of index: UInt32, _ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R {
        let i = Int(index)
        let start = i == 0 ? 0 : ends[i - 1]
        return try bytes.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[start..<ends[i]])) }
    }

    private func find(_ name: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> UInt32? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        return slots.withUnsafeBufferPointer { slots in
            hashes.withUnsafeBufferPointer { hashes in
                while slots[slot] != 0 {
                    let i = Int(slots[slot] - 1)
                    if hashes[i] == hash, equals(name, i) { return UInt32(i) }
                    slot = (slot + 1) & mask
                }
                return nil
            }
        }
    }

    @inline(__always)
    private func equals(_ name: UnsafeBufferPointer<UInt8>, _ i: Int) -> Bool {
        let start = i == 0 ? 0 : ends[i - 1]
        guard ends[i] - start == name.count else { return false }
        return bytes.withUnsafeBufferPointer { stored in
            for j in 0..<name.count where stored[start + j] != name[j] { return false }
            return true
        }
    }

    private mutating func insert(_ name: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> UInt32 {
        precondition(ends.count < Int(UInt32.max) - 1, "more than 2^32 names")
        bytes.append(contentsOf: name)
        ends.append(bytes.count)
        hashes.append(hash)
        if ends.count * 2 > slots.count { grow() } else { place(UInt32(ends.count), hash) }
        return UInt32(ends.count - 1)
    }

    private mutating func place(_ entry: UInt32, _ hash: UInt64) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = entry
    }

    private mutating func grow() {
        slots = ContiguousArray(repeating: 0, count: slots.count * 2)
        for (i, hash) in hashes.enumerated() { place(UInt32(i + 1), hash) }
    }

    /// Eight bytes at a step, each multiplied and folded; the same on every run and machine.
    @inline(__always)
    static func hash(_ name: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var h: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(name.count)
        var i = 0
        let raw = UnsafeRawBufferPointer(name)
        while i + 8 <= raw.count {
            h = mix(h ^ UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)))
            i += 8
        }
        var tail: UInt64 = 0
        while i < raw.count {
            tail = tail << 8 | UInt64(raw[i])
            i += 1
        }
        return mix(h ^ tail)
    }

    @inline(__always)
    private static func mix(_ x: UInt64) -> UInt64 {
        let product = x.multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return product.high ^ product.low
    }
}
