import FleetSimulator
import MeterModel
import Testing

@Suite("A fleet")
struct FleetTests {
    @Test("is chosen by its seed")
    func determinism() {
        let one = fingerprint(Fleet(deviceCount: 60, days: 3, seed: 7))
        #expect(fingerprint(Fleet(deviceCount: 60, days: 3, seed: 7)) == one)
        #expect(fingerprint(Fleet(deviceCount: 60, days: 3, seed: 8)) != one)
    }

    @Test("of forty devices has the bytes it had in the first release")
    func golden() {
        let fleet = Fleet(deviceCount: 40, days: 2, seed: 42)
        #expect(fingerprint(fleet) == 15_109_046_838_938_863_077)
    }

    @Test("takes the same readings in both orders")
    func orders() {
        let fleet = Fleet(deviceCount: 150, days: 4, seed: 3)
        let byTime = Array(FleetReadings(fleet, order: .time))
        let byDevice = Array(FleetReadings(fleet, order: .device))
        #expect(byTime.count == byDevice.count)
        #expect(byTime != byDevice)
        for device in fleet.devices.indices {
            #expect(byTime.filter { $0.device == device } == byDevice.filter { $0.device == device })
        }
        #expect(zip(byDevice, byDevice.dropFirst()).allSatisfy { $0.device <= $1.device })
    }

    @Test("without troubles counts up, reading by reading, at full periods", arguments: [nil, 60_000, 86_400_000])
    func conservation(period: Int64?) {
        let fleet = Fleet(deviceCount: 40, days: 5, seed: 11, period: period, troubles: .none)
        var last: [Int: FleetReading] = [:]
        var first: [Int: FleetReading] = [:]
        var count = 0
        for reading in FleetReadings(fleet, order: .time) {
            count += 1
            let device = fleet.devices[reading.device]
            if let before = last[reading.device] {
                #expect(reading.value >= before.value)
                #expect(reading.at == before.at + device.periodMilliseconds)
            } else {
                first[reading.device] = reading
                #expect(reading.value == device.startValue)
                #expect(reading.at == fleet.startInstant.milliseconds)
            }
            last[reading.device] = reading
        }
        #expect(count == fleet.readingCount)
        for (device, reading) in last {
            #expect(reading.at == fleet.startInstant.milliseconds + 5 * Milliseconds.day)
            #expect(reading.value > first[device]?.value ?? .max)
        }
    }

    @Test("has three utilities, four zones and two prepaid devices of five")
    func proportions() {
        let fleet = Fleet(deviceCount: 10_000, days: 1, seed: 5)
        func share(_ isCounted: (FleetDevice) -> Bool) -> Int { fleet.devices.count(where: isCounted) / 100 }
        #expect((57...63).contains(share { $0.utility == .electricity }))
        #expect((22...28).contains(share { $0.utility == .water }))
        #expect((12...18).contains(share { $0.utility == .gas }))
        for (zone, expected) in zip(FleetZone.all, [40, 30, 20, 10]) {
            #expect((expected - 3...expected + 3).contains(share { $0.zone == zone }), "\(zone.timezone)")
        }
        #expect((37...43).contains(share { $0.prepayment != nil }))
        let prepaid = fleet.devices.compactMap(\.prepayment)
        #expect((32...34).contains(prepaid.count(where: \.runsOut) * 100 / prepaid.count))
        #expect(Set(fleet.devices.map(\.name)).count == 10_000)
    }

    @Test("deals troubles to exactly the devices of a thousand that it was told")
    func troubleCounts() {
        let troubles = Troubles(
            jitter: 250,
            late: 10,
            duplicates: 20,
            dip: 30,
            reset: 40,
            wrap: 50,
            exchange: 60,
            gap: 70
        )
        let fleet = Fleet(deviceCount: 1000, days: 7, seed: 9, troubles: troubles)
        func count(_ kind: Troubles.Kind) -> Int { fleet.devices.count { $0.trouble == kind } }
        #expect(Troubles.Kind.allCases.dropFirst().map(count) == [10, 20, 30, 40, 50, 60, 70])
        #expect(fleet.devices.count(where: \.hasJitter) == 250)
    }

    @Test("runs out of credit where it was meant to, and not elsewhere")
    func credit() throws {
        let fleet = Fleet(deviceCount: 400, days: 14, seed: 7, troubles: .none)
        var last = fleet.devices.map(\.startValue)
        for reading in FleetReadings(fleet, order: .device) { last[reading.device] = reading.value }
        for (device, last) in zip(fleet.devices, last) {
            guard let prepayment = device.prepayment else { continue }
            let cost = (last - device.startValue) * device.zone.price(of: device.utility) / 100_000
            #expect((cost > prepayment.minorUnits) == prepayment.runsOut, "\(device.name)")
        }
    }

    @Test("rests at night")
    func loadShape() {
        let fleet = Fleet(deviceCount: 300, days: 7, seed: 1, period: Milliseconds.hour, troubles: .none)
        var before: [Int: Int64] = [:]
        var useByHour = [Int64](repeating: 0, count: 24)
        for reading in FleetReadings(fleet, order: .time) {
            defer { before[reading.device] = reading.value }
            let device = fleet.devices[reading.device]
            guard let last = before[reading.device], device.utility == .electricity else { continue }
            guard device.zone.timezone == "Europe/Berlin" else { continue }
            // The hour that ends now began an hour ago; Berlin is an hour ahead in winter.
            useByHour[Int(reading.at / Milliseconds.hour % 24)] += reading.value - last
        }
        #expect(useByHour[19] > 2 * useByHour[3])
        #expect(useByHour[3] > 0)
    }
}
