import Testing

/// Short histories, each of which once came out wrong.
@Suite("Histories that were told wrong")
struct KnownTroubleTests {
    static let histories: [[String]] = [
        // A drop that looked like a wrap, until the register returned.
        [
            #"{"event":"DeviceRegistered","device":"E","utility":"electricity","modulus":"1000"}"#,
            #"{"device":"E","readAt":"2025-01-01T00:00:00Z","value":"950"}"#,
            #"{"device":"E","readAt":"2025-01-01T01:00:00Z","value":"0"}"#,
            #"{"device":"E","readAt":"2025-01-01T02:00:00Z","value":"951"}"#,
        ],
        // A register named by an earlier line of a device that nobody registered.
        [
            #"{"device":"E","register":"dial","readAt":"2025-01-01T00:00:00Z","value":"1","unit":"kWh"}"#,
            #"{"device":"E","readAt":"2025-01-01T01:00:00Z","value":"2","unit":"kWh"}"#,
            #"{"event":"ReadingVoided","device":"E","readAt":"2025-01-01T00:00:00Z","reason":"r"}"#,
        ],
        // A held drop that a reading ten days later makes a spike.
        [
            #"{"event":"DeviceRegistered","device":"E","utility":"electricity"}"#,
            #"{"device":"E","readAt":"2025-01-01T00:00:00Z","value":"10"}"#,
            #"{"device":"E","readAt":"2025-01-01T01:00:00Z","value":"500"}"#,
            #"{"device":"E","readAt":"2025-01-01T02:00:00Z","value":"11"}"#,
            #"{"device":"E","readAt":"2025-01-11T00:00:00Z","value":"12"}"#,
        ],
        // A reset that the voiding of a much later reading makes undecided again.
        [
            #"{"event":"DeviceRegistered","device":"E","utility":"electricity"}"#,
            #"{"device":"E","readAt":"2025-01-01T00:00:00Z","value":"100"}"#,
            #"{"device":"E","readAt":"2025-01-02T00:00:00Z","value":"3"}"#,
            #"{"device":"E","readAt":"2025-01-12T00:00:00Z","value":"4"}"#,
            #"{"event":"ReadingVoided","device":"E","readAt":"2025-01-12T00:00:00Z","reason":"r"}"#,
        ],
        // A device whose first event has no unit.
        [
            #"{"event":"ReadingVoided","device":"E","register":"dial","readAt":"2025-01-01T00:00:00Z","reason":"r"}"#,
            #"{"device":"E","register":"dial","readAt":"2025-01-01T01:00:00Z","value":"2","unit":"kWh"}"#,
            #"{"device":"E","register":"dial","readAt":"2025-01-01T02:00:00Z","value":"3","unit":"kWh"}"#,
        ],
        // Corrections that stood as a register until the first reading was an interval.
        [
            tariff,
            #"{"event":"DeviceRegistered","device":"E","utility":"electricity","tariff":"one"}"#,
            payment,
            #"{"event":"ReadingCorrected","device":"E","readAt":1735693200,"value":"10","reason":"r"}"#,
            #"{"event":"ReadingCorrected","device":"E","readAt":1735696800,"value":"11","reason":"r"}"#,
            #"{"device":"E","kind":"interval","start":1735700400,"end":1735707600,"value":"9"}"#,
        ],
        // A reading before the only one there was.
        [
            tariff,
            #"{"event":"DeviceRegistered","device":"E","utility":"electricity","tariff":"one"}"#,
            payment,
            #"{"device":"E","readAt":1735707600,"value":"20"}"#,
            #"{"device":"E","readAt":1735693200,"value":"10"}"#,
        ],
        // An amount beyond all bounds, put right by a lower one: only now is there an interval.
        [
            tariff,
            #"{"event":"DeviceRegistered","device":"E","utility":"electricity","tariff":"one","multiplier":"40"}"#,
            payment,
            #"{"device":"E","kind":"interval","start":1735700400,"end":1735707600,"value":"900000000"}"#,
            #"{"device":"E","kind":"interval","start":1735700400,"end":1735707600,"value":"9"}"#,
        ],
        // A push that the log says was delivered before anything requested it.
        [
            tariff,
            #"{"event":"DeviceRegistered","device":"E","utility":"electricity","tariff":"one"}"#,
            payment,
            #"{"event":"PushDelivered","job":"E/zero/1/crossed","at":1735693200,"response":"ok"}"#,
            #"{"device":"E","readAt":1735693200,"value":"10"}"#,
            #"{"device":"E","readAt":1735707600,"value":"20"}"#,
        ],
        // More than sixteen values of the kind that is set aside.
        [
            #"{"event":"DeviceRegistered","device":"E","utility":"electricity"}"#,
            #"{"device":"E","kind":"interval","start":1735700400,"end":1735707600,"value":"9"}"#,
        ] + (1...18).map { #"{"device":"E","readAt":1735693200,"value":\#($0)}"# },
        // A reminder that fell due with the crossing itself: the next event of the device asks for it, though it is one
        // of a register that is not billed.
        [
            tariff,
            #"{"event":"DeviceRegistered","device":"E","utility":"electricity","tariff":"one","#
                + #""alerts":[{"rule":"low","level":3,"reminders":["1s"]}]}"#,
            payment,
            #"{"device":"E","readAt":1735707600,"value":"20"}"#,
            #"{"event":"TopUpRefunded","device":"E","amount":3,"currency":"EUR","provider":"p","reference":"s","#
                + #""at":1735693300,"reason":"r"}"#,
            #"{"device":"E","register":"side","readAt":1735693400,"value":"1"}"#,
            #"{"event":"ReadingVoided","device":"E","register":"side","readAt":1735693400,"reason":"r"}"#,
        ],
        // A reminder due by a day that turned: a reading of the time before asks for it.
        [
            tariff,
            #"{"event":"DeviceRegistered","device":"E","utility":"electricity","tariff":"one","#
                + #""alerts":[{"rule":"zero","reminders":["30m"]}]}"#,
            payment,
            #"{"event":"DayTurned","timezone":"UTC","at":"2025-01-03T00:00:00Z"}"#,
            #"{"device":"E","readAt":"2025-01-01T00:00:00Z","value":"20"}"#,
            #"{"event":"TopUpRefunded","device":"E","amount":7,"currency":"EUR","provider":"p","reference":"s","#
                + #""at":"2025-01-02T00:00:00Z","reason":"r"}"#,
            #"{"device":"E","readAt":"2025-01-01T01:00:00Z","value":"21"}"#,
        ],
        // A line through tiers that a window's edge does not break where the same period goes on.
        [
            #"{"event":"TariffPublished","tariff":"one","unit":"kWh","currency":"EUR","versions":[{"from":"2025-01-01","#
                + #""default":1,"periods":[{"name":"all","price":1,"windows":[{"from":"00:00","to":"12:30"},"#
                + #"{"from":"12:30","to":"24:00"}]}],"tiers":{"period":"month","steps":[{"upTo":5,"add":0},"#
                + #"{"add":10}]}}]}"#,
            #"{"event":"DeviceRegistered","device":"E","utility":"electricity","tariff":"one"}"#,
            payment,
            #"{"device":"E","readAt":"2025-01-01T12:00:00Z","value":"0"}"#,
            #"{"device":"E","readAt":"2025-01-01T13:00:00Z","value":"10"}"#,
        ],
        // A late reading before the first assignment makes a drop of what had counted for the tiers of another year.
        [
            tariff(tiers, from: "2018-11-02"),
            #"{"event":"DeviceRegistered","device":"E","utility":"electricity","tariff":"one","from":"2018-11-10"}"#,
            #"{"device":"E","readAt":"2018-11-02T22:00:00Z","value":0}"#,
            #"{"device":"E","readAt":"2019-12-15T03:00:00Z","value":7}"#,
            #"{"device":"E","readAt":"2019-12-15T10:00:00Z","value":37}"#,
            #"{"device":"E","readAt":"2018-11-09T03:00:00Z","value":400}"#,
        ],
        // A late reading moves use over the first assignment, and so the tiers of the days after.
        [
            tariff(tiers, from: "2025-01-01"),
            #"{"event":"DeviceRegistered","device":"E","utility":"electricity","tariff":"one","from":"2025-01-12"}"#,
            #"{"device":"E","readAt":"2025-01-07T00:00:00Z","value":0}"#,
            #"{"device":"E","readAt":"2025-01-15T00:00:00Z","value":108}"#,
            #"{"device":"E","readAt":"2025-01-17T00:00:00Z","value":112}"#,
            #"{"device":"E","readAt":"2025-01-11T00:00:00Z","value":105}"#,
        ],
        // An interval beyond all bounds until a multiplier is corrected, which is no reading: it crosses at its time.
        [
            tariff("", from: "2025-01-01"),
            #"{"event":"DeviceRegistered","device":"E","utility":"electricity","tariff":"one","multiplier":"1000000"}"#,
            payment,
            #"{"device":"E","readAt":"2025-01-01T02:00:00Z","value":0}"#,
            #"{"device":"E","readAt":"2025-01-01T05:00:00Z","value":2000}"#,
            multiplier(""),
        ],
        // A value too fine in any unit, of a device that nobody registered.
        [#"{"device":"E","readAt":1735693200,"value":1.0000001}"#],
    ]

    /// Multipliers told for a meter that came after the instant asked about.
    static let laterMeters: [[String]] = [
        // Known before the exchange, by an instant in its segment.
        [multiplier(#","at":"2025-01-06T00:00:00Z""#), exchange],
        // Known after it, as the latest.
        [exchange, multiplier("")],
    ]

    private static func multiplier(_ at: String) -> String {
        #"{"event":"MultiplierCorrected","device":"E","multiplier":"40","reason":"r"\#(at)}"#
    }

    private static let exchange =
        #"{"event":"MeterExchanged","device":"E","at":"2025-01-05T00:00:00Z","finalValue":40,"initialValue":0}"#

    private static let tiers = #","tiers":{"period":"month","steps":[{"upTo":20,"add":0},{"add":2}]}"#

    private static func tariff(_ more: String, from: String) -> String {
        #"{"event":"TariffPublished","tariff":"one","unit":"kWh","currency":"EUR","#
            + #""versions":[{"from":"\#(from)","default":1\#(more)}]}"#
    }

    private static let tariff =
        #"{"event":"TariffPublished","tariff":"one","unit":"kWh","currency":"EUR","#
        + #""versions":[{"from":"2025-01-01","default":1}]}"#

    private static let payment =
        #"{"event":"TopUpReceived","device":"E","amount":5,"currency":"EUR","provider":"p","reference":"r","#
        + #""at":1735693200}"#

    @Test("keep a later meter's multiplier from the one before it", arguments: laterMeters, [false, true])
    func laterMeter(told: [String], isInterval: Bool) throws {
        let use =
            isInterval
            ? [
                #"{"device":"E","kind":"interval","start":"2025-01-01T00:00:00Z","#
                    + #""end":"2025-01-02T00:00:00Z","value":9}"#
            ]
            : [
                #"{"device":"E","readAt":"2025-01-01T00:00:00Z","value":20}"#,
                #"{"device":"E","readAt":"2025-01-02T00:00:00Z","value":30}"#,
            ]
        let registered = #"{"event":"DeviceRegistered","device":"E","utility":"electricity"}"#
        // 2025-01-03T00:00Z
        for seed in 0..<8 as Range<UInt64> {
            let trial = Trial(lines: [registered] + use + told, seed: seed, instants: [1_735_862_400_000])
            #expect(try trial.disagreement() == nil)
        }
    }

    @Test("come out right, however batched", arguments: histories)
    func right(lines: [String]) throws {
        for seed in 0..<8 as Range<UInt64> {
            #expect(try Trial(lines: lines, seed: seed).disagreement() == nil)
        }
    }
}
