package import MeterModel

/// Decides which decoded events become facts, and fills in what they leave out: a pure fold of the declarations,
/// currencies and references so far (semantics, sections 1, 6 and 9).
///
/// Invariants: `devices` and `terms` have one entry for each device of `directory`; an event changes this state only
/// when it is accepted; the same accepted events in the same order give the same state, whether admitted or replayed;
/// while the log is replayed, `noticedCount` devices are `isNoticed`.
package struct Admission {
    /// What is known of a device.
    struct DeviceState {
        var declaration = DeviceDeclaration()
        var currency: Currency?
        /// Whether further readings tell nothing new about it.
        var isNoticed = false
    }

    /// What decides about a device's readings: four to a cache line, and the data plane looks at nothing else of it.
    struct ReadingTerms {
        /// Whether a register is declared, and the index of its name in the directory once a reading used it: names are
        /// numbered when they are logged, not when they are declared.
        var hasRegister = false
        var register = ReadingDraft.absent
        /// Raw value of the declared unit, 0 for none.
        var unit: UInt8 = 0
        /// Raw value of the dimension, 0 while unknown.
        var dimension: UInt8 = 0
        /// The series used last, with its register's index.
        var lastSeries = ReadingDraft.absent
        var lastRegister = ReadingDraft.absent
    }

    struct TariffState {
        var unit: Unit
        var currency: Currency
    }

    struct ReferenceKey: Hashable {
        enum Kind { case topUp, refund, adjustment }
        var kind: Kind
        var provider: ByteName
        var reference: ByteName
    }

    struct PaymentTerms: Hashable {
        var device: ByteName
        var amount: ExactDecimal
        var currency: Currency
    }

    let zones: any ZoneSource
    /// The numbering of devices and series, in order of first appearance in the log.
    package internal(set) var directory = SeriesDirectory()
    var devices: ContiguousArray<DeviceState> = []
    var pool = DeclarationPool()
    var terms: ContiguousArray<ReadingTerms> = []
    private var noticedCount = 0
    var tariffs: [ByteName: TariffState] = [:]
    var references: [ReferenceKey: PaymentTerms] = [:]
    /// Directory indexes of the decoder's names, `ReadingDraft.absent` where not yet looked up.
    var deviceOfName: ContiguousArray<UInt32> = []
    var registerOfName: ContiguousArray<UInt32> = []

    /// How many devices the log may tell of; a further one is refused. Each costs memory for as long as the log lives,
    /// and a sender could name ever new ones.
    package var deviceLimit = Admission.usualDeviceLimit
    /// Devices that the log may tell of where it is not said.
    package static let usualDeviceLimit = 1_000_000
    /// Series of all devices that the log may tell of, as a multiple of the devices.
    package static let seriesPerDeviceLimit = 4

    /// Off in tests that hold the two paths of readings against each other.
    package var takesKnownFirst = true

    package init(zones: any ZoneSource) { self.zones = zones }

    // MARK: Replay

    /// Takes in readings that the log holds; `log` is the log's numbering, grown by every block read so far.
    package mutating func replay(
        _ readings: UnsafeBufferPointer<ReadingRecord>,
        directory log: borrowing SeriesDirectory
    ) {
        while devices.count < log.deviceCount { devices.append(DeviceState()) }
        if noticedCount == devices.count { return }
        for reading in readings {
            let device = Int(log.device(ofSeries: reading.series))
            if devices[device].isNoticed { continue }
            let register = log.registerName(ofSeries: reading.series)
            devices[device].declaration.notice(register: register, unit: reading.traits.unit, in: &pool)
            if devices[device].declaration.dimension != nil {
                devices[device].isNoticed = true
                noticedCount += 1
            }
        }
    }

    /// Whether readings of these devices of the log tell nothing that the replay has not taken in.
    ///
    /// - Parameter numbers: the devices', ascending.
    /// - Returns: false where one of them is not known so well.
    package func hasNoticed(_ numbers: [UInt32]) -> Bool {
        guard let last = numbers.last else { return true }
        guard Int(last) < devices.count else { return false }
        return noticedCount == devices.count || numbers.allSatisfy { devices[Int($0)].isNoticed }
    }

    /// Takes in an event that the log holds, entered into `log`.
    package mutating func replay(_ event: MeterEvent, directory log: borrowing SeriesDirectory) {
        while devices.count < log.deviceCount { devices.append(DeviceState()) }
        note(event, device: event.device.flatMap { log.devices.index(of: $0) })
    }

    /// Goes on from the log's numbering once all of it is replayed.
    package mutating func adopt(_ log: SeriesDirectory) {
        directory = log
        growDevices()
        for device in devices.indices { flatten(device) }
    }

    /// Forgets what the decoder's numbers of names mean: another decoder numbers anew.
    package mutating func forgetNames() {
        deviceOfName.removeAll(keepingCapacity: true)
        registerOfName.removeAll(keepingCapacity: true)
    }

    // MARK: State

    mutating func growDevices() {
        while devices.count < directory.deviceCount { devices.append(DeviceState()) }
        while terms.count < directory.deviceCount { terms.append(ReadingTerms()) }
    }

    /// Notes a device's first register and unit.
    mutating func notice(_ device: Int, register: UInt32, unit: Unit) {
        devices[device].declaration.notice(register: directory.registers[register], unit: unit, in: &pool)
        flatten(device)
    }

    /// Copies what the data plane needs out of a declaration.
    mutating func flatten(_ device: Int) {
        let declaration = devices[device].declaration
        terms[device].hasRegister = declaration.isRegistered
        terms[device].register =
            declaration.registerToFillIn.flatMap { directory.registers.index(of: $0) } ?? ReadingDraft.absent
        terms[device].unit = declaration.unit?.rawValue ?? 0
        terms[device].dimension = declaration.dimension?.rawValue ?? 0
    }

    /// Whether one more device, or one more series, may be told of.
    var takesDevices: Bool { directory.deviceCount < deviceLimit && takesSeries }
    var takesSeries: Bool { directory.seriesCount < deviceLimit * Admission.seriesPerDeviceLimit }

    /// The state of a device that has appeared, else that of one unknown.
    func state(of name: String) -> DeviceState {
        directory.devices.index(of: name).map { devices[Int($0)] } ?? DeviceState()
    }
}

extension Admission {
    /// The currency of a device's money, once an accepted tariff or payment set it.
    package func currency(of device: String) -> Currency? { state(of: device).currency }
}
