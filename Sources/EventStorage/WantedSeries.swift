import MeterModel

/// Which series of the segment at hand are wanted: those of the devices in a scope, as the segment defines them.
///
/// Invariants: a bit is set for exactly the wanted series that the segment has defined so far; all of them lie in
/// `lowest...highest`, which is empty (`highest < lowest`) where there are none.
struct WantedSeries {
    let scope: DeviceScope
    private var bits: ContiguousArray<UInt64> = []
    /// The numbers of the scope's devices that the segment has defined, and those that any segment did.
    private var devices: Set<UInt32> = []
    private(set) var knownDevices: Set<UInt32> = []
    /// The wanted series defined, in order of definition.
    private(set) var series: ContiguousArray<UInt32> = []
    private(set) var lowest = Int64.max
    private(set) var highest = Int64.min

    init(_ scope: DeviceScope) { self.scope = scope }

    var isEmpty: Bool { series.isEmpty }

    /// Forgets what a segment defined.
    mutating func reset() {
        for series in series { bits[Int(series) / 64] = 0 }
        series.removeAll(keepingCapacity: true)
        devices.removeAll(keepingCapacity: true)
        lowest = Int64.max
        highest = Int64.min
    }

    /// Takes in what a block defines.
    mutating func add(_ block: BlockBodyDecoder.Block, _ segment: borrowing SegmentDictionary) {
        for i in block.devices.first..<block.devices.first + block.devices.count where isWanted(i, segment) {
            devices.insert(segment.devices.numbers[i])
            knownDevices.insert(segment.devices.numbers[i])
        }
        guard !devices.isEmpty else { return }
        for i in block.series.first..<block.series.first + block.series.count {
            let state = segment.series.states[i]
            if devices.contains(state.device) { add(state.series) }
        }
    }

    /// Whether the ith device that the segment defined is the scope's. A device has the same number in all segments, so
    /// that names are not looked at any more once the numbers of all are known.
    private func isWanted(_ i: Int, _ segment: borrowing SegmentDictionary) -> Bool {
        guard knownDevices.count == scope.count else {
            return segment.devices.withBytes(ofDefinition: i, scope.contains)
        }
        return knownDevices.contains(segment.devices.numbers[i])
    }

    private mutating func add(_ number: UInt32) {
        let word = Int(number) / 64
        if word >= bits.count { bits.append(contentsOf: repeatElement(0, count: word + 1 - bits.count)) }
        bits[word] |= 1 << UInt64(number % 64)
        series.append(number)
        lowest = min(lowest, Int64(number))
        highest = max(highest, Int64(number))
    }

    func contains(_ series: UInt32) -> Bool {
        let word = Int(series) / 64
        return word < bits.count && bits[word] >> UInt64(series % 64) & 1 == 1
    }

    /// Whether any series of a range of numbers is wanted.
    func overlaps(_ range: ClosedRange<UInt32>) -> Bool {
        guard Int64(range.lowerBound) <= highest, Int64(range.upperBound) >= lowest else { return false }
        return series.contains(where: range.contains)
    }

    /// Hands over the bits: bit `series % 64` of word `series / 64`, up to `highest`.
    @inline(__always)
    func withBits<R>(_ body: (UnsafePointer<UInt64>) -> R) -> R? {
        bits.withUnsafeBufferPointer { bits in bits.baseAddress.map(body) }
    }
}

/// A reading of a run that is wanted: its place in the run, and its series.
struct WantedCell {
    var index: UInt32
    var series: UInt32
}
