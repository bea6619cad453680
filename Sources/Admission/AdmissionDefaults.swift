package import MeterModel

/// What came with the input and fills what a line lacks, before the device's own declaration does.
package struct AdmissionDefaults: Hashable, Sendable {
    package var unit: Unit?
    package var register: String?

    /// A defaulted utility supplies the unit and register of its kind.
    package init(utility: Utility? = nil, unit: Unit? = nil, register: String? = nil) {
        self.unit = unit ?? utility?.defaultUnit
        self.register = register ?? utility?.defaultRegister
    }

    package static let none = AdmissionDefaults()
}
