/// The log's own numbering of devices and series, each in order of first appearance in the log.
///
/// Invariants: a series' device and register are in the name tables; (device, register) is in `indexes` exactly once.
package struct SeriesDirectory: Sendable {
    package private(set) var devices = NameTable(minimumCapacity: 16_384)
    package private(set) var registers = NameTable()
    private var deviceOfSeries: ContiguousArray<UInt32> = []
    private var registerOfSeries: ContiguousArray<UInt32> = []
    private var indexes: [UInt64: UInt32] = [:]

    package init() {}

    package var seriesCount: Int { deviceOfSeries.count }
    package var deviceCount: Int { devices.count }

    /// The device's index, new or old.
    package mutating func device(named name: String) -> UInt32 { devices.intern(name) }
    package mutating func device(named name: UnsafeBufferPointer<UInt8>) -> UInt32 { devices.intern(name) }
    /// The register name's index, new or old.
    package mutating func register(named name: String) -> UInt32 { registers.intern(name) }
    package mutating func register(named name: UnsafeBufferPointer<UInt8>) -> UInt32 { registers.intern(name) }

    fileprivate mutating func enter(devices names: borrowing NameTable) { devices.intern(names) }
    fileprivate mutating func enter(registers names: borrowing NameTable) { registers.intern(names) }

    /// The series' index, new or old.
    package mutating func series(device: UInt32, register: UInt32) -> UInt32 {
        let key = UInt64(device) << 32 | UInt64(register)
        if let index = indexes[key] { return index }
        let index = UInt32(deviceOfSeries.count)
        deviceOfSeries.append(device)
        registerOfSeries.append(register)
        indexes[key] = index
        return index
    }

    /// The series' index, if it is there.
    package func existingSeries(device: UInt32, register: UInt32) -> UInt32? {
        indexes[UInt64(device) << 32 | UInt64(register)]
    }

    package func device(ofSeries series: UInt32) -> UInt32 { deviceOfSeries[Int(series)] }
    package func register(ofSeries series: UInt32) -> UInt32 { registerOfSeries[Int(series)] }
    package func deviceName(ofSeries series: UInt32) -> String { devices[device(ofSeries: series)] }
    package func registerName(ofSeries series: UInt32) -> String { registers[register(ofSeries: series)] }

    /// The bytes of a series' device and register, for the duration of `body`.
    package func withNames(
        ofSeries series: UInt32,
        _ body: (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) -> Void
    ) {
        devices.withBytes(of: device(ofSeries: series)) { device in
            registers.withBytes(of: register(ofSeries: series)) { body(device, $0) }
        }
    }
}

extension SeriesDirectory {
    /// Gives the device and series that an accepted event names their numbers, as writer and readers of the log must do
    /// alike: an event's device counts as an appearance, and so does its series where it names a register.
    package mutating func enter(_ event: MeterEvent) {
        guard let name = event.device else { return }
        let device = device(named: name)
        if let register = event.register { _ = series(device: device, register: self.register(named: register)) }
    }
}

/// What a directory knows beyond what it knew before: its last names and series, in order.
package struct DirectoryNews: Sendable {
    private var devices: NameTable?
    private var registers: NameTable?
    private var series: ContiguousArray<UInt64> = []

    /// - Parameters:
    ///   - directory: whose news it is.
    ///   - known: how many devices, registers and series were known before.
    package init(in directory: borrowing SeriesDirectory, since known: (devices: Int, registers: Int, series: Int)) {
        if directory.deviceCount > known.devices {
            var names = NameTable(minimumCapacity: directory.deviceCount - known.devices)
            names.intern(directory.devices, from: known.devices)
            devices = names
        }
        if directory.registers.count > known.registers {
            var names = NameTable(minimumCapacity: 1)
            names.intern(directory.registers, from: known.registers)
            registers = names
        }
        for number in known.series..<directory.seriesCount {
            let number = UInt32(number)
            series.append(
                UInt64(directory.device(ofSeries: number)) << 32 | UInt64(directory.register(ofSeries: number))
            )
        }
    }

    /// Takes the news in, under the same numbers where the same was known before.
    package func enter(into directory: inout SeriesDirectory) {
        if let devices { directory.enter(devices: devices) }
        if let registers { directory.enter(registers: registers) }
        for pair in series {
            _ = directory.series(device: UInt32(pair >> 32), register: UInt32(truncatingIfNeeded: pair))
        }
    }
}
