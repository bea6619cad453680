import FleetSimulator
import MeterModel
import Testing

@Suite("A planted trouble")
struct TroublesTests {
    /// The readings by device of a fleet in which every device has one trouble, in order of arrival.
    private func readings(_ troubles: Troubles, days: Int = 7) -> (Fleet, [[FleetReading]]) {
        let fleet = Fleet(deviceCount: 60, days: days, seed: 21, troubles: troubles)
        var byDevice = [[FleetReading]](repeating: [], count: fleet.devices.count)
        for reading in FleetReadings(fleet, order: .time) { byDevice[reading.device].append(reading) }
        return (fleet, byDevice)
    }

    private func drops(_ readings: [FleetReading]) -> [(before: FleetReading, after: FleetReading)] {
        zip(readings, readings.dropFirst()).filter { $0.value > $1.value }.map { (before: $0, after: $1) }
    }

    @Test("late: a run arrives hours after its neighbours, and nothing is missing")
    func late() {
        let (fleet, all) = readings(Troubles(late: 1000))
        for (device, readings) in zip(fleet.devices, all) {
            let period = device.periodMilliseconds
            #expect(Set(readings.map(\.at)).count == readings.count)
            #expect(readings.count == Int(7 * Milliseconds.day / period) + 1)
            #expect(drops(readings.sorted { $0.at < $1.at }).isEmpty)
            let steps = zip(readings, readings.dropFirst()).map { $1.at - $0.at }
            #expect(steps.contains { $0 <= -2 * Milliseconds.hour }, "\(device.name)")
        }
    }

    @Test("duplicates: lines are told twice, alike to the digit")
    func duplicates() {
        let (fleet, all) = readings(Troubles(duplicates: 1000))
        for (device, readings) in zip(fleet.devices, all) {
            let distinct = Int(7 * Milliseconds.day / device.periodMilliseconds) + 1
            #expect(Set(readings).count == distinct)
            #expect(Set(readings.map(\.at)).count == distinct)
            #expect(readings.count > distinct)
            #expect(readings.count < distinct + distinct / 6)
        }
    }

    @Test("dip: one 0, then on as before")
    func dip() {
        let (_, all) = readings(Troubles(dip: 1000))
        for readings in all {
            #expect(readings.count { $0.value == 0 } == 1)
            #expect(drops(readings.filter { $0.value != 0 }).isEmpty)
        }
    }

    @Test("reset: one fall to 0, and on from there")
    func reset() {
        let (_, all) = readings(Troubles(reset: 1000))
        for readings in all {
            let falls = drops(readings)
            #expect(falls.count == 1)
            #expect(falls.first?.after.value == 0)
            #expect(readings.last?.value ?? 0 > 0)
        }
    }

    @Test("wrap: the register runs over the modulus that the device declares")
    func wrap() {
        let (fleet, all) = readings(Troubles(wrap: 1000))
        for (device, readings) in zip(fleet.devices, all) {
            let falls = drops(readings)
            let modulus = device.modulus ?? 0
            #expect(falls.count == 1, "\(device.name)")
            for fall in falls {
                let delta = modulus - fall.before.value + fall.after.value
                #expect((0...modulus / 10).contains(delta))
            }
            #expect(readings.allSatisfy { $0.value < modulus })
        }
    }

    @Test("exchange: the declared values close the gap between the two meters")
    func exchange() throws {
        let (fleet, all) = readings(Troubles(exchange: 1000))
        for (device, readings) in zip(fleet.devices, all) {
            let exchange = try #require(fleet.exchange(of: device))
            let before = try #require(readings.last { $0.at < exchange.at })
            let after = try #require(readings.first { $0.at > exchange.at })
            #expect(before.value <= exchange.finalValue)
            #expect(exchange.initialValue <= after.value)
            #expect(after.at - before.at == device.periodMilliseconds)
            #expect(drops(readings.filter { $0.at < exchange.at }).isEmpty)
            #expect(drops(readings.filter { $0.at > exchange.at }).isEmpty)
        }
    }

    @Test("gap: one silence of more than six hours")
    func gap() {
        let (fleet, all) = readings(Troubles(gap: 1000))
        for (device, readings) in zip(fleet.devices, all) {
            let silences = zip(readings, readings.dropFirst()).filter { $1.at - $0.at > device.periodMilliseconds }
            #expect(silences.count == 1)
            #expect(silences.allSatisfy { $1.at - $0.at > 6 * Milliseconds.hour })
            #expect(drops(readings).isEmpty)
        }
    }

    @Test("jitter: up to two seconds late, never early, never out of order")
    func jitter() {
        let (fleet, all) = readings(Troubles(jitter: 500))
        var lags: Set<Int64> = []
        for (device, readings) in zip(fleet.devices, all) {
            let offsets = readings.map { ($0.at - fleet.startInstant.milliseconds) % device.periodMilliseconds }
            #expect(offsets.allSatisfy { (0...2000).contains($0) })
            #expect(offsets.contains { $0 > 0 } == device.hasJitter)
            #expect(drops(readings).isEmpty)
            lags.formUnion(offsets)
        }
        #expect(lags.count > 1000)
    }

    @Test("is not planted in a run too short for it", arguments: Troubles.Kind.allCases)
    func shortRuns(kind: Troubles.Kind) {
        let fleet = Fleet(
            deviceCount: 30,
            days: 1,
            seed: 2,
            period: Milliseconds.day,
            troubles: Troubles(late: 100, duplicates: 100, dip: 100, reset: 100, wrap: 100, exchange: 100, gap: 100)
        )
        #expect(fleet.devices.allSatisfy { $0.trouble == .none })
        #expect(Array(FleetReadings(fleet, order: .device)).count == 60)
    }
}
