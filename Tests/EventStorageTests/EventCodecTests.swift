import MeterModel
import Testing

@testable import EventStorage

/// The payload of an event.
func payload(_ event: MeterEvent) -> [UInt8] {
    var out = ByteWriter()
    EventWriter.write(event, into: &out)
    return Array(out.bytes)
}

func decode(_ kind: EventKind, _ payload: [UInt8]) throws -> MeterEvent {
    try payload.withUnsafeBytes { try EventReader.read(kind: kind.rawValue, payload: $0) }
}

func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef")
    return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}

struct EventCodecTests {
    @Test(arguments: EventKind.allCases)
    func `random events survive the round trip`(_ kind: EventKind) throws {
        for seed in 0..<300 as Range<UInt64> {
            var items = RandomItems(seed: seed)
            let event = items.event(kind)
            #expect(EventKind(event) == kind)
            let decoded = try decode(kind, payload(event))
            #expect(decoded == event, "seed \(seed)")
        }
    }

    @Test(arguments: EventKind.allCases)
    func `a payload cut or changed never traps, and one that decodes is canonical`(_ kind: EventKind) {
        var refused = 0
        for seed in 0..<60 as Range<UInt64> {
            var items = RandomItems(seed: seed)
            let whole = payload(items.event(kind))
            for cut in 0..<whole.count where (try? decode(kind, Array(whole[..<cut]))) == nil { refused += 1 }
            for place in 0..<whole.count {
                var changed = whole
                changed[place] ^= UInt8(1 << items.number(0...7))
                if let event = try? decode(kind, changed) {
                    #expect(payload(event) == changed, "seed \(seed), byte \(place)")
                } else {
                    refused += 1
                }
            }
        }
        #expect(refused > 0)
    }

    @Test func `resets of nothing, of fields that are there, of a tariff and of unknown fields are refused`() throws {
        let both: [UInt8] = [1, 1, 1, 0x45, 1, 2]
        #expect(throws: MalformedBytes.self, "the unit is there") { try decode(.deviceRegisteredWithResets, both) }
        for resets: [UInt8] in [[0], [0x80, 0x02], [0x80, 0x04], [0x80, 0x10]] {
            let bytes: [UInt8] = [0] + resets + [1, 0x45, 1]
            #expect(throws: MalformedBytes.self, "\(resets)") { try decode(.deviceRegisteredWithResets, bytes) }
        }
        #expect(throws: Never.self) { try decode(.deviceRegisteredWithResets, [1, 2, 1, 0x45, 1, 2]) }
    }

    @Test func `unknown kinds and bytes behind an event are refused`() {
        let event = payload(.dayTurned(DayTurned(timezone: "UTC", at: Instant(milliseconds: 0))))
        #expect(throws: MalformedBytes.self) { try decode(.dayTurned, event + [0]) }
        #expect(throws: MalformedBytes.self) {
            try event.withUnsafeBytes { _ = try EventReader.read(kind: 200, payload: $0) }
        }
    }
}

/// The bytes of one event of each kind: if these change, logs that exist cannot be read.
struct EventGoldenTests {
    private static let at = Instant(milliseconds: 1_767_225_600_000)

    private static func decimal(_ text: String) -> ExactDecimal { ExactDecimal(text) ?? .zero }

    private static func euro() -> Currency {
        guard let euro = Currency("EUR") else { fatalError("EUR is a currency") }
        return euro
    }

    private static func payment(reason: String?) -> Payment {
        Payment(
            device: "E-1",
            amount: decimal("12.5"),
            currency: euro(),
            provider: "bank",
            reference: "R1",
            of: reason.map { _ in "R0" },
            at: at,
            reason: reason
        )
    }

    private static let rule = AlertRule(
        rule: "low",
        level: decimal("20"),
        rearm: decimal("30.5"),
        cleared: true,
        remindersMilliseconds: [3_600_000]
    )

    private static let tariff = TariffPublished(
        tariff: "home",
        unit: .kilowattHour,
        currency: euro(),
        timezone: "Europe/Berlin",
        versions: [
            TariffVersion(
                from: LocalDate(dayNumber: 20_454),
                defaultPrice: decimal("0.5283"),
                periods: [
                    TariffPeriod(
                        name: "peak",
                        price: decimal("0.8"),
                        windows: [TariffWindow(weekdays: 31, fromMinute: 480, toMinute: 1320)]
                    )
                ],
                tiers: TariffTiers(
                    period: .month,
                    steps: [.init(upTo: decimal("180"), add: .zero), .init(upTo: nil, add: decimal("0.3"))]
                ),
                standingCharge: decimal("0.1"),
                tax: decimal("19")
            )
        ]
    )

