import AsyncHTTPClient
import Foundation
import MeterModel
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import TestStage
import Testing

@testable import QueryAPI

@Suite struct TransportTests {
    @Test func `over TLS, with a certificate that can be exchanged`() async throws {
        let first = try Certificates.first()
        let second = try Certificates.second()
        let shown = ServerCertificate(chain: [first.certificate], key: first.key)
        var setup = try ServerSetup()
        setup.tls = shown.configuration()
        try await setup.run { asker in
            let shownFirst = try await status(asker, trusting: first.certificate)
            #expect(shownFirst == 200)
            #expect(try await status(asker, trusting: second.certificate) == nil)
            shown.replace(chain: [second.certificate], key: second.key)
            #expect(try await status(asker, trusting: second.certificate) == 200)
            #expect(try await status(asker, trusting: first.certificate) == nil)
        }
    }

    /// Nil where the certificate is not believed.
    private func status(_ asker: Asker, trusting certificate: NIOSSLCertificate) async throws -> Int? {
        var configuration = HTTPClient.Configuration()
        configuration.tlsConfiguration = .makeClientConfiguration()
        configuration.tlsConfiguration?.trustRoots = .certificates([certificate])
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        var asker = asker
        asker.client = client
        let status = try? await asker.get("/v1/balance").status
        try await client.shutdown()
        return status
    }

    @Test func `over a socket of the machine, which only its owner can open`() async throws {
        var setup = try ServerSetup()
        let path = setup.views.directory + "/s"
        // What was left there is replaced.
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        setup.address = .unixSocket(path: path)
        setup.control = ScriptedControl()
        try await setup.run { asker in
            #expect(try await asker.get("/v1/balance").status == 200)
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            let names = try FileManager.default.contentsOfDirectory(atPath: setup.views.directory)
            #expect(names.filter { $0.hasPrefix("s.") }.isEmpty)
            let chief = asker.bearing("chief")
            let reply = try await chief.post("/control/top%20up?a=1&a=2&b=x+y", "body")
            #expect(reply.status == 200)
            let expected = "{\"exitCode\": 2, \"out\": \"top up a=1,2 b=x y 4\", \"err\": \"a \\\"word\\\"\\u000a\"}"
            #expect(reply.text == expected)
            // Of any length.
            let large = try await chief.post("/control/x", String(repeating: "x", count: 40 << 20))
            #expect(large.object["out"] as? String == "x  \(40 << 20)")
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func `headers that are too large and what is no HTTP are told as problems`() async throws {
        let setup = try ServerSetup()
        try await setup.run { asker in
            let large = try await asker.get("/v1/balance", [("X-Large", String(repeating: "x", count: 20_000))])
            #expect(large.status == 431 && large.problem == "header-too-large")
            let sum = try await asker.get(
                "/v1/balance",
                (0..<10).map { ("X-\($0)", String(repeating: "x", count: 5000)) }
            )
            #expect(sum.status == 431)
            let port = try #require(asker.base.split(separator: ":").last.flatMap { Int($0) })
            let nonsense = try await exchange(port, "this is no HTTP\r\n\r\n")
            #expect(nonsense.hasPrefix("HTTP/1.1 400 ") && nonsense.contains("\"code\": \"bad-request\""))
            // The second request is not looked at once the first has ended the connection.
            let request = "POST /v1/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
            let ended = try await exchange(port, request + request)
            #expect(ended.components(separatedBy: "HTTP/1.1 404").count == 2)
            let head = "Host: x\r\nAuthorization: Bearer reader\r\nConnection: close\r\n\r\n"
            for path in ["/v1/devices/%FF", "/v1/devices/%F", "/v1/balance?%C3=1"] {
                let answer = try await exchange(port, "GET \(path) HTTP/1.1\r\n\(head)")
                #expect(answer.contains("\"code\": \"bad-parameter\""), "\(path): \(answer)")
            }
        }
    }

    @Test func `an idle connection is closed`() async throws {
        var setup = try ServerSetup()
        setup.limits.idleSeconds = 1
        try await setup.run { asker in
            let port = try #require(asker.base.split(separator: ":").last.flatMap { Int($0) })
            #expect(try await exchange(port, "GET /v1/bal") == "")
        }
    }

    @Test func `a body that drips is cut off`() async throws {
        var setup = try ServerSetup()
        setup.limits.idleSeconds = 1
        try await setup.run { asker in
            let port = try #require(asker.base.split(separator: ":").last.flatMap { Int($0) })
            let head = "Host: x\r\nAuthorization: Bearer sender\r\nContent-Length: 60000\r\n\r\n"
            // One of them is read, the other is answered at once and only thrown away.
            for path in ["/v1/readings", "/v1/none"] {
                let pieces = try await drip(port, "POST \(path) HTTP/1.1\r\n\(head)", atMost: 600)
                #expect(pieces < 600, "\(path)")
            }
        }
    }

    /// Sends a byte every tenth of a second after a request's head.
    ///
    /// - Returns: how many were sent until the server closed.
    private func drip(_ port: Int, _ head: String, atMost count: Int) async throws -> Int {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port).get()
        // On a busy machine it may be closed as idle by now.
        try? await channel.writeAndFlush(ByteBuffer(string: head)).get()
        var sent = 0
        while channel.isActive, sent < count {
            try? await channel.writeAndFlush(ByteBuffer(string: "x")).get()
            sent += 1
            try await Task.sleep(for: .milliseconds(100))
        }
        try? await channel.close().get()
        return sent
    }

    @Test func `requests under way come to their end when the server is shut down`() async throws {
        let setup = try ServerSetup()
        setup.intake.gate.close()
        var waiting: Task<Reply, any Error>?
        try await setup.run { asker in
            waiting = Task { try await asker.bearing("sender").post("/v1/readings", "x") }
            // A feed does not keep it.
            let feed = try await asker.client.execute(asker.request(.GET, "/v1/feed"), timeout: .minutes(10))
            #expect(feed.status == .ok)
            await setup.intake.gate.untilWaiting(1)
            Task { [gate = setup.intake.gate] in gate.open() }
        }
        #expect(try await waiting?.value.status == 200)
    }

    /// What a server answers until it closes.
    private func exchange(_ port: Int, _ request: String) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: request))
            var answer = ""
            for try await piece in inbound { answer += String(buffer: piece) }
            return answer
        }
    }
}
