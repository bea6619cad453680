import NIOCore

/// What a client knows: its window, its connection, what it is to do next. Does nothing itself.
///
/// Invariants:
/// - `connection` counts the attempts to connect; what an earlier one still says is not listened to;
/// - lines of a connection count from 1: first the head's, `headLineCount` of them, then those of the source behind
///   `baseLine`; the window begins behind the head;
/// - `pending` holds refusals of lines that are not acknowledged: after a loss they are refused again;
/// - once `outcome` is set nothing changes any more.
struct LineClientState {
    /// Refusals that wait for the acknowledgement of their lines; beyond, the oldest are told at once.
    static let maximumPendingCount = 10_000
    /// A connection that stood so long is no sign of trouble when it goes.
    static let steadyAfter = TimeAmount.seconds(5)

    enum Outcome { case done, failed(SendFault) }

    /// What a connection is to do.
    enum Step {
        case write(ByteBuffer, throughLine: UInt64)
        case halfClose
        case nothing
    }

    let isAcknowledged: Bool
    private let expectedHeadLineCount: Int
    private let byteLimit: Int
    private(set) var window: SendWindow
    private(set) var status = SendStatus()
    private(set) var outcome: Outcome?
    private var head = ByteBuffer()
    private var headLineCount = 0
    private var hasWholeHead: Bool
    private(set) var isFinished = false

    private(set) var connection = 0
    private(set) var channel: (any Channel)?
    private var connectedAt = NIODeadline.uptimeNanoseconds(0)
    private var hasConnected = false
    private var hasSentFirst = false
    private var hasHalfClosed = false
    private var ackedConnectionLine: UInt64 = 0
    private var baseLine: UInt64 = 0
    /// Whether nobody looks for work on the loop.
    private var isIdle = true
    /// Since when the receiver owes an answer, or when it last gave one.
    private(set) var heardAt = NIODeadline.uptimeNanoseconds(0)
    private var pending: [SendRefusal] = []
    private var lossReason: String?
    private var strugglingSince: NIODeadline?
    private var failureCount = 0
    private var backoff = LineClientBackoff()
    var isSourceWaiting = false

    init(_ options: LineClientOptions) {
        isAcknowledged = options.isAcknowledged
        expectedHeadLineCount = options.headLineCount
        byteLimit = options.windowByteLimit
        window = SendWindow(byteLimit: byteLimit)
        hasWholeHead = options.headLineCount == 0
    }

    /// Whether the first connection can be made: the head is there.
    var isReady: Bool { hasWholeHead }

    // MARK: What the source says

    /// Takes lines of the source in.
    mutating func append(_ lines: LineChunker.Lines, dueAt: NIODeadline?) {
        status.lineCount += UInt64(lines.lineCount)
        status.byteCount += UInt64(lines.bytes.readableBytes)
        var (bytes, count) = (lines.bytes, lines.lineCount)
        if !hasWholeHead {
            let taken = min(count, expectedHeadLineCount - headLineCount)
            var rest = bytes
            rest.skipLines(taken)
            head.writeImmutableBuffer(
                bytes.getSlice(at: bytes.readerIndex, length: rest.readerIndex - bytes.readerIndex) ?? ByteBuffer()
            )
            (bytes, count) = (rest, count - taken)
            headLineCount += taken
            if headLineCount == expectedHeadLineCount { completeHead() }
        }
        if count > 0 { window.append(bytes, lineCount: count, dueAt: dueAt) }
    }

    private mutating func completeHead() {
        hasWholeHead = true
        window = SendWindow(byteLimit: byteLimit, after: UInt64(headLineCount))
        baseLine = UInt64(headLineCount)
    }

    /// The source has ended.
    mutating func finish() {
        isFinished = true
        if !hasWholeHead { completeHead() }
    }

    mutating func end(_ outcome: Outcome) {
        if self.outcome == nil { self.outcome = outcome }
    }

    /// Whether the loop must be told that there is work.
    mutating func claimWork() -> (any Channel)? {
        guard isIdle, let channel else { return nil }
        isIdle = false
        return channel
    }

    // MARK: What a connection does

    mutating func beginConnecting() -> Int {
        connection += 1
        return connection
    }

    /// - Returns: false where that attempt is not waited for any more.
    mutating func connected(_ connection: Int, _ channel: any Channel, now: NIODeadline) -> Bool {
        guard connection == self.connection, outcome == nil else { return false }
        self.channel = channel
        (hasSentFirst, hasHalfClosed, ackedConnectionLine, isIdle, lossReason) = (false, false, 0, false, nil)
        (connectedAt, heardAt) = (now, now)
        if hasConnected { status.reconnectCount += 1 }
        hasConnected = true
        window.rewind()
        baseLine = window.ackedLine
        return true
    }

