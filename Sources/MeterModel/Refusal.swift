/// Why a line was not accepted: a stable code, and words for a person.
package struct Refusal: Error, Hashable, Sendable {
    package var code: RefusalCode
    package var text: String

    package init(_ code: RefusalCode, _ text: String) {
        self.code = code
        self.text = text
    }
}

/// The codes of refusal (semantics, sections 1 and 9). Contract: they go into quarantine files, acks and summaries.
package enum RefusalCode: String, Sendable, CaseIterable {
    case badJSON = "bad-json"
    case badLineProtocol = "bad-line-protocol"
    case badCSV = "bad-csv"
    case badUTF8 = "bad-utf8"
    case badGzip = "bad-gzip"
    case badLZ4 = "bad-lz4"
    case lineTooLong = "line-too-long"
    case nameSyntax = "name-syntax"
    case notAllowed = "not-allowed"
    case unknownEvent = "unknown-event"
    case unknownField = "unknown-field"
    case missingField = "missing-field"
    case valueSyntax = "value-syntax"
    case valuePrecision = "value-precision"
    case valueRange = "value-range"
    case timeSyntax = "time-syntax"
    case timeRange = "time-range"
    case unknownTimezone = "unknown-timezone"
    case unknownDevice = "unknown-device"
    case unitMismatch = "unit-mismatch"
    case unknownTariff = "unknown-tariff"
    case tariffInvalid = "tariff-invalid"
    case ruleInvalid = "rule-invalid"
    case currencyMismatch = "currency-mismatch"
    case referenceReused = "reference-reused"
    case tooManyDevices = "too-many-devices"
}
