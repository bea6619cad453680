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
        if case .pushSettled(let outcome) = event { return isOwner(ofJob: outcome.job) }
        return event.device.map { contains($0) } ?? true
    }

    /// Whether a push job is of one of these devices. Jobs are named `device/rule/episode/kind`, and of these the
    /// device alone may have a `/` in it.
    private func isOwner(ofJob job: String) -> Bool {
        var job = job
        return job.withUTF8 { job in
            var end = job.count
            for _ in 0..<3 {
                guard let slash = job[..<end].lastIndex(of: UInt8(ascii: "/")) else { return false }
                end = slash
            }
            return contains(UnsafeBufferPointer(rebasing: job[..<end]))
        }
    }
}
