internal import Glibc
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdTLS
package import Logging
package import NIOCore
package import NIOSSL
internal import ServiceLifecycle

/// Where and how to listen.
package struct HTTPConfiguration: Sendable {
    /// Where to listen.
    package enum Address: Hashable, Sendable {
        /// Port 0 picks one.
        case tcp(host: String, port: Int)
        /// A socket that nobody but its owner can open. What stands at the path is replaced.
        case unixSocket(path: String)
    }

    package var address: Address
    /// Nil: without TLS. See `ServerCertificate`.
    package var tls: TLSConfiguration?
    package var limits: HTTPLimits

    package init(_ address: Address, tls: TLSConfiguration? = nil, limits: HTTPLimits = HTTPLimits()) {
        self.address = address
        self.tls = tls
        self.limits = limits
    }
}

/// The HTTP interface over the views and the intake.
///
/// It runs once. On graceful shutdown it takes no more connections, ends the feeds, lets requests under way come to
/// their end, and returns.
package struct HTTPService: Service {
    private let configuration: HTTPConfiguration
    private let seams: HTTPSeams
    private let loops: any EventLoopGroup
    private let logger: Logger
    private let onListening: @Sendable (SocketAddress) -> Void

    /// - Parameters:
    ///   - configuration: where and how to listen.
    ///   - seams: what stands behind it.
    ///   - loops: what its connections run on.
    ///   - logger: told what goes wrong.
    ///   - onListening: called by `run()` when connections are accepted, with the address.
    package init(
        configuration: HTTPConfiguration,
        seams: HTTPSeams,
        loops: any EventLoopGroup,
        logger: Logger,
        onListening: @escaping @Sendable (SocketAddress) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.seams = seams
        self.loops = loops
        self.logger = logger
        self.onListening = onListening
    }

    package func run() async throws { try await run(onListening: onListening) }

    /// Listens until graceful shutdown.
    ///
    /// - Parameter onListening: called when connections are accepted, with the address.
    /// - Throws: what keeps it from listening.
    package func run(onListening: @escaping @Sendable (SocketAddress) -> Void) async throws {
        let closing = Closing()
        let limits = configuration.limits
        let front = Front(endpoints: Routes(seams, limits, closing: closing).endpoints, limits: limits, logger: logger)
        let socket = try UnixSocket(configuration.address)
        let application = Application(
            router: front.router(Entrance(access: seams.access)),
            server: try server(),
            configuration: ApplicationConfiguration(
                address: socket?.bindAddress ?? tcpAddress,
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connectionCount, logger: logger)
            ),
            onServerRunning: { channel in
                do {
                    try socket?.publish()
                } catch {
                    logger.error("the socket could not be put in its place", metadata: ["error": "\(error)"])
                    return channel.close(promise: nil)
                }
                if let address = channel.localAddress { onListening(address) }
            },
            eventLoopGroupProvider: .shared(loops),
            logger: quietLogger
        )
        defer { socket?.remove() }
        try await withGracefulShutdownHandler {
            try await application.run()
        } onGracefulShutdown: {
            closing.close()
        }
    }

    /// Where it listens is `onListening`'s to tell, once: the framework's own word for it is left out.
    private var quietLogger: Logger {
        var quiet = logger
        if quiet.logLevel == .info { quiet.logLevel = .notice }
        return quiet
    }

    private var tcpAddress: BindAddress {
        guard case .tcp(let host, let port) = configuration.address else { return .hostname() }
        return .hostname(host, port: port)
    }

    private func server() throws -> HTTPServerBuilder {
        let limits = configuration.limits
        let http = HTTPServerBuilder.http1(
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [
                    ConnectionGuard(
                        stalledReader: .seconds(limits.stalledReaderSeconds),
                        patience: .seconds(limits.idleSeconds),
                        bodyBytesPerSecond: limits.bodyBytesPerSecond
                    )
                ],
                idleTimeout: .seconds(limits.idleSeconds),
                httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                    maxHeaderFieldSize: limits.headerFieldByteCount,
                    maxHeaderListSize: limits.headerByteCount,
                    maxHeaderFieldCount: limits.headerFieldCount
                )
            )
        )
        guard let tls = configuration.tls else { return http }
        return try .tls(http, tlsConfiguration: tls)
    }
}

/// A socket's path, at which it appears only once nobody but its owner can open it.
///
/// It is bound in a directory that is closed to others, and moved from there.
private struct UnixSocket: Sendable {
    private let path: String
    private let directory: String

    /// Nil of an address that is none of a socket.
    init?(_ address: HTTPConfiguration.Address) throws {
        guard case .unixSocket(let path) = address else { return nil }
        self.path = path
        var template = Array("\(path).XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw IOError(errnoCode: errno, reason: "mkdtemp") }
        directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private var boundPath: String { "\(directory)/s" }

    var bindAddress: BindAddress { .unixDomainSocket(path: boundPath) }

    func publish() throws {
        guard chmod(boundPath, 0o600) == 0, rename(boundPath, path) == 0 else {
            throw IOError(errnoCode: errno, reason: "publishing the socket")
        }
        rmdir(directory)
    }

    func remove() {
        unlink(boundPath)
        rmdir(directory)
        unlink(path)
    }
}
