import Foundation
import Testing

/// What somebody sends who wants to do harm, or knows no better: it is refused by name, and others are served.
struct LimitsTests {
    private static func reading(_ device: String, _ value: String = "1", at instant: Int = 1_767_225_600) -> String {
        #"{"device":"\#(device)","readAt":\#(instant),"value":"\#(value)","register":"r","unit":"kWh"}"# + "\n"
    }

    private static let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)

    @Test func `Lines that are too long or nest too deep cost themselves alone`() throws {
        let scenario = try Scenario()
        let server = try Server(scenario)
        let long = String(repeating: "x", count: 8 << 20) + "\n"
        let bad = [String(repeating: "x", count: (64 << 10) + 1) + "\n", long, "{\"device\":\(Self.deep)}\n"]
        let answers = try server.converse(
            Self.reading("E-1") + bad.joined() + Self.reading("E-2"),
            greeting: #"{"ack":true,"format":"ndjson"}"#
        )
        let codes = answers.filter { $0.hasPrefix("err ") }.map {
            $0.split(separator: " ").prefix(3).joined(separator: " ")
        }
        #expect(codes == ["err 2 line-too-long", "err 3 line-too-long", "err 4 bad-json"], "\(answers)")
        #expect(answers.last?.hasSuffix(" 5") == true, "\(answers)")
        let reply = try server.post("/v1/readings?format=ndjson", bad.joined() + Self.reading("E-3"))
        #expect(reply.status == 200, "\(reply)")
        #expect(try reply.row()[integer: "accepted"] == 1)
        #expect(try reply.row()[integer: "rejected"] == 3)
        for body in [Self.deep, "{\"device\":\(Self.deep)}"] {
            let paid = try server.post("/v1/top-ups", body, headers: ["Content-Type": "application/json"])
            #expect(paid.status == 400, "\(paid)")
        }
        #expect(try server.post("/v1/readings", String(repeating: "x", count: (32 << 20) + 1)).status == 413)
        try server.stop()
        #expect(try scenario.query("devices").map { $0["device"] } == ["E-1", "E-2", "E-3"])
    }

    @Test func `Beyond the devices there may be, new names are refused and known ones go on, after a restart too`()
        throws
    {
        let scenario = try Scenario()
        scenario.environment["METERFOLD_INGEST_DEVICES"] = "3"
        for start in 0..<2 {
            let server = try Server(scenario)
            let lines = (1...5).map { Self.reading("E-\($0)", "\(start)", at: 1_767_225_600 + start * 60) }.joined()
            let answers = try server.converse(lines)
            let refused = answers.filter { $0.hasPrefix("err ") }
            #expect(refused.count == 2 && refused.allSatisfy { $0.contains(" too-many-devices ") }, "\(answers)")
            #expect(answers.last?.hasPrefix("ok ") == true, "\(answers)")
            let reply = try server.post("/v1/readings", Self.reading("W-1"))
            #expect(reply.status == 422 && reply.body.contains("too-many-devices"), "\(reply)")
            try server.stop()
        }
        #expect(try scenario.query("devices").map { $0["device"] } == ["E-1", "E-2", "E-3"])
    }

    @Test func `Below its reserve of disk it takes nothing, says so, and goes on once there is room`() throws {
        let scenario = try Scenario()
        var server = try Server(scenario)
        #expect(try server.converse(Self.reading("E-1")) == ["ok 1 1"])
        try server.stop()
        scenario.environment["METERFOLD_SERVE_DISK_RESERVE_BYTES"] = "\(1 << 50)"
        server = try Server(scenario)
        #expect(try server.get("/readyz").status == 503)
        #expect(try server.post("/v1/readings", Self.reading("E-2")).status == 503)
        let payment = #"{"device":"E-1","amount":"1","currency":"EUR","reference":"r"}"#
        #expect(try server.post("/v1/top-ups", payment, headers: ["Content-Type": "application/json"]).status == 503)
        let held = try server.connect()
        held.send("meterfold/1 {\"ack\":true}\n" + Self.reading("E-3"))
        #expect(!held.hasMore(within: 300))
        #expect(try server.get("/v1/devices").rows().map { $0["device"] } == ["E-1"])
        try server.stop()
        scenario.environment["METERFOLD_SERVE_DISK_RESERVE_BYTES"] = nil
        server = try Server(scenario)
        #expect(try server.converse(Self.reading("E-3")).last?.hasSuffix(" 1") == true)
        try server.stop()
    }

    @Test func `Of very many values for one instant sixteen count, and a reading of the year 2000 is one among others`()
        throws
    {
        let scenario = try Scenario()
        let server = try Server(scenario)
        let values = (1...20_000).map { Self.reading("E-1", "\($0)") }.joined()
        let live = (0..<100).map { Self.reading("E-2", "\($0)", at: 1_767_225_600 + $0 * 60) }.joined()
        let answers = try server.converse(values + live + Self.reading("E-2", "0", at: 946_684_800))
        #expect(answers.last == "ok 20101 20101", "\(answers.suffix(3))")
        #expect(try server.converse(Self.reading("E-2", at: 946_684_799))[0].hasPrefix("err 1 time-range "))
        let conflicts = try server.get("/v1/devices/E-1/anomalies?atLeast=20101&limit=1000").rows()
        #expect(conflicts.filter { $0["kind"] == "conflict" }.count == 15)
        let old = try server.get("/v1/devices/E-2/anomalies").rows()
        #expect(old.map { $0["kind"] } == ["too-long"], "\(old)")
        try server.stop()
        scenario.expect(exit: 0, try scenario.run(["verify"]))
    }
}
