import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// One connection of a client: cuts what comes back into answers, tells when it stands and when it is gone.
///
/// Invariants: `rest` is what came behind the last line end, at most `LineClientAnswer.maximumByteCount`; it is told
/// once that the connection is lost.
final class LineClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let client: LineClient
    private let connection: Int
    private var rest = ByteBuffer()
    private var fault: String?
    private var isStanding = false
    private var isGone = false

    /// Whether TLS is spoken: the connection then stands once hands are shaken. (A sending side that is closed before
    /// that would end the handshake.)
    private let shakesHands: Bool
    private var handshakeBound: Scheduled<Void>?

    /// How long a handshake may take.
    private static let handshakeTime = TimeAmount.seconds(10)

    init(_ client: LineClient, _ connection: Int, shakesHands: Bool) {
        self.client = client
        self.connection = connection
        self.shakesHands = shakesHands
    }

    func channelActive(context: ChannelHandlerContext) {
        guard shakesHands else { return stand(context) }
        handshakeBound = context.eventLoop.assumeIsolated().scheduleTask(in: LineClientHandler.handshakeTime) {
            guard !self.isStanding, !self.isGone else { return }
            self.fault = "no TLS handshake within 10 s"
            context.close(promise: nil)
        }
    }

    private func stand(_ context: ChannelHandlerContext) {
        guard !isStanding else { return }
        isStanding = true
        handshakeBound?.cancel()
        client.connected(connection, context.channel)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted: stand(context)
        // The receiver will say no more; what it did not acknowledge by now it never will.
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: break
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if rest.readableBytes > 0 {
            rest.writeBuffer(&bytes)
            bytes = rest
            rest.clear()
        }
        while let length = bytes.readableBytesView.firstIndex(of: UInt8(ascii: "\n")).map({ $0 - bytes.readerIndex }) {
            guard let line = bytes.readSlice(length: length) else { return }
            bytes.moveReaderIndex(forwardBy: 1)
            guard let answer = line.withUnsafeReadableBytes({ LineClientAnswer($0) }) else {
                return refuse(line, context)
            }
            client.received(connection, answer)
        }
        guard bytes.readableBytes <= LineClientAnswer.maximumByteCount else { return refuse(bytes, context) }
        if bytes.readableBytes > 0 { rest = bytes }
    }

    private func refuse(_ line: ByteBuffer, _ context: ChannelHandlerContext) {
        let text = String(decoding: line.readableBytesView.prefix(80), as: UTF8.self)
        client.receivedOther(connection, text)
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if isStanding, context.channel.isWritable { client.pump(context.channel, connection) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A close without farewell is told of as a loss where it is one.
        if case NIOSSLError.uncleanShutdown = error { return }
        if let text = LineClient.mistrust(error) { return client.mistrusted(connection, text) }
        fault = LineClient.words(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard !isGone else { return }
        isGone = true
        handshakeBound?.cancel()
        client.lost(connection, fault ?? "the receiver closed the connection")
    }
}

extension LineClient {
    /// What a connection's error means, for a person.
    static func words(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let last = error.connectionErrors.last { return words(last.error) }
            return "\(error.host): the name is not known"
        case let error as IOError: return String(cString: strerror(error.errnoCode))
        case ChannelError.connectTimeout(let time): return "no connection within \(time.nanoseconds / 1_000_000) ms"
        default: return "\(error)"
        }
    }
}
