import Dispatch
package import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Streams lines to a receiver over TCP, holds them until they are durable there, and resumes after a loss.
///
/// A source's lines keep their numbers whatever happens to connections: refusals and acknowledgements are told in
/// lines of the source. What is not acknowledged is held, up to `LineClientOptions.windowByteLimit` bytes, then the
/// source waits. After a loss the connection is made again, with waits that grow and vary, and sending goes on behind
/// the last acknowledgement, after the head's lines (`LineClientOptions.headLineCount`): a line may reach the log
/// twice, which changes nothing, but none is left out.
///
/// Invariants: `state` is read and written under its lock alone, and nothing is called while it is held; channels are
/// written to on the loop alone.
package final class LineClient: Sendable {
    private let options: LineClientOptions
    private let loop: any EventLoop
    private let tls: NIOSSLContext?
    private let observe: @Sendable (SendEvent) -> Void
    private let state: Mutex<LineClientState>
    /// Signalled when there is room, and once it is over.
    private let changed = DispatchSemaphore(value: 0)
    private let firstLine: String

    /// How often a silent receiver is looked for.
    private static let lookInterval = TimeAmount.seconds(1)
    /// How long a source that waits for room does not ask whether it is to stop.
    private static let waitMilliseconds = 200

    /// Nothing is connected before `start`.
    ///
    /// - Parameters:
    ///   - options: where to, and how.
    ///   - group: whose loop does the work; nil: the process's own.
    ///   - observe: called on the loop, never while the client is held up by it.
    /// - Throws: `SendFault.badTLS`.
    package init(
        _ options: LineClientOptions,
        group: (any EventLoopGroup)? = nil,
        observe: @escaping @Sendable (SendEvent) -> Void = { _ in }
    ) throws(SendFault) {
        self.options = options
        self.observe = observe
        loop = (group ?? MultiThreadedEventLoopGroup.singleton).next()
        tls = try options.tls.map { tls throws(SendFault) in try tls.makeContext() }
        firstLine = options.firstLine
        state = Mutex(LineClientState(options))
    }

    /// How far it is.
    package var status: SendStatus { state.withLock { $0.status } }

    /// Whether nothing more will be sent: all is acknowledged, or it failed.
    package var isOver: Bool { state.withLock { $0.outcome != nil } }

    // MARK: The source's side

    /// Sends all that a source yields and waits until it is acknowledged.
    ///
    /// - Parameters:
    ///   - isInterrupted: asked between reads and while the source waits for room; once true nothing more is read, an
    ///     unfinished line is dropped, and acknowledgements are waited for as long as `drainTime`.
    ///   - drainTime: how long at most after an interrupt.
    ///   - progress: called now and then on the caller's thread.
    ///   - read: writes some bytes into a buffer and returns how many; 0 at the end. It should return, throwing, once
    ///     `isOver`. What it throws ends the source too, and is thrown again once the lines before are acknowledged.
    /// - Returns: how far it came.
    /// - Throws: `SendFault`, or what `read` threw.
    package func send(
        isInterrupted: () -> Bool = { false },
        drainTime: TimeAmount = .seconds(10),
        progress: (SendStatus) -> Void = { _ in },
        reading read: (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws -> SendStatus {
        start()
        let chunker = LineChunker()
        var failure: (any Error)?
        do {
            while !isInterrupted(), let lines = try chunker.next(read) {
                guard offer(lines, isInterrupted: isInterrupted) else { break }
                progress(status)
            }
        } catch {
            failure = error
        }
        finish(drainTime: isInterrupted() ? drainTime : nil)
        let status = try wait(
            isInterrupted: { [drainTime] in
                guard isInterrupted() else { return nil }
                return drainTime
            },
            progress: progress
        )
        if let failure, !isInterrupted() { throw failure }
        return status
    }

    /// Connects, or will once the head is there.
    package func start() {
        if state.withLock({ $0.isReady }) { loop.execute { self.connect() } }
        loop.execute { self.look() }
    }

    /// Takes lines in; waits while there is no room.
    ///
    /// - Parameters:
    ///   - lines: whole lines; none is fine.
    ///   - dueAt: when they were due, to measure how long they take to be acknowledged.
    ///   - isInterrupted: asked while there is no room; once true the lines are not taken.
    /// - Returns: false where they were not taken, because it is over or interrupted.
    package func offer(
        _ lines: LineChunker.Lines,
        dueAt: NIODeadline? = nil,
        isInterrupted: () -> Bool = { false }
    ) -> Bool {
        guard lines.lineCount > 0 else { return !isOver }
        while true {
            let (isOver, isTaken, wasReady, isReady, channel) = state.withLock { state in
                let wasReady = state.isReady
                guard state.outcome == nil, state.window.hasRoom else {
                    state.isSourceWaiting = true
                    return (state.outcome != nil, false, wasReady, wasReady, nil as (any Channel)?)
                }
                state.append(lines, dueAt: dueAt)
                return (false, true, wasReady, state.isReady, state.claimWork())
            }
            if isOver { return false }
            if let channel { loop.execute { self.pump(channel) } }
            if !wasReady, isReady { loop.execute { self.connect() } }
            if isTaken { return true }
            _ = changed.wait(timeout: .now() + .milliseconds(LineClient.waitMilliseconds))
            if isInterrupted() { return false }
        }
    }

    /// Nothing more comes: the connection's sending side closes once all is sent.
    ///
    /// - Parameter drainTime: how long to wait at most until all is acknowledged; nil: as long as it takes.
    package func finish(drainTime: TimeAmount? = nil) {
        let (wasReady, channel) = state.withLock { state in
            let wasReady = state.isReady
            state.finish()
            return (wasReady, state.claimWork())
        }
        if let channel { loop.execute { self.pump(channel) } }
        if !wasReady { loop.execute { self.connect() } }
        if let drainTime { bound(drainTime) }
    }

    /// Waits until all is acknowledged after `finish`.
    ///
    /// - Parameters:
    ///   - isInterrupted: asked now and then; once it says a time, no longer than that is waited.
    ///   - progress: called now and then.
    /// - Returns: how far it came.
    /// - Throws: `SendFault`.
    package func wait(
        isInterrupted: () -> TimeAmount? = { nil },
        progress: (SendStatus) -> Void = { _ in }
    ) throws(SendFault) -> SendStatus {
        var isBounded = false
        while true {
            let (outcome, status) = state.withLock { ($0.outcome, $0.status) }
            switch outcome {
            case .done: return status
            case .failed(let fault): throw fault
            case nil: _ = changed.wait(timeout: .now() + .milliseconds(LineClient.waitMilliseconds))
            }
            progress(status)
            if !isBounded, let time = isInterrupted() {
                isBounded = true
                bound(time)
            }
        }
    }

    private func bound(_ time: TimeAmount) { loop.scheduleTask(in: time) { self.end(.failed(.notDrained)) } }

    // MARK: The loop's side

    private func connect() {
        guard let connection = state.withLock({ $0.outcome == nil ? $0.beginConnecting() : nil }) else { return }
        let bootstrap = ClientBootstrap(group: loop)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64 << 10))
            .connectTimeout(options.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls = self.tls {
                        let name = self.options.tls?.serverNameIndication(for: self.options.address.host)
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: name)
                        )
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        LineClientHandler(self, connection, shakesHands: self.tls != nil)
                    )
                }
            }
        bootstrap.connect(host: options.address.host, port: options.address.port).whenFailure { error in
            self.lost(connection, LineClient.words(error))
        }
    }

    /// The connection stands, TLS included.
    func connected(_ connection: Int, _ channel: any Channel) {
        let (isWanted, isFirst, line) = state.withLock { state in
            let before = state.status.reconnectCount
            let isWanted = state.connected(connection, channel, now: .now())
            return (isWanted, state.status.reconnectCount == before, state.status.ackedLine)
        }
        guard isWanted else { return channel.close(promise: nil) }
        if !isFirst { observe(.resumed(afterLine: line)) }
        pump(channel, connection)
    }

    private func pump(_ channel: any Channel) {
        let connection = state.withLock { $0.channel === channel ? $0.connection : nil }
        if let connection { pump(channel, connection) }
    }

    /// Gives the connection what there is to send, as far as it takes it.
    func pump(_ channel: any Channel, _ connection: Int) {
        while channel.isWritable {
            switch state.withLock({ $0.nextStep(connection, firstLine: firstLine, now: .now()) }) {
            case .write(let bytes, let line):
                let written = channel.writeAndFlush(bytes)
                if !options.isAcknowledged, line > 0 {
                    written.whenSuccess { self.wrote(connection, through: line) }
                }
            case .halfClose: channel.close(mode: .output, promise: nil)
            case .nothing: return
            }
        }
    }

    private func wrote(_ connection: Int, through line: UInt64) {
        wakeIfRoom { $0.wrote(connection, through: line, now: .now()) }
    }

    func received(_ connection: Int, _ answer: LineClientAnswer) {
        let told = wakeIfRoom { $0.received(connection, answer, now: .now()) }
        for refusal in told { observe(.refused(refusal)) }
        closeIfOver()
    }

    /// What came is no answer.
    func receivedOther(_ connection: Int, _ text: String) {
        let isCurrent = state.withLock { $0.connection == connection }
        if isCurrent { end(.failed(.notUnderstood("it says '\(text)'"))) }
    }

    /// The two sides' certificates do not agree, and never will.
    func mistrusted(_ connection: Int, _ text: String) {
        let isCurrent = state.withLock { $0.connection == connection }
        if isCurrent { end(.failed(.badTLS(text))) }
    }

    func lost(_ connection: Int, _ reason: String) {
        let next = wakeIfRoom { $0.lost(connection, reason, options, now: .now()) }
        guard let next else { return closeIfOver() }
        observe(.lost(reason: next.reason, retryMilliseconds: next.wait.nanoseconds / 1_000_000))
        loop.scheduleTask(in: next.wait) { self.connect() }
    }

    /// Gives up a connection that owes an answer and says nothing.
    private func look() {
        let (isOver, silent) = state.withLock { state in
            let isSilent = state.owesAnswer && NIODeadline.now() - state.heardAt > options.patience
            return (state.outcome != nil, isSilent ? state.channel.map { ($0, state.connection) } : nil)
        }
        if isOver { return }
        if let (channel, connection) = silent {
            lost(connection, "no answer for \(options.patience.nanoseconds / 1_000_000_000) s")
            channel.close(promise: nil)
        }
        loop.scheduleTask(in: LineClient.lookInterval) { self.look() }
    }

    private func end(_ outcome: LineClientState.Outcome) {
        state.withLock { $0.end(outcome) }
        closeIfOver()
    }

    private func closeIfOver() {
        let (isOver, channel) = state.withLock { ($0.outcome != nil, $0.channel) }
        guard isOver else { return }
        channel?.close(promise: nil)
        changed.signal()
    }

    /// Changes the state, and wakes the source if that waits and now has room.
    private func wakeIfRoom<Result>(_ change: (inout LineClientState) -> sending Result) -> sending Result {
        var isRoom = false
        let result = state.withLock { state in
            let result = change(&state)
            if state.isSourceWaiting, state.window.hasAmpleRoom || state.outcome != nil {
                state.isSourceWaiting = false
                isRoom = true
            }
            return result
        }
        if isRoom { changed.signal() }
        return result
    }
}
