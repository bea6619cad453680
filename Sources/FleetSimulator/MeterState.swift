import MeterModel

/// A meter that counts on: what a walk over a fleet carries for each device.
///
/// Invariant: `base + used / 1024` is the register (before the modulus), so rounding loses nothing between periods.
struct MeterState {
    /// In 1/1024 Wh or L since the start.
    private var used: Int64 = 0
    private var base: Int64
    private let meanUse: Int64
    private let modulus: Int64
    private let salt: UInt64
    let column: Int
    let ticksPerPeriod: Int
    let hasJitter: Bool
    let isBursty: Bool
    let trouble: Troubles.Kind
    let plan: TroublePlan

    init(_ device: FleetDevice, tickMilliseconds: Int64) {
        base = device.startValue
        meanUse = device.meanUse
        modulus = device.modulus ?? Int64.max
        salt = device.salt
        column = LoadShape.column(device.utility, zone: device.zoneIndex)
        ticksPerPeriod = Int(device.periodMilliseconds / tickMilliseconds)
        hasJitter = device.hasJitter
        isBursty = device.utility == .water
        trouble = device.trouble
        plan = device.plan
    }

    /// The register now, in Wh or L.
    @inline(__always)
    var value: Int64 {
        let plain = base + (used >> 10)
        return plain < modulus ? plain : plain % modulus
    }

    /// The bits that decide use (0 to 10), jitter (16 to 47) and repetition (48 to 51) of a period.
    @inline(__always)
    func bits(_ index: Int) -> UInt64 { SeededGenerator.bits(salt: salt, index: index) }

    /// Counts the use of one period, whose weight is the shape's.
    @inline(__always)
    mutating func use(_ bits: UInt64, weight: Int32) {
        let factor = Int64(bits & 2047)
        // Both factors average about 1024; the square leaves many small draws and few large ones.
        let noise = isBursty ? (factor * factor * 3) >> 12 : factor
        used += (((meanUse * Int64(weight)) >> 10) * noise) >> 10
    }

    /// The register starts anew at 0.
    mutating func reset() { base = -(used >> 10) }

    /// A new meter that shows `initialValue` takes over half-way through a period that has just been counted, and at
    /// whose beginning the register stood at `before`. Gives the old meter's last value.
    mutating func exchange(before: Int64, initialValue: Int64) -> Int64 {
        let use = base + (used >> 10) - before
        let finalValue = before + use / 2
        base = initialValue + (use - use / 2) - (used >> 10)
        return finalValue
    }

    /// What a new meter shows at first: test runs leave a few units on the dial.
    var exchangeInitialValue: Int64 { Int64(salt >> 40 & 4095) }
}

/// The exchange of a device's meter.
package struct FleetExchange: Hashable, Sendable {
    /// UTC milliseconds.
    package let at: Int64
    /// In Wh or L.
    package let finalValue: Int64
    package let initialValue: Int64
}

extension Fleet {
    /// The exchange that a device with that trouble goes through: its meter is walked there.
    package func exchange(of device: FleetDevice) -> FleetExchange? {
        guard device.trouble == .exchange else { return nil }
        var meter = MeterState(device, tickMilliseconds: tickMilliseconds)
        let initialValue = meter.exchangeInitialValue
        var before = meter.value
        for index in 1...device.plan.first {
            before = meter.value
            meter.use(meter.bits(index), weight: weight(tick: index * meter.ticksPerPeriod, column: meter.column))
        }
        let period = device.periodMilliseconds
        let at = startInstant.milliseconds + Int64(device.plan.first) * period - period / 2
        let finalValue = meter.exchange(before: before, initialValue: initialValue)
        return FleetExchange(at: at, finalValue: finalValue, initialValue: initialValue)
    }

    /// The row of the load shape for the period that ends at a tick.
    @inline(__always)
    func row(ofTick tick: Int) -> Int {
        let hour = Int((Int64(tick) * tickMilliseconds - 1) / Milliseconds.hour)
        return (start.weekday * 24 + hour) % LoadShape.hourCount * LoadShape.columnCount
    }

    func weight(tick: Int, column: Int) -> Int32 { shape.weights[row(ofTick: tick) + column] }
}
