import MeterModel

/// A reading as a device of the fleet sends it.
package struct FleetReading: Hashable, Sendable {
    /// The device's place in `Fleet.devices`.
    package var device: Int
    /// UTC milliseconds.
    package var at: Int64
    /// Wh or L: thousandths of the unit.
    package var value: Int64
}

/// In which order readings arrive.
package enum FleetOrder: String, Sendable, CaseIterable {
    /// Period by period, within one by device, as a head-end sends.
    case time
    /// All of one device, then the next.
    case device
}

/// The readings of a fleet in order of arrival. Both orders hold the same readings.
///
/// Invariant: `tick` and `device` are the next to visit; `queue[queueStart...]` arrives before what they give.
package struct FleetReadings: Sequence, IteratorProtocol, Sendable {
    private let fleet: Fleet
    private let order: FleetOrder
    private let startMilliseconds: Int64
    private var meters: ContiguousArray<MeterState>
    private var tick = 0
    private var row = 0
    private var device = 0
    private var queue: ContiguousArray<FleetReading> = []
    private var queueStart = 0
    /// What late devices hold back.
    private var held: [Int: [FleetReading]] = [:]

    package init(_ fleet: Fleet, order: FleetOrder) {
        self.fleet = fleet
        self.order = order
        startMilliseconds = fleet.startInstant.milliseconds
        meters = ContiguousArray(fleet.devices.map { MeterState($0, tickMilliseconds: fleet.tickMilliseconds) })
    }

    /// The next reading to arrive, nil at the end.
    package mutating func next() -> FleetReading? {
        while true {
            if queueStart < queue.count {
                queueStart += 1
                return queue[queueStart - 1]
            }
            guard let (index, device) = visit() else { return nil }
            let at = startMilliseconds + Int64(tick(of: index, device)) * fleet.tickMilliseconds
            let bits = meters[device].bits(index)
            if meters[device].trouble == .none {
                if index > 0 { meters[device].use(bits, weight: fleet.shape.weights[row + meters[device].column]) }
                return FleetReading(device: device, at: at + jitter(bits, device), value: meters[device].value)
            }
            if let reading = troubled(index: index, device: device, at: at + jitter(bits, device), bits: bits) {
                return reading
            }
        }
    }

    @inline(__always)
    private func jitter(_ bits: UInt64, _ device: Int) -> Int64 {
        meters[device].hasJitter ? Int64(((bits >> 16 & 0xFFFF_FFFF) * 2001) >> 32) : 0
    }

    @inline(__always)
    private func tick(of index: Int, _ device: Int) -> Int { index * meters[device].ticksPerPeriod }

    /// The next (period, device) at which a meter is read.
    @inline(__always)
    private mutating func visit() -> (index: Int, device: Int)? {
        switch order {
        case .time:
            while true {
                if device == meters.count {
                    device = 0
                    tick += 1
                    row = fleet.row(ofTick: tick)
                }
                if tick > fleet.tickCount { return nil }
                let current = device
                device += 1
                let ticksPerPeriod = meters[current].ticksPerPeriod
                if ticksPerPeriod == 1 { return (tick, current) }
                let (index, rest) = tick.quotientAndRemainder(dividingBy: ticksPerPeriod)
                if rest == 0 { return (index, current) }
            }
        case .device:
            if device == meters.count { return nil }
            let ticksPerPeriod = meters[device].ticksPerPeriod
            if tick > fleet.tickCount {
                tick = 0
                device += 1
                return visit()
            }
            row = tick == 0 ? 0 : fleet.row(ofTick: tick)
            let index = tick / ticksPerPeriod
            tick += ticksPerPeriod
            return (index, device)
        }
    }

    /// The step of a device that has a trouble; nil where nothing is sent now.
    private mutating func troubled(index: Int, device: Int, at: Int64, bits: UInt64) -> FleetReading? {
        let plan = meters[device].plan
        let before = meters[device].value
        if index > 0 { meters[device].use(bits, weight: fleet.shape.weights[row + meters[device].column]) }
        let isStruck = index >= plan.first && index <= plan.last
        var reading = FleetReading(device: device, at: at, value: meters[device].value)
        switch meters[device].trouble {
        case .late:
            if isStruck {
                held[device, default: []].append(reading)
                return nil
            }
            if index == plan.release, let late = held.removeValue(forKey: device) { enqueue(late) }
        case .duplicates:
            if bits >> 48 & 15 == 0 || index == plan.first { enqueue([reading]) }
        case .dip:
            if isStruck { reading.value = 0 }
        case .reset:
            if isStruck {
                meters[device].reset()
                reading.value = meters[device].value
            }
        case .exchange:
            if isStruck {
                let initialValue = meters[device].exchangeInitialValue
                _ = meters[device].exchange(before: before, initialValue: initialValue)
                reading.value = meters[device].value
            }
        case .gap:
            if isStruck { return nil }
        case .wrap, .none:
            break
        }
        return reading
    }

    private mutating func enqueue(_ readings: [FleetReading]) {
        queue.removeAll(keepingCapacity: true)
        queueStart = 0
        queue.append(contentsOf: readings)
    }
}
