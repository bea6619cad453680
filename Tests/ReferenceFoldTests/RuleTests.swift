import Testing

@testable import ReferenceFold

/// Rules the worked examples do not reach.
struct RuleTests {
    /// A fold of the lines, which must all be accepted.
    private func folded(_ lines: [String]) -> ReferenceFold {
        var fold = ReferenceFold(recordedAt: recordedAt)
        for line in lines {
            let outcome = fold.ingest(ndjsonLine: line)
            #expect(outcome == .accepted(position: fold.head), "\(line)")
        }
        return fold
    }

    private func reading(_ device: String, _ time: String, _ value: String) -> String {
        #"{"device":"\#(device)","readAt":"\#(time)","value":"\#(value)"}"#
    }

    private func device(_ name: String, _ more: String = "") -> String {
        #"{"event":"DeviceRegistered","device":"\#(name)","utility":"electricity"\#(more)}"#
    }

    private let tariff = """
        {"event":"TariffPublished","tariff":"one","unit":"kWh","currency":"EUR","timezone":"UTC",\
        "versions":[{"from":"2025-01-01","default":"1"}]}
        """

    @Test(arguments: [
        // A midnight skipped, a midnight twice, a day whose second start lies before its end, a day left out.
        ("America/Havana", "2024-03-10T12:00:00Z", "2024-03-10T01:00:00-04:00", "2024-03-11T00:00:00-04:00"),
        ("America/Havana", "2024-11-03T12:00:00Z", "2024-11-03T00:00:00-04:00", "2024-11-04T00:00:00-05:00"),
        ("America/St_Johns", "2010-11-07T02:31:30Z", "2010-11-07T00:00:00-02:30", "2010-11-08T00:00:00-03:30"),
        ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00"),
    ])
    func `A day runs from local midnight to local midnight`(
        _ zone: String,
        _ at: String,
        _ start: String,
        _ end: String
    ) {
        expectBucket(.day, zone, at, start, end)
    }

    @Test(arguments: [
        ("Australia/Lord_Howe", "2024-04-06T15:10:00Z", "2024-04-07T01:00:00+11:00", "2024-04-07T02:00:00+10:30"),
        ("Asia/Kathmandu", "2024-04-06T15:10:00Z", "2024-04-06T20:00:00+05:45", "2024-04-06T21:00:00+05:45"),
        ("Europe/Berlin", "2025-10-26T01:30:00Z", "2025-10-26T02:00:00+01:00", "2025-10-26T03:00:00+01:00"),
    ])
    func `An hour is cut where the local clock reads a full hour`(
        _ zone: String,
        _ at: String,
        _ start: String,
        _ end: String
    ) {
        expectBucket(.hour, zone, at, start, end)
    }

    private func expectBucket(_ size: BucketSize, _ name: String, _ at: String, _ start: String, _ end: String) {
        guard let zone = Zone.named(Text(name)), let instant = instantRead(Text(at)) else {
            Issue.record("\(name) or \(at) is not known")
            return
        }
        let bucket = zone.bucket(size, at: instant)
        #expect(timeText(bucket.start, offset: zone.offset(at: bucket.start)) == start)
        #expect(timeText(bucket.end, offset: zone.offset(at: bucket.end)) == end)
    }

