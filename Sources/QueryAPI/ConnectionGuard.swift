internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes

/// Watches over one connection, between the codec and the application.
///
/// It tells of requests that are no HTTP or have too large a header, as a problem; lets senders go on who wait for
/// leave to send their body; ends a connection after an answer that says so, so that the sender gets the answer though
/// he still sends; cuts off readers that take nothing, and senders whose bodies drip.
///
/// Invariants: `answersDue` counts the requests that came in and whose answer has not ended; once `isOver` nothing
/// comes in any more; `waited` and `bodyByteCount` speak of the body that comes, `waitsSince` is set while the server
/// waits for more of it.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// How long a sender may go on sending after his last answer, to no effect.
    static let lingering = TimeAmount.seconds(2)

    private let stalledReader: TimeAmount
    private let patience: TimeAmount
    private let bodyBytesPerSecond: Int64?
    private var answersDue = 0
    private var endsAfterAnswer = false
    private var isOver = false
    private var stalling: Scheduled<Void>?
    private var bodyByteCount: Int64 = 0
    private var waited = TimeAmount.zero
    private var waitsSince: NIODeadline?

    /// - Parameters:
    ///   - stalledReader: how long a reader may take nothing.
    ///   - patience: how long a body may come as it likes.
    ///   - bodyBytesPerSecond: how fast it must come beyond that; nil: however slowly.
    init(stalledReader: TimeAmount, patience: TimeAmount, bodyBytesPerSecond: Int64?) {
        self.stalledReader = stalledReader
        self.patience = patience
        self.bodyBytesPerSecond = bodyBytesPerSecond
    }

    func read(context: ChannelHandlerContext) {
        if waitsSince == nil { waitsSince = .now() }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            // What was sent after the last request that is answered is not looked at.
            if endsAfterAnswer { return isOver = true }
            answersDue += 1
            if head.headerFields[.expect]?.lowercased() == "100-continue" {
                context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
            }
            (bodyByteCount, waited, waitsSince) = (0, .zero, nil)
        case .body(let piece):
            if drips(piece.readableBytes) {
                isOver = true
                return context.close(promise: nil)
            }
        case .end: break
        }
        context.fireChannelRead(data)
    }

    /// Whether a body comes too slowly; asked with each piece of it, for a sender who sends nothing is idle.
    private func drips(_ byteCount: Int) -> Bool {
        guard let bodyBytesPerSecond else { return false }
        if let since = waitsSince { waited = waited + (.now() - since) }
        waitsSince = nil
        bodyByteCount += Int64(byteCount)
        return waited > patience + .seconds(bodyByteCount / bodyBytesPerSecond)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            if head.headerFields[.connection]?.lowercased() == "close" { endsAfterAnswer = true }
            context.write(data, promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            answersDue -= 1
            guard endsAfterAnswer else { return context.write(data, promise: promise) }
            context.writeAndFlush(data, promise: promise)
            linger(context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isOver else { return }
        // In the midst of a request its answer says that it broke off.
        guard answersDue == 0, let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        let problem =
            error == .headerOverflow
            ? Problem(.headerTooLarge, "the request line and the header fields are too long, or too many")
            : Problem(.badRequest, "this is not understood as HTTP")
        let body = ByteBuffer(bytes: problem.body)
        let head = HTTPResponse(
            status: .init(code: problem.status),
            headerFields: [
                .contentType: Problem.mediaType, .contentLength: String(body.readableBytes), .connection: "close",
                .xContentTypeOptions: "nosniff", .cacheControl: "no-store",
            ]
        )
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        linger(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stalling?.cancel()
        stalling = nil
        if !context.channel.isWritable {
            let channel = context.channel
            stalling = context.eventLoop.scheduleTask(in: stalledReader) { channel.close(promise: nil) }
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        stalling?.cancel()
        stalling = nil
        context.fireChannelInactive()
    }

    /// Says that nothing more comes, and closes for good a little later: at once, the answer could be lost.
    private func linger(_ context: ChannelHandlerContext) {
        isOver = true
        context.close(mode: .output, promise: nil)
        let channel = context.channel
        context.eventLoop.scheduleTask(in: ConnectionGuard.lingering) { channel.close(promise: nil) }
    }
}
