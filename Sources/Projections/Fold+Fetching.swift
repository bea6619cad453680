import CPrefetch

// State of many devices lies in more memory than the caches hold, and where the processor does not expect it: whoever
// goes through devices has what comes soon fetched meanwhile.

extension Fold {
    /// Cache lines of a device's own state and of a series'.
    private static let deviceLineCount = 7
    private static let seriesLineCount = 4
    /// How many devices or series ahead they are fetched where rows are made, whose making takes longer than a fetch.
    private static let rowsAhead = 4

    /// Has the state of a device fetched from memory, for it is wanted soon.
    /// - Precondition: it is known.
    @inline(__always)
    func fetchAhead(device: UInt32) { devices.withUnsafeBytes { Fold.fetch($0, device, Fold.deviceLineCount) } }

    /// Has the state of a series fetched from memory, for it is wanted soon.
    /// - Precondition: it is known.
    @inline(__always)
    func fetchAhead(series: UInt32) { self.series.withUnsafeBytes { Fold.fetch($0, series, Fold.seriesLineCount) } }

    @inline(__always)
    private static func fetch(_ objects: UnsafeRawBufferPointer, _ index: UInt32, _ lineCount: Int) {
        // The object is not touched: counting a reference to it would wait for it.
        let size = MemoryLayout<UnsafeRawPointer>.size
        let object = objects.load(fromByteOffset: Int(index) * size, as: UnsafeRawPointer.self)
        for line in 0..<lineCount { meterfold_prefetch(object + line * 64) }
    }

    /// Does something for each of some devices, having them and what they are billed by fetched ahead.
    @inline(__always)
    func forEach(ofDevices some: ArraySlice<UInt32>, _ body: (DeviceFold) throws -> Void) rethrows {
        for i in some.indices {
            let (near, far) = (i + Fold.rowsAhead, i + 2 * Fold.rowsAhead)
            if far < some.endIndex { fetchAhead(device: some[far]) }
            if near < some.endIndex, let series = devices[Int(some[near])].billingSeries { fetchAhead(series: series) }
            try body(devices[Int(some[i])])
        }
    }

    /// Does something for each of some series, having them and their devices fetched ahead.
    @inline(__always)
    func forEach(ofSeries some: ArraySlice<UInt32>, _ body: (UInt32) throws -> Void) rethrows {
        for i in some.indices {
            let ahead = i + Fold.rowsAhead
            if ahead < some.endIndex {
                fetchAhead(series: some[ahead])
                owners.withUnsafeBytes { Fold.fetch($0, some[ahead], Fold.deviceLineCount) }
            }
            try body(some[i])
        }
    }
}
