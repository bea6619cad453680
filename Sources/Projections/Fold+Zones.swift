package import MeterModel

/// A zone that devices are in, and how far its days are told.
package struct ZoneInUse: Sendable {
    package var rules: ZoneRules
    /// The latest midnight that the log tells of; nil: none.
    package var lastTurnedAt: Instant?
}

extension Fold {
    /// The zones of the devices, by name.
    package var zonesInUse: [ZoneInUse] {
        var zones: [ByteName: ZoneRules] = [:]
        for device in foldedDevices where zones[ByteName(device.zone.name)] == nil {
            zones[ByteName(device.zone.name)] = device.zone
        }
        return zones.sorted { $0.key < $1.key }.map { name, rules in
            ZoneInUse(rules: rules, lastTurnedAt: turnedDays[name].map(Instant.init(milliseconds:)))
        }
    }

    /// The device's clock (semantics, section 5), UTC milliseconds.
    func clock(of device: DeviceFold) -> Int64? {
        clock(of: device, readAt: device.billingSeries.flatMap { series[Int($0)].latestAt })
    }

    func clock(of device: DeviceFold, readAt: Int64?) -> Int64? {
        if let asOf { return asOf.milliseconds }
        guard !turnedDays.isEmpty, let turned = turnedDay(in: device.zone.name) else { return readAt }
        return readAt.map { max($0, turned) } ?? turned
    }

    private func turnedDay(in zone: String) -> Int64? {
        if let turnedDay, turnedDay.zone == zone { return turnedDay.at }
        let at = turnedDays[ByteName(zone)]
        turnedDay = (zone, at)
        return at
    }
}
