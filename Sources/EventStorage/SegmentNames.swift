package import MeterModel

/// The names of devices, or of registers, that a segment has defined so far, by number.
///
/// Invariants: `numbers[i]` is the number of the ith definition and `ends[i]` where its name stops in `bytes`;
/// `ordinals[number]` is i, or `SeriesStates.absent`. A number is defined at most once until `reset`.
struct SegmentNames {
    private var ordinals: ContiguousArray<UInt32> = []
    private(set) var numbers: ContiguousArray<UInt32> = []
    private var ends: ContiguousArray<Int> = []
    private var bytes: ContiguousArray<UInt8> = []

    var count: Int { numbers.count }

    mutating func reset() {
        for number in numbers { ordinals[Int(number)] = SeriesStates.absent }
        numbers.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
    }

    func isDefined(_ number: UInt32) -> Bool {
        Int(number) < ordinals.count && ordinals[Int(number)] != SeriesStates.absent
    }

    /// - Precondition: the number is below `EventStorageLimits.maximumNumber` and not defined.
    mutating func define(_ number: UInt32, _ name: UnsafeBufferPointer<UInt8>) {
        precondition(Int(number) < EventStorageLimits.maximumNumber && !isDefined(number), "name cannot be defined")
        if Int(number) >= ordinals.count {
            let grown = min(max(Int(number) + 1, ordinals.count * 2, 256), EventStorageLimits.maximumNumber)
            ordinals.append(contentsOf: repeatElement(SeriesStates.absent, count: grown - ordinals.count))
        }
        ordinals[Int(number)] = UInt32(numbers.count)
        numbers.append(number)
        bytes.append(contentsOf: name)
        ends.append(bytes.count)
    }

    /// The bytes of the ith name defined, for the duration of `body`.
    func withBytes<R>(ofDefinition i: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R {
        let start = i == 0 ? 0 : ends[i - 1]
        return try bytes.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[start..<ends[i]])) }
    }

    /// The name with a number, if the segment has defined it.
    func name(_ number: UInt32) -> String? {
        guard isDefined(number) else { return nil }
        return withBytes(ofDefinition: Int(ordinals[Int(number)])) { String(decoding: $0, as: UTF8.self) }
    }
}

/// What a segment has defined so far: names, series, and where each series stands. Begins empty with each segment.
struct SegmentDictionary: ~Copyable {
    var devices = SegmentNames()
    var registers = SegmentNames()
    var series = SeriesStates()
    /// The register of the ith series defined.
    private(set) var registerOfSeries: ContiguousArray<UInt32> = []

    mutating func reset() {
        devices.reset()
        registers.reset()
        series.reset()
        registerOfSeries.removeAll(keepingCapacity: true)
    }

    mutating func defineSeries(_ number: UInt32, device: UInt32, register: UInt32) {
        series.define(number, device: device)
        registerOfSeries.append(register)
    }
}

/// How many devices, registers and series there are in the log at a place.
package struct DefinitionCounts: Hashable, Sendable {
    package var devices = 0
    package var registers = 0
    package var series = 0

    /// Counts as given.
    package init(devices: Int = 0, registers: Int = 0, series: Int = 0) {
        self.devices = devices
        self.registers = registers
        self.series = series
    }

    /// What a directory knows.
    package init(_ directory: SeriesDirectory) {
        self.init(
            devices: directory.deviceCount,
            registers: directory.registers.count,
            series: directory.seriesCount
        )
    }
}
