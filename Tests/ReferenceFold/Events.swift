/// Section 1: a device counts energy or volume.
enum Dimension: Sendable {
    case energy
    case volume

    /// Section 1: "Shown: kWh or m3".
    var shownUnit: String {
        self == .energy ? "kWh" : "m3"
    }
}

/// A unit of section 1 and the decimal places of one mWh or mL in it.
enum MeterUnit: String, Sendable {
    case wattHour = "Wh"
    case kilowattHour = "kWh"
    case megawattHour = "MWh"
    case litre = "L"
    case cubicMetre = "m3"

    var dimension: Dimension {
        switch self {
        case .wattHour, .kilowattHour, .megawattHour: .energy
        case .litre, .cubicMetre: .volume
        }
    }

    var places: Int {
        switch self {
        case .wattHour, .litre: 3
        case .kilowattHour, .cubicMetre: 6
        case .megawattHour: 9
        }
    }
}

enum Utility: String, Sendable {
    case electricity
    case water
    case gas

    /// Section 1: the declared unit's default; gas is `m3` where it says nothing.
    var unit: MeterUnit {
        self == .electricity ? .kilowattHour : .cubicMetre
    }

    /// Section 2: the billing register's default.
    var register: Text {
        switch self {
        case .electricity: "1-0:1.8.0"
        case .water: "8-0:1.0.0"
        case .gas: "7-0:3.0.0"
        }
    }
}

/// Section 2: `verified` > `measured` > `edited` > `estimated`.
enum Quality: Int, Sendable {
    case estimated
    case edited
    case measured
    case verified

    init?(_ text: Text) {
        switch text {
        case "estimated": self = .estimated
        case "edited": self = .edited
        case "measured": self = .measured
        case "verified": self = .verified
        default: return nil
        }
    }
}

/// A register's value at an instant, in mWh or mL.
struct RegisterReading: Sendable {
    let readAt: Instant
    let value: Int128
    let quality: Quality
}

/// An amount over `(start, end]`, in mWh or mL.
struct IntervalReading: Sendable {
    let start: Instant
    let end: Instant
    let value: Int128
    let quality: Quality
}

/// `ReadingCorrected`, or `ReadingVoided` where there is no value.
struct Verdict: Sendable {
    let readAt: Instant
    let value: Int128?
}

struct Exchange: Sendable {
    let at: Instant
    let finalValue: Int128
    let initialValue: Int128
    let modulus: Int128?
    let multiplier: Int128?
}

/// `MultiplierCorrected`; multipliers count thousandths.
struct MultiplierCorrection: Sendable {
    let at: Instant?
    let multiplier: Int128
}

/// `DeviceRegistered`: what is given; of the rest what is reset goes back to its default, the others stay.
struct Registration: Sendable {
    var utility: Utility
    var unit: MeterUnit?
    var register: Text?
    var timezone: Text?
    var multiplier: Int128?
    var modulus: Int128?
    var maxRate: Int128?
    var gapAfter: Int64?
    var account: Text?
    var tariff: Text?
    var from: LocalDate?
    var alerts: [RuleChange]
    /// The fields that go back to their defaults.
    var resets: Set<Text> = []

    /// What holds from now on of what was declared before.
    func declared<Value>(_ field: Text, _ given: Value?, else former: Value?) -> Value? {
        resets.contains(field) ? nil : given ?? former
    }
}

/// An alert rule (section 7); levels count 10^-16 of the currency.
struct AlertRule: Sendable {
    var level: Int128
    var rearm: Int128
    var asksForCleared: Bool
    var reminders: [Int64]

    static let zero = AlertRule(level: 0, rearm: 0, asksForCleared: false, reminders: [])
}

/// `AlertRuleSet`: the rule, or nil where it is removed.
struct RuleChange: Sendable {
    let name: Text
    let rule: AlertRule?
}

enum MoneyKind: String, Sendable {
    case topUp
    case refund
    case adjustment
}

/// A payment (section 6); the amount is signed as it counts in the balance, in 10^-16 of the currency.
struct Money: Sendable {
    let kind: MoneyKind
    let amount: Int128
    let currency: Text
    let key: [Text]
    let at: Instant
}

enum PushOutcome: String, Sendable {
    case delivered
    case failed
    case superseded
    case stale
    case dead
}

/// An accepted event, with everything filled in.
enum Event: Sendable {
    case reading(device: Text, register: Text, RegisterReading)
    case interval(device: Text, register: Text, IntervalReading)
    case verdict(device: Text, register: Text, Verdict)
    case registered(device: Text, Registration)
    case exchanged(device: Text, register: Text, Exchange)
    case multiplierCorrected(device: Text, register: Text, MultiplierCorrection)
    case tariffPublished(tariff: Text, Tariff)
    case tariffAssigned(device: Text, tariff: Text, from: LocalDate)
    case money(device: Text, Money)
    case ruleSet(device: Text, RuleChange)
    case dayTurned(timezone: Text, at: Instant)
    case pushOutcome(job: Text, PushOutcome, response: Text?)

    var device: Text? {
        switch self {
        case .reading(let device, _, _), .interval(let device, _, _), .verdict(let device, _, _),
            .registered(let device, _), .exchanged(let device, _, _), .multiplierCorrected(let device, _, _),
            .tariffAssigned(let device, _, _), .money(let device, _), .ruleSet(let device, _):
            device
        case .tariffPublished, .dayTurned, .pushOutcome:
            nil
        }
    }
}

/// An event with its place in the log.
struct RecordedEvent: Sendable {
    let position: Int
    let event: Event
    /// The dimension of the device the event concerns, known by then.
    let dimension: Dimension?
}
