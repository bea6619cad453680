import Foundation
import Glibc
import Testing

/// Pushes on their way from a server to a webhook: once each, again with the same id where it failed.
struct PushDeliveryTests {
    /// A directory with a channel to a receiver, and a device whose balance is 10.
    private func scenario(_ port: Int, retrySeconds: String = "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]") throws -> Scenario {
        let scenario = try Scenario()
        let settings = """
            push:
              channels:
                shop:
                  url: http://127.0.0.1:\(port)/hook
                  secrets: [ \(Receiver.secret) ]
                  allowPrivate: on
                  insecure: on
                  timeoutSeconds: 20
                  retrySeconds: \(retrySeconds)

            """
        try Data(settings.utf8).write(to: URL(fileURLWithPath: scenario.data + "/meterfold.yaml"))
        try scenario.ingest(
            """
            {"event":"TariffPublished","tariff":"live","unit":"kWh","currency":"EUR","versions":[{"from":"2020-01-01","default":"1"}]}
            {"event":"DeviceRegistered","device":"E-1","utility":"electricity","tariff":"live","from":"2020-01-01"}
            {"event":"TopUpReceived","device":"E-1","amount":"10","currency":"EUR","provider":"cash","reference":"1","at":\(Self.now - 10_000)}

            """
        )
        return scenario
    }

    private static let now = Int(Date().timeIntervalSince1970)

    /// Ten units paid, a hundred used an hour ago.
    private func cross(_ server: Server) throws {
        let answers = try server.converse(
            #"{"device":"E-1","readAt":\#(Self.now - 7_200),"value":"100"}"# + "\n"
                + #"{"device":"E-1","readAt":\#(Self.now - 3_600),"value":"200"}"# + "\n"
        )
        #expect(answers.count == 1 && answers[0].hasPrefix("ok "), "\(answers)")
    }

    private func waitForState(_ scenario: Scenario, _ state: String) throws {
        #expect(try eventually { try scenario.query("pushes").map { $0["state"] } == [state] }, "\(state)")
    }

    private static let job = "E-1/zero/2/crossed"

    @Test func `A crossing by a reading over TCP is pushed once, signed`() throws {
        let receiver = try Receiver()
        receiver.start()
        defer { receiver.close() }
        let scenario = try scenario(receiver.port)
        let server = try Server(scenario)
        try cross(server)
        #expect(eventually { !receiver.messages.isEmpty })
        try waitForState(scenario, "delivered")
        let message = try #require(receiver.messages.first)
        #expect(message.id == Self.job)
        #expect(message.isSigned, "\(message)")
        let stamp = try #require(Int(message.timestamp))
        #expect(abs(stamp - Self.now) < 300)
        let data = try Row(try #require(Row(message.body)[json: "data"]))
        #expect(data["job"] == Self.job)
        #expect(data["balanceAfter"] == "-90")
        // Making the views anew and starting again tell nobody anything.
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
        try server.stop()
        let again = try Server(scenario)
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
        #expect(try eventually { try again.metric("meterfold_push_jobs{state=\"delivered\"}") == "1" })
        try again.stop()
        #expect(receiver.messages.count == 1)
        #expect(try scenario.recorders("--kind", "PushDelivered") == ["notifier"])
    }

    @Test func `What a receiver refuses is sent again under the same id`() throws {
        let receiver = try Receiver()
        receiver.start()
        defer { receiver.close() }
        receiver.conduct(.answer(503))
        let scenario = try scenario(receiver.port)
        let server = try Server(scenario)
        try cross(server)
        #expect(eventually { receiver.messages.count >= 2 })
        receiver.conduct(.answer(204))
        try waitForState(scenario, "delivered")
        let messages = receiver.messages
        #expect(Set(messages.map(\.id)) == [Self.job])
        #expect(Set(messages.map(\.body)).count == 1)
        #expect(!messages.contains { !$0.isSigned })
        try server.stop()
        #expect(try scenario.replay("--kind", "PushDelivered").count == 1)
        #expect(try scenario.query("pushes").map { $0[integer: "attempts"] } == [messages.count])
    }

    @Test func `A receiver that is away gets it when it is back, and metrics show it meanwhile`() throws {
        // A port at which nobody listens.
        let gone = try Receiver()
        gone.start()
        gone.close()
        let scenario = try scenario(gone.port)
        let server = try Server(scenario)
        try cross(server)
        let failed = "meterfold_channel_attempts_total{channel=\"shop\",outcome=\"failed\"}"
        #expect(try eventually { try server.metric(failed).flatMap { Int($0) } ?? 0 > 0 })
        try server.stop()
        let receiver = try Receiver()
        receiver.start()
        defer { receiver.close() }
        let settings = URL(fileURLWithPath: scenario.data + "/meterfold.yaml")
        let text = try String(contentsOf: settings, encoding: .utf8)
        try Data(text.replacing(":\(gone.port)/", with: ":\(receiver.port)/").utf8).write(to: settings)
        let again = try Server(scenario)
        #expect(eventually { !receiver.messages.isEmpty })
        try waitForState(scenario, "delivered")
        try again.stop()
        #expect(receiver.messages.map(\.id) == [Self.job])
    }

    @Test func `A receiver that is gone for good ends its channel, and metrics show it`() throws {
        let receiver = try Receiver()
        receiver.start()
        defer { receiver.close() }
        receiver.conduct(.answer(410))
        let scenario = try scenario(receiver.port)
        let server = try Server(scenario)
        #expect(try eventually { try server.metric("meterfold_channel_up{channel=\"shop\"}") == "1" })
        try cross(server)
        #expect(try eventually { try server.metric("meterfold_channel_up{channel=\"shop\"}") == "0" })
        try server.stop()
        #expect(receiver.messages.count == 1)
    }

    @Test func `Killed within a delivery, the same id is sent again and delivered once`() throws {
        let receiver = try Receiver()
        receiver.start()
        defer { receiver.close() }
        receiver.conduct(.hang)
        let scenario = try scenario(receiver.port)
        let server = try Server(scenario)
        try cross(server)
        #expect(eventually { receiver.messages.count == 1 })
        try server.kill()
        receiver.conduct(.answer(200))
        let again = try Server(scenario)
        try waitForState(scenario, "delivered")
        try again.stop()
        #expect(receiver.messages.map(\.id) == [Self.job, Self.job])
        #expect(try scenario.replay("--kind", "PushDelivered").count == 1)
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
    }
}
