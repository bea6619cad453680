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
}
