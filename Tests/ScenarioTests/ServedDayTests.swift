import Foundation
import Testing

/// What a server does by itself: days that turn, and a disk that fills.
struct ServedDayTests {
    @Test func `A day that has turned is recorded once, whatever is started again`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Tour.text)
        for _ in 1...2 {
            let server = try Server(scenario)
            #expect(try eventually { try scenario.replay("--kind", "DayTurned").count == 1 })
            try server.stop()
        }
        let turned = try scenario.replay("--kind", "DayTurned", "--with-record")
        #expect(turned.count == 1)
        let row = try Row(turned[0])
        #expect(row["timezone"] == "Europe/Berlin")
        #expect(try Row(row[json: "record"] ?? "")["recordedBy"] == "serve")
    }

    @Test func `With less room on the disk than the reserve nothing is taken in, and that is said`() throws {
        let scenario = try Scenario()
        let line = #"{"device":"D-1","readAt":1767225600,"value":"1","register":"r","unit":"kWh"}"# + "\n"
        scenario.environment["METERFOLD_SERVE_DISK_RESERVE_BYTES"] = "1000000000000000"
        scenario.environment["METERFOLD_SERVE_DRAIN_SECONDS"] = "1"
        let held = try Server(scenario)
        let ready = try held.get("/readyz")
        #expect(ready.status == 503)
        #expect(ready.body.contains("disk"), "\(ready.body)")
        #expect(try held.metric("meterfold_ingest_held") == "1")
        let refused = try held.post("/v1/readings", line)
        #expect(refused.status == 503)
        #expect(refused.headers["retry-after"] != nil)
        #expect(try held.post("/write?precision=s", "m,device=D-1 value=1 1\n").status == 503)
        #expect(try held.post("/v1/top-ups", #"{"device":"D-1","amount":"1","reference":"1"}"#).status == 503)
        let command = try scenario.run(["ingest", "-"], reading: line)
        scenario.expect(exit: 1, command)
        #expect(command.errors.contains("disk"), "\(command.errors)")
        let wire = try held.connect()
        wire.send("meterfold/1 {\"ack\":true}\n" + line)
        #expect(!wire.hasMore(within: 300), "what is not taken in is not acknowledged")
        #expect(try held.get("/v1/devices").status == 200, "questions are answered")
        try held.stop()
        #expect(try scenario.recorders().isEmpty)
        scenario.environment["METERFOLD_SERVE_DISK_RESERVE_BYTES"] = "1000"
        let free = try Server(scenario)
        #expect(try free.get("/readyz").status == 200)
        #expect(try free.converse(line) == ["ok 1 1"])
        try free.stop()
    }
}
