import Ingest
import MeterModel
import Projections

/// What fleet files would change: the events for what differs from the log's state, and words for each difference.
///
/// Invariants: `events` holds first tariffs, then devices, each in file order; what is declared as it is already makes
/// no event; events name only what differs.
struct FleetPlan {
    /// One field that changes.
    struct Difference: Equatable {
        var field: String
        /// Nil where there was nothing.
        var old: String?
        /// Nil where there is nothing any more.
        var new: String?

        var text: String { "\(field) \(old ?? "none") -> \(new ?? "none")" }
    }

    /// A tariff or device that is new or changes.
    struct Change {
        enum Subject: String { case tariff, device }

        var subject: Subject
        var name: String
        /// Nil for what is new.
        var differences: [Difference]?

        var text: String {
            guard let differences else { return "+ \(subject.rawValue) \(name)" }
            return "~ \(subject.rawValue) \(name): " + differences.map(\.text).joined(separator: ", ")
        }
    }

    /// An event with the words of what is wrong where admission refuses it.
    struct Step {
        var event: MeterEvent
        var fault: (Refusal) -> FleetFault
    }

    private(set) var changes: [Change] = []
    private(set) var steps: [Step] = []
    private(set) var unchangedTariffCount = 0
    private(set) var unchangedDeviceCount = 0
    private(set) var faults: [FleetFault] = []

    var events: [MeterEvent] { steps.map(\.event) }

    func count(of subject: Change.Subject, isNew: Bool) -> Int {
        changes.count { $0.subject == subject && ($0.differences == nil) == isNew }
    }

    /// - Parameters:
    ///   - fleet: what is declared.
    ///   - fold: stands at the log's head.
    ///   - number: the log's number of a device.
    init(_ fleet: DeclaredFleet, fold: Fold, number: (String) -> UInt32?) {
        for tariff in fleet.tariffs { add(tariff, known: fold.tariff(named: tariff.event.tariff)) }
        for device in fleet.devices {
            let standing = number(device.event.device).flatMap { fold.standing(of: $0) }
            add(device, standing: standing)
        }
    }

    // MARK: Tariffs

    private mutating func add(_ tariff: DeclaredFleet.Declared<TariffPublished>, known: TariffPublished?) {
        guard tariff.event != known else {
            unchangedTariffCount += 1
            return
        }
        let differences = known.map { TariffDifferences.between($0, tariff.event) }
        changes.append(Change(subject: .tariff, name: tariff.event.tariff, differences: differences))
        steps.append(Step(event: .tariffPublished(tariff.event), fault: tariff.fault))
    }

    // MARK: Devices

    private mutating func add(_ device: DeclaredFleet.Declared<DeviceRegistered>, standing: DeviceStanding?) {
        guard let standing, standing.declaration.isRegistered else {
            changes.append(Change(subject: .device, name: device.event.device, differences: nil))
            steps.append(Step(event: .deviceRegistered(device.event), fault: device.fault))
            return
        }
        if device.isNull("tariff"), let fault = FleetPlan.tariffFault(standing) {
            faults.append(device.fault(in: "tariff", fault))
        }
        let comparison = DeviceComparison(device.event, standing: standing)
        if comparison.differences.isEmpty {
            unchangedDeviceCount += 1
            return
        }
        changes.append(Change(subject: .device, name: device.event.device, differences: comparison.differences))
        steps.append(Step(event: .deviceRegistered(comparison.event), fault: device.fault))
    }

    /// Why a tariff does not go back to none: without one there would be no balance, and what was charged and paid
    /// would be as if it had never been.
    private static func tariffFault(_ standing: DeviceStanding) -> String? {
        if standing.tariffs.isEmpty { return nil }
        let names = Set(standing.tariffs.values.map { ByteName($0) }).sorted().map(\.text)
        return "tariff is \(names.joined(separator: ", ")), and what a device was charged by is not taken back; "
            + "to charge nothing from a day on, assign a tariff without prices with that day as from"
    }
}

/// Words for how a tariff's publication differs from the one before.
enum TariffDifferences {
    static func between(_ old: TariffPublished, _ new: TariffPublished) -> [FleetPlan.Difference] {
        var found: [FleetPlan.Difference] = []
        func note(_ field: String, _ old: String?, _ new: String?) {
            if old != new { found.append(FleetPlan.Difference(field: field, old: old, new: new)) }
        }
        note("unit", old.unit.symbol, new.unit.symbol)
        note("currency", old.currency.code, new.currency.code)
        note("timezone", old.timezone, new.timezone)
        for version in old.versions where !new.versions.contains(where: { $0.from == version.from }) {
            note("version \(version.from)", summary(version), nil)
        }
        for version in new.versions {
            let place = "version \(version.from)"
            guard let former = old.versions.first(where: { $0.from == version.from }) else {
                note(place, nil, summary(version))
                continue
            }
            note("\(place) default", former.defaultPrice.description, version.defaultPrice.description)
            for period in former.periods where !version.periods.contains(where: { $0.name == period.name }) {
                note("\(place) period \(period.name)", summary(period), nil)
            }
            for period in version.periods {
                let formerPeriod = former.periods.first { $0.name == period.name }
                note("\(place) period \(period.name)", formerPeriod.map(summary), summary(period))
            }
            let order = { (version: TariffVersion) in version.periods.map(\.name).joined(separator: " ") }
            if former.periods.count == version.periods.count { note("\(place) order", order(former), order(version)) }
            note("\(place) tiers", former.tiers.map(summary), version.tiers.map(summary))
            note("\(place) standingCharge", former.standingCharge?.description, version.standingCharge?.description)
            note("\(place) tax", former.tax?.description, version.tax?.description)
        }
        return found
    }

    private static func summary(_ version: TariffVersion) -> String {
        "default \(version.defaultPrice)" + (version.isFlat ? "" : " and more")
    }

    private static func summary(_ period: TariffPeriod) -> String {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        func clock(_ minute: Int) -> String {
            let pad = { (n: Int) in n < 10 ? "0\(n)" : "\(n)" }
            return "\(pad(minute / 60)):\(pad(minute % 60))"
        }
        let windows = period.windows.map { window in
            let days = names.indices.filter { window.weekdays >> $0 & 1 == 1 }.map { names[$0] }
            let prefix = days.count == names.count ? "" : days.joined(separator: ",") + " "
            return "\(prefix)\(clock(window.fromMinute))-\(clock(window.toMinute))"
        }
        return "\(period.price) (\(windows.joined(separator: "; ")))"
    }

    private static func summary(_ tiers: TariffTiers) -> String {
        let steps = tiers.steps.map { step in (step.upTo.map { "up to \($0) " } ?? "then ") + "+\(step.add)" }
        return "a \(tiers.period == .month ? "month" : "year") (\(steps.joined(separator: ", ")))"
    }
}
