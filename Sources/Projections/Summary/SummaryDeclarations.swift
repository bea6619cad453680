import EventStorage
import MeterModel

/// What the log declares about counting: what holds of a device in the end holds for all its readings.
struct SummaryDeclarations {
    private final class Device {
        var declaration = DeviceDeclaration()
        /// The earliest assignment: whose tariff gives the zone where the device declares none.
        private var assignedFrom = Int32.max
        private(set) var tariff: String?
        /// Whether readings are corrected, voided or counted by other meters in turn.
        var isDisturbed = false

        func assign(_ tariff: String, from day: Int32) {
            guard day <= assignedFrom else { return }
            assignedFrom = day
            self.tariff = tariff
        }
    }

    private var pool = DeclarationPool()
    /// By number; nil where nothing was declared of one.
    private var devices: ContiguousArray<Device?> = []
    /// Nil: published without one. A tariff that is assigned before it is published, as may be where a publication is
    /// lost, is as one published so.
    private var tariffZones: [ByteName: ByteName?] = [:]
    /// Whether a tariff's zone changed.
    private(set) var zonesMoved = false

    /// Whether an event bears on what readings add up to.
    static func bears(_ event: MeterEvent) -> Bool {
        switch event {
        case .readingCorrected, .readingVoided, .deviceRegistered, .meterExchanged, .multiplierCorrected,
            .tariffPublished, .tariffAssigned:
            true
        case .topUpReceived, .topUpRefunded, .balanceAdjusted, .alertRuleSet, .dayTurned, .pushSettled: false
        }
    }

    /// Takes an event in; `device`: the number of that it names.
    mutating func take(_ event: MeterEvent, device: UInt32?) {
        if case .tariffPublished(let e) = event {
            let zone = e.timezone.map { ByteName($0) }
            let former = tariffZones.updateValue(zone, forKey: ByteName(e.tariff))
            zonesMoved = zonesMoved || (former ?? zone) != zone
            return
        }
        guard let device, SummaryDeclarations.bears(event) else { return }
        let known = self.device(device)
        switch event {
        case .deviceRegistered(let e):
            known.declaration.declare(e, in: &pool)
            if let tariff = e.tariff { assign(known, tariff, from: e.from?.dayNumber ?? Int32.min) }
        case .tariffAssigned(let e): assign(known, e.tariff, from: e.from.dayNumber)
        default: known.isDisturbed = true
        }
    }

    private mutating func assign(_ device: Device, _ tariff: String, from day: Int32) {
        device.assign(tariff, from: day)
        let name = ByteName(tariff)
        if tariffZones[name] == nil { tariffZones[name] = .some(nil) }
    }

    private mutating func device(_ number: UInt32) -> Device {
        while devices.count <= Int(number) { devices.append(nil) }
        if let device = devices[Int(number)] { return device }
        let device = Device()
        devices[Int(number)] = device
        return device
    }

    /// The devices whose readings are corrected, voided or counted by other meters in turn.
    var disturbed: [UInt32] {
        devices.indices.filter { devices[$0]?.isDisturbed ?? false }.map(UInt32.init)
    }

    /// How the readings of a device count by what was taken in: its number in the table.
    func terms(ofDevice number: UInt32, _ table: inout SummaryTermsTable) -> UInt32 {
        guard Int(number) < devices.count, let device = devices[Int(number)] else {
            return SummaryTermsTable.plain
        }
        let factors = DeclaredFactors(device.declaration)
        let zone = device.declaration.timezone ?? device.tariff.flatMap { (tariffZones[ByteName($0)] ?? nil)?.text }
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
    var gapAfter = DeviceTerms.defaultGapAfterMilliseconds
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

    /// The number of the terms by which readings count where nothing is declared.
    static let plain: UInt32 = 0

    init(_ source: any ZoneSource) {
        self.source = source
        _ = index(of: SummaryTerms(), zone: nil)
    }

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
