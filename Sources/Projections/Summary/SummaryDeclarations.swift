import EventStorage
import MeterModel

/// What the log declares about counting, all of it: what holds of a device in the end holds for all its readings.
struct SummaryDeclarations {
    private struct Device {
        var declaration = DeviceDeclaration()
        /// The earliest assignment: whose tariff gives the zone where the device declares none.
        var assignedFrom = Int32.max
        var tariff: String?
        /// Whether readings are corrected, voided or counted by other meters in turn.
        var isDisturbed = false

        mutating func assign(_ tariff: String, from day: Int32) {
            guard day <= assignedFrom else { return }
            assignedFrom = day
            self.tariff = tariff
        }
    }

    /// The devices of which something was declared, by their names' numbers.
    private var names = NameTable()
    private var devices: ContiguousArray<Device> = []
    private var tariffZones: [ByteName: String] = [:]

    /// Whether an event bears on what readings add up to.
    static func bears(_ event: MeterEvent) -> Bool {
        switch event {
        case .readingCorrected, .readingVoided, .deviceRegistered, .meterExchanged, .multiplierCorrected,
            .tariffPublished, .tariffAssigned:
            true
        case .topUpReceived, .topUpRefunded, .balanceAdjusted, .alertRuleSet, .dayTurned, .pushSettled: false
        }
    }

    mutating func take(_ event: MeterEvent) {
        switch event {
        case .readingCorrected(let e): devices[index(of: e.device)].isDisturbed = true
        case .readingVoided(let e): devices[index(of: e.device)].isDisturbed = true
        case .meterExchanged(let e): devices[index(of: e.device)].isDisturbed = true
        case .multiplierCorrected(let e): devices[index(of: e.device)].isDisturbed = true
        case .deviceRegistered(let e):
            let device = index(of: e.device)
            devices[device].declaration.declare(e)
            if let tariff = e.tariff { devices[device].assign(tariff, from: e.from?.dayNumber ?? Int32.min) }
        case .tariffAssigned(let e): devices[index(of: e.device)].assign(e.tariff, from: e.from.dayNumber)
        case .tariffPublished(let e): tariffZones[ByteName(e.tariff)] = e.timezone
        default: break
        }
    }

    private mutating func index(of name: String) -> Int {
        let index = Int(names.intern(name))
        if index == devices.count { devices.append(Device()) }
        return index
    }

    /// How the readings of a device count.
    func terms(of name: String, _ table: inout SummaryTermsTable) -> UInt32 {
        guard let index = names.index(of: name) else { return table.index(of: SummaryTerms(), zone: nil) }
        let device = devices[Int(index)]
        let factors = DeclaredFactors(device.declaration)
        let zone = device.declaration.timezone ?? device.tariff.flatMap { tariffZones[ByteName($0)] }
        let terms = SummaryTerms(
            zone: 0,
            gapAfter: device.declaration.gapAfter,
            maxRate: factors.maxRate,
            utility: device.declaration.utility,
            isExact: device.isDisturbed || (factors.multiplierThousandths ?? 1000) != 1000
        )
        return table.index(of: terms, zone: zone)
    }
}

/// How the readings of a device count: the same for many devices.
struct SummaryTerms: Hashable {
    var zone = 0
    var gapAfter = DeviceDeclaration.defaultGapAfterMilliseconds
    /// mWh or mL an hour.
    var maxRate: Int64?
    var utility: Utility?
    /// Whether what it used is left to the exact fold from the start.
    var isExact = false
}

/// The different terms, and the zones they name.
struct SummaryTermsTable {
    private let source: any ZoneSource
    private(set) var terms: [SummaryTerms] = []
    private(set) var zones: [ZoneRules] = []
    private var indexes: [SummaryTerms: UInt32] = [:]
    private var zoneIndexes: [ByteName: Int] = [:]
    /// What was looked for last, and what it is: devices that follow each other have the same terms, as a rule.
    private var latest: (terms: SummaryTerms, zone: String?, index: UInt32)?

    init(_ source: any ZoneSource) { self.source = source }

    mutating func index(of terms: SummaryTerms, zone name: String?) -> UInt32 {
        if let latest, latest.terms == terms, latest.zone.map(ByteName.init) == name.map(ByteName.init) {
            return latest.index
        }
        let index = find(terms, zone: name)
        latest = (terms, name, index)
        return index
    }

    private mutating func find(_ terms: SummaryTerms, zone name: String?) -> UInt32 {
        var terms = terms
        terms.zone = zone(name)
        if let index = indexes[terms] { return index }
        let index = UInt32(self.terms.count)
        self.terms.append(terms)
        indexes[terms] = index
        return index
    }

    private mutating func zone(_ name: String?) -> Int {
        let key = ByteName(name ?? "")
        if let index = zoneIndexes[key] { return index }
        zones.append(name.flatMap { source.rules(of: $0) } ?? .utc)
        zoneIndexes[key] = zones.count - 1
        return zones.count - 1
    }
}
