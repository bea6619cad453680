import MeterModel

/// Sorts runs of readings by device, readings of one device staying in order.
///
/// The order first, then one gather. Scratch memory is kept from run to run.
struct DeviceSort: ~Copyable {
    private var order = DeviceOrder()
    private var gathered: ContiguousArray<ReadingRecord> = []

    /// Sorts all of an array, as one run.
    ///
    /// - Precondition: each reading's series is an index of `deviceOfSeries`.
    mutating func sort(_ run: inout ContiguousArray<ReadingRecord>, deviceOfSeries: UnsafeBufferPointer<UInt32>) {
        let isGathered = run.withUnsafeBufferPointer { gather($0, deviceOfSeries: deviceOfSeries) }
        if isGathered { swap(&run, &gathered) }
    }

    /// Sorts a run within an array.
    ///
    /// - Precondition: each reading's series is an index of `deviceOfSeries`.
    mutating func sort(_ run: UnsafeMutableBufferPointer<ReadingRecord>, deviceOfSeries: UnsafeBufferPointer<UInt32>) {
        guard gather(UnsafeBufferPointer(run), deviceOfSeries: deviceOfSeries) else { return }
        _ = run.update(fromContentsOf: gathered)
    }

    /// Puts a run in order into `gathered`; false where it is in order already.
    private mutating func gather(
        _ run: UnsafeBufferPointer<ReadingRecord>,
        deviceOfSeries: UnsafeBufferPointer<UInt32>
    ) -> Bool {
        guard run.count > 1 else { return false }
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
        if isSorted { return false }
        let sorted = order.sorted(count: run.count, largest: largest)
        resizeGathered(run.count)
        gathered.withUnsafeMutableBufferPointer { gathered in
            for i in 0..<run.count { gathered[i] = run[DeviceOrder.place(of: sorted[i])] }
        }
        return true
    }

    private mutating func resizeGathered(_ count: Int) {
        if gathered.count > count { gathered.removeLast(gathered.count - count) }
        if gathered.count < count {
            let none = ReadingRecord(
                series: 0,
                traits: ReadingTraits(rawValue: 0),
                at: 0,
                value: 0,
                span: 0,
                receivedAt: 0
            )
            gathered.append(contentsOf: repeatElement(none, count: count - gathered.count))
        }
    }
}
