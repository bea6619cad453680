import Foundation
import Glibc
import Testing

/// A server that takes lines and requests: what it acknowledged stays, however it ends.
struct ServeTests {
    @Test func `Readings go in over TCP and HTTP, and rows come out`() throws {
        let scenario = try Scenario()
        let server = try Server(scenario)
        let declared = try server.post("/v1/events", Tour.declarations)
        #expect(declared.status == 200, "\(declared)")
        #expect(try declared.row()[integer: "accepted"] == 3)
        let answers = try server.converse(Tour.readings + "nonsense\n")
        #expect(answers.count == 2, "\(answers)")
        #expect(answers.first?.hasPrefix("err 4 bad-json ") == true, "\(answers)")
        #expect(answers.last?.hasSuffix(" 4") == true, "\(answers)")
        let balance = try server.get("/v1/devices/E-1/balance?atLeast=6")
        #expect(balance.status == 200)
        #expect(balance.headers["meterfold-position"] == "6")
        #expect(try balance.rows().map { $0["balance"] } == ["-2.00"], "\(balance.body)")
        let more = #"{"device":"E-1","readAt":"2026-01-05T00:00:00+01:00","value":"1050.0"}"#
        #expect(try server.post("/v1/readings", more).row()[integer: "accepted"] == 1)
        #expect(try server.post("/v1/readings", "{}").status == 422)
        #expect(try server.post("/v1/readings", "nonsense").status == 400)
        let paid = try server.post("/v1/top-ups", #"{"device":"E-1","amount":"20","reference":"2"}"#)
        #expect(paid.status == 200)
        let position = try #require(try paid.row()[integer: "position"])
        #expect(try server.get("/v1/balance?atLeast=\(position)").rows().map { $0["balance"] } == ["15.00"])
        try server.stop()
        #expect(try scenario.query("balance").map { $0["balance"] } == ["15.00"])
        #expect(Set(try scenario.recorders()) == ["local"])
    }

    @Test func `What folds gives way to what takes readings in and answers`() throws {
        let scenario = try Scenario()
        let server = try Server(scenario)
        #expect(try server.converse(Tour.declarations + Tour.readings).last?.hasPrefix("ok ") == true)
        #expect(try server.get("/v1/balance?atLeast=6").status == 200)
        let threads = "/proc/\(server.child.process)/task"
        var niceness: [Int: Int] = [:]
        for thread in try FileManager.default.contentsOfDirectory(atPath: threads) {
            guard let bytes = FileManager.default.contents(atPath: "\(threads)/\(thread)/stat") else { continue }
            // Behind the name, which may hold anything, niceness is the 17th field.
            let fields = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
            if fields.count > 16, let nice = Int(fields[16]) { niceness[nice, default: 0] += 1 }
        }
        let own = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
        #expect(niceness[min(19, Int(own) + 10), default: 0] >= 1, "\(niceness)")
        #expect(niceness[Int(own), default: 0] > 1, "\(niceness)")
        try server.stop()
    }

    /// Readings of a device whose values count from 1.
    private static func readings(_ device: String, _ numbers: ClosedRange<Int>) -> String {
        numbers.map {
            #"{"device":"\#(device)","readAt":\#(1_767_225_600 + 60 * $0),"value":"\#($0)","register":"r","unit":"kWh"}"#
                + "\n"
        }
        .joined()
    }

    /// The numbers of a device's readings in the log.
    private static func numbers(_ lines: [String]) throws -> [String: Set<Int>] {
        var numbers: [String: Set<Int>] = [:]
        for line in lines {
            let row = try Row(line)
            guard let device = row["device"], let value = row["value"].flatMap({ Double($0) }) else { continue }
            numbers[device, default: []].insert(Int(value))
        }
        return numbers
    }

    @Test(arguments: 1...Kills.count / 20)
    func `What was acknowledged survives a kill`(_ seed: Int) throws {
        var generator = SplitMix(seed: UInt64(seed))
        let scenario = try Scenario()
        scenario.environment["METERFOLD_LOG_SEGMENT_BYTES"] = "65536"
        var acked = ["D-1": 0, "D-2": 0, "D-3": 0]
        for round in 1...10 {
            let server = try Server(scenario)
            let before = acked
            let wires = try before.mapValues { _ in try server.connect() }
            for (device, wire) in wires {
                wire.send("meterfold/1 {\"ack\":true}\n")
                let first = (before[device] ?? 0) + 1
                // It has something to do when it is killed.
                wire.send(Self.readings(device, first...(first + 500 + generator.below(4000))))
            }
            let stop = generator.below(12)
            for _ in 0...stop {
                for (device, wire) in wires where wire.hasMore(within: 20) {
                    guard let line = try wire.readLine() else { continue }
                    let words = line.split(separator: " ")
                    try #require(words.count == 3 && words[0] == "ok", "seed \(seed): \(line)")
                    acked[device] = (before[device] ?? 0) + (Int(words[2]) ?? 0)
                }
            }
            try server.kill()
            // What is once lost is not sent again: it is enough to look now and then.
            guard round % 5 == 0 else { continue }
            let held = try Self.numbers(scenario.replay())
            for (device, count) in acked where count > 0 {
                #expect(held[device]?.isSuperset(of: 1...count) == true, "seed \(seed), round \(round): \(device)")
            }
        }
        #expect(acked.values.contains { $0 > 0 }, "seed \(seed): nothing was acknowledged")
        let server = try Server(scenario)
        #expect(try server.converse(Self.readings("D-4", 1...3)).last?.hasSuffix(" 3") == true)
        try server.stop()
        scenario.expect(exit: 0, try scenario.run(["verify"]))
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
    }

    @Test func `SIGTERM makes what came in durable and acknowledges it`() throws {
        let scenario = try Scenario()
        let server = try Server(scenario)
        let wire = try server.connect()
        wire.send("meterfold/1 {\"ack\":true}\n" + Self.readings("D-1", 1...5000))
        let first = try #require(try wire.readLine())
        #expect(first.hasPrefix("ok "))
        let outcome = try server.stop()
        #expect(outcome.errors.contains("ended"))
        let last = try wire.readLines().last { $0.hasPrefix("ok ") } ?? first
        let count = try #require(last.split(separator: " ").last.flatMap { Int($0) })
        #expect(try Self.numbers(scenario.replay())["D-1"]?.isSuperset(of: 1...count) == true)
        let current = try scenario.run(["query", "devices"])
        #expect(current.errors.isEmpty, "the views are at the log's head")
        scenario.expect(exit: 0, try scenario.run(["verify"]))
        #expect(!FileManager.default.fileExists(atPath: scenario.data + "/control.sock"))
    }

    @Test func `A second server is told who holds the directory`() throws {
        let scenario = try Scenario()
        let server = try Server(scenario)
        let outcome = try scenario.run(["serve", "--tcp", "127.0.0.1:0", "--http", "127.0.0.1:0"])
        scenario.expect(exit: 1, outcome)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.contains("\(server.child.process)"), "\(outcome.errors)")
        #expect(outcome.errors.contains("hint"))
        #expect(try server.get("/readyz").status == 200)
        try server.stop()
    }

    @Test func `A port that is taken is named, with what to say instead`() throws {
        let (scenario, other) = (try Scenario(), try Scenario())
        let server = try Server(scenario)
        for (option, port, rest) in [("--tcp", server.tcp, "--http"), ("--http", server.http, "--tcp")] {
            let outcome = try other.run(["serve", option, "127.0.0.1:\(port)", rest, "127.0.0.1:0"])
            other.expect(exit: 1, outcome)
            #expect(outcome.errors.contains("127.0.0.1:\(port)"), "\(outcome.errors)")
            #expect(outcome.errors.contains("hint"), "\(outcome.errors)")
        }
        try server.stop()
    }
}

/// How many processes are killed by those tests that kill many, half of them servers.
enum Kills {
    /// `METERFOLD_KILLS`, at least 40; 200 where it is not said.
    static let count = max(40, ProcessInfo.processInfo.environment["METERFOLD_KILLS"].flatMap { Int($0) } ?? 200)
}
