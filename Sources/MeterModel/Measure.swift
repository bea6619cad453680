/// What a device counts.
package enum Dimension: UInt8, Sendable {
    case energy = 1
    case volume = 2

    /// The unit in which quantities of this dimension are shown.
    package var shownUnit: Unit { self == .energy ? .kilowattHour : .cubicMetre }
}

/// A unit of the wire. Inside, energy is counted in mWh and volume in mL.
package enum Unit: UInt8, Sendable, CaseIterable {
    case wattHour = 1
    case kilowattHour = 2
    case megawattHour = 3
    case litre = 4
    case cubicMetre = 5

    package var symbol: String {
        switch self {
        case .wattHour: "Wh"
        case .kilowattHour: "kWh"
        case .megawattHour: "MWh"
        case .litre: "L"
        case .cubicMetre: "m3"
        }
    }

    package init?(symbol: String) {
        guard let unit = Unit.allCases.first(where: { $0.symbol == symbol }) else { return nil }
        self = unit
    }

    @inlinable
    package var dimension: Dimension { rawValue <= 3 ? .energy : .volume }

    /// How many digits a decimal of this unit is shifted to count mWh or mL: 3 (Wh, L), 6 (kWh, m3) or 9 (MWh).
    @inlinable
    package var milliDigits: Int {
        switch self {
        case .wattHour, .litre: 3
        case .kilowattHour, .cubicMetre: 6
        case .megawattHour: 9
        }
    }
}

/// What kind of supply a device measures.
package enum Utility: UInt8, Sendable, CaseIterable {
    case electricity = 1
    case water = 2
    case gas = 3

    package var name: String {
        switch self {
        case .electricity: "electricity"
        case .water: "water"
        case .gas: "gas"
        }
    }

    package init?(name: String) {
        guard let utility = Utility.allCases.first(where: { $0.name == name }) else { return nil }
        self = utility
    }

    /// The unit of a device that declares none.
    package var defaultUnit: Unit { self == .electricity ? .kilowattHour : .cubicMetre }

    /// The billing register of a device that declares none (OBIS; semantics, section 2).
    package var defaultRegister: String {
        switch self {
        case .electricity: "1-0:1.8.0"
        case .water: "8-0:1.0.0"
        case .gas: "7-0:3.0.0"
        }
    }

    /// Whether a device of this utility may count in `unit`: gas in either dimension, as its declaration says.
    package func allows(_ unit: Unit) -> Bool {
        switch self {
        case .electricity: unit.dimension == .energy
        case .water: unit.dimension == .volume
        case .gas: true
        }
    }
}

/// How far a reading can be trusted; the higher stands in a conflict.
package enum Quality: UInt8, Sendable, Comparable, CaseIterable {
    case estimated = 0
    case edited = 1
    case measured = 2
    case verified = 3

    package var name: String {
        switch self {
        case .estimated: "estimated"
        case .edited: "edited"
        case .measured: "measured"
        case .verified: "verified"
        }
    }

    package init?(name: String) {
        guard let quality = Quality.allCases.first(where: { $0.name == name }) else { return nil }
        self = quality
    }

    @inlinable
    package static func < (a: Quality, b: Quality) -> Bool { a.rawValue < b.rawValue }
}
