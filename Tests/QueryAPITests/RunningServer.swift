import Access
import AsyncHTTPClient
import Foundation
import Logging
import MeterModel
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import QueryAPI
import ServiceLifecycle

/// What a server under test is made of.
struct ServerSetup {
    var views: TemporaryViews
    var pool: ViewPool
    var freshness = ScriptedFreshness(42)
    var intake = ScriptedIntake()
    var feed = FeedRing(capacity: 64, from: Position(42))
    var access: any Authorizing = TokenTable.all
    var state = ScriptedState()
    var control: (any ControlHandling)?
    var limits = HTTPLimits()
    var address = HTTPConfiguration.Address.tcp(host: "127.0.0.1", port: 0)
    var tls: TLSConfiguration?
    var offersEverything = true

    init(_ views: TemporaryViews? = nil) throws {
        self.views = try views ?? TemporaryViews()
        pool = ViewPool(path: self.views.path)
    }

    var seams: HTTPSeams {
        HTTPSeams(
            access: access,
            views: pool,
            freshness: freshness,
            zones: UniversalTime(),
            instant: { text in
                guard let date = try? Date.ISO8601FormatStyle().parse(text) else { return nil }
                return Instant(milliseconds: Int64(date.timeIntervalSince1970 * 1000))
            },
            state: state,
            explaining: offersEverything ? ScriptedExplaining() : nil,
            intake: offersEverything ? intake : nil,
            payments: offersEverything ? intake : nil,
            feed: offersEverything ? feed : nil,
            control: control
        )
    }

    /// Runs a server while `body` asks it things; it is shut down gracefully and has ended on return.
    func run(_ body: (Asker) async throws -> Void) async throws {
        let (addresses, told) = AsyncStream.makeStream(of: SocketAddress.self)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let service = HTTPService(
            configuration: HTTPConfiguration(address, tls: tls, limits: limits),
            seams: seams,
            loops: MultiThreadedEventLoopGroup.singleton,
            logger: logger,
            onListening: { address in
                told.yield(address)
                told.finish()
            }
        )
        let group = ServiceGroup(configuration: .init(services: [.init(service: service)], logger: logger))
        let running = Task {
            defer { told.finish() }
            try await group.run()
        }
        var listening: SocketAddress?
        for await address in addresses { listening = address }
        let fault: (any Error)?
        do {
            if let listening { try await body(Asker(base: base(listening))) }
            fault = nil
        } catch {
            fault = error
        }
        await group.triggerGracefulShutdown()
        try await running.value
        await pool.close()
        if let fault { throw fault }
        if listening == nil { throw NotListening() }
    }

    struct NotListening: Error {}

    private func base(_ listening: SocketAddress) -> String {
        switch address {
        case .tcp: "\(tls == nil ? "http" : "https")://localhost:\(listening.port ?? 0)"
        case .unixSocket(let path): "http+unix://\(path.replacing("/", with: "%2F"))"
        }
    }
}

/// What came back.
struct Reply {
    var status: Int
    var headers: HTTPHeaders
    var bytes: [UInt8]

    var text: String { String(decoding: bytes, as: UTF8.self) }

    func header(_ name: String) -> String? { headers.first(name: name) }

    var object: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any] ?? [:] }

    /// The code of a problem; nil where it is none.
    var problem: String? {
        guard header("Content-Type") == "application/problem+json", object["status"] as? Int == status,
            let code = object["code"] as? String, object["type"] as? String == "urn:meterfold:problem:\(code)"
        else { return nil }
        return code
    }

    /// The lines of an answer's rows, without the commas between them.
    var rows: [String] {
        text.split(separator: "\n").filter { $0.hasPrefix("{\"device\"") || $0.hasPrefix("{\"job\"") }.map { line in
            String(line.hasSuffix(",") ? line.dropLast() : line)
        }
    }

    var next: String? { object["next"] as? String }
}

/// Asks a server.
struct Asker {
    let base: String
    var client = HTTPClient.shared
    var token: String? = "reader"

    func bearing(_ token: String?) -> Asker {
        var other = self
        other.token = token
        return other
    }

    func request(_ method: HTTPMethod, _ path: String, _ headers: [(String, String)] = []) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let token, !request.headers.contains(name: "Authorization") {
            request.headers.add(name: "Authorization", value: "Bearer \(token)")
        }
        return request
    }

    func get(_ path: String, _ headers: [(String, String)] = []) async throws -> Reply {
        try await send(request(.GET, path, headers))
    }

    func post(_ path: String, _ body: String, _ headers: [(String, String)] = []) async throws -> Reply {
        var request = request(.POST, path, headers)
        request.body = .bytes(ByteBuffer(string: body))
        return try await send(request)
    }

    func send(_ request: HTTPClientRequest) async throws -> Reply {
        let response = try await client.execute(request, timeout: .minutes(10))
        let body = try await response.body.collect(upTo: 64 << 20)
        return Reply(
            status: Int(response.status.code),
            headers: response.headers,
            bytes: Array(body.readableBytesView)
        )
    }
}
