/// Names as small numbers: each distinct byte string gets the next index, from 0, in order of first appearance.
///
/// Invariants: `ends[i]` is where name i stops in `bytes`; `slots` has a power of two of entries, at most half of them
/// used, each the upper half of a hash above `index + 1` (0 is free), found by linear probing from the hash. Names are
/// bytes, never normalised. `followers` and `last` only say where to look first: meters are polled in the same order
/// again and again, and a name found by its predecessor costs no jump into the slots.
package struct NameTable: Sendable {
    private var bytes: ContiguousArray<UInt8> = []
    private var ends: ContiguousArray<Int> = []
    private var slots: ContiguousArray<UInt64>
    /// Of each name the one that was interned after it the last time.
    private var followers: ContiguousArray<UInt32> = []
    /// The name interned last.
    private var last = 0

    package init(minimumCapacity: Int = 256) {
        var capacity = 512
        while capacity < minimumCapacity * 2 { capacity *= 2 }
        slots = ContiguousArray(repeating: 0, count: capacity)
    }

    package var count: Int { ends.count }

    /// The index of a name, new or old.
    package mutating func intern(_ name: UnsafeBufferPointer<UInt8>) -> UInt32 {
        if last < followers.count {
            let guess = followers[last]
            if equals(name, Int(guess)) {
                last = Int(guess)
                return guess
            }
        }
        let hash = NameTable.hash(name)
        let index = find(name, hash) ?? insert(name, hash)
        if last < followers.count { followers[last] = index }
        last = Int(index)
        return index
    }

    package mutating func intern(_ name: String) -> UInt32 {
        var name = name
        return name.withUTF8 { intern($0) }
    }

    /// Takes in the names of another table from an index on.
    package mutating func intern(_ other: borrowing NameTable, from first: Int = 0) {
        for i in first..<other.count { other.withBytes(of: UInt32(i)) { _ = intern($0) } }
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
            while slots[slot] != 0 {
                if slots[slot] >> 32 == hash >> 32 {
                    let i = UInt32(truncatingIfNeeded: slots[slot]) - 1
                    if equals(name, Int(i)) { return i }
                }
                slot = (slot + 1) & mask
            }
            return nil
        }
    }

    @inline(__always)
    private func equals(_ name: UnsafeBufferPointer<UInt8>, _ i: Int) -> Bool {
        let start = i == 0 ? 0 : ends[i - 1]
        guard ends[i] - start == name.count else { return false }
        return bytes.withUnsafeBufferPointer { stored in
            guard let given = name.baseAddress, let known = stored.baseAddress else { return name.isEmpty }
            return NameTable.equals(UnsafeRawPointer(given), UnsafeRawPointer(known + start), name.count)
        }
    }

    /// Eight bytes at a step, the last step overlapping the one before.
    @inline(__always)
    private static func equals(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
        guard count >= 8 else {
            var difference: UInt8 = 0
            for j in 0..<count {
                difference |= a.load(fromByteOffset: j, as: UInt8.self) ^ b.load(fromByteOffset: j, as: UInt8.self)
            }
            return difference == 0
        }
        var j = 0
        while j + 8 < count {
            if word(a, j) != word(b, j) { return false }
            j += 8
        }
        return word(a, count - 8) == word(b, count - 8)
    }

    @inline(__always)
    private static func word(_ p: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        p.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    private mutating func insert(_ name: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> UInt32 {
        precondition(ends.count < Int(UInt32.max) - 1, "more than 2^32 names")
        bytes.append(contentsOf: name)
        ends.append(bytes.count)
        // Names are often met in the order in which they will come again.
        followers.append(UInt32(ends.count - 1))
        if ends.count * 2 > slots.count { grow() }
        place(UInt32(ends.count), hash)
        return UInt32(ends.count - 1)
    }

    private mutating func place(_ entry: UInt32, _ hash: UInt64) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = (hash & ~0xFFFF_FFFF) | UInt64(entry)
    }

    /// Twice the slots, and all names but the newest in them.
    private mutating func grow() {
        slots = ContiguousArray(repeating: 0, count: slots.count * 2)
        for i in 0..<ends.count - 1 { place(UInt32(i + 1), withBytes(of: UInt32(i)) { NameTable.hash($0) }) }
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
