package import EventStorage
import Foundation
package import MeterModel
import RecordLog
import Synchronization
import Threading

/// The one thread that keeps the views at the log while it grows: reads what became durable, folds it, commits.
///
/// What it lags behind lies in the log and costs no memory. `CommitPace` says when it commits; once nothing more came
/// for a moment it does so at once, for then nobody needs the processor.
///
/// Now and then it keeps its fold beside the views, and begins from there: a start folds no more than what came since.
///
/// Invariants: `projector`, `reader` and `directory` are touched by the thread alone; `committed` is what the store's
/// checkpoint says; after `failure` nothing is folded.
// Safety: what can change is behind `condition` or atomic; the rest is the thread's own.
package final class LiveProjector: @unchecked Sendable {
    /// Events that are folded at a time at a start, when nothing is committed.
    private static let loadStepCount = CommitPace.catchingUpStepCount * 4

    private struct Waiter {
        var id: UInt64
        var position: Position
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct Work: Sendable {
        /// Not before this is folded.
        var position: Position
        /// Whether the views must show everything that is folded.
        var needsCommit: Bool
        var body: @Sendable (LiveProjector) -> Void
    }

    private let projector: ViewProjector
    private let reader: EventLogReader
    private var directory = SeriesDirectory()
    private let follower: any ProjectionFollowing
    private let snapshots: FoldSnapshots?
    private let willRun: @Sendable () -> Void
    /// Tells whoever waits or follows, at the priority of who started it: threads that are made for those who are woken
    /// have that of the one that wakes them.
    private let telling = SideThread(name: "telling")
    private let condition = NSCondition()
    private var head: Position
    private var works: [Work] = []
    private var waiters: [Waiter] = []
    private var nextWaiterID: UInt64 = 0
    private var isStopping = false
    /// When it ends though not all is folded; set with `isStopping`.
    private var stopDeadline: ContinuousClock.Instant?
    private var hasStopped = false
    private var failure: (any Error)?
    private var jobsToTell: [RequestedJob] = []
    /// Jobs are told of once everything is folded that was there at the start: the outcomes of some are in it.
    private let quietUntil: Position
    private let committedPosition: Atomic<UInt64>
    private let foldedPosition: Atomic<UInt64>
    private let hasLoadedOnce = Atomic<Bool>(false)

    /// - Parameters:
    ///   - projector: of a store that shows the log up to its checkpoint; nothing is folded yet.
    ///   - reader: of the log.
    ///   - checkpoint: the store's.
    ///   - head: a durable position, not before the checkpoint.
    ///   - snapshots: where its fold is kept for the next start; nil: nowhere.
    ///   - follower: is told.
    ///   - willRun: called first of all on its thread, whose priority the threads have that fold and write beside it.
    package init(
        _ projector: sending ViewProjector,
        reader: sending EventLogReader,
        checkpoint: Position,
        head: Position,
        snapshots: sending FoldSnapshots? = nil,
        follower: any ProjectionFollowing,
        willRun: @escaping @Sendable () -> Void = {}
    ) {
        committedPosition = Atomic(checkpoint.rawValue)
        foldedPosition = Atomic(0)
        self.head = head
        quietUntil = head
        self.projector = projector
        self.reader = reader
        self.snapshots = snapshots
        self.follower = follower
        self.willRun = willRun
    }

    /// Begins: folds what the views show already, then goes on.
    package func start() {
        tell {}
        let thread = Thread { [self] in run() }
        thread.name = "projector"
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// The position that the views speak for.
    package var committed: Position { Position(committedPosition.load(ordering: .acquiring)) }

    /// How many durable events the views do not show yet.
    package var lag: UInt64 {
        let head = condition.withLock { self.head }
        return head.rawValue - min(head, committed).rawValue
    }

    /// The last position folded.
    package var folded: Position { Position(foldedPosition.load(ordering: .acquiring)) }

    /// Whether it has folded what the views showed at the start, so that it keeps up from now on.
    package var hasLoaded: Bool { hasLoadedOnce.load(ordering: .acquiring) }

    /// Says that the log is durable up to a position.
    package func advance(to position: Position) {
        condition.withLock {
            head = max(head, position)
            condition.signal()
        }
    }

    /// Waits until the views show a position.
    ///
    /// - Returns: whether they do, within the time.
    package func wait(for position: Position, within bound: Duration) async -> Bool {
        if committed >= position { return true }
        let id = condition.withLock {
            nextWaiterID += 1
            return nextWaiterID
        }
        let timeout = Task {
            try? await Task.sleep(for: bound)
            self.giveUp(id)
        }
        await withCheckedContinuation { continuation in
            let isOver = condition.withLock {
                if committed >= position || hasStopped || failure != nil { return true }
                waiters.append(Waiter(id: id, position: position, continuation: continuation))
                condition.signal()
                return false
            }
            if isOver { continuation.resume() }
        }
        timeout.cancel()
        return committed >= position
    }

    private func giveUp(_ id: UInt64) {
        let waiter = condition.withLock { () -> Waiter? in
            guard let i = waiters.firstIndex(where: { $0.id == id }) else { return nil }
            return waiters.remove(at: i)
        }
        waiter?.continuation.resume()
    }

    /// Runs `body` on the thread, between two steps of it.
    ///
    /// - Parameters:
    ///   - position: durable, and folded before `body` runs.
    ///   - body: gets the projector, and the log's numbering as far as it is folded.
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws, or what ended the projector.
    package func perform<T: Sendable>(
        after position: Position = .origin,
        _ body: @escaping @Sendable (ViewProjector, SeriesDirectory) throws -> T
    ) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            enqueue(after: position) {
                continuation.resume(with: $0)
            } body: {
                try body($0, $1)
            }
        }
    }

    /// As `perform`, holding up the calling thread.
    ///
    /// - Parameters:
    ///   - position: durable, and folded before `body` runs.
    ///   - afterCommit: whether the views show everything folded when `body` runs.
    ///   - body: as in `perform`.
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws, or what ended the projector.
    package func performAndWait<T: Sendable>(
        after position: Position,
        afterCommit: Bool = false,
        _ body: @escaping @Sendable (ViewProjector, SeriesDirectory) throws -> T
    ) throws -> T {
        let box = Mutex<Result<T, any Error>?>(nil)
        let semaphore = DispatchSemaphore(value: 0)
        enqueue(after: position, afterCommit: afterCommit) { result in
            box.withLock { $0 = result }
            semaphore.signal()
        } body: {
            try body($0, $1)
        }
        semaphore.wait()
        return try (box.withLock { $0 } ?? .failure(ProjectorStopped())).get()
    }

    private func enqueue<T: Sendable>(
        after position: Position,
        afterCommit: Bool = false,
        then: @escaping @Sendable (Result<T, any Error>) -> Void,
        body: @escaping @Sendable (ViewProjector, SeriesDirectory) throws -> T
    ) {
        let isOver = condition.withLock { () -> Bool in
            if hasStopped { return true }
            works.append(
                Work(position: position, needsCommit: afterCommit) { live in
                    let result = Result {
                        if let failure = live.failure { throw failure }
                        return try body(live.projector, live.directory)
                    }
                    live.tell { then(result) }
                }
            )
            condition.signal()
            return false
        }
        if isOver { then(.failure(ProjectorStopped())) }
    }

    /// How long it may fold on once it is to end: what is left then is folded by the next start.
    package static let stopBound = Duration.seconds(10)
    /// How long the step under way, and its commit, may take beyond that.
    private static let stopSlack = Duration.seconds(10)

    /// Folds what is left, as far as the time allows, commits it, and ends the thread.
    ///
    /// - Parameter bound: how long it may fold on.
    /// - Returns: whether the thread has ended; if not, it is in a step that does not end, and must be left behind:
    ///   the store, which is still its, shows what was committed before.
    @discardableResult
    package func stop(within bound: Duration = LiveProjector.stopBound) -> Bool {
        let deadline = ContinuousClock.now + bound
        let last = Date(timeIntervalSinceNow: (bound + LiveProjector.stopSlack) / .seconds(1))
        return condition.withLock {
            isStopping = true
            stopDeadline = deadline
            condition.signal()
            while !hasStopped, condition.wait(until: last) {}
            return hasStopped
        }
    }

    // MARK: The thread

    private func run() {
        willRun()
        do {
            try load()
            try follow()
        } catch {
            // Nobody who waits will see more.
            let left = condition.withLock {
                failure = error
                defer { waiters = [] }
                return waiters
            }
            tell { [follower] in
                for waiter in left { waiter.continuation.resume() }
                follower.failed(error)
            }
            runWorksUntilStopped()
        }
        // Who is told of something has heard it when the thread has ended.
        telling.wait()
        let (rest, left) = condition.withLock {
            hasStopped = true
            condition.broadcast()
            defer {
                works = []
                waiters = []
            }
            return (works, waiters)
        }
        failure = failure ?? ProjectorStopped()
        for work in rest { work.body(self) }
        tell { for waiter in left { waiter.continuation.resume() } }
    }

    private func tell(_ body: @escaping () -> Void) {
        telling.hold()
        telling.perform(body)
    }

    /// Whether it is to end, whatever is left to be folded.
    private var isOverdue: Bool { condition.withLock { stopDeadline }.map { $0 <= .now } ?? false }

    /// Folds what the views show already, from where its fold was kept.
    private func load() throws {
        let checkpoint = committed
        if let known = snapshots?.load(into: projector, upTo: checkpoint) {
            directory = known
            foldedPosition.store(projector.position.rawValue, ordering: .releasing)
        }
        while projector.position < checkpoint, !condition.withLock({ isStopping }) {
            try fold(through: checkpoint, atMost: LiveProjector.loadStepCount) {
                !self.condition.withLock { self.isStopping }
            }
        }
        projector.fold.untoldJobs = []
        if projector.position >= checkpoint { projector.assumeWritten() }
        hasLoadedOnce.store(true, ordering: .releasing)
        if projector.position >= checkpoint { snapshots?.keep(projector, directory) }
    }

    private func follow() throws {
        guard projector.position >= committed else { return }
        var pace = CommitPace(folded: projector.position, now: .now)
        while true {
            func due() -> ContinuousClock.Instant {
                let (durable, isAwaited) = condition.withLock { (self.head, !waiters.isEmpty) }
                // The log may have grown while a step was folded.
                pace.saw(head: durable, folded: projector.position, at: .now)
                let urgency: CommitPace.Urgency = isAwaited ? .awaited : jobsToTell.isEmpty ? .none : .requested
                return pace.due(folded: projector.position, urgency)
            }
            let isBehind = projector.position > committed
            let (works, head, isStopping) = next(until: isBehind ? due() : nil)
            pace.saw(head: head, folded: projector.position, at: .now)
            if works.contains(where: \.needsCommit), projector.position > committed { try commit(&pace, for: works) }
            for work in works { work.body(self) }
            if head > projector.position {
                try fold(through: head, atMost: pace.nextStepCount) { !self.isOverdue }
                pace.stepped(to: projector.position, of: head, at: .now)
            }
            let isLast = isStopping && (projector.position >= head || isOverdue)
            if projector.position > committed, isLast || .now >= due() { try commit(&pace) }
            if isLast {
                snapshots?.keep(projector, directory, .end(by: condition.withLock { stopDeadline }))
                return
            }
        }
    }

    /// Waits for something to do, at the longest until `due`.
    private func next(
        until due: ContinuousClock.Instant?
    ) -> (works: [Work], head: Position, isStopping: Bool) {
        let folded = projector.position
        return condition.withLock {
            while !works.contains(where: { $0.position <= folded }), head <= folded, !isStopping {
                guard let due else {
                    condition.wait()
                    continue
                }
                let left = due - .now
                if left <= .zero { break }
                _ = condition.wait(until: Date(timeIntervalSinceNow: left / .seconds(1)))
            }
            let ready = works.filter { $0.position <= folded }
            works.removeAll { $0.position <= folded }
            return (ready, head, isStopping)
        }
    }

    /// Folds one step towards a durable position: as many events or a block more, while it may go on.
    private func fold(through last: Position, atMost count: UInt64, while mayGoOn: () -> Bool) throws {
        let first = projector.position.rawValue
        try projector.goOn(reader, through: last, directory: &directory) { block in
            block.lastPosition.rawValue - first < count && mayGoOn() ? .proceed : .stop
        }
        foldedPosition.store(projector.position.rawValue, ordering: .releasing)
        guard projector.position >= quietUntil else { return }
        let jobs = projector.fold.takeUntoldJobs()
        guard !jobs.isEmpty else { return }
        jobsToTell += jobs
        tell { [follower] in follower.requested(jobs) }
    }

    /// Commits; where that fails, `works` wait again, and are told what ended the projector.
    private func commit(_ pace: inout CommitPace, for works: [Work] = []) throws {
        let start = ContinuousClock.now
        do { try commit() } catch {
            condition.withLock { self.works = works + self.works }
            throw error
        }
        pace.committed(projector.position, from: start, to: .now)
    }

    private func commit() throws {
        let balances = projector.fold.takeChangedBalances()
        try projector.commit(chain: reader.chain.bytes)
        committedPosition.store(projector.position.rawValue, ordering: .releasing)
        let (position, jobs) = (projector.position, jobsToTell)
        jobsToTell = []
        let reached = condition.withLock { () -> [Waiter] in
            let reached = waiters.filter { $0.position <= committed }
            waiters.removeAll { $0.position <= committed }
            return reached
        }
        tell { [follower] in
            follower.committed(position, balances: balances, jobs: jobs)
            for waiter in reached { waiter.continuation.resume() }
        }
        snapshots?.keep(projector, directory)
    }

    private func runWorksUntilStopped() {
        while true {
            let (works, isStopping) = condition.withLock { () -> ([Work], Bool) in
                while self.works.isEmpty, !self.isStopping { condition.wait() }
                defer { self.works = [] }
                return (self.works, self.isStopping)
            }
            for work in works { work.body(self) }
            if isStopping { return }
        }
    }
}

/// Nothing is folded any more: the program ends.
package struct ProjectorStopped: Error, CustomStringConvertible {
    package init() {}

    package var description: String { "the server is ending" }
}
