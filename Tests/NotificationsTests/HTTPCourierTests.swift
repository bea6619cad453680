import Foundation
import HTTPTypes
import Hummingbird
import Logging
import MeterModel
import NIOCore
import Synchronization
import Testing

@testable import Notifications

/// The clock of the courier's tests.
private struct FixedClock: WallClock {
    func now() -> Instant { start }
}

/// Names for tests.
private struct FixedResolver: Resolving {
    var table: [String: [String]] = [:]

    func addresses(of host: String) async throws -> [String] {
        guard let found = table[host] else { throw ResolutionFault(description: "no such host") }
        return found
    }
}

/// What a receiver on loopback was sent.
private final class Received: Sendable {
    struct Request {
        var path: String
        var headers: HTTPFields
        var body: [UInt8]
    }

    private let requests = Mutex<[Request]>([])

    var all: [Request] { requests.withLock { $0 } }
    func add(_ request: Request) { requests.withLock { $0.append(request) } }
}

/// Real requests to a real receiver on loopback.
struct HTTPCourierTests {
    /// Runs a body against a receiver, whose port it is given.
    // Long: one receiver answers every way there is.
    private func receiving(
        resolver: FixedResolver = FixedResolver(),
        _ body: (_ port: Int, _ courier: HTTPCourier, _ received: Received) async throws -> Void
    ) async throws {
        let received = Received()
        let router = Router()
        router.post("**") { request, _ -> Response in
            let bytes = try await request.body.collect(upTo: 1 << 16)
            let path = request.uri.path
            received.add(.init(path: path, headers: request.headers, body: Array(bytes.readableBytesView)))
            switch path {
            case "/ok": return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: "thanks")))
            case "/fails": return Response(status: .internalServerError)
            case "/gone": return Response(status: .gone)
            case "/busy": return Response(status: .tooManyRequests, headers: [.retryAfter: "7"])
            case "/later":
                let date = "Fri, 15 Jan 2027 08:01:00 GMT"
                return Response(status: .serviceUnavailable, headers: [.retryAfter: date])
            case "/moved": return Response(status: .temporaryRedirect, headers: [.location: "/ok"])
            case "/hangs":
                try await Task.sleep(for: .seconds(600))
                return Response(status: .ok)
            case "/huge":
                return Response(
                    status: .ok,
                    body: .init { writer in
                        let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 1 << 16)
                        for _ in 0..<16_384 { try await writer.write(piece) }
                        try await writer.finish(nil)
                    }
                )
            case "/drips":
                return Response(
                    status: .ok,
                    body: .init { writer in
                        try await writer.write(ByteBuffer(string: "a"))
                        try await Task.sleep(for: .seconds(600))
                        try await writer.finish(nil)
                    }
                )
            default: return Response(status: .notFound)
            }
        }
        var logger = Logger(label: "receiver")
        logger.logLevel = .critical
        let (ports, found) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                found.yield(channel.localAddress?.port ?? 0)
                found.finish()
            },
            logger: logger
        )
        let courier = HTTPCourier(clock: FixedClock(), resolver: resolver)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            var port = 0
            for await one in ports { port = one }
            do {
                try await body(port, courier, received)
            } catch {
                await courier.close()
                group.cancelAll()
                throw error
            }
            await courier.close()
            group.cancelAll()
            do { while try await group.next() != nil {} } catch is CancellationError {}
        }
    }

    @Test func `A message arrives whole and signed`() async throws {
        try await receiving { port, courier, received in
            let message = PushMessage(job(1))
            let answer = await courier.deliver(message, to: channel(port: port, path: "/ok"))
            #expect(answer == .responded(status: 200, retryAfterMilliseconds: nil, snippet: "thanks"))
            let request = try #require(received.all.first)
            #expect(received.all.count == 1)
            #expect(request.body == message.body)
            #expect(request.headers[.contentType] == "application/json")
            let header = { (name: String) in HTTPField.Name(name).flatMap { request.headers[$0] } }
            #expect(header("webhook-id") == "E-1/zero/1/crossed")
            #expect(header("webhook-timestamp") == "1800000000")
            let signer = try #require(WebhookSigner(secrets: [secret]))
            let signature = signer.signature(id: message.id, timestamp: 1_800_000_000, body: request.body)
            #expect(header("webhook-signature") == signature)
        }
    }

    @Test func `Each status is brought back, with the rest that is asked for`() async throws {
        try await receiving { port, courier, received in
            func answer(_ path: String) async -> Answer {
                await courier.deliver(PushMessage(job(1)), to: channel(port: port, path: path))
            }
            #expect(await answer("/fails") == answered(500))
            #expect(await answer("/gone").verdict == .gone)
            #expect(await answer("/busy") == answered(429, retryAfter: 7000))
            #expect(await answer("/later") == answered(503, retryAfter: 60_000))
            #expect(await answer("/nowhere").verdict == .again)
            #expect(await answer("/moved") == answered(307))
            #expect(received.all.map(\.path) == ["/fails", "/gone", "/busy", "/later", "/nowhere", "/moved"])
        }
    }

    @Test func `A receiver that hangs is given up in time, and others are not`() async throws {
        try await receiving { port, courier, _ in
            let hanging = channel("hangs", port: port, path: "/hangs", timeoutMilliseconds: 200)
            async let first = courier.deliver(PushMessage(job(1)), to: hanging)
            let second = await courier.deliver(PushMessage(job(1)), to: channel(port: port, path: "/ok"))
            #expect(second.verdict == .taken)
            #expect(await first == .timedOut)
        }
    }

    @Test func `Of an answer without end a snippet is read`() async throws {
        try await receiving { port, courier, _ in
            for path in ["/huge", "/drips"] {
                // What drips is read until the time is up; on a busy machine it needs more to begin at all.
                var answer = Answer.timedOut
                for timeout in [2000, 10_000, 60_000] as [Int64] where answer == .timedOut {
                    let channel = channel(port: port, path: path, timeoutMilliseconds: timeout)
                    answer = await courier.deliver(PushMessage(job(1)), to: channel)
                }
                guard case .responded(200, nil, let snippet) = answer else {
                    Issue.record("\(path): \(answer)")
                    continue
                }
                #expect(snippet.utf8.count <= HTTPCourier.snippetByteCount)
                #expect(answer.text.count <= Answer.maximumTextLength)
                #expect(path == "/drips" || snippet.hasPrefix("xxxx"))
            }
        }
    }

    @Test func `Where nobody listens the receiver is unreachable`() async throws {
        try await receiving { _, courier, _ in
            let answer = await courier.deliver(PushMessage(job(1)), to: channel(port: 1))
            guard case .unreachable = answer else {
                Issue.record("\(answer)")
                return
            }
        }
    }

    @Test func `A name is connected to by the address that was checked`() async throws {
        let resolver = FixedResolver(table: [
            "shop.test": ["127.0.0.1"], "inside.test": ["1.1.1.1", "10.0.0.8"], "meta.test": ["169.254.169.254"],
        ])
        try await receiving(resolver: resolver) { port, courier, received in
            func answer(_ host: String, allowPrivate: Bool) async -> Answer {
                var channel = channel(host, port: port, path: "/ok")
                channel.url = "http://\(host):\(port)/ok"
                (channel.allowPrivate, channel.insecure) = (allowPrivate, true)
                return await courier.deliver(PushMessage(job(1)), to: channel)
            }
            // The system knows no such name: only the address given leads there.
            #expect(await answer("shop.test", allowPrivate: true).verdict == .taken)
            for host in ["shop.test", "inside.test", "meta.test"] {
                guard case .forbidden = await answer(host, allowPrivate: false) else {
                    Issue.record("\(host) was sent to")
                    continue
                }
            }
            guard case .unreachable = await answer("unknown.test", allowPrivate: true) else {
                Issue.record("an unknown name was reached")
                return
            }
            #expect(received.all.count == 1)
        }
    }

    @Test func `The system's resolver finds this machine, and what it has no address for is a fault`() async throws {
        #expect(try await SystemResolver().addresses(of: "127.0.0.1") == ["127.0.0.1"])
        await #expect(throws: (any Error).self) { try await SystemResolver().addresses(of: "no host at all") }
    }
}
