import Billing
import MeterModel
import Testing
import TimeZones

@testable import Projections

private func date(_ text: String) throws -> LocalDate { try #require(LocalDate(text)) }

private func tariff(_ name: String, _ versions: [(from: String, price: String)]) throws -> RateSchedule.Tariff {
    RateSchedule.Tariff(
        TariffPublished(
            tariff: name,
            unit: .kilowattHour,
            currency: try #require(Currency("EUR")),
            timezone: nil,
            versions: try versions.map {
                TariffVersion(from: try date($0.from), defaultPrice: try #require(ExactDecimal($0.price)))
            }
        )
    )
}

extension RateSchedule {
    /// The flat price at an instant.
    fileprivate func priceMicro(at instant: Int64) -> Int64? { rates(at: instant)?.periods.last?.priceMicro }

    /// The first switch after an instant, if one comes.
    fileprivate func nextSwitch(after instant: Int64) -> Int64? {
        let until = period(at: instant).until
        return until == Int64.max ? nil : until
    }
}

private func zone(_ name: String) throws -> ZoneRules { try #require(testZones.rules(of: name)) }

@Suite("Intervals and rates")
struct RateScheduleTests {
    @Test("cuts floor, sum to the whole, and do not overflow")
    func quantityUpTo() {
        let year = 400 * Milliseconds.day
        for quantity in [0, 1, 7, 999_999_999_999_999, 1_000_000_000_000_000] as [Int64] {
            let interval = MeteredInterval(start: 1000, end: 1000 + year, quantity: quantity)
            #expect(interval.quantity(upTo: 1000) == 0)
            #expect(interval.quantity(upTo: 1000 + year) == quantity)
            var random = TestRandom(seed: UInt64(quantity))
            var former: Int64 = 0
            for at in (0..<200).map({ _ in random.int(0...year) }).sorted() {
                let upTo = interval.quantity(upTo: 1000 + at)
                #expect(upTo == Int64(Int128(quantity) * Int128(at) / Int128(year)))
                #expect(upTo >= former)
                former = upTo
            }
        }
    }

    @Test("lays the versions of assigned tariffs end to end")
    func endToEnd() throws {
        let berlin = try zone("Europe/Berlin")
        let a = try tariff("a", [("2025-01-10", "1"), ("2025-02-01", "2"), ("2025-06-01", "3")])
        let b = try tariff("b", [("2024-01-01", "10"), ("2025-03-15", "20")])
        let schedule = RateSchedule(assignments: [(nil, a), (try date("2025-03-01"), b)], zone: berlin)
        let expected: [(day: String, micro: Int64?)] = [
            ("2025-01-09", nil), ("2025-01-10", 1_000_000), ("2025-02-01", 2_000_000), ("2025-02-28", 2_000_000),
            ("2025-03-01", 10_000_000), ("2025-03-15", 20_000_000), ("2025-06-02", 20_000_000),
        ]
        for (day, micro) in expected {
            let start = berlin.start(ofDay: Int(try date(day).dayNumber))
            #expect(schedule.priceMicro(at: start) == micro, "\(day)")
            #expect(schedule.priceMicro(at: start + 3 * Milliseconds.hour) == micro, "\(day)")
        }
        let march = berlin.start(ofDay: Int(try date("2025-03-01").dayNumber))
        #expect(schedule.priceMicro(at: march - 1) == 2_000_000)
        #expect(schedule.nextSwitch(after: march - 1) == march)
        #expect(RateSchedule.none.nextSwitch(after: 0) == nil)
    }

    @Test("charges nothing before the first version, and from an assignment on")
    func nothingBefore() throws {
        let later = try tariff("a", [("2025-03-01", "1")])
        let schedule = RateSchedule(assignments: [(try date("2025-01-01"), later)], zone: .utc)
        let first = Int64(try date("2025-03-01").dayNumber) * Milliseconds.day
        let interval = MeteredInterval(start: first - 1000, end: first + 3000, quantity: 4_000_000)
        #expect(schedule.exactCharge(interval) == Money(try #require(ExactDecimal("3"))))
        #expect(RateSchedule.none.exactCharge(interval) == .zero)
    }

    @Test("charges what its parts at their prices cost", arguments: 0..<20 as Range<UInt64>)
    func parts(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        let rules = try zone(random.pick(FleetHistory.zones))
        var versions: [(from: String, price: String)] = []
        var day: Int32 = 20_000
        for _ in 0..<6 {
            day += Int32(random.int(1...4))
            versions.append((LocalDate(dayNumber: day).description, random.pick(["0", "1", "0.000001", "99999.9"])))
        }
        let schedule = RateSchedule(assignments: [(nil, try tariff("a", versions))], zone: rules)
        let start = 19_999 * Milliseconds.day + random.int(0...Milliseconds.day)
        let interval = MeteredInterval(
            start: start,
            end: start + random.int(1...(30 * Milliseconds.day)),
            quantity: random.int(0...1_000_000_000_000_000)
        )
        var total = Money.zero
        var at = start
        var counted: Int64 = 0
        while at < interval.end {
            let price = schedule.priceMicro(at: at)
            let cut = min(schedule.nextSwitch(after: at) ?? interval.end, interval.end)
            let part = interval.quantity(upTo: cut) - counted
            if let price { total += Money(units: Int128(part) * Int128(price) * 10_000) }
            counted += part
            at = cut
        }
        #expect(schedule.exactCharge(interval) == total)
    }

    @Test("bounds closely what a wide interval costs by time of use", arguments: 0..<20 as Range<UInt64>)
    func wide(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        func price() throws -> ExactDecimal {
            try #require(ExactDecimal(random.pick(["0", "0.2", "0.4", "1", "0.000001", "99999.9"])))
        }
        func period(_ name: String) throws -> TariffPeriod {
            let windows = (0..<random.int(1...3)).map { _ in
                TariffWindow(
                    weekdays: UInt8(random.int(1...127)),
                    fromMinute: Int(random.int(0...1439)),
                    toMinute: Int(random.int(1...1440))
                )
            }
            return TariffPeriod(name: name, price: try price(), windows: windows)
        }
        for _ in 0..<50 {
            let versions = try [19_000, 20_100, 20_150].map { day in
                TariffVersion(
                    from: LocalDate(dayNumber: day),
                    defaultPrice: try price(),
                    periods: try ["a", "b"].map { try period($0) },
                    tax: ExactDecimal(random.pick(["0", "19"]))
                )
            }
            let published = TariffPublished(
                tariff: "t",
                unit: .kilowattHour,
                currency: try #require(Currency("EUR")),
                timezone: nil,
                versions: versions
            )
            let rules = try zone(random.pick(FleetHistory.zones))
            let schedule = RateSchedule(assignments: [(nil, RateSchedule.Tariff(published))], zone: rules)
            let start = 20_000 * Milliseconds.day + random.int(0...(200 * Milliseconds.day))
            let length = RateSchedule.wideMilliseconds + random.int(1...(380 * Milliseconds.day))
            let quantity = random.int(0...(random.oneIn(2) ? 2_000_000_000 : 1_000_000_000_000_000))
            let interval = MeteredInterval(start: start, end: start + length, quantity: quantity)
            let bounds = schedule.charge(interval)
            let exact = schedule.exactCharge(interval)
            #expect(bounds.low <= exact && exact <= bounds.high)
            // Not 8,000 mWh at the highest price apart, taxed.
            let highest = versions.flatMap { [$0.defaultPrice] + $0.periods.map(\.price) }.max() ?? .zero
            let widest = Int128(8000) * (highest.scaled(by: 6) ?? 0) * 11_900
            #expect(bounds.high - bounds.low <= Money(units: widest))
        }
    }
}

@Suite("The instant of a crossing")
struct CrossingLineTests {
    private func line(_ price: String) throws -> CrossingLine {
        let flat = try tariff("a", [("2024-01-01", price)])
        return CrossingLine(
            schedule: RateSchedule(assignments: [(nil, flat)], zone: .utc),
            tiers: TierCounts(),
            drops: []
        )
    }

    private let noon: Int64 = 1_735_732_800_000

    @Test("lies on the straight line over the hour, rounded up to the second")
    func straight() throws {
        var line = try line("1")
        // 36 kWh in ten hours from noon: 3.6 an hour.
        let interval = MeteredInterval(start: noon, end: noon + 36_000_000, quantity: 36_000_000)
        func reached(_ balance: String) throws -> Int64? {
            let money = try #require(ExactDecimal(balance).flatMap { Money($0) })
            return line.reaches(.zero, from: money, along: [interval]).map { $0 - noon }
        }
        #expect(try reached("3.6") == 3_600_000)
        #expect(try reached("0.001") == 1000)
        #expect(try reached("0.0010000000000001") == 2000)
        #expect(try reached("0.0000000000000001") == 1000)
        #expect(try reached("35.9999") == 36_000_000)
        #expect(try reached("36") == 36_000_000)
        #expect(try reached("36.0000000000000001") == nil)
    }

    @Test("passes over hours and intervals that cost nothing")
    func flatParts() throws {
        var line = try line("0.5")
        let nothing = MeteredInterval(start: noon - 7_200_000, end: noon, quantity: 0)
        let something = MeteredInterval(start: noon, end: noon + 3_600_000, quantity: 2_000_000)
        let half = try #require(ExactDecimal("0.5").flatMap { Money($0) })
        #expect(line.reaches(.zero, from: half, along: [nothing, something]) == noon + 1_800_000)
        #expect(line.reaches(.zero, from: half, along: [nothing]) == nil)
    }

    @Test("does not overflow with the largest quantities and prices")
    func largest() throws {
        var line = try line("100000")
        let interval = MeteredInterval(start: noon, end: noon + 3_600_000, quantity: 1_000_000_000_000_000)
        let charge = line.schedule.exactCharge(interval)
        #expect(charge.units == Int128(1_000_000_000_000_000) * 100_000_000_000 * 10_000)
        let half = Money(units: charge.units / 2)
        #expect(line.reaches(.zero, from: half, along: [interval]) == noon + 1_800_000)
        let more = Money(units: charge.units / 2 + 1)
        #expect(line.reaches(.zero, from: more, along: [interval]) == noon + 1_801_000)
    }
}
