/// The codes of refusal (sections 1, 5, 6, 7 and 9) that a line of NDJSON can meet.
enum RefusalCode: String, Sendable {
    case badJSON = "bad-json"
    case nameSyntax = "name-syntax"
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
    case tariffInvalid = "tariff-invalid"
    case unknownTariff = "unknown-tariff"
    case ruleInvalid = "rule-invalid"
    case referenceReused = "reference-reused"
    case currencyMismatch = "currency-mismatch"

    /// Section 9: "Of several faults the first in this order: syntax, unknown field, missing field, value, time,
    /// device, tariff, money".
    ///
    /// Codes the sentence does not place stand where section 9's list of codes has them.
    var rank: Int {
        switch self {
        case .badJSON, .nameSyntax, .unknownEvent: 0
        case .unknownField: 1
        case .missingField: 2
        case .valueSyntax, .valuePrecision, .valueRange: 3
        case .timeSyntax, .timeRange: 4
        // What a rule may not say is seen in the line alone.
        case .unknownTimezone, .ruleInvalid: 5
        case .unknownDevice, .unitMismatch: 6
        case .tariffInvalid, .unknownTariff: 7
        case .referenceReused, .currencyMismatch: 8
        }
    }
}

/// A line that is not accepted.
struct Refusal: Error {
    let code: RefusalCode

    init(_ code: RefusalCode) {
        self.code = code
    }
}

/// The faults found in one line; the first in section 9's order is the one told.
struct Faults {
    private var codes: [RefusalCode] = []

    mutating func add(_ code: RefusalCode) {
        codes.append(code)
    }

    var first: RefusalCode? {
        codes.min { $0.rank < $1.rank }
    }
}
