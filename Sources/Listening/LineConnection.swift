import Ingest
internal import Logging
internal import NIOCore
import NIOSSL
import Synchronization

/// One connection that sends lines: hands bytes to the intake, replies to the sender, and reads on when there is room.
///
/// Invariants: used on its event loop alone, but for what `SessionFollowing` hands over; at most
/// `unconsumedByteCount` and one read more of it wait in the intake; nothing is read while replies pile up.
// Safety: the intake's thread calls `SessionFollowing` only, which goes over to the event loop before it touches state.
final class LineConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let intake: IntakeThread
    private let table: ConnectionTable
    private let limits: ListeningLimits
    private let logger: Logger
    private let terms: @Sendable (_ source: String) -> SessionTerms
    private let channel: any Channel
    private var context: ChannelHandlerContext?
    private var session: LineSession?
    private var address: String?
    /// Bytes handed in and not taken in yet: the intake's thread counts them down, and wakes the loop where it matters.
    private let unconsumedByteCount = Atomic<Int>(0)
    private var unreadByteCount = 0
    private var isReading = false
    private var hasHandedInEnd = false
    private var isClosing = false
    private var waitsForRoom = false
    private let hasBegun = Atomic<Bool>(false)
    private var lastActivity = NIODeadline.now()
    private var idleCheck: Scheduled<Void>?
    private var firstLineCheck: Scheduled<Void>?
    private var unreadCheck: Scheduled<Void>?

    init(
        _ channel: any Channel,
        intake: IntakeThread,
        table: ConnectionTable,
        limits: ListeningLimits,
        logger: Logger,
        terms: @escaping @Sendable (_ source: String) -> SessionTerms
    ) {
        self.channel = channel
        self.intake = intake
        self.table = table
        self.limits = limits
        self.logger = logger
        self.terms = terms
    }

    // MARK: Begin and end

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard session == nil else { return }
        let remote = context.remoteAddress
        address = remote.flatMap { $0.isLoopback ? nil : $0.ipAddress }
        let source = "tcp:" + (remote.map { "\($0.ipAddress ?? "?"):\($0.port ?? 0)" } ?? "?")
        let session = LineSession(terms(source), follower: self)
        self.session = session
        if let refusal = table.add(self, address: address) {
            let fault = fault(refusal)
            var buffer = context.channel.allocator.buffer(capacity: 128)
            buffer.writeString("err 0 \(fault.code.rawValue) \(fault.text)\n")
            isClosing = true
            context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
            context.close(promise: nil)
            return
        }
        scheduleIdleCheck(context, after: .seconds(limits.idleSeconds))
        if let seconds = limits.firstLineSeconds { scheduleFirstLineCheck(context, seconds) }
        readOn()
    }

    private func fault(_ refusal: ConnectionTable.Refusal) -> SessionFault {
        switch refusal {
        case .tooMany: SessionFault(.tooManyConnections, "no more than \(limits.connectionCount) connections")
        case .tooManyOfAddress:
            SessionFault(
                .tooManyConnections,
                "no more than \(limits.connectionCountPerAddress) connections of one address"
            )
        case .closed: SessionFault(.shuttingDown, "the server is ending")
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        idleCheck?.cancel()
        firstLineCheck?.cancel()
        unreadCheck?.cancel()
        handInEnd(fault: nil)
        table.remove(self, address: address)
        // Each holds the other until here.
        session = nil
        self.context = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("connection failed", metadata: ["address": "\(address ?? "local")", "error": "\(error)"])
        context.close(promise: nil)
    }

    /// Ends it for the server's reasons: what it sent is answered first.
    func drain() {
        channel.eventLoop.execute { [self] in
            isReading = true
            handInEnd(fault: SessionFault(.shuttingDown, "the server is ending; send on from the last ok"))
        }
    }

    private func handInEnd(fault: SessionFault?) {
        guard !hasHandedInEnd, let session else { return }
        hasHandedInEnd = true
        intake.end(session, fault)
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        guard !hasHandedInEnd, !isClosing, let session, buffer.readableBytes > 0 else { return }
        lastActivity = .now()
        unconsumedByteCount.add(buffer.readableBytes, ordering: .sequentiallyConsistent)
        intake.take(Array(buffer.readableBytesView), isLast: false, from: session)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        readOn()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        readOn()
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(ChannelEvent.inputClosed) = event as? ChannelEvent, !hasHandedInEnd, let session {
            hasHandedInEnd = true
            intake.take([], isLast: true, from: session)
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Reads once more where there is room for what comes.
    private func readOn() {
        guard let context, !isReading, !hasHandedInEnd, !isClosing, context.channel.isActive else { return }
        guard unconsumedByteCount.load(ordering: .sequentiallyConsistent) < limits.unconsumedByteCount,
            context.channel.isWritable
        else { return }
        guard intake.hasRoom else {
            if waitsForRoom { return }
            waitsForRoom = true
            intake.whenRoom { [self] in
                channel.eventLoop.execute { [self] in
                    waitsForRoom = false
                    readOn()
                }
            }
            return
        }
        isReading = true
        context.read()
    }

    /// Looks once whether it is known who sends: who has no token must not hold a place by dripping.
    private func scheduleFirstLineCheck(_ context: ChannelHandlerContext, _ seconds: Int64) {
        firstLineCheck = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(seconds)) { [weak self] in
            guard let self, !isClosing, !hasBegun.load(ordering: .relaxed) else { return }
            handInEnd(fault: SessionFault(.badFirstLine, "it did not come within \(seconds) s"))
        }
    }

    /// Looks after a while whether it was silent for too long, and so on.
    private func scheduleIdleCheck(_ context: ChannelHandlerContext, after amount: TimeAmount) {
        idleCheck = context.eventLoop.assumeIsolated().scheduleTask(in: amount) { [weak self] in
            guard let self, let context = self.context, !isClosing else { return }
            let left = lastActivity + .seconds(limits.idleSeconds) - .now()
            if left <= .zero, unconsumedByteCount.load(ordering: .relaxed) == 0 {
                handInEnd(fault: SessionFault(.idle, "nothing came for \(limits.idleSeconds) s"))
            } else {
                scheduleIdleCheck(context, after: max(left, .seconds(1)))
            }
        }
    }
}

extension LineConnection: SessionFollowing {
    func begun() { hasBegun.store(true, ordering: .relaxed) }

    func consumed(byteCount: Int) {
        let (before, after) = unconsumedByteCount.subtract(byteCount, ordering: .sequentiallyConsistent)
        guard before >= limits.unconsumedByteCount, after < limits.unconsumedByteCount else { return }
        channel.eventLoop.execute { [self] in readOn() }
    }

    func reply(_ bytes: [UInt8]) {
        channel.eventLoop.execute { [self] in write(bytes) }
    }

    func ended(_ summary: SessionSummary, _ fault: SessionFault?) {
        channel.eventLoop.execute { [self] in
            if let fault {
                table.noteFault()
                logger.log(
                    // At a shutdown everybody is told so.
                    level: fault.code == .shuttingDown ? .debug : .info,
                    "connection ended",
                    metadata: [
                        "address": "\(address ?? "local")", "code": "\(fault.code.rawValue)", "text": "\(fault.text)",
                    ]
                )
            }
            closeOnceWritten()
        }
    }

    private func write(_ bytes: [UInt8]) {
        guard let context, !isClosing else { return }
        lastActivity = .now()
        unreadByteCount += bytes.count
        if unreadByteCount > limits.unreadReplyByteCount, unreadCheck == nil { scheduleUnreadCheck(context) }
        var buffer = context.channel.allocator.buffer(capacity: bytes.count)
        buffer.writeBytes(bytes)
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [weak self] _ in self?.unreadByteCount -= bytes.count }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
    }

    /// Looks after a while whether there are still more unread replies than may be. One burst of refused lines may
    /// bring that many to somebody who reads.
    private func scheduleUnreadCheck(_ context: ChannelHandlerContext) {
        let amount = TimeAmount.seconds(limits.unreadReplySeconds)
        unreadCheck = context.eventLoop.assumeIsolated().scheduleTask(in: amount) { [weak self] in
            guard let self, let context = self.context else { return }
            unreadCheck = nil
            guard unreadByteCount > limits.unreadReplyByteCount else { return }
            giveUp(context)
        }
    }

    /// Closes without waiting for what nobody reads.
    private func giveUp(_ context: ChannelHandlerContext) {
        table.noteFault()
        let code = SessionFault.Code.unreadReplies.rawValue
        logger.info("connection ended", metadata: ["address": "\(address ?? "local")", "code": "\(code)"])
        isClosing = true
        context.close(promise: nil)
    }

    private func closeOnceWritten() {
        guard let context, !isClosing else { return }
        isClosing = true
        unreadCheck?.cancel()
        unreadCheck = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(limits.unreadReplySeconds)) {
            [weak self] in
            guard let self, let context = self.context else { return }
            giveUp(context)
        }
        // Behind everything written so far.
        let closing = context.writeAndFlush(wrapOutboundOut(ByteBuffer()))
        closing.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
    }
}

extension SocketAddress {
    /// Whether it is of this machine itself, a Unix socket's too.
    package var isLoopback: Bool {
        switch self {
        case .v4, .v6:
            guard let ip = ipAddress else { return false }
            return ip.hasPrefix("127.") || ip == "::1" || ip.hasPrefix("::ffff:127.")
        case .unixDomainSocket: return true
        }
    }
}
