import MeterModel
import Telegrams

/// One tariff or device of a fleet file, read through the NDJSON of the event that declares it.
struct FleetEntry {
    enum Kind: Hashable {
        case tariff, device

        init?(section: String) {
            switch section {
            case "tariffs": self = .tariff
            case "devices": self = .device
            default: return nil
            }
        }

        var section: String { self == .tariff ? "tariffs" : "devices" }
        /// What the event calls its `id`.
        var nameField: String { self == .tariff ? "tariff" : "device" }
        var event: String { self == .tariff ? "TariffPublished" : "DeviceRegistered" }

        /// The fields of an entry besides its id.
        var fields: [String] {
            switch self {
            case .tariff: ["unit", "currency", "timezone", "versions", "note"]
            case .device: FleetEntry.deviceFields + ["note"]
            }
        }
    }

    static let deviceFields = [
        "utility", "unit", "register", "timezone", "multiplier", "modulus", "maxRate", "gapAfter", "account", "tariff",
        "from", "alerts",
    ]

    let kind: Kind
    let value: FleetValue
    let source: String

    /// The entry's id, where it has one.
    var name: String? { value["id"]?.text }

    // MARK: Faults

    /// A fault at a field's line; where the field is absent at the entry's.
    func fault(in field: String, _ text: String) -> FleetFault {
        let name = name.map { "\(kind.nameField) \($0): " } ?? ""
        return FleetFault(source: source, line: value[field]?.line ?? value.line, text: name + text)
    }

    /// What a refusal says of the file: at the line of the field that its text names.
    func fault(_ refusal: Refusal) -> FleetFault {
        var fault = fault(in: "", "\(refusal.text) (\(refusal.code.rawValue))")
        let words = refusal.text.split { !($0.isLetter || $0.isNumber || "._[]".contains($0)) }
        if let line = words.lazy.compactMap({ value.line(atPath: $0) }).first {
            fault.line = line
        } else if refusal.code == .unknownTimezone, let line = value["timezone"]?.line {
            fault.line = line
        }
        return fault
    }

    // MARK: Reading

    /// The entry's id, once it is known to have one and no field that it may not have.
    func checkedName() throws(FleetFault) -> String {
        guard let fields = value.fields else {
            throw fault(in: "", "a \(kind.nameField) must be keys and values")
        }
        if value["id"] == nil, let other = value[kind.nameField] {
            throw FleetFault(source: source, line: other.line, text: "a fleet file calls the \(kind.nameField) id")
        }
        guard let name, Name.isValid(name) else {
            throw fault(in: "id", "id is missing or no name of 1 to \(Name.maximumByteCount) bytes")
        }
        for field in fields where field.name != "id" && !kind.fields.contains(field.name) {
            throw fault(
                in: field.name,
                "unknown field \"\(field.name)\"; known are id, \(kind.fields.joined(separator: ", "))"
            )
        }
        return name
    }

    /// The tariff; what the entry leaves out stays as it is known.
    func tariff(known: TariffPublished?) throws(FleetFault) -> TariffPublished {
        var supplements: [String: String] = [:]
        if let known {
            supplements = ["unit": known.unit.symbol, "currency": known.currency.code]
        }
        // Versions left out are put in below: a line needs some.
        let keepsVersions = known != nil && value["versions"] == nil
        guard case .tariffPublished(var event) = try decode(supplements, addsVersion: keepsVersions) else {
            preconditionFailure("a TariffPublished was decoded as something else")
        }
        if let known {
            if keepsVersions { event.versions = known.versions }
            if value["timezone"] == nil { event.timezone = known.timezone }
        }
        return event
    }

    /// The device; its utility stays as it is known where the entry leaves it out.
    func device(known utility: Utility?) throws(FleetFault) -> DeviceRegistered {
        if let from = value["from"], !from.isNull, value["tariff"].map(\.isNull) ?? true {
            throw fault(in: "from", "from says since when a tariff holds; there is no tariff here")
        }
        let supplements = utility.map { ["utility": $0.name] } ?? [:]
        guard case .deviceRegistered(var event) = try decode(supplements, addsVersion: false) else {
            preconditionFailure("a DeviceRegistered was decoded as something else")
        }
        for (name, reset) in DeviceResets.fields where value[name]?.isNull ?? false { event.resets.insert(reset) }
        return event
    }

    /// The event that the entry is as a line of NDJSON.
    ///
    /// - Parameters:
    ///   - supplements: fields for those that the entry lacks.
    ///   - addsVersion: whether to give a tariff a version that stands for those it keeps.
    /// - Returns: the event.
    /// - Throws: `FleetFault` where the line is refused.
    private func decode(_ supplements: [String: String], addsVersion: Bool) throws(FleetFault) -> MeterEvent {
        var fields = [FleetValue.Field(name: "event", value: FleetValue(.text(kind.event), line: value.line))]
        for field in value.fields ?? [] {
            fields.append(FleetValue.Field(name: field.name == "id" ? kind.nameField : field.name, value: field.value))
        }
        for (name, text) in supplements.sorted(by: { $0.key < $1.key }) where value[name] == nil {
            fields.append(FleetValue.Field(name: name, value: FleetValue(.text(text), line: value.line)))
        }
        var line = ""
        FleetValue(.fields(fields), line: value.line).appendJSON(to: &line)
        if addsVersion { line = String(line.dropLast()) + #","versions":[{"from":"2000-01-01","default":"0"}]}"# }
        var decoder = NDJSONDecoder()
        var names = TelegramNames()
        var batch = DecodedBatch()
        _ = Array(line.utf8).withUnsafeBytes { decoder.decode($0, isLast: true, names: &names, into: &batch) }
        if let refused = batch.refusals.first { throw fault(refused.refusal) }
        guard let event = batch.events.first else { throw fault(in: "", "the entry is empty") }
        return event.event
    }
}
