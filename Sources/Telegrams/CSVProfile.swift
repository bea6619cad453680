package import MeterModel

/// Which columns of a CSV file say what, and how it is written.
package struct CSVProfile: Sendable {
    /// A column by the name in the header or by its place, counted from 1.
    package enum Column: Hashable, Sendable {
        case named(String)
        case number(Int)
    }

    /// A column that holds the values of one register.
    package struct ValueColumn: Hashable, Sendable {
        package var column: Column
        /// The register it is; nil leaves it to the register column or the device's declaration.
        package var register: String?
        package var unit: Unit?
        /// What is put behind the device's name.
        package var deviceSuffix: String

        package init(_ column: Column, register: String? = nil, unit: Unit? = nil, deviceSuffix: String = "") {
            self.column = column
            self.register = register
            self.unit = unit
            self.deviceSuffix = deviceSuffix
        }
    }

    /// How times are written.
    package enum TimeFormat: Hashable, Sendable {
        /// RFC 3339, or an integer whose magnitude tells its unit.
        case automatic
        case epochSeconds
        case epochMilliseconds
        case rfc3339
        /// A local clock reading of the profile's zone.
        case pattern(TimePattern)
    }

    /// What the time of a row with `intervalMilliseconds` is of its interval.
    package enum Stamp: String, Sendable {
        case start
        case end
    }

    package var device: Column?
    /// The device of a file that has no such column.
    package var fixedDevice: String?
    package var devicePrefix = ""
    package var register: Column?
    package var unit: Column?
    package var quality: Column?
    /// A cell `interval` makes the row an interval reading; an empty one does not.
    package var kind: Column?
    package var time: Column?
    package var start: Column?
    package var end: Column?
    package var receivedAt: Column?
    /// A date and an hour in columns of their own, in place of `time`; the hour counts from 0 and may be 24.
    package var date: Column?
    package var hour: Column?
    /// At least one, at most `maximumValueColumnCount`.
    package var values: [ValueColumn] = []

    package var fixedRegister: String?
    package var fixedUnit: Unit?
    package var fixedQuality: Quality?

    /// The length of the interval whose amount a row tells; nil where values are register readings.
    package var intervalMilliseconds: Int64?
    package var stamp = Stamp.end

    package var timeFormat = TimeFormat.automatic
    /// The zone of clock readings; nil is UTC.
    package var zone: ZoneRules?

    package var delimiter = UInt8(ascii: ",")
    package var hasDecimalComma = false
    package var hasHeader = true
    /// Lines before the header, or before the rows, that are passed over.
    package var skippedLineCount = 0
    /// Whether columns that the profile does not name are passed over; else they are refused.
    package var ignoresOtherColumns = true
    /// Whether an empty value means that there is no reading; else the row lacks a field.
    package var skipsEmptyValues = true
    /// Texts of a value that mean that there is no reading.
    package var missingMarkers: [String] = []
    /// Values are multiplied by ten to this power: -6 to 6.
    package var powerOfTen = 0

    package static let maximumValueColumnCount = 64
    package static let maximumColumnCount = 4096

    package init() {}

    /// Our own names: a header of `device`, `readAt`, `value` and so on in any order, nothing else.
    package static let ownNames: CSVProfile = {
        var profile = CSVProfile()
        profile.device = .named("device")
        profile.register = .named("register")
        profile.unit = .named("unit")
        profile.quality = .named("quality")
        profile.kind = .named("kind")
        profile.time = .named("readAt")
        profile.start = .named("start")
        profile.end = .named("end")
        profile.receivedAt = .named("receivedAt")
        profile.values = [ValueColumn(.named("value"))]
        profile.ignoresOtherColumns = false
        profile.skipsEmptyValues = false
        return profile
    }()
}
