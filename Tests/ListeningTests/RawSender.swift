import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import TestStage

/// A sender that does what a test says, also badly.
final class RawSender: Sendable {
    private struct State {
        var text = ""
        var hasEnded = false
    }

    private let channel: any Channel
    private let box: Box

    private final class Box: Sendable {
        let state = Mutex(State())
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let box: Box

        init(_ box: Box) { self.box = box }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: unwrapInboundIn(data))
            box.state.withLock { $0.text += text }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case ChannelEvent.inputClosed = event { box.state.withLock { $0.hasEnded = true } }
        }

        func channelInactive(context: ChannelHandlerContext) { box.state.withLock { $0.hasEnded = true } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    /// - Parameters:
    ///   - port: of loopback.
    ///   - tls: whether to speak TLS, trusting anybody.
    ///   - isReading: whether replies are read at all.
    /// - Throws: what keeps it from connecting.
    init(_ port: Int, tls: Bool = false, isReading: Bool = true) async throws {
        let box = Box()
        self.box = box
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        let context = try tls ? NIOSSLContext(configuration: configuration) : nil
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.autoRead, value: isReading)
            .connectTimeout(.minutes(5))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: context, serverHostname: nil)
                        )
                    }
                    try channel.pipeline.syncOperations.addHandler(Collector(box))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    /// Writes, and waits until it is written.
    func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)).get() }

    /// Writes without waiting.
    func push(_ text: String) { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }

    /// Closes the sending side.
    func finish() async throws { try await channel.close(mode: .output).get() }

    /// Is gone without a word more: the connection is reset.
    func vanish() async throws {
        try await (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try? await channel.close().get()
    }

    func close() async { try? await channel.close().get() }

    /// The whole lines that came back.
    var lines: [String] {
        var pieces = box.state.withLock { $0.text }.split(separator: "\n", omittingEmptySubsequences: false)
        pieces.removeLast()
        return pieces.map(String.init)
    }

    /// Whether nothing more will come back.
    var hasEnded: Bool { box.state.withLock { $0.hasEnded } }

    /// Waits for a reply.
    func wait(for line: String) async throws {
        try await waitUntil("'\(line)' comes") { lines.contains(line) || hasEnded }
        guard lines.contains(line) else { throw DidNotHappen("'\(line)' in place of \(lines.suffix(5))") }
    }

    /// Waits for the acknowledgement of a line, whatever its position.
    func wait(forAcknowledgementOf line: Int) async throws {
        try await waitUntil("line \(line) is acknowledged") {
            lines.contains { $0.hasPrefix("ok ") && $0.hasSuffix(" \(line)") } || hasEnded
        }
        guard !hasEnded else { throw DidNotHappen("an ok of line \(line) in place of \(lines.suffix(5))") }
    }

    /// Closes the sending side and waits until nothing more comes back.
    func answers() async throws -> [String] {
        try await finish()
        return try await end()
    }

    /// Waits until nothing more comes back.
    func end() async throws -> [String] {
        try await waitUntil("the connection ends") { hasEnded }
        await close()
        return lines
    }
}
