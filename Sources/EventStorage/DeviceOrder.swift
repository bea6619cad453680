/// Brings items into the order of their devices, items of one device staying in order.
///
/// A radix sort over pairs of device and place, packed into 64 bits. Who sorts fills the keys of `unsorted` by `key`,
/// and reads the places of the sorted ones by `place`. Memory is kept from sort to sort.
package struct DeviceOrder: ~Copyable {
    private var keys: UnsafeMutablePointer<UInt64>
    private var spareKeys: UnsafeMutablePointer<UInt64>
    private var capacity = 1024

    /// The widest digit that is sorted by at a time: so many places are written to side by side.
    private static let largestDigitBits = 10
    /// Fewer than this are sorted by comparison.
    private static let shortCount = 256

    package init() {
        keys = .allocate(capacity: capacity)
        spareKeys = .allocate(capacity: capacity)
    }

    deinit {
        keys.deallocate()
        spareKeys.deallocate()
    }

    @inlinable
    package static func key(device: UInt32, place: Int) -> UInt64 { UInt64(device) << 32 | UInt64(UInt32(place)) }

    @inlinable
    package static func place(of key: UInt64) -> Int { Int(key & 0xFFFF_FFFF) }

    @inlinable
    package static func device(of key: UInt64) -> UInt32 { UInt32(key >> 32) }

    /// Room for the keys of `count` items, to be filled; it stays valid until the next call.
    /// - Precondition: `count` is at most 2^32.
    package mutating func unsorted(count: Int) -> UnsafeMutableBufferPointer<UInt64> {
        precondition(count <= Int(UInt32.max), "a run of more than 2^32 readings")
        if count > capacity {
            keys.deallocate()
            spareKeys.deallocate()
            capacity = max(count, capacity * 2)
            keys = .allocate(capacity: capacity)
            spareKeys = .allocate(capacity: capacity)
        }
        return UnsafeMutableBufferPointer(start: keys, count: count)
    }

    /// Sorts the keys that were filled in.
    ///
    /// - Parameters:
    ///   - count: as many as were asked room for.
    ///   - largest: the largest device among them.
    /// - Returns: the keys, ascending; they stay valid until the next call.
    package mutating func sorted(count: Int, largest: UInt32) -> UnsafeBufferPointer<UInt64> {
        if count < DeviceOrder.shortCount {
            var short = UnsafeMutableBufferPointer(start: keys, count: count)
            short.sort()
        } else {
            radixSort(count, largest: largest)
        }
        return UnsafeBufferPointer(start: keys, count: count)
    }

    private mutating func radixSort(_ count: Int, largest: UInt32) {
        // Digits of the same width, as few as reach the largest device.
        let bits = UInt32.bitWidth - largest.leadingZeroBitCount
        let digitCount = (bits + DeviceOrder.largestDigitBits - 1) / DeviceOrder.largestDigitBits
        guard digitCount > 0 else { return }
        let digitBits = (bits + digitCount - 1) / digitCount
        let buckets = 1 << digitBits
        let mask = UInt64(buckets - 1)
        withUnsafeTemporaryAllocation(of: Int.self, capacity: buckets) { ends in
            var shift: UInt64 = 32
            for _ in 0..<digitCount {
                ends.update(repeating: 0)
                for i in 0..<count { ends[Int(keys[i] &>> shift & mask)] += 1 }
                var start = 0
                for bucket in 0..<buckets {
                    let size = ends[bucket]
                    ends[bucket] = start
                    start += size
                }
                for i in 0..<count {
                    let bucket = Int(keys[i] &>> shift & mask)
                    spareKeys[ends[bucket]] = keys[i]
                    ends[bucket] += 1
                }
                swap(&keys, &spareKeys)
                shift += UInt64(digitBits)
            }
        }
    }
}
