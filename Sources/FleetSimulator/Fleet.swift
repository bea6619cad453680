package import MeterModel

/// A fleet of meters that never was: the same arguments give the same devices, readings and bytes on every machine.
///
/// Three of five devices count electricity, one of four water, the rest gas; two of five are prepaid at a flat tariff,
/// and of those about every third was topped up with too little for the days. Each device has one billing register.
package struct Fleet: Sendable {
    package let devices: ContiguousArray<FleetDevice>
    package let days: Int
    package let seed: UInt64
    /// The first reading is at midnight UTC of this day, the last at midnight UTC `days` later.
    package let start: LocalDate

    let shape = LoadShape()
    /// The shortest step between readings of any two devices.
    let tickMilliseconds: Int64
    let tickCount: Int

    /// The most devices a fleet may have.
    package static let maximumDeviceCount = 10_000_000

    /// The most days a fleet may run.
    package static let maximumDayCount = 3660

    /// 2026-01-01.
    package static let defaultStart = LocalDate(dayNumber: 20_454)

    package var startInstant: Instant { Instant(milliseconds: Int64(start.dayNumber) * Milliseconds.day) }

    /// - Parameters:
    ///   - deviceCount: 1 to 10,000,000.
    ///   - days: 1 to 3660.
    ///   - seed: chooses the fleet.
    ///   - start: the first day, UTC.
    ///   - period: milliseconds between readings of a device, a divisor of a day and at least one second; nil stands
    ///     for 15 minutes (electricity) and one hour (water, gas).
    ///   - troubles: what goes wrong, and how often.
    package init(
        deviceCount: Int,
        days: Int,
        seed: UInt64,
        start: LocalDate = Fleet.defaultStart,
        period: Int64? = nil,
        troubles: Troubles = .usual
    ) {
        precondition((1...Fleet.maximumDeviceCount).contains(deviceCount), "a fleet has 1 to 10,000,000 devices")
        precondition((1...Fleet.maximumDayCount).contains(days), "a fleet runs for 1 to 3660 days")
        if let period {
            precondition(period >= 1000 && Milliseconds.day % period == 0, "the period must divide a day into seconds")
        }
        self.days = days
        self.seed = seed
        self.start = start
        let shortest = period ?? 15 * Milliseconds.minute
        tickMilliseconds = shortest
        tickCount = Int(Int64(days) * Milliseconds.day / shortest)

        var generator = SeededGenerator(seed: seed)
        let kinds = troubles.dealt(to: deviceCount, &generator)
        let jitter = troubles.dealtJitter(to: deviceCount, &generator)
        var planner = FleetPlanner(days: days, start: start, period: period, shape: shape)
        var devices: ContiguousArray<FleetDevice> = []
        devices.reserveCapacity(deviceCount)
        for i in 0..<deviceCount {
            devices.append(planner.device(number: i + 1, trouble: kinds[i], hasJitter: jitter[i], &generator))
        }
        self.devices = devices
    }

    /// How many readings the devices take: lines sent twice or never sent not considered.
    package var readingCount: Int {
        devices.reduce(0) { $0 + Int(Int64(days) * Milliseconds.day / $1.periodMilliseconds) + 1 }
    }
}

/// Draws devices one after the other.
struct FleetPlanner {
    let days: Int
    let start: LocalDate
    let period: Int64?
    let shape: LoadShape
    /// Mean weight over the days, by column of the shape.
    private var meanWeights: [Int64] = []
    private var prepaidCount = 0

    init(days: Int, start: LocalDate, period: Int64?, shape: LoadShape) {
        self.days = days
        self.start = start
        self.period = period
        self.shape = shape
        for column in 0..<LoadShape.columnCount {
            var sum: Int64 = 0
            for hour in 0..<days * 24 {
                let row = (start.weekday * 24 + hour) % LoadShape.hourCount
                sum += Int64(shape.weights[row * LoadShape.columnCount + column])
            }
            meanWeights.append(sum / Int64(days * 24))
        }
    }

    mutating func device(
        number: Int,
        trouble wanted: Troubles.Kind,
        hasJitter: Bool,
        _ generator: inout SeededGenerator
    ) -> FleetDevice {
        let twentieth = generator.below(20)
        let utility: Utility = twentieth < 12 ? .electricity : twentieth < 17 ? .water : .gas
        let zoneIndex = FleetZone.index(ofTenth: generator.below(10))
        let period = period ?? (utility == .electricity ? 15 * Milliseconds.minute : Milliseconds.hour)
        let lastIndex = Int(Int64(days) * Milliseconds.day / period)
        let hourlyUse = FleetPlanner.hourlyUse(of: utility, &generator)
        let meanUse = hourlyUse * 1024 * period / Milliseconds.hour
        let weight = meanWeights[LoadShape.column(utility, zone: zoneIndex)]
        let expectedUse = Int64(lastIndex) * meanUse / 1024 * weight / 1024

        let drawn = TroublePlan.drawn(wanted, lastIndex: lastIndex, period: period, &generator)
        let trouble = drawn == nil ? .none : wanted
        let plan = drawn ?? .none
        var startValue = FleetPlanner.startValue(of: utility, &generator)
        var modulus: Int64?
        if trouble == .wrap {
            let width: Int64 = utility == .water ? 10_000_000 : 100_000_000
            modulus = width
            startValue = max(0, width - 1 - expectedUse * Int64(plan.first) / Int64(lastIndex))
        }
        var prepayment: FleetDevice.Prepayment?
        if generator.below(5) < 2 {
            let runsOut = prepaidCount % 3 == 0
            prepaidCount += 1
            let price = FleetZone.all[zoneIndex].price(of: utility)
            let percent = runsOut ? generator.number(in: 35...75) : generator.number(in: 150...300)
            // Thousandths of a unit times 10^-4 of the currency, in hundredths of the currency.
            let minorUnits = max(1, expectedUse * price / 100_000 * percent / 100)
            prepayment = FleetDevice.Prepayment(minorUnits: minorUnits, runsOut: runsOut)
        }
        return FleetDevice(
            number: number,
            utility: utility,
            zoneIndex: zoneIndex,
            periodMilliseconds: period,
            startValue: startValue,
            modulus: modulus,
            hasJitter: hasJitter,
            trouble: trouble,
            prepayment: prepayment,
            meanUse: meanUse,
            salt: generator.next(),
            plan: plan
        )
    }

    /// Mean use in an hour, in Wh or L: homes, and of electricity one workshop or shop among twenty.
    private static func hourlyUse(of utility: Utility, _ generator: inout SeededGenerator) -> Int64 {
        switch utility {
        case .electricity:
            generator.below(20) == 0 ? generator.number(in: 2_000...12_000) : generator.number(in: 140...900)
        case .water: generator.number(in: 4...28)
        case .gas: generator.number(in: 60...420)
        }
    }

    /// What the dial shows at the start, in Wh or L: some years of use, with room before five digits run over.
    private static func startValue(of utility: Utility, _ generator: inout SeededGenerator) -> Int64 {
        switch utility {
        case .electricity: generator.number(in: 150_000...78_000_000)
        case .water: generator.number(in: 2_000...1_900_000)
        case .gas: generator.number(in: 20_000...24_000_000)
        }
    }
}
