import Foundation
import Glibc
import Testing

/// Push jobs on their way out: at least once, always with the same id, and silent when replayed.
struct PushTests {
    /// Devices that cross zero an hour ago: ten units paid, one hundred used.
    private static func crossing(_ devices: [String]) -> String {
        let now = Int(Date().timeIntervalSince1970)
        var lines = [
            #"{"event":"TariffPublished","tariff":"live","unit":"kWh","currency":"EUR","versions":[{"#
                + #""from":"2020-01-01","default":"1"}]}"#
        ]
        for device in devices {
            lines += [
                #"{"event":"DeviceRegistered","device":"\#(device)","utility":"electricity","tariff":"live","#
                    + #""from":"2020-01-01"}"#,
                #"{"event":"TopUpReceived","device":"\#(device)","amount":"10","currency":"EUR","provider":"cash","#
                    + #""reference":"\#(device)","at":\#(now - 10_000)}"#,
                #"{"device":"\#(device)","readAt":\#(now - 7_200),"value":"100"}"#,
                #"{"device":"\#(device)","readAt":\#(now - 3_600),"value":"200"}"#,
            ]
        }
        return lines.joined(separator: "\n")
    }

    private func drain(_ scenario: Scenario) throws -> [Row] {
        let outcome = try scenario.run(["push", "drain", "--to", "-"])
        scenario.expect(exit: 0, outcome)
        return try outcome.outputLines.map { try Row($0) }
    }

    @Test func `A live crossing is pushed once, and its outcome is a fact`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Self.crossing(["E-1"]))
        let pending = try #require(scenario.query("pushes").first)
        #expect(pending["state"] == "pending")
        #expect(pending[integer: "attempts"] == 0)
        #expect(!pending.names.contains("lastOutcome"))
        let printed = try drain(scenario)
        #expect(printed.map { $0["job"] } == ["E-1/zero/2/crossed"])
        #expect(printed.map { $0["device"] } == ["E-1"])
        #expect(printed.map { $0["balanceAfter"] } == ["-90"])
        #expect(try drain(scenario).isEmpty)
        let settled = try #require(scenario.query("pushes").first)
        #expect(settled["job"] == "E-1/zero/2/crossed")
        #expect(settled["state"] == "delivered")
        #expect(settled[integer: "attempts"] == 1)
        #expect(try scenario.replay("--kind", "PushDelivered").count == 1)
        #expect(try scenario.query("pushes").count == 1)
    }

    @Test func `Rebuilding, replaying and ingesting again request nothing new`() throws {
        let scenario = try Scenario()
        let text = Self.crossing(["E-1", "E-2", "E-3"])
        try scenario.ingest(text)
        #expect(try drain(scenario).count == 3)
        let before = try scenario.query("pushes")
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
        #expect(try scenario.query("pushes") == before)
        try FileManager.default.removeItem(atPath: scenario.data + "/views.sqlite")
        #expect(try scenario.query("pushes") == before)
        try scenario.ingest(text)
        #expect(try scenario.query("pushes") == before)
        #expect(try drain(scenario).isEmpty)
        let copy = try Scenario()
        try copy.ingest(scenario.replay().joined(separator: "\n"))
        #expect(try drain(copy).isEmpty, "what was delivered is known from the log")
        #expect(try copy.query("pushes").map { $0["state"] } == ["delivered", "delivered", "delivered"])
    }

    @Test func `An episode that closed before delivery is superseded`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Self.crossing(["E-1", "E-2"]))
        scenario.expect(exit: 0, try scenario.run(["topup", "E-1", "500", "--reference", "late"]))
        #expect(try drain(scenario).map { $0["job"] } == ["E-2/zero/2/crossed"])
        #expect(try scenario.query("pushes").map { $0["state"] } == ["superseded", "delivered"])
        #expect(try scenario.query("pushes").map { $0[integer: "attempts"] } == [0, 1])
        #expect(try drain(scenario).isEmpty)
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
    }

    @Test func `History that is loaded late pages nobody`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Tour.text.replacing("2026-01", with: "2025-01"))
        #expect(try scenario.query("pushes").map { $0["state"] } == ["pending"])
        #expect(try drain(scenario).isEmpty)
        #expect(try scenario.query("pushes").map { $0["state"] } == ["stale"])
        #expect(try drain(scenario).isEmpty)
        #expect(try scenario.replay("--kind", "PushStale").count == 1)
    }

    @Test func `A drain without jobs appends nothing`() throws {
        let scenario = try Scenario()
        try scenario.ingest(Tour.declarations)
        let before = try scenario.replay()
        #expect(try drain(scenario).isEmpty)
        #expect(try scenario.replay() == before)
    }

    /// So many jobs that the pipe is full before all are printed: the program waits there, and is killed.
    @Test func `Killed between printing and recording, the same ids are printed again`() throws {
        let scenario = try Scenario()
        let devices = (1...1_000).map { "E-\($0)" }
        try scenario.ingest(Self.crossing(devices))
        let child = try scenario.start(["push", "drain"], readsOutput: true)
        // Time enough to fill the pipe; then what came first is read, and with it some whole lines.
        usleep(300_000)
        var piece = [UInt8](repeating: 0, count: 4_096)
        let count = read(child.outputDescriptor, &piece, piece.count)
        child.send(SIGKILL)
        #expect(try child.wait().signal == SIGKILL)
        let text = String(decoding: piece.prefix(max(count, 0)), as: UTF8.self)
        let seen = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        let first = try seen.map { try Row(String($0))["job"] }
        #expect(!first.isEmpty)
        #expect(try scenario.query("pushes").allSatisfy { $0["state"] == "pending" })
        let jobs = try drain(scenario).map { $0["job"] }
        #expect(jobs == devices.map { "\($0)/zero/2/crossed" })
        #expect(Array(jobs.prefix(first.count)) == first)
        #expect(try drain(scenario).isEmpty)
        #expect(try scenario.replay("--kind", "PushDelivered").count == devices.count)
        #expect(try scenario.query("pushes").allSatisfy { $0["state"] == "delivered" && $0[integer: "attempts"] == 1 })
    }
}
