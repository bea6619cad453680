/// Defaults for what a line lacks, as they come with the input (section 1).
public struct InputDefaults: Sendable {
    /// `electricity`, `water` or `gas`: "a defaulted `utility` supplies the unit and register of its kind".
    public var utility: String?
    /// A unit of section 1.
    public var unit: String?
    /// A register's name.
    public var register: String?

    /// Defaults, none unless said.
    public init(utility: String? = nil, unit: String? = nil, register: String? = nil) {
        self.utility = utility
        self.unit = unit
        self.register = register
    }

    var defaultUtility: Utility? {
        utility.flatMap(Utility.init)
    }

    var defaultUnit: MeterUnit? {
        unit.flatMap(MeterUnit.init) ?? defaultUtility?.unit
    }

    var defaultRegister: Text? {
        register.map { Text($0) } ?? defaultUtility?.register
    }
}

/// What acceptance remembers of the events accepted so far (sections 1, 6 and 9).
struct Admission: Sendable {
    struct Device: Sendable {
        var utility: Utility?
        var declaredUnit: MeterUnit?
        var declaredRegister: Text?
        /// Section 1: "one dimension, energy or volume, from its first event with a unit or utility".
        var dimension: Dimension?
        /// Section 6: "that of its first accepted tariff or payment".
        var currency: Text?

        var isRegistered: Bool {
            utility != nil
        }

        var unit: MeterUnit? {
            declaredUnit ?? utility?.unit
        }

        var register: Text? {
            declaredRegister ?? utility?.register
        }
    }

    struct Payment: Equatable, Sendable {
        let device: Text
        let amount: Int128
        let currency: Text
    }

    var devices: [Text: Device] = [:]
    var tariffs: [Text: Tariff] = [:]
    var payments: [[Text]: Payment] = [:]

    func device(_ name: Text) -> Device {
        devices[name] ?? Device()
    }

    /// Remembers an accepted event.
    mutating func accept(_ event: Event, unit: MeterUnit?) {
        if let name = event.device { note(name) { $0.dimension = $0.dimension ?? unit?.dimension } }
        switch event {
        case .registered(let name, let registration):
            note(name) { device in
                device.utility = registration.utility
                device.declaredUnit = registration.declared("unit", registration.unit, else: device.declaredUnit)
                device.declaredRegister = registration.declared(
                    "register",
                    registration.register,
                    else: device.declaredRegister
                )
                device.dimension = device.dimension ?? device.unit?.dimension
            }
            if let tariff = registration.tariff { noteCurrency(name, tariffs[tariff]?.currency) }
        case .tariffPublished(let name, let tariff):
            tariffs[name] = tariff
        case .tariffAssigned(let name, let tariff, _):
            noteCurrency(name, tariffs[tariff]?.currency)
        case .money(let name, let money):
            noteCurrency(name, money.currency)
            payments[money.key] = Payment(device: name, amount: money.amount, currency: money.currency)
        default:
            break
        }
    }

    private mutating func note(_ name: Text, _ change: (inout Device) -> Void) {
        change(&devices[name, default: Device()])
    }

    private mutating func noteCurrency(_ name: Text, _ currency: Text?) {
        note(name) { $0.currency = $0.currency ?? currency }
    }
}

/// Section 6: the digits of a currency's minor unit.
func minorDigits(of currency: Text) -> Int {
    let withoutMinorUnit = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
    let withThree = "BHD IQD JOD KWD LYD OMR TND"
    let withFour = "CLF UYW"
    func isIn(_ codes: String) -> Bool { codes.split(separator: " ").contains { $0 == currency.string } }
    if isIn(withoutMinorUnit) { return 0 }
    if isIn(withThree) { return 3 }
    return isIn(withFour) ? 4 : 2
}
