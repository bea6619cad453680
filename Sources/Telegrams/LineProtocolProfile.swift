package import MeterModel

/// The unit of a line's timestamp.
package enum TimestampPrecision: String, Sendable, CaseIterable {
    case nanoseconds = "ns"
    case microseconds = "us"
    case milliseconds = "ms"
    case seconds = "s"

    /// UTC milliseconds of a count, finer digits floored; nil where it outgrows 64 bits.
    @inline(__always)
    func milliseconds(_ count: Int64) -> Int64? {
        switch self {
        case .nanoseconds: return floorDivide(count, 1_000_000).quotient
        case .microseconds: return floorDivide(count, 1000).quotient
        case .milliseconds: return count
        case .seconds:
            let (product, overflow) = count.multipliedReportingOverflow(by: 1000)
            return overflow ? nil : product
        }
    }
}

/// Which tags and fields of line protocol say what, for senders that do not use our names.
package struct LineProtocolProfile: Hashable, Sendable {
    /// A field that is a register's value.
    package struct Field: Hashable, Sendable {
        package var name: String
        /// The register it is; nil leaves it to the line's tag or the device's declaration.
        package var register: String?
        package var unit: Unit?
        /// What is put behind the device's name.
        package var deviceSuffix: String

        package init(name: String, register: String? = nil, unit: Unit? = nil, deviceSuffix: String = "") {
            self.name = name
            self.register = register
            self.unit = unit
            self.deviceSuffix = deviceSuffix
        }
    }

    /// Tags that name the device, in this order of preference; where a line has none of them, its measurement does if
    /// `takesMeasurementAsDevice`.
    package var deviceTags: [String]
    package var takesMeasurementAsDevice: Bool
    package var devicePrefix: String
    package var registerTag: String?
    package var unitTag: String?
    package var qualityTag: String?
    /// At most `maximumFieldCount`; a line yields one reading for each that it has.
    package var fields: [Field]

    package static let maximumFieldCount = 64

    package init(
        deviceTags: [String] = ["device"],
        takesMeasurementAsDevice: Bool = false,
        devicePrefix: String = "",
        registerTag: String? = "register",
        unitTag: String? = "unit",
        qualityTag: String? = "quality",
        fields: [Field] = [Field(name: "value")]
    ) {
        self.deviceTags = deviceTags
        self.takesMeasurementAsDevice = takesMeasurementAsDevice
        self.devicePrefix = devicePrefix
        self.registerTag = registerTag
        self.unitTag = unitTag
        self.qualityTag = qualityTag
        self.fields = fields
    }
}
