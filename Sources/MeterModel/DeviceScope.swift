/// Devices by name: those that somebody asks about or changes, where no others are to be looked at.
///
/// Names are compared by their UTF-8 bytes, as everywhere.
package struct DeviceScope: Sendable {
    private var table = NameTable(minimumCapacity: 16)

    /// - Parameter names: may name one twice.
    package init(_ names: some Sequence<String>) {
        for name in names { _ = table.intern(name) }
    }

    /// How many devices.
    package var count: Int { table.count }

    /// The names, in the order given.
    package var names: [String] { (0..<UInt32(table.count)).map { table[$0] } }

    package func contains(_ name: String) -> Bool { table.index(of: name) != nil }

    package func contains(_ name: UnsafeBufferPointer<UInt8>) -> Bool { table.index(of: name) != nil }

    /// Whether what an event says may concern these devices: it is of one of them or of none in particular, or tells of
    /// a push of one.
    package func concerns(_ event: MeterEvent) -> Bool {
        if case .pushSettled(let outcome) = event { return outcome.withDeviceName { contains($0) } ?? false }
        return event.device.map { contains($0) } ?? true
    }
}
