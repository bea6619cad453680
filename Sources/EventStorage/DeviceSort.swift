import MeterModel

/// Sorts runs of readings by device, readings of one device staying in order.
///
/// The order first, then one gather. Scratch memory is kept from run to run.
struct DeviceSort: ~Copyable {
    private var order = DeviceOrder()
    private var gathered: UnsafeMutablePointer<ReadingRecord>
    private var capacity = 1024

    init() { gathered = .allocate(capacity: capacity) }

    deinit { gathered.deallocate() }

    /// - Precondition: each reading's series is an index of `deviceOfSeries`.
    mutating func sort(_ run: UnsafeMutableBufferPointer<ReadingRecord>, deviceOfSeries: UnsafeBufferPointer<UInt32>) {
        guard run.count > 1 else { return }
        reserve(run.count)
        let keys = order.unsorted(count: run.count)
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
            keys[i] = DeviceOrder.key(device: device, place: i)
        }
        if isSorted { return }
        let sorted = order.sorted(count: run.count, largest: largest)
        for i in 0..<run.count { gathered[i] = run[DeviceOrder.place(of: sorted[i])] }
        UnsafeMutableRawPointer(run.baseAddress.unsafelyUnwrapped).copyMemory(
            from: gathered,
            byteCount: run.count * MemoryLayout<ReadingRecord>.stride
        )
    }

    private mutating func reserve(_ count: Int) {
        guard count > capacity else { return }
        gathered.deallocate()
        capacity = max(count, capacity * 2)
        gathered = .allocate(capacity: capacity)
    }
}
