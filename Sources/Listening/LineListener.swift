package import Ingest
package import Logging
package import NIOCore
import NIOPosix
package import NIOSSL

/// Listens for connections that send lines.
package final class LineListener: Sendable {
    /// How it listens.
    package struct Configuration: Sendable {
        package var host: String
        /// 0 picks a free one.
        package var port: Int
        package var limits: ListeningLimits
        /// How TLS is spoken; nil: it is not.
        package var tls: NIOSSLContext?

        package init(
            host: String,
            port: Int,
            limits: ListeningLimits = ListeningLimits(),
            tls: NIOSSLContext? = nil
        ) {
            self.host = host
            self.port = port
            self.limits = limits
            self.tls = tls
        }
    }

    /// Connections that may wait to be taken.
    private static let backlog: Int32 = 4096
    /// Bytes of one read. A connection keeps a buffer of the largest it ever needed.
    private static let readByteCounts = (minimum: 1024, initial: 4096, maximum: 64 * 1024)

    private let channel: any Channel
    private let table: ConnectionTable

    private init(_ channel: any Channel, _ table: ConnectionTable) {
        self.channel = channel
        self.table = table
    }

    /// Begins to listen.
    ///
    /// - Parameters:
    ///   - configuration: where and how.
    ///   - group: the event loops that serve the connections.
    ///   - intake: takes what comes.
    ///   - logger: is told of connections that the server ends.
    ///   - terms: on what terms a connection sends, by what the quarantine is to call it.
    /// - Returns: a listener that accepts connections.
    /// - Throws: `IOError` where the address cannot be bound.
    package static func listen(
        _ configuration: Configuration,
        group: any EventLoopGroup,
        intake: IntakeThread,
        logger: Logger,
        terms: @escaping @Sendable (_ source: String) -> SessionTerms
    ) async throws -> LineListener {
        let table = ConnectionTable(configuration.limits)
        let limits = configuration.limits
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(
                .writeBufferWaterMark,
                value: .init(low: limits.unreadReplyByteCount / 32, high: limits.unreadReplyByteCount / 16)
            )
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: readByteCounts.minimum,
                    initial: readByteCounts.initial,
                    maximum: readByteCounts.maximum
                )
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls = configuration.tls {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                    }
                    let connection = LineConnection(
                        channel,
                        intake: intake,
                        table: table,
                        limits: limits,
                        logger: logger,
                        terms: terms
                    )
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
        let channel = try await bootstrap.bind(host: configuration.host, port: configuration.port).get()
        return LineListener(channel, table)
    }

    /// Where it listens.
    package var address: SocketAddress? { channel.localAddress }

    /// What it has seen.
    package var figures: ListenerFigures { table.figures }

    /// Takes no more connections and reads no more; what was read is answered, then each connection is closed.
    ///
    /// - Parameter bound: how long the answers may take.
    package func drain(within bound: Duration) async {
        table.close()
        try? await channel.close()
        for connection in table.connections { connection.drain() }
        let end = ContinuousClock.now + bound
        while !table.connections.isEmpty, ContinuousClock.now < end {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }
}
