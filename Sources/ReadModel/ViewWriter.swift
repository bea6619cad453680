package import MeterModel

/// Writes rows inside one transaction of a store: they show all at once or not at all.
///
/// Good only inside the closure that received it. Rows of hours may wait in a batch until the transaction ends.
package final class ViewWriter {
    let state: WriterState
    /// Whether rows of hours are kept; if not, they are dropped.
    package private(set) var hoursAreOn: Bool

    init(state: WriterState, hoursAreOn: Bool) {
        self.state = state
        self.hoursAreOn = hoursAreOn
    }

    // MARK: Meta

    /// Up to where the log is folded, and the chain's head there (hash bytes, shown in hexadecimal).
    package func setCheckpoint(_ position: Position, chainHead: some Sequence<UInt8>) throws {
        try setMeta(.checkpoint, Int64(position.rawValue))
        let digits = Array("0123456789abcdef".utf8)
        let hexadecimal = chainHead.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        try setMeta(.chainHead, String(decoding: hexadecimal, as: UTF8.self))
    }

    /// The name and version of the zone rules that cut these views.
    package func setTimeZoneDatabase(_ version: String) throws {
        try setMeta(.timeZoneDatabase, version)
    }

    /// Says for good that these views suppose something in place of the log: they are no data directory's.
    package func setWhatIf(_ words: String) throws { try setMeta(.whatIf, words) }

    /// Deletes the rows of hours and keeps none from now on. Only a rebuild brings them back.
    package func turnHoursOff() throws {
        state.forgetHours()
        try state.statement(.deleteAllHours).run()
        try setMeta(.hours, "off")
        hoursAreOn = false
    }

    func setMeta(_ key: ViewMeta.Key, _ value: Int64) throws {
        let statement = try state.statement(.setMeta)
        statement.bind(1, key.rawValue)
        statement.bind(2, value)
        try statement.run()
    }

    func setMeta(_ key: ViewMeta.Key, _ value: String) throws {
        let statement = try state.statement(.setMeta)
        statement.bind(1, key.rawValue)
        statement.bind(2, value)
        try statement.run()
    }

    // MARK: Devices and series

    /// Inserts a device, or updates all but its name.
    package func putDevice(_ row: DeviceRow) throws {
        precondition(row.deviceID < 1 << 29, "device out of range")
        let statement = try state.statement(.putDevice)
        statement.bind(1, Int64(row.deviceID))
        statement.bind(2, row.device)
        statement.bind(3, row.utility?.name)
        statement.bind(4, row.unit?.symbol)
        statement.bind(5, row.dimension?.shownUnit.symbol)
        statement.bind(6, row.timezone)
        statement.bind(7, row.tariff)
        statement.bind(8, row.account)
        statement.bind(9, row.readings)
        statement.bind(10, row.duplicates)
        statement.bind(11, row.firstReadAt?.milliseconds)
        statement.bind(12, row.lastReadAt?.milliseconds)
        statement.bind(13, row.lastValueMilli)
        try statement.run()
    }

    /// Inserts a series; one that is there stays as it is.
    package func putSeries(_ series: UInt32, device: UInt32, register: String) throws {
        let statement = try state.statement(.putSeries)
        statement.bind(1, Int64(series))
        statement.bind(2, Int64(device))
        statement.bind(3, register)
        try statement.run()
    }
}
