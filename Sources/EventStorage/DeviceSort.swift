import MeterModel

/// Sorts runs of readings by device, readings of one device staying in order.
///
/// A radix sort over (device, place) pairs packed into 64 bits, then one gather. Scratch memory is kept from run to
/// run.
struct DeviceSort: ~Copyable {
    private var keys: UnsafeMutablePointer<UInt64>
    private var spareKeys: UnsafeMutablePointer<UInt64>
    private var gathered: UnsafeMutablePointer<ReadingRecord>
    private var capacity = 1024

    private static let digitBits = 9
    private static let bucketCount = 1 << digitBits
    /// Runs shorter than this are sorted by comparison.
    private static let shortRunCount = 256

    init() {
        keys = .allocate(capacity: capacity)
        spareKeys = .allocate(capacity: capacity)
        gathered = .allocate(capacity: capacity)
    }

    deinit { release() }

    private func release() {
        keys.deallocate()
        spareKeys.deallocate()
        gathered.deallocate()
    }

    /// - Precondition: each reading's series is an index of `deviceOfSeries`.
    mutating func sort(_ run: UnsafeMutableBufferPointer<ReadingRecord>, deviceOfSeries: UnsafeBufferPointer<UInt32>) {
        guard run.count > 1 else { return }
        reserve(run.count)
        var isSorted = true
        var previous: UInt32 = 0
        var largest: UInt32 = 0
        for i in 0..<run.count {
            let series = Int(run[i].series)
            precondition(series < deviceOfSeries.count, "a reading of a series that the directory does not have")
            let device = deviceOfSeries[series]
            isSorted = isSorted && device >= previous
            previous = device
            largest = max(largest, device)
            keys[i] = UInt64(device) << 32 | UInt64(UInt32(i))
        }
        if isSorted { return }
        if run.count < DeviceSort.shortRunCount {
            var short = UnsafeMutableBufferPointer(start: keys, count: run.count)
            short.sort()
        } else {
            radixSort(run.count, largest: largest)
        }
        for i in 0..<run.count { gathered[i] = run[Int(keys[i] & 0xFFFF_FFFF)] }
        UnsafeMutableRawPointer(run.baseAddress.unsafelyUnwrapped).copyMemory(
            from: gathered,
            byteCount: run.count * MemoryLayout<ReadingRecord>.stride
        )
    }

    private mutating func radixSort(_ count: Int, largest: UInt32) {
        let buckets = DeviceSort.bucketCount
        let mask = UInt64(buckets - 1)
        withUnsafeTemporaryAllocation(of: Int.self, capacity: buckets) { ends in
            var shift: UInt64 = 32
            while shift < 64, (UInt64(largest) << 32) >> shift > 0 {
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
                shift += UInt64(DeviceSort.digitBits)
            }
        }
    }

    private mutating func reserve(_ count: Int) {
        precondition(count <= Int(UInt32.max), "a run of more than 2^32 readings")
        guard count > capacity else { return }
        release()
        capacity = max(count, capacity * 2)
        keys = .allocate(capacity: capacity)
        spareKeys = .allocate(capacity: capacity)
        gathered = .allocate(capacity: capacity)
    }
}