    /// What the connection is to do next.
    mutating func nextStep(_ connection: Int, firstLine: String, now: NIODeadline) -> Step {
        guard connection == self.connection, channel != nil, outcome == nil else { return .nothing }
        if !owesAnswer { heardAt = now }
        if !hasSentFirst {
            hasSentFirst = true
            var bytes = ByteBuffer(string: firstLine)
            bytes.writeImmutableBuffer(head)
            return .write(bytes, throughLine: 0)
        }
        if let bytes = window.next() { return .write(bytes, throughLine: window.sentLine) }
        if isFinished, !hasHalfClosed {
            hasHalfClosed = true
            return .halfClose
        }
        isIdle = true
        return .nothing
    }

    /// Whether the receiver is to say something, or at the end to close.
    var owesAnswer: Bool {
        window.hasOutstanding || hasHalfClosed || isAcknowledged && ackedConnectionLine < UInt64(headLineCount)
    }

    /// Without acknowledgements what was written out is let go of.
    mutating func wrote(_ connection: Int, through line: UInt64, now: NIODeadline) {
        guard connection == self.connection, !isAcknowledged, outcome == nil else { return }
        heardAt = now
        release(through: line, now)
        progressed()
    }

    /// What an answer means.
    ///
    /// - Returns: what is to be told about lines.
    mutating func received(_ connection: Int, _ answer: LineClientAnswer, now: NIODeadline) -> [SendRefusal] {
        guard connection == self.connection, outcome == nil else { return [] }
        heardAt = now
        switch answer {
        case .refused(line: 0, let code, let text):
            lossReason = text.isEmpty ? code : "\(code): \(text)"
            if ConnectionRefusals.isFinal(code) { end(.failed(.rejected(code: code, text: text))) }
            return []
        case .refused(let line, let code, let text):
            guard let line = sourceLine(line) else { return notSent("err \(line)") }
            pending.append(SendRefusal(line: line, code: code, text: text))
            return pending.count > LineClientState.maximumPendingCount ? tell(pending.count / 2) : []
        case .acked(let position, let line):
            guard let source = sourceLine(line), release(through: source, now) else { return notSent("ok \(line)") }
            ackedConnectionLine = max(ackedConnectionLine, line)
            status.lastPosition = max(status.lastPosition ?? 0, position)
            progressed()
            let told = tellAcked()
            if isFinished, isSettled { end(.done) }
            return told
        }
    }

    /// The connection is gone.
    ///
    /// - Returns: how long to wait before the next attempt; nil where there is none.
    mutating func lost(
        _ connection: Int,
        _ reason: String,
        _ options: LineClientOptions,
        now: NIODeadline
    ) -> (reason: String, wait: TimeAmount)? {
        guard connection == self.connection, outcome == nil else { return nil }
        let wasSteady = channel != nil && !window.hasOutstanding && now - connectedAt >= LineClientState.steadyAfter
        let reason = lossReason ?? reason
        // The head alone, or nothing, is answered by the close.
        if isFinished, hasHalfClosed, window.isSettled, lossReason == nil, isSettled || !isAcknowledged {
            end(.done)
            return nil
        }
        channel = nil
        self.connection += 1
        pending.removeAll()
        if wasSteady { progressed() }
        let since = strugglingSince ?? now
        strugglingSince = since
        failureCount += 1
        var generator = SystemRandomNumberGenerator()
        let wait = backoff.next(using: &generator)
        if now + wait - since > options.retryFor || failureCount > options.maximumAttemptCount ?? .max {
            end(.failed(.unreachable(reason)))
            return nil
        }
        return (reason, wait)
    }

    // MARK: -

    private var isSettled: Bool {
        window.isSettled && (ackedConnectionLine >= UInt64(headLineCount) || !isAcknowledged)
    }

    private mutating func progressed() {
        strugglingSince = nil
        failureCount = 0
        backoff.reset()
    }

    /// The line of the source that a line of this connection is; nil for one that was not sent.
    private func sourceLine(_ line: UInt64) -> UInt64? {
        let head = UInt64(headLineCount)
        let source = line <= head ? line : line - head + baseLine
        return hasSentFirst && source <= max(head, window.sentLine) ? source : nil
    }

    @discardableResult
    private mutating func release(through line: UInt64, _ now: NIODeadline) -> Bool {
        var latency = LineClientLatency()
        swap(&latency, &status.latency)
        let isSent = window.release(through: line) { release in
            guard let dueAt = release.dueAt else { return }
            let late = max(0, (now - dueAt).nanoseconds)
            latency.record(microseconds: UInt64(late) / 1000, weight: release.lineCount)
        }
        swap(&latency, &status.latency)
        if isSent { status.ackedLine = max(status.ackedLine, line) }
        return isSent
    }

    private mutating func notSent(_ answer: String) -> [SendRefusal] {
        end(.failed(.notUnderstood("it answers '\(answer)' to lines that were not sent")))
        return []
    }

    private mutating func tellAcked() -> [SendRefusal] {
        guard !pending.isEmpty else { return [] }
        let told = pending.filter { $0.line <= status.ackedLine }
        pending.removeAll { $0.line <= status.ackedLine }
        for refusal in told { status.count(refusal) }
        return told
    }

    private mutating func tell(_ count: Int) -> [SendRefusal] {
        let told = Array(pending.prefix(count))
        pending.removeFirst(count)
        for refusal in told { status.count(refusal) }
        return told
    }
}
