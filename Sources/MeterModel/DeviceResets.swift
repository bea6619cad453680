/// Fields of `DeviceRegistered` that an event takes back to their defaults.
///
/// `tariff` and `from` are not among them, for no event takes back what a device was charged by. The raw values are
/// part of the log's format.
package struct DeviceResets: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let unit = DeviceResets(rawValue: 1 << 0)
    package static let register = DeviceResets(rawValue: 1 << 1)
    package static let timezone = DeviceResets(rawValue: 1 << 2)
    package static let multiplier = DeviceResets(rawValue: 1 << 3)
    package static let modulus = DeviceResets(rawValue: 1 << 4)
    package static let maxRate = DeviceResets(rawValue: 1 << 5)
    package static let gapAfter = DeviceResets(rawValue: 1 << 6)
    package static let account = DeviceResets(rawValue: 1 << 7)
    package static let alerts = DeviceResets(rawValue: 1 << 10)

    /// Every reset by the name of its field.
    package static let fields: [(name: String, reset: DeviceResets)] = [
        ("unit", .unit), ("register", .register), ("timezone", .timezone), ("multiplier", .multiplier),
        ("modulus", .modulus), ("maxRate", .maxRate), ("gapAfter", .gapAfter), ("account", .account),
        ("alerts", .alerts),
    ]

    /// All that there are.
    package static let all = DeviceResets(fields.map(\.reset))
}
