import Access
import Foundation
package import MeterModel
import Synchronization

/// The one thread that takes lines and events to the log, from however many senders: group commit and back-pressure.
///
/// A batch is synced when the queue runs empty, or when as long as the last sync took, and `commitInterval` more, has
/// passed since it ended; then beside what is taken in meanwhile. What waits in the queue is bounded: senders ask
/// `hasRoom` before they read on.
///
/// Invariants: `intake` and `lastAppendEnd` are touched by the thread alone; once `failure` is set nothing is written
/// any more, and every sender is told so.
// Safety: what can change is behind `condition` or atomic; the rest is the thread's own.
package final class IntakeThread: @unchecked Sendable {
    /// How long a batch gathers under load, beside the time of the last sync.
    package static let commitInterval = Duration.milliseconds(2)
    /// Bytes that may wait; senders are not read from while there are more.
    package static let maximumQueuedByteCount = 64 << 20

    private enum Work {
        case lines(LineSession, [UInt8], isLast: Bool)
        case end(LineSession, SessionFault?)
        case record([MeterEvent], recordedBy: String, then: @Sendable (Result<Position, any Error>) -> Void)
        case perform(@Sendable (Result<LiveIntake, any Error>) -> Void)

        /// Under which name it is recorded, empty while the first line has not come; nil: it stands by itself.
        var name: String? {
            switch self {
            case .lines(let session, _, _), .end(let session, _): session.principal?.recordedBy ?? ""
            case .record(_, let name, _): name
            case .perform: nil
            }
        }
    }

    private let intake: LiveIntake
    private let condition = NSCondition()
    private var queue: [Work] = []
    private var isStopping = false
    private var hasStopped = false
    private var roomWaiters: [@Sendable () -> Void] = []
    private let queuedByteCount = Atomic<Int>(0)
    private let isHeld = Atomic<Bool>(false)
    private let durable: Atomic<UInt64>
    private var failure: (any Error)?
    private var lastAppendEnd = ContinuousClock.now
    private let hasFailedOnce = Atomic<Bool>(false)
    private let onDurable: @Sendable (Position) -> Void
    private let onFailure: @Sendable (any Error) -> Void
    /// What it has done, for metrics.
    package let figures = IntakeFigures()

    /// - Parameters:
    ///   - intake: given away.
    ///   - onDurable: called by the thread after each sync.
    ///   - onFailure: called once, when the log or the quarantine cannot be written.
    package init(
        _ intake: sending LiveIntake,
        onDurable: @escaping @Sendable (Position) -> Void,
        onFailure: @escaping @Sendable (any Error) -> Void
    ) {
        durable = Atomic(intake.head.rawValue)
        self.intake = intake
        self.onDurable = onDurable
        self.onFailure = onFailure
    }

    /// Begins to work.
    package func start() {
        let thread = Thread { [self] in run() }
        thread.name = "intake"
        thread.stackSize = 4 << 20
        thread.start()
    }

    /// The last durable position.
    package var durablePosition: Position { Position(durable.load(ordering: .acquiring)) }

    /// Bytes that wait.
    package var waitingByteCount: Int { queuedByteCount.load(ordering: .relaxed) }

    // MARK: Handing in

    /// Whether senders may be read from.
    package var hasRoom: Bool {
        !isHeld.load(ordering: .acquiring)
            && queuedByteCount.load(ordering: .relaxed) < IntakeThread.maximumQueuedByteCount
    }

    /// Calls `body` once there is room again; at once where there is.
    package func whenRoom(_ body: @escaping @Sendable () -> Void) {
        let isNow = condition.withLock {
            if hasRoom { return true }
            roomWaiters.append(body)
            return false
        }
        if isNow { body() }
    }

    /// Stops senders from being read from, or lets them be again: while the disk is nearly full.
    package func hold(_ isHeld: Bool) {
        self.isHeld.store(isHeld, ordering: .releasing)
        if !isHeld { wakeRoomWaiters() }
    }

    /// Whether senders are held off.
    package var isHoldingOff: Bool { isHeld.load(ordering: .acquiring) }

    /// Whether the log or the quarantine could not be written, so that nothing is taken in any more.
    package var hasFailed: Bool { hasFailedOnce.load(ordering: .acquiring) }

    /// Hands in bytes of a session; its follower is told what becomes of them.
    package func take(_ bytes: [UInt8], isLast: Bool, from session: LineSession) {
        queuedByteCount.add(bytes.count, ordering: .relaxed)
        enqueue(.lines(session, bytes, isLast: isLast))
    }

    /// Ends a session: its whole lines so far are kept and answered.
    package func end(_ session: LineSession, _ fault: SessionFault?) { enqueue(.end(session, fault)) }

    /// Records events, all or none.
    ///
    /// - Parameters:
    ///   - events: in order.
    ///   - name: who records them, as the log will say.
    /// - Returns: the position of the last, durable.
    /// - Throws: `Refusal`, or what keeps the log from being written.
    package func record(_ events: [MeterEvent], by name: String) async throws -> Position {
        try await withCheckedThrowingContinuation { continuation in
            record(events, by: name) { continuation.resume(with: $0) }
        }
    }

    /// As above, telling `then` on the thread.
    func record(
        _ events: [MeterEvent],
        by name: String,
        then: @escaping @Sendable (Result<Position, any Error>) -> Void
    ) {
        enqueue(.record(events, recordedBy: name, then: then))
    }

    /// Runs `body` on the thread, everything handed in before being durable; what it takes in is committed afterwards.
    ///
    /// - Throws: what `body` throws, or what keeps the log from being written.
    package func perform<T: Sendable>(_ body: @escaping @Sendable (LiveIntake) throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            enqueue(
                .perform { intake in
                    continuation.resume(with: Result { try body(try intake.get()) })
                }
            )
        }
    }

    private func enqueue(_ work: Work) {
        let isOver = condition.withLock {
            if hasStopped { return true }
            queue.append(work)
            condition.signal()
            return false
        }
        if isOver { refuse(work, IntakeStopped()) }
    }

    /// Ends the thread once everything handed in is durable and answered.
    package func stop() {
        condition.withLock {
            isStopping = true
            condition.signal()
            while !hasStopped { condition.wait() }
        }
    }

    // MARK: The thread

    private func run() {
        intake.onDurable = { [unowned self] in publish() }
        intake.appendsAhead = true
        while true {
            let works = nextWorks()
            guard !works.isEmpty else { break }
            for (i, work) in works.enumerated() {
                process(work)
                perform { try intake.answerAppended(waits: false) }
                // With nothing to do meanwhile it is committed at once, below.
                if isDue, i + 1 < works.count || !isQueueEmpty { beginCommit() }
            }
            wakeRoomWaiters()
            // What has become durable may bring more from those who wait for it; a sync takes in that as well.
            if isQueueEmpty { perform { try intake.answerAppended() } }
            if intake.hasPending, !intake.isAppending, isQueueEmpty { commit() }
        }
        if intake.hasPending { commit() }
        let rest = condition.withLock {
            hasStopped = true
            defer { queue.removeAll() }
            condition.broadcast()
            return queue
        }
        for work in rest { refuse(work, IntakeStopped()) }
    }

    /// What was handed in since the last call, waiting for some; empty: the thread is to end.
    private func nextWorks() -> [Work] {
        let works = condition.withLock {
            while queue.isEmpty, !isStopping { condition.wait() }
            let works = queue
            queue = []
            return works
        }
        return IntakeThread.grouped(works)
    }

    /// Brings together what is recorded under one name, for a batch has but one; each sender's own stays in order.
    private static func grouped(_ works: [Work]) -> [Work] {
        guard works.count > 2 else { return works }
        // Mostly all is one sender's, or everybody's on loopback.
        if let name = works[0].name, works.allSatisfy({ $0.name == name }) { return works }
        var result: [Work] = []
        var groups: [(name: String, works: [Work])] = []
        var places: [String: Int] = [:]
        func finishGroups() {
            for group in groups { result += group.works }
            groups.removeAll()
            places.removeAll()
        }
        for work in works {
            guard let name = work.name else {
                // Everything before it is to be durable.
                finishGroups()
                result.append(work)
                continue
            }
            if let place = places[name] {
                groups[place].works.append(work)
            } else {
                places[name] = groups.count
                groups.append((name, [work]))
            }
        }
        finishGroups()
        return result
    }

    private func process(_ work: Work) {
        if let failure { return refuse(work, failure) }
        do {
            switch work {
            case .lines(let session, let bytes, let isLast):
                try intake.take(bytes, isLast: isLast, from: session)
                queuedByteCount.subtract(bytes.count, ordering: .relaxed)
            case .end(let session, let fault): try intake.end(session, fault)
            case .record(let events, let name, let then): try intake.take(events, recordedBy: name, then: then)
            case .perform(let body):
                try intake.commit()
                body(.success(intake))
                // The body's caller is told of its errors; of the log's everybody is.
                if let failure = intake.failure { fail(failure) }
            }
        } catch {
            fail(error)
            // Whose work it was waits for an answer too.
            refuse(work, error)
        }
    }

    /// Whether what is pending has gathered for long enough.
    private var isDue: Bool {
        intake.hasPending && !intake.isAppending
            && ContinuousClock.now - lastAppendEnd >= IntakeThread.commitInterval + intake.appendDuration
    }

    private var isQueueEmpty: Bool { condition.withLock { queue.isEmpty } }

    /// Makes all durable that was taken in.
    private func commit() {
        perform { try intake.commit() }
        noteCommitted()
    }

    /// The same, beside what is taken in meanwhile.
    private func beginCommit() {
        perform { try intake.beginCommit() }
        // Where there was nothing to append, those whose lines were refused are answered.
        if !intake.isAppending { noteCommitted() }
    }

    private func noteCommitted() {
        lastAppendEnd = ContinuousClock.now
        figures.note(intake.summary)
    }

    private func perform(_ body: () throws -> Void) {
        guard failure == nil else { return }
        do { try body() } catch { fail(error) }
    }

    private func publish() {
        lastAppendEnd = ContinuousClock.now
        figures.note(intake.summary, appendDuration: intake.appendDuration)
        let head = intake.head
        guard head.rawValue > durable.load(ordering: .relaxed) else { return }
        durable.store(head.rawValue, ordering: .releasing)
        onDurable(head)
    }

    private func fail(_ error: any Error) {
        guard failure == nil else { return }
        failure = error
        hasFailedOnce.store(true, ordering: .releasing)
        isHeld.store(true, ordering: .releasing)
        intake.abandon(error)
        onFailure(error)
    }

    private func refuse(_ work: Work, _ error: any Error) {
        switch work {
        case .lines(let session, let bytes, _):
            queuedByteCount.subtract(bytes.count, ordering: .relaxed)
            session.end(SessionFault(.unavailable, "\(error)"))
        case .end(let session, let fault): session.end(fault)
        case .record(_, _, let then): then(.failure(error))
        case .perform(let body): body(.failure(error))
        }
    }

    private func wakeRoomWaiters() {
        let waiters = condition.withLock {
            guard hasRoom, !roomWaiters.isEmpty else { return [@Sendable () -> Void]() }
            defer { roomWaiters.removeAll(keepingCapacity: true) }
            return roomWaiters
        }
        for waiter in waiters { waiter() }
    }
}

/// Nothing is taken in any more: the program ends.
package struct IntakeStopped: Error, CustomStringConvertible {
    package init() {}

    package var description: String { "the server is ending" }
}