    private static let registration = DeviceRegistered(
        device: "E-1",
        utility: .electricity,
        unit: .kilowattHour,
        register: "1.8.0",
        timezone: "UTC",
        multiplier: decimal("40"),
        modulus: decimal("100000"),
        maxRate: decimal("99.5"),
        gapAfterMilliseconds: 21_600_000,
        account: "A",
        tariff: "home",
        from: LocalDate(dayNumber: 20_454),
        alerts: [rule]
    )

    static let events: [(MeterEvent, String)] = [
        (
            .readingCorrected(
                ReadingCorrected(
                    device: "E-1",
                    register: "1.8.0",
                    readAt: at,
                    value: decimal("-1.25"),
                    unit: .wattHour,
                    reason: "typo"
                )
            ), "0303452d3105312e382e3080a0d5edee6602f90101047479706f"
        ),
        (
            .readingVoided(ReadingVoided(device: "E-1", register: nil, readAt: at, reason: "x")),
            "0003452d3180a0d5edee660178"
        ),
        (
            .deviceRegistered(registration),
            "ff0f03452d31010205312e382e3003555443005000c09a0c01c60f80dccc14014104686f6d65ccbf"
                + "0201036c6f77002801e2040180f0b2520180bab703"
        ),
        (
            .meterExchanged(
                MeterExchanged(
                    device: "E-1",
                    register: nil,
                    at: at,
                    finalValue: decimal("500"),
                    initialValue: .zero,
                    unit: .megawattHour,
                    modulus: nil,
                    multiplier: .one
                )
            ), "0a03452d3180a0d5edee6600e8070000030002"
        ),
        (
            .multiplierCorrected(
                MultiplierCorrected(device: "E-1", register: nil, at: at, multiplier: decimal("1.5"), reason: "ct")
            ), "0203452d3180a0d5edee66011e026374"
        ),
        (
            .tariffPublished(tariff),
            "0104686f6d65024555520d4575726f70652f4265726c696e0107ccbf0204c65201047065616b0110"
                + "011fc007d01401020100e802000000010601020026"
        ),
        (
            .tariffAssigned(TariffAssigned(device: "E-1", tariff: "home", from: LocalDate(dayNumber: -1))),
            "03452d3104686f6d6501"
        ),
        (.topUpReceived(payment(reason: nil)), "0003452d3101fa014555520462616e6b02523180a0d5edee66"),
        (
            .topUpRefunded(payment(reason: "wrong")),
            "0303452d3101fa014555520462616e6b02523102523080a0d5edee660577726f6e67"
        ),
        (
            .balanceAdjusted(
                BalanceAdjusted(
                    device: "E-1",
                    amount: decimal("-0.01"),
                    currency: euro(),
                    reference: "J1",
                    at: at,
                    reason: "rounding"
                )
            ), "03452d310201455552024a3180a0d5edee6608726f756e64696e67"
        ),
        (.alertRuleSet(AlertRuleSet(device: "E-1", change: .remove("low"))), "03452d3102036c6f77"),
        (.dayTurned(DayTurned(timezone: "UTC", at: at)), "0355544380a0d5edee66"),
        (
            .pushSettled(
                PushOutcome(kind: .died, job: "j", at: at, channel: "apns", attempt: 3, response: "410")
            ), "0705016a80a0d5edee660461706e730603343130"
        ),
        (
            .deviceRegistered(
                DeviceRegistered(
                    device: "E-1",
                    utility: .electricity,
                    multiplier: decimal("40"),
                    resets: [.timezone, .account, .alerts]
                )
            ), "08840903452d31010050"
        ),
        (.deviceRegistered(DeviceRegistered(device: "E-1", utility: .gas, resets: .all)), "00ff0903452d3103"),
    ]

    @Test func `each kind has the bytes it always had`() throws {
        for (event, golden) in EventGoldenTests.events {
            #expect(hex(payload(event)) == golden, "\(EventKind(event))")
        }
        #expect(EventGoldenTests.events.map { EventKind($0.0) } == EventKind.allCases + [.deviceRegisteredWithResets])
    }
}
