/// Names as small numbers: each distinct byte string gets the next index, from 0, in order of first appearance.
///
/// Invariants: `entries[i]` is name i, which lies in `bytes`; `slots` has a power of two of entries, at most half of
/// them used, each the upper half of a hash above `index + 1` (0 is free), found by linear probing from the hash. Names
/// are bytes, never normalised. `follower` and `last` only say where to look first: meters are polled in the same order
/// again and again, and a name found by its predecessor costs no jump into the slots.
package struct NameTable: Sendable {
    /// A name with what tells it from most others at once, two to a cache line.
    private struct Entry {
        var ends: Ends
        var start: Int
        var count: UInt32
        /// The name that was interned after it the last time.
        var follower: UInt32
    }

    /// The first eight bytes of a name and the last eight, which may overlap; of a shorter one all there is.
    private struct Ends {
        var head: UInt64
        var tail: UInt64
    }

    /// Names up to here are told apart by their length and ends alone.
    private static let shortByteCount = 16

    private var bytes: ContiguousArray<UInt8> = []
    private var entries: ContiguousArray<Entry> = []
    private var slots: ContiguousArray<UInt64>
    /// The name interned last.
    private var last = 0

    package init(minimumCapacity: Int = 256) {
        var capacity = 512
        while capacity < minimumCapacity * 2 { capacity *= 2 }
        slots = ContiguousArray(repeating: 0, count: capacity)
    }

    package var count: Int { entries.count }

    /// The index of a name, new or old.
    package mutating func intern(_ name: UnsafeBufferPointer<UInt8>) -> UInt32 {
        let ends = NameTable.ends(of: name)
        if last < entries.count {
            let guess = entries[last].follower
            if isName(Int(guess), name, ends) {
                last = Int(guess)
                return guess
            }
        }
        let hash = NameTable.hash(name, ends)
        let index = find(name, ends, hash) ?? insert(name, ends, hash)
        // Names are often met in the order in which they will come again.
        entries[last].follower = index
        last = Int(index)
        return index
    }

    package mutating func intern(_ name: String) -> UInt32 {
        var name = name
        return name.withUTF8 { intern($0) }
    }

    /// Interns names in order, as one by one; but the memory that each needs is fetched while others wait for theirs.
    ///
    /// - Parameters:
    ///   - names: some dozens.
    ///   - body: called for each in turn, with its place among them and its index.
    package mutating func intern(
        _ names: UnsafeBufferPointer<UnsafeBufferPointer<UInt8>>,
        _ body: (Int, UInt32) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: Lookup.self, capacity: names.count) { lookups in
            let mask = slots.count - 1
            slots.withUnsafeBufferPointer { slots in
                for k in 0..<names.count {
                    let ends = NameTable.ends(of: names[k])
                    let hash = NameTable.hash(names[k], ends)
                    let slot = slots[Int(truncatingIfNeeded: hash) & mask]
                    lookups.initializeElement(at: k, to: Lookup(ends: ends, hash: hash, slot: slot))
                }
            }
            for k in 0..<names.count {
                let lookup = lookups[k]
                let guess = UInt32(truncatingIfNeeded: lookup.slot) &- 1
                if lookup.slot != 0, lookup.slot >> 32 == lookup.hash >> 32, isName(Int(guess), names[k], lookup.ends) {
                    body(k, guess)
                } else {
                    // Those before it may have come into the slots since.
                    let found = find(names[k], lookup.ends, lookup.hash)
                    body(k, found ?? insert(names[k], lookup.ends, lookup.hash))
                }
            }
        }
    }

    /// A name that is looked up with others.
    private struct Lookup {
        var ends: Ends
        var hash: UInt64
        /// What its first slot held.
        var slot: UInt64
    }

    /// Takes in the names of another table from an index on.
    package mutating func intern(_ other: borrowing NameTable, from first: Int = 0) {
        for i in first..<other.count { other.withBytes(of: UInt32(i)) { _ = intern($0) } }
    }

    /// The index of a name that is there, else nil.
    package func index(of name: UnsafeBufferPointer<UInt8>) -> UInt32? {
        let ends = NameTable.ends(of: name)
        return find(name, ends, NameTable.hash(name, ends))
    }

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
        let (start, count) = (entries[Int(index)].start, Int(entries[Int(index)].count))
        return try bytes.withUnsafeBufferPointer {
            try body(UnsafeBufferPointer(rebasing: $0[start..<start + count]))
        }
    }

    private func find(_ name: UnsafeBufferPointer<UInt8>, _ ends: Ends, _ hash: UInt64) -> UInt32? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        return slots.withUnsafeBufferPointer { slots in
            while slots[slot] != 0 {
                if slots[slot] >> 32 == hash >> 32 {
                    let i = UInt32(truncatingIfNeeded: slots[slot]) - 1
                    if isName(Int(i), name, ends) { return i }
                }
                slot = (slot + 1) & mask
            }
            return nil
        }
    }

    /// Whether name i is this one.
    @inline(__always)
    private func isName(_ i: Int, _ name: UnsafeBufferPointer<UInt8>, _ ends: Ends) -> Bool {
        entries.withUnsafeBufferPointer { entries in
            guard entries[i].ends.head == ends.head, entries[i].ends.tail == ends.tail,
                Int(entries[i].count) == name.count
            else { return false }
            return name.count <= NameTable.shortByteCount || hasMiddle(of: name, at: entries[i].start)
        }
    }

    /// Whether what lies between the ends of a long name stands at `start` too.
    private func hasMiddle(of name: UnsafeBufferPointer<UInt8>, at start: Int) -> Bool {
        bytes.withUnsafeBufferPointer { stored in
            guard let given = name.baseAddress, let known = stored.baseAddress else { return false }
            let (a, b) = (UnsafeRawPointer(given), UnsafeRawPointer(known + start))
            var j = 8
            while j < name.count - 8 {
                if NameTable.word(a, j) != NameTable.word(b, j) { return false }
                j += 8
            }
            return true
        }
    }

    @inline(__always)
    private static func word(_ p: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: p.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @inline(__always)
    private static func ends(of name: UnsafeBufferPointer<UInt8>) -> Ends {
        guard let base = name.baseAddress else { return Ends(head: 0, tail: 0) }
        let raw = UnsafeRawPointer(base)
        if name.count >= 8 { return Ends(head: word(raw, 0), tail: word(raw, name.count - 8)) }
        if name.count >= 4 {
            let first = UInt32(littleEndian: raw.loadUnaligned(as: UInt32.self))
            let last = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: name.count - 4, as: UInt32.self))
            return Ends(head: UInt64(last) << 32 | UInt64(first), tail: 0)
        }
        var all: UInt64 = 0
        for byte in name { all = all << 8 | UInt64(byte) }
        return Ends(head: all, tail: 0)
    }

    private mutating func insert(_ name: UnsafeBufferPointer<UInt8>, _ ends: Ends, _ hash: UInt64) -> UInt32 {
        precondition(entries.count < Int(UInt32.max) - 1, "more than 2^32 names")
        precondition(name.count < Int(UInt32.max), "a name of more than 2^32 bytes")
        // Until another one comes after it, itself.
        let follower = UInt32(entries.count)
        entries.append(Entry(ends: ends, start: bytes.count, count: UInt32(name.count), follower: follower))
        bytes.append(contentsOf: name)
        if entries.count * 2 > slots.count { grow() }
        place(UInt32(entries.count), hash)
        return UInt32(entries.count - 1)
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
        for i in 0..<entries.count - 1 {
            let ends = entries[i].ends
            place(UInt32(i + 1), withBytes(of: UInt32(i)) { NameTable.hash($0, ends) })
        }
    }

    /// The ends, and eight bytes at a step what lies between them, each multiplied and folded; the same on every run
    /// and machine.
    @inline(__always)
    private static func hash(_ name: UnsafeBufferPointer<UInt8>, _ ends: Ends) -> UInt64 {
        var h = mix(0x9E37_79B9_7F4A_7C15 ^ UInt64(name.count) ^ ends.head)
        if name.count > shortByteCount, let base = name.baseAddress {
            var i = 8
            while i < name.count - 8 {
                h = mix(h ^ word(UnsafeRawPointer(base), i))
                i += 8
            }
        }
        return mix(h ^ ends.tail)
    }

    @inline(__always)
    private static func mix(_ x: UInt64) -> UInt64 {
        let product = x.multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return product.high ^ product.low
    }
}
