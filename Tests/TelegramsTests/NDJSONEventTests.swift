import MeterModel
import Testing

@testable import Telegrams

@Suite struct NDJSONEventTests {
    private func event(_ line: String, _ location: SourceLocation = #_sourceLocation) throws -> MeterEvent {
        let decoded = ndjson(line)
        try #require(decoded.refusals.isEmpty, "\(decoded.refusals)", sourceLocation: location)
        try #require(decoded.events.count == 1, sourceLocation: location)
        return decoded.events[0]
    }

    private func decimal(_ text: String) throws -> ExactDecimal { try #require(ExactDecimal(text)) }

    @Test func `A tariff with all there is`() throws {
        let line = #"""
            {"event":"TariffPublished","tariff":"home","unit":"kWh","currency":"CNY","timezone":"Asia/Shanghai","versions":[{"from":"2026-01-01","default":"0.5283","periods":[{"name":"peak","price":0.8283,"windows":[{"days":"mon-fri,sun","from":"08:00","to":"24:00"},{"from":"22:00","to":"06:00"}]}],"tiers":{"period":"month","steps":[{"upTo":"180","add":"0"},{"add":"0.3"}]},"standingCharge":"0.10","tax":"13"}]}
            """#
        guard case .tariffPublished(let tariff) = try event(line) else {
            Issue.record("no tariff")
            return
        }
        #expect(tariff.tariff == "home")
        #expect(tariff.unit == .kilowattHour)
        #expect(tariff.currency.code == "CNY")
        #expect(tariff.timezone == "Asia/Shanghai")
        let version = tariff.versions[0]
        #expect(version.from.description == "2026-01-01")
        #expect(version.defaultPrice == (try decimal("0.5283")))
        #expect(version.periods[0].windows[0] == TariffWindow(weekdays: 0b101_1111, fromMinute: 480, toMinute: 1440))
        #expect(version.periods[0].windows[1] == TariffWindow(weekdays: 0x7F, fromMinute: 1320, toMinute: 360))
        #expect(version.tiers?.steps.last?.upTo == nil)
        #expect(version.standingCharge == (try decimal("0.1")))
        #expect(version.tax == (try decimal("13")))
    }

    @Test func `A registration without utility is of the one that came with the input`() throws {
        let lines = [
            #"{"event":"DeviceRegistered","device":"W-1"}"#,
            #"{"event":"DeviceRegistered","device":"G-1","utility":"gas"}"#,
        ]
        let decoded = decode(lines.joined(separator: "\n")) { NDJSONDecoder(defaultUtility: .water) }
        #expect(
            decoded.events == [
                .deviceRegistered(DeviceRegistered(device: "W-1", utility: .water)),
                .deviceRegistered(DeviceRegistered(device: "G-1", utility: .gas)),
            ]
        )
        #expect(ndjson(lines[0]).codes == [.missingField])
    }

    @Test func `A registration resets fields by name, and null is a field left out`() throws {
        let line = #"""
            {"event": "DeviceRegistered", "device": "E-1", "utility": "gas", "resets": ["unit", "register", "timezone", "multiplier", "modulus", "maxRate", "gapAfter", "account", "alerts"]}
            """#
        let read = try event(line)
        #expect(read == .deviceRegistered(DeviceRegistered(device: "E-1", utility: .gas, resets: .all)))
        let text = TextScratch()
        NDJSONEncoder(text).append(read)
        #expect(String(decoding: text.bytes, as: UTF8.self) == line + "\n")
        let others =
            #"{"event":"DeviceRegistered","device":"E-1","utility":"gas","account":null,"resets":null,"note":null}"#
        #expect(try event(others) == .deviceRegistered(DeviceRegistered(device: "E-1", utility: .gas)))
        for resets in [#""unit""#, #"["tariff"]"#, #"["account"],"account":"a""#, "[1]"] {
            let line = #"{"event":"DeviceRegistered","device":"E-1","utility":"gas","resets":"# + resets + "}"
            #expect(ndjson(line).codes == [.valueSyntax], "\(line)")
        }
        #expect(ndjson(others.replacing(#""gas""#, with: "null")).codes == [.missingField])
    }

    @Test(arguments: [
        #"[]"#, #"[{"from":"2026-01-01","default":"-0.1"}]"#, #"[{"from":"2026-01-01","default":"0.1234567"}]"#,
        #"[{"from":"2026-01-01","default":"100000.1"}]"#, #"[{"from":"2026-13-01","default":"1"}]"#,
        #"[{"from":"2026-01-02","default":"1"},{"from":"2026-01-01","default":"1"}]"#,
        #"[{"from":"2026-01-01","default":"1"},{"from":"2026-01-01","default":"1"}]"#,
        #"[{"from":"2026-01-01","default":"1","tax":"13.001"}]"#, #"[{"from":"2026-01-01","default":"1","tax":"101"}]"#,
        #"[{"from":"2026-01-01","default":"1","periods":[{"name":"a","price":"1","windows":[]}]}]"#,
        #"[{"from":"2026-01-01","default":"1","periods":[{"name":"default","price":"1","windows":[{"from":"00:00","to":"01:00"}]}]}]"#,
        #"[{"from":"2026-01-01","default":"1","periods":[{"name":"a","price":"1","windows":[{"from":"0:00","to":"01:00"}]}]}]"#,
        #"[{"from":"2026-01-01","default":"1","periods":[{"name":"a","price":"1","windows":[{"days":"mon-","from":"00:00","to":"01:00"}]}]}]"#,
        #"[{"from":"2026-01-01","default":"1","tiers":{"period":"week","steps":[{"add":"1"}]}}]"#,
        #"[{"from":"2026-01-01","default":"1","tiers":{"period":"month","steps":[]}}]"#,
        #"[{"from":"2026-01-01","default":"1","tiers":{"period":"month","steps":[{"upTo":"1","add":"1"}]}}]"#,
        #"[{"from":"2026-01-01","default":"1","tiers":{"period":"month","steps":[{"upTo":"2","add":"1"},{"upTo":"2","add":"1"},{"add":"1"}]}}]"#,
        #"{}"#, #"[5]"#,
    ])
    func `Tariffs that are invalid`(versions: String) {
        let line = #"{"event":"TariffPublished","tariff":"t","unit":"kWh","currency":"EUR","versions":\#(versions)}"#
        #expect(ndjson(line).codes == [.tariffInvalid], "\(ndjson(line).refusals)")
    }

    @Test func `Fields of a tariff that are unknown or missing`() {
        func codes(_ version: String) -> [RefusalCode] {
            ndjson(#"{"event":"TariffPublished","tariff":"t","unit":"L","currency":"EUR","versions":[\#(version)]}"#)
                .codes
        }
        #expect(codes(#"{"from":"2026-01-01","default":"1","colour":1}"#) == [.unknownField])
        #expect(codes(#"{"from":"2026-01-01"}"#) == [.missingField])
        #expect(codes(#"{"from":"2026-01-01","default":"1"}"#) == [.tariffInvalid])
    }

    @Test func `A device with alert rules`() throws {
        let line = #"""
            {"event":"DeviceRegistered","device":"E-1","utility":"electricity","unit":"kWh","register":"1-0:1.8.0","timezone":"Asia/Shanghai","multiplier":"40","modulus":"100000","maxRate":"100","gapAfter":"2h","account":"A","tariff":"home","from":"2026-01-01","alerts":[{"rule":"low","level":"20","rearm":"30","reminders":["1d","3d"],"cleared":true,"staleAfter":"90m"},{"rule":"zero","reminders":["1d"]}]}
            """#
        var expected = DeviceRegistered(
            device: "E-1",
            utility: .electricity,
            unit: .kilowattHour,
            register: "1-0:1.8.0"
        )
        expected.timezone = "Asia/Shanghai"
        expected.multiplier = try decimal("40")
        expected.modulus = try decimal("100000")
        expected.maxRate = try decimal("100")
        expected.gapAfterMilliseconds = 7_200_000
        expected.account = "A"
        expected.tariff = "home"
        expected.from = LocalDate("2026-01-01")
        var low = AlertRule(rule: "low", level: try decimal("20"), rearm: try decimal("30"), cleared: true)
        low.staleAfterMilliseconds = 5_400_000
        low.remindersMilliseconds = [86_400_000, 259_200_000]
        var zero = AlertRule.zero
        zero.remindersMilliseconds = [86_400_000]
        expected.alerts = [low, zero]
        #expect(try event(line) == .deviceRegistered(expected))
    }

    @Test(arguments: [
        (#""rule":"a/b","level":1"#, RefusalCode.ruleInvalid), (#""rule":"low","level":5,"rearm":4"#, .ruleInvalid),
        (#""rule":"low","level":"1.0000001""#, .ruleInvalid), (#""rule":"low""#, .missingField),
        (#""rule":"zero","level":1"#, .ruleInvalid), (#""rule":"zero","remove":true"#, .ruleInvalid),
        (#""rule":"low","level":1,"reminders":["3d","1d"]"#, .ruleInvalid),
        (#""rule":"low","level":1,"reminders":["3"]"#, .ruleInvalid),
        (#""rule":"low","level":1,"cleared":"yes""#, .ruleInvalid),
        (#""rule":"low","level":1,"staleAfter":"1w""#, .ruleInvalid),
        (#""rule":"low","level":1,"remove":true"#, .ruleInvalid), (#""rule":"low","level":"x""#, .valueSyntax),
    ])
    func `Alert rules that are refused`(fields: String, code: RefusalCode) {
        #expect(ndjson(#"{"event":"AlertRuleSet","device":"E",\#(fields)}"#).codes == [code])
    }

    @Test func `Alert rules are set and removed`() throws {
        let removed = try event(#"{"event":"AlertRuleSet","device":"E","rule":"low","remove":true}"#)
        #expect(removed == .alertRuleSet(AlertRuleSet(device: "E", change: .remove("low"))))
        let zero = try event(#"{"event":"AlertRuleSet","device":"E","rule":"zero"}"#)
        #expect(zero == .alertRuleSet(AlertRuleSet(device: "E", change: .set(.zero))))
    }

    @Test func `The other events`() throws {
        let at = Instant(milliseconds: 1_735_689_600_000)
        let one = ExactDecimal.one
        #expect(
            try event(#"{"event":"ReadingCorrected","device":"E","readAt":1735689600,"value":1,"reason":"typo"}"#)
                == .readingCorrected(
                    ReadingCorrected(device: "E", register: nil, readAt: at, value: one, unit: nil, reason: "typo")
                )
        )
        #expect(
            try event(#"{"event":"ReadingVoided","device":"E","register":"r","readAt":1735689600,"reason":"typo"}"#)
                == .readingVoided(ReadingVoided(device: "E", register: "r", readAt: at, reason: "typo"))
        )
        #expect(
            try event(#"{"event":"MeterExchanged","device":"E","at":1735689600,"finalValue":1,"initialValue":"0"}"#)
                == .meterExchanged(
                    MeterExchanged(
                        device: "E",
                        register: nil,
                        at: at,
                        finalValue: one,
                        initialValue: .zero,
                        unit: nil,
                        modulus: nil,
                        multiplier: nil
                    )
                )
        )
        #expect(
            try event(#"{"event":"MultiplierCorrected","device":"E","multiplier":"1","reason":"label"}"#)
                == .multiplierCorrected(
                    MultiplierCorrected(device: "E", register: nil, at: nil, multiplier: one, reason: "label")
                )
        )
        #expect(
            try event(#"{"event":"TariffAssigned","device":"E","tariff":"t","from":"2025-01-01"}"#)
                == .tariffAssigned(
                    TariffAssigned(device: "E", tariff: "t", from: try #require(LocalDate("2025-01-01")))
                )
        )
    }

    @Test func `Money and outcomes of pushes`() throws {
        let at = Instant(milliseconds: 1_735_689_600_000)
        let one = ExactDecimal.one
        let eur = try #require(Currency("EUR"))
        let payment = Payment(device: "E", amount: one, currency: eur, provider: "p", reference: "A", at: at)
        #expect(
            try event(
                #"{"event":"TopUpReceived","device":"E","amount":"1","currency":"EUR","provider":"p","reference":"A","at":1735689600}"#
            ) == .topUpReceived(payment)
        )
        var refund = payment
        refund.of = "B"
        refund.reason = "moved out"
        #expect(
            try event(
                #"{"event":"TopUpRefunded","device":"E","amount":"1","currency":"EUR","provider":"p","reference":"A","of":"B","at":1735689600,"reason":"moved out"}"#
            ) == .topUpRefunded(refund)
        )
        #expect(
            try event(
                #"{"event":"BalanceAdjusted","device":"E","amount":"-1","currency":"EUR","reference":"A","at":1735689600,"reason":"x"}"#
            )
                == .balanceAdjusted(
                    BalanceAdjusted(
                        device: "E",
                        amount: ExactDecimal(-1),
                        currency: eur,
                        reference: "A",
                        at: at,
                        reason: "x"
                    )
                )
        )
        #expect(
            try event(#"{"event":"DayTurned","timezone":"UTC","at":1735689600}"#)
                == .dayTurned(DayTurned(timezone: "UTC", at: at))
        )
        for kind in PushOutcome.Kind.allCases {
            #expect(
                try event(#"{"event":"\#(kind.eventName)","job":"E/zero/1/crossed","at":1735689600,"attempt":2}"#)
                    == .pushSettled(
                        PushOutcome(
                            kind: kind,
                            job: "E/zero/1/crossed",
                            at: at,
                            channel: nil,
                            attempt: 2,
                            response: nil
                        )
                    )
            )
        }
    }

    @Test(arguments: [
        (#""amount":"1.001","currency":"EUR""#, RefusalCode.valuePrecision),
        (#""amount":"1.5","currency":"JPY""#, .valuePrecision), (#""amount":"0","currency":"EUR""#, .valueRange),
        (#""amount":"-1","currency":"EUR""#, .valueRange),
        (#""amount":"1000000000000000.01","currency":"EUR""#, .valueRange),
        (#""amount":"1","currency":"eur""#, .valueSyntax), (#""amount":"x","currency":"EUR""#, .valueSyntax),
    ])
    func `Amounts that are refused`(fields: String, code: RefusalCode) {
        let line = #"{"event":"TopUpReceived","device":"E","provider":"p","reference":"A","at":0,\#(fields)}"#
        #expect(ndjson(line).codes == [code])
    }

    @Test(arguments: [
        ("0", RefusalCode.valueRange), ("-1", .valueRange), ("1.0001", .valuePrecision), ("1000000.001", .valueRange),
    ])
    func `Multipliers that are refused`(multiplier: String, code: RefusalCode) {
        let line = #"{"event":"MultiplierCorrected","device":"E","multiplier":"\#(multiplier)","reason":"x"}"#
        #expect(ndjson(line).codes == [code])
    }

    @Test func `Events keep their place among the readings`() {
        let reading = #"{"device":"E","readAt":0,"value":1}"#
        let turn = #"{"event":"DayTurned","timezone":"UTC","at":0}"#
        let decoded = ndjson([turn, reading, reading, turn, "", "# a remark", reading, turn].joined(separator: "\n"))
        #expect(decoded.eventPlaces == [0, 2, 3])
        #expect(decoded.readings.map(\.line) == [2, 3, 7])
    }
}
