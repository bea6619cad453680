package import Admission
package import MeterModel
package import Telegrams

/// How an input is to be read: what was said on the command line, the first line of a connection or a request.
package struct InputOptions: Sendable {
    /// Nil to detect it.
    package var format: InputFormat?
    package var precision = TimestampPrecision.nanoseconds
    package var profile: InputProfile?
    /// Whether the profile only stands in where nobody named one: it then reads inputs of its own format alone.
    package var profileIsDefault = false
    /// The device of an input that names none, in place of the profile's.
    package var device: String?
    /// What fills readings that lack it; each goes before what the profile says.
    package var utility: Utility?
    package var unit: Unit?
    package var register: String?

    package init() {}

    /// The format that needs no detecting, if there is one.
    package var knownFormat: InputFormat? { format ?? (profileIsDefault ? nil : profile?.format) }

    /// The utility that fills what readings lack: of the options, else of the profile.
    package var effectiveUtility: Utility? { utility ?? (profileIsDefault ? nil : profile?.utility) }

    /// What fills what lines lack.
    package var admissionDefaults: AdmissionDefaults {
        AdmissionDefaults(utility: effectiveUtility, unit: unit, register: register)
    }

    /// A decoder for `format`, for one input.
    package func makeDecoder(_ format: InputFormat) -> any TelegramDecoder {
        switch format {
        case .ndjson: return NDJSONDecoder(defaultUtility: effectiveUtility)
        case .lineProtocol:
            guard case .lineProtocol(let mapping)? = profile?.mapping else {
                return LineProtocolDecoder(precision: precision)
            }
            return LineProtocolDecoder(precision: precision, profile: mapping)
        case .csv:
            guard case .csv(var mapping)? = profile?.mapping else { return CSVDecoder() }
            if let device { mapping.fixedDevice = device }
            if let unit { mapping.fixedUnit = unit }
            if let register { mapping.fixedRegister = register }
            return CSVDecoder(profile: mapping)
        }
    }
}
