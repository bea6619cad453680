import Foundation
import SharedFiles
import Testing

/// Ways to a server that senders take: `meterfold send`, InfluxDB's writes, profiles.
struct ServedSendingTests {
    private static func csv(_ numbers: ClosedRange<Int>) -> String {
        "device,readAt,value,register,unit\n" + numbers.map { "C-1,\(1_767_225_600 + $0),\($0),r,kWh\n" }.joined()
    }

    private func send(_ scenario: Scenario, _ server: Server, _ arguments: [String], reading text: String = "") throws
        -> Outcome
    {
        let input = try scenario.file("input-\(UUID().uuidString)", text)
        let words = [Scenario.binary, "send", "127.0.0.1:\(server.tcp)"] + arguments
        return try Child(words, input: .file(input), folder: scenario.folder).wait()
    }

    @Test func `send takes a file, a pipe and CSV`() throws {
        let scenario = try Scenario()
        let server = try Server(scenario)
        let file = try scenario.file("readings.csv", Self.csv(1...100))
        let sent = try send(scenario, server, [file, "--format", "json"])
        scenario.expect(exit: 0, sent)
        let report = try Row(sent.outputLines[0])
        #expect(report[integer: "acked"] == 101)
        #expect(report[integer: "lastPosition"] == 100)
        let lines = "meter,device=C-1,register=r,unit=kWh value=101 1767225701\nnonsense\n"
        let mixed = try send(scenario, server, ["-", "--precision", "s"], reading: lines)
        scenario.expect(exit: 2, mixed)
        #expect(mixed.errors.contains("2"), "\(mixed.errors)")
        try server.stop()
        #expect(try scenario.recorders().count == 101)
    }

    @Test func `send goes on behind the last ack when the server is started again`() throws {
        let scenario = try Scenario()
        let server = try Server(scenario)
        let words = [Scenario.binary, "send", "127.0.0.1:\(server.tcp)", "-", "--format", "json"]
        let sender = try Child(words, input: .pipe, folder: scenario.folder)
        sender.write(Self.csv(1...500).utf8)
        #expect(try eventually { try server.metric("meterfold_log_position") == "500" })
        try server.kill()
        let rest = Self.csv(501...1000).split(separator: "\n").dropFirst().joined(separator: "\n") + "\n"
        sender.write(rest.utf8)
        let again = try Server(scenario, tcp: server.tcp)
        let outcome = try sender.wait()
        scenario.expect(exit: 0, outcome)
        #expect(try Row(#require(outcome.outputLines.first))[integer: "acked"] == 1001)
        try again.stop()
        let values = try scenario.replay().compactMap { try Row($0)["value"] }
        #expect(Set(values) == Set((1...1000).map(String.init)))
        scenario.expect(exit: 0, try scenario.run(["verify"]))
    }

    @Test func `InfluxDB's writes, compressed, with a profile that is the server's default`() throws {
        let scenario = try Scenario()
        scenario.environment["METERFOLD_INGEST_DEFAULTS_PROFILE"] = "telegraf"
        let server = try Server(scenario)
        let line = "modbus,host=h,name=M-1,register=r,unit=kWh value=1.5,noise=3 1767225600\n"
        #expect(try server.post("/write?db=meters&precision=s", line).status == 204)
        if let path = Scenario.path(of: "gzip") {
            let plain = try scenario.file("lines", line.replacing("1.5", with: "2.5").replacing("5600", with: "5700"))
            scenario.expect(exit: 0, try Child([path, plain], input: .nothing, folder: scenario.folder).wait())
            let answer = try Wire.ask(
                "POST",
                "/api/v2/write?precision=s&org=o&bucket=b",
                port: server.http,
                headers: ["Content-Encoding": "gzip"],
                body: Scenario.bytes(plain + ".gz")
            )
            #expect(answer.status == 204, "\(answer)")
        }
        let wrong = try server.post("/write?precision=s", "modbus,host=h value=1 1767225600\n")
        #expect(wrong.status == 400)
        #expect(wrong.body.contains("partial write"), "\(wrong.body)")
        #expect(try server.post("/query?q=CREATE+DATABASE+meters", "").status == 200)
        #expect(try server.get("/ping").status == 204)
        // The default is for inputs of its form; others are read as ever.
        #expect(
            try server.converse(line.replacing("1767225600", with: "1767225900000000000")).last?.hasPrefix("ok") == true
        )
        let json = #"{"device":"M-2","readAt":1767225600,"value":"1","register":"r","unit":"kWh"}"# + "\n"
        #expect(try server.converse(json).last?.hasPrefix("ok") == true)
        scenario.expect(exit: 0, try scenario.run(["ingest", "-"], reading: json))
        try server.stop()
        #expect(Set(try scenario.query("devices").map { $0["device"] }) == ["M-1", "M-2"])
        #expect(try scenario.quarantined().map { $0["code"] }.count == 1)
        scenario.environment["METERFOLD_INGEST_DEFAULTS_PROFILE"] = "toon"
        let refused = try scenario.run(["serve"])
        scenario.expect(exit: 1, refused)
        #expect(refused.errors.contains("METERFOLD_INGEST_DEFAULTS_PROFILE"), "\(refused.errors)")
    }

    @Test func `The feed tells of a crossing, and again to who resumes before it`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Tour.declarations)
        let server = try Server(scenario)
        func feed(after position: Int) throws -> Wire {
            let wire = try Wire(port: server.http)
            wire.send("GET /v1/feed?device=E-1 HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: \(position)\r\n\r\n")
            #expect(try wire.readLine()?.contains(" 200 ") == true)
            return wire
        }
        func next(_ kind: String, _ wire: Wire) throws -> Row? {
            while let line = try wire.readLine() {
                guard line == "event: \(kind)" else { continue }
                while let line = try wire.readLine() {
                    if line.hasPrefix("data: ") { return try Row(String(line.dropFirst(6))) }
                }
            }
            return nil
        }
        let live = try feed(after: 3)
        #expect(try server.converse(Tour.readings).last?.hasPrefix("ok") == true)
        for wire in [live, try feed(after: 3)] {
            let crossing = try #require(try next("crossed", wire))
            #expect(crossing["job"] == "E-1/zero/2/crossed", "\(crossing)")
        }
        try server.stop()
    }

    @Test(.enabled(if: SharedFolder.isThere, "shared examples are absent"), arguments: ["01", "05", "09", "13", "17"])
    func `Worked examples over TCP give the rows that ingest gives`(_ number: String) throws {
        let name = try #require(SharedFolder.names(in: "examples").first { $0.hasPrefix(number) })
        let text = try SharedFolder.text("examples/\(name)/events.ndjson")
        let (plain, served) = (try Scenario(), try Scenario())
        try plain.ingest(text)
        let server = try Server(served)
        let answers = try server.converse(text)
        #expect(answers.allSatisfy { $0.hasPrefix("ok ") }, "\(answers)")
        try server.stop()
        let fields = positions + ["requestedAt", "staleAfter"]
        let (ours, theirs) = (try Views(of: served, dropping: fields), try Views(of: plain, dropping: fields))
        #expect(ours == theirs, "\(ours.differences(from: theirs))")
    }
}
