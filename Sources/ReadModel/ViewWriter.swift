package import MeterModel

/// Writes rows inside one transaction of a store: they show all at once or not at all.
///
/// Good only inside the closure that received it. Rows may wait, and what SQLite makes of them be told by a later call
/// or by the transaction.
package final class ViewWriter {
    let rows: RowQueue
    /// Whether rows of hours are kept; if not, they are dropped.
    package private(set) var hoursAreOn: Bool

    init(rows: RowQueue, hoursAreOn: Bool) {
        self.rows = rows
        self.hoursAreOn = hoursAreOn
    }

    /// Gathers rows that another writer is to take: of a fold's part that is written beside others, into views that
    /// have no rows of it yet.
    package init(gatheringFor writer: ViewWriter) {
        rows = RowQueue()
        hoursAreOn = writer.hoursAreOn
    }

    /// Takes the rows that others have gathered since they were taken last: those of each table in the order of their
    /// keys.
    ///
    /// - Parameters:
    ///   - writers: nobody puts rows into them before `meanwhile` is called.
    ///   - meanwhile: called once they may gather again, before the rows are on their way.
    /// - Throws: what an earlier row met.
    package func take(from writers: [ViewWriter], meanwhile: () -> Void) throws {
        try rows.take(from: writers.map(\.rows), meanwhile: meanwhile)
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

    /// The positions of the log that were given up before the checkpoint, in order.
    package func setHoles(_ holes: [ClosedRange<Position>]) throws { try setMeta(.holes, ViewMeta.text(holes)) }

    /// Says for good that these views suppose something in place of the log: they are no data directory's.
    package func setWhatIf(_ words: String) throws { try setMeta(.whatIf, words) }

    /// Deletes the rows of hours and keeps none from now on. Only a rebuild brings them back.
    package func turnHoursOff() throws {
        _ = try rows.run(.deleteAllHours) { _ in }
        try setMeta(.hours, "off")
        hoursAreOn = false
    }

    func setMeta(_ key: ViewMeta.Key, _ value: Int64) throws {
        try rows.put(.setMeta) { row in
            row.add(key.rawValue)
            row.add(value)
        }
    }

    func setMeta(_ key: ViewMeta.Key, _ value: String) throws {
        try rows.put(.setMeta) { row in
            row.add(key.rawValue)
            row.add(value)
        }
    }

    // MARK: Devices and series

    /// Inserts a device, or updates all but its name.
    package func putDevice(_ device: DeviceRow) throws {
        precondition(device.deviceID < 1 << 29, "device out of range")
        try rows.put(.putDevice, key: Int64(device.deviceID)) { row in
            row.add(Int64(device.deviceID))
            row.add(device.device)
            row.add(device.utility?.name)
            row.add(device.unit?.symbol)
            row.add(device.dimension?.shownUnit.symbol)
            row.add(device.timezone)
            row.add(device.tariff)
            row.add(device.account)
            row.add(device.readings)
            row.add(device.duplicates)
            row.add(device.firstReadAt?.milliseconds)
            row.add(device.lastReadAt?.milliseconds)
            row.add(device.lastValueMilli)
        }
    }

    /// Inserts a series; one that is there stays as it is.
    package func putSeries(_ series: UInt32, device: UInt32, register: String) throws {
        try rows.put(.putSeries, key: Int64(series)) { row in
            row.add(Int64(series))
            row.add(Int64(device))
            row.add(register)
        }
    }
}