    @Test(arguments: [
        (#"{"device":"E","device":"E"}"#, "bad-json"),
        (#"{"device":"\ud800","readAt":1735693200,"value":1}"#, "bad-json"),
        (#"{"device":"E","readAt":1735693200,"value":01}"#, "bad-json"),
        (#"{"event":"Unheard","colour":1}"#, "unknown-event"),
        (#"{"device":"","value":"x","colour":1}"#, "name-syntax"),
        (#"{"device":"E","value":"x","colour":1}"#, "unknown-field"),
        (#"{"device":"E","value":"x","readAt":null}"#, "missing-field"),
        (#"{"device":"E","value":"x","readAt":"yesterday"}"#, "value-syntax"),
        (#"{"device":"E","value":1e-7,"unit":"kWh","readAt":"yesterday"}"#, "value-precision"),
        (#"{"device":"E","value":1e999999999999,"unit":"kWh","readAt":"yesterday"}"#, "value-range"),
        (#"{"device":"E","value":"1","readAt":"yesterday"}"#, "time-syntax"),
        (#"{"device":"E","value":"1","readAt":"2025-02-29T00:00:00Z"}"#, "time-syntax"),
        (#"{"device":"E","value":"1","readAt":"2026-01-02T00:00:00.001Z"}"#, "time-range"),
        (#"{"device":"E","value":"1","readAt":"2025-01-01T00:00:00Z"}"#, "unknown-device"),
        (#"{"event":"DayTurned","timezone":"Mars/Base","at":"2025-01-01T00:00:00Z"}"#, "unknown-timezone"),
        (#"{"event":"DayTurned","timezone":"PST","at":"2025-01-01T00:00:00Z"}"#, "unknown-timezone"),
        (#"{"event":"AlertRuleSet","device":"E","rule":"low","level":"5","rearm":"4"}"#, "rule-invalid"),
        (#"{"event":"AlertRuleSet","device":"E","rule":"zero","remove":true}"#, "rule-invalid"),
        (#"{"event":"AlertRuleSet","device":"E","rule":"low","level":"1e-7"}"#, "rule-invalid"),
        (#"{"event":"AlertRuleSet","device":"E","rule":"low","level":"5"}"#, "unknown-device"),
        (
            #"{"event":"TariffPublished","tariff":"t","unit":"kWh","currency":"EUR","versions":[]}"#,
            "tariff-invalid"
        ),
        (
            #"{"device":"E","kind":"interval","start":1735693200,"end":1735693200,"value":1,"unit":"Wh","register":"a"}"#,
            "time-range"
        ),
    ])
    func `Of several faults the first in the stated order is told`(_ line: String, _ code: String) {
        var fold = ReferenceFold(recordedAt: recordedAt)
        #expect(fold.ingest(ndjsonLine: line) == .refused(code: code))
    }

    @Test func `Names are compared by their bytes`() {
        let fold = folded([device("\u{e9}"), device("e\u{301}")])
        #expect(fold.rows(.devices).count == 2)
    }

    @Test func `Decimals are printed without trailing zeros`() {
        #expect(decimalText(-3_500_000, places: 6) == "-3.5")
        #expect(decimalText(0, places: 16) == "0")
        #expect(fixedText(-5, places: 2) == "-0.05")
        #expect(fixedText(roundedHalfEven(-45, by: 10), places: 0) == "-4")
        #expect(fixedText(roundedHalfEven(-4, by: 10), places: 2) == "0.00")
    }

    @Test func `Of several reminders due at once the last alone is requested`() {
        let fold = folded([
            tariff,
            device("E", #","tariff":"one","alerts":[{"rule":"zero","reminders":["1h","2h","1d"]}]"#),
            """
            {"event":"TopUpReceived","device":"E","amount":5,"currency":"EUR","provider":"p","reference":"r",\
            "at":"2025-01-01T00:00:00Z"}
            """,
            reading("E", "2025-01-01T00:00:00Z", "0"),
            reading("E", "2025-01-01T01:00:00Z", "10"),
            reading("E", "2025-01-01T03:00:00Z", "10"),
            reading("E", "2025-01-01T04:00:00Z", "10"),
            reading("E", "2025-01-02T04:00:00Z", "10"),
        ])
        #expect(fold.rows(.pushes, atPosition: 5).count == 1)
        #expect(fold.rows(.pushes, atPosition: 7).count == 2)
        let kinds = fold.rows(.pushes).map { row in ["crossed", "reminder-2", "reminder-3"].filter(row.contains) }
        #expect(kinds == [["crossed"], ["reminder-2"], ["reminder-3"]])
    }

    @Test func `A multiplier holds for its segment and those that name none`() {
        let fold = folded([
            device("E", #","timezone":"UTC""#),
            reading("E", "2025-01-01T00:00:00Z", "0"),
            reading("E", "2025-01-01T01:00:00Z", "10"),
            """
            {"event":"MeterExchanged","device":"E","at":"2025-01-01T02:00:00Z","finalValue":12,"initialValue":0}
            """,
            reading("E", "2025-01-01T03:00:00Z", "5"),
            #"{"event":"MultiplierCorrected","device":"E","at":1735691400,"multiplier":2,"reason":"plate"}"#,
            #"{"event":"MultiplierCorrected","device":"E","multiplier":3,"reason":"plate"}"#,
        ])
        let quantities = [5: "17", 6: "34", 7: "39"]
        for (position, quantity) in quantities {
            let rows = fold.rows(.consumption(by: .day), atPosition: position)
            #expect(rows.count == 1 && rows[0].contains(#""quantity":"\#(quantity)""#), "\(rows)")
        }
    }

    @Test func `Positions given from outside order the log`() {
        var fold = folded([device("A"), device("B")])
        let late = reading("B", "2025-01-01T00:00:00Z", "2")
        let early = reading("A", "2025-01-01T00:00:00Z", "1")
        #expect(fold.ingest(ndjsonLine: late, position: 4, recordedAt: recordedAt) == .accepted(position: 4))
        #expect(fold.ingest(ndjsonLine: early, position: 3, recordedAt: recordedAt) == .accepted(position: 3))
        let rows = fold.rows(.devices, atPosition: 3)
        #expect(rows[0].contains(#""readings":1"#) && rows[1].contains(#""readings":0"#))
        #expect(fold.head == 4)
    }

    @Test func `A standing charge drops at its midnight on the line`() {
        let fold = folded([
            """
            {"event":"TariffPublished","tariff":"one","unit":"kWh","currency":"EUR","timezone":"UTC",\
            "versions":[{"from":"2025-01-01","default":"0.01","standingCharge":"2"}]}
            """,
            device("E", #","tariff":"one","from":"2025-01-01","gapAfter":"3d""#),
            """
            {"event":"TopUpReceived","device":"E","amount":4,"currency":"EUR","provider":"p","reference":"r",\
            "at":"2025-01-01T00:00:00Z"}
            """,
            reading("E", "2025-01-01T12:00:00Z", "0"),
            reading("E", "2025-01-02T12:00:00Z", "24"),
        ])
        // 4 - 2 at noon; 0.12 until midnight, then 2 more: below 0 there.
        #expect(fold.rows(.episodes).last?.contains(#""crossedAt":"2025-01-02T00:00:00Z""#) == true)
    }
}
