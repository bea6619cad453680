package import MeterModel
import Synchronization

/// Brings push jobs to the channels and what came of it into the log.
///
/// Invariants: before each attempt it is decided whether the job is superseded or stale; a failure is recorded before
/// the job is tried again; a job's one final outcome is recorded when it has ended on all channels, and until then a
/// restart ends in a retry with the same id; a channel that hangs or fails takes no other channel's turn. At most
/// `Limits.jobsAtHand` jobs are in memory, and the log is read a page at a time.
package actor Notifier {
    /// What bounds it.
    package struct Limits: Sendable {
        /// Jobs in memory.
        package var jobsAtHand = 10_000
        /// Jobs asked of the queue at once.
        package var jobsPerPage = 200
        /// How often jobs that were left in the log are looked for again, in milliseconds.
        package var rescanMilliseconds: Int64 = 60_000
        /// How long `stop` leaves attempts that run, in milliseconds.
        package var graceMilliseconds: Int64 = 10_000

        package init() {}
    }

    let queue: any PushQueue
    let recorder: any OutcomeRecording
    let courier: any Courier
    let clock: any WallClock
    let pause: any Pausing
    let limits: Limits
    let channels: [ChannelConfiguration]
    var book: DeliveryBook
    /// Attempts and records under way.
    private var tasks = 0
    /// Whether the pager waits for a job to leave.
    private var wantsRoom = false
    nonisolated private let bell = Bell()
    nonisolated private let pagerBell = Bell()
    nonisolated private let inbox = Mutex(Inbox())

    private struct Inbox {
        var jobs: [PushJob] = []
        var isStopping = false
    }

    /// - Parameters:
    ///   - channels: one at least, and valid.
    ///   - queue: where jobs come from.
    ///   - recorder: where outcomes go.
    ///   - courier: what brings messages to channels.
    ///   - clock: the time of day.
    ///   - pause: waits; nil: by the machine's time.
    ///   - chance: draws delays out.
    ///   - limits: what bounds it.
    /// - Throws: `ChannelFault` of a channel that cannot be used.
    package init(
        channels: [ChannelConfiguration],
        queue: any PushQueue,
        recorder: any OutcomeRecording,
        courier: any Courier,
        clock: any WallClock,
        pause: (any Pausing)? = nil,
        chance: any Chance = SystemChance(),
        limits: Limits = Limits()
    ) throws(ChannelFault) {
        guard !channels.isEmpty else { throw ChannelFault("channels", "there is none", hint: "configure one") }
        try ChannelConfiguration.validate(channels)
        self.channels = channels
        self.queue = queue
        self.recorder = recorder
        self.courier = courier
        self.clock = clock
        self.pause = pause ?? SystemPause(clock: clock)
        self.limits = limits
        book = DeliveryBook(channels: channels, capacity: limits.jobsAtHand, chance: chance)
    }

    // MARK: From outside

    /// There may be new jobs in the queue.
    nonisolated package func wake() { pagerBell.ring() }

    /// Here are new jobs that the queue has too: they are begun at once, ahead of what the queue has still to bring.
    /// Where more come than fit the rest is found in the queue.
    nonisolated package func offer(_ jobs: [PushJob]) {
        inbox.withLock { $0.jobs += jobs.prefix(max(0, limits.jobsAtHand - $0.jobs.count)) }
        bell.ring()
        pagerBell.ring()
    }

    /// Begins nothing more. `run` returns when what runs has ended, or is abandoned after `Limits.graceMilliseconds`.
    nonisolated package func stop() {
        inbox.withLock { $0.isStopping = true }
        bell.ring()
        pagerBell.ring()
    }

    nonisolated private var isStopping: Bool { inbox.withLock { $0.isStopping } }

    /// How the channels are doing, in the order of their configuration.
    package func channelStatuses() -> [ChannelStatus] { book.statuses(at: clock.now()) }

    /// Delivers until `stop`, or until its task is cancelled: then attempts that run are abandoned at once, and made
    /// again with the same id after the next start. To be run once.
    ///
    /// - Throws: what the queue or the log threw.
    package func run() async throws {
        do {
            // A task that fails cancels the group, not this body: hence it is the group that is asked.
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask { try await self.page() }
                while !isStopping, !group.isCancelled {
                    takeOffers()
                    for attempt in book.beginAttempts(at: clock.now()) {
                        tasks += 1
                        group.addTask { try await self.make(attempt) }
                    }
                    settle(in: &group)
                    await bell.wait(until: book.nextDue(), pause)
                }
                let end = Instant(milliseconds: clock.now().milliseconds + limits.graceMilliseconds)
                while tasks > 0, !group.isCancelled, clock.now() < end {
                    settle(in: &group)
                    if tasks > 0 { await bell.wait(until: end, pause) }
                }
                settle(in: &group)
                while tasks > 0, !group.isCancelled, clock.now() < end { await bell.wait(until: end, pause) }
                group.cancelAll()
            }
        } catch  where Task.isCancelled || error is CancellationError {
            // Whoever cancelled it knows.
        }
    }

    private func settle(in group: inout ThrowingDiscardingTaskGroup<any Error>) {
        for settlement in book.takeSettlements() {
            tasks += 1
            group.addTask { try await self.record(settlement) }
        }
    }

    private func takeOffers() {
        let now = clock.now()
        let jobs = inbox.withLock { inbox in
            defer { inbox.jobs = [] }
            return inbox.jobs
        }
        let wasBehind = book.leftBehind
        // What finds no room is met again in the queue.
        for job in jobs { _ = book.take(job, at: now) }
        if book.leftBehind, !wasBehind { pagerBell.ring() }
    }

    // MARK: Reading the queue

    /// Takes jobs page by page, as there is room for them.
    private func page() async throws {
        var last: PushJob?
        var rescanAt = Instant(milliseconds: .min)
        while !isStopping, !Task.isCancelled {
            if last == nil {
                rescanAt = Instant(milliseconds: clock.now().milliseconds + limits.rescanMilliseconds)
                book.leftBehind = false
            }
            let jobs = try await queue.pending(after: last, limit: limits.jobsPerPage)
            var isFull = false
            for job in jobs {
                isFull = book.take(job, at: clock.now()) == .full
                if isFull { break }
                last = job
            }
            if !jobs.isEmpty { bell.ring() }
            if !isFull, jobs.count >= limits.jobsPerPage { continue }
            wantsRoom = isFull
            let now = clock.now()
            if isFull {
                let later = Instant(milliseconds: now.milliseconds + limits.rescanMilliseconds)
                await pagerBell.wait(until: later, pause)
            } else {
                await pagerBell.wait(until: book.leftBehind ? max(now, rescanAt) : nil, pause)
                if book.leftBehind, clock.now() >= rescanAt { last = nil }
            }
            wantsRoom = false
        }
    }

    // MARK: Tasks of the group

    /// One attempt, from the decision whether to make it to its record.
    private func make(_ attempt: DeliveryBook.Attempt) async throws {
        defer { taskEnded() }
        if attempt.job.isStale(at: clock.now()) {
            return book.drop(attempt, as: .stale, at: clock.now())
        }
        if try await isSuperseded(attempt.job) {
            return book.drop(attempt, as: .superseded, at: clock.now())
        }
        let answer = await courier.deliver(PushMessage(attempt.job), to: channels[attempt.channel])
        // Abandoned: what the receiver did is not known, and the next start asks it again.
        if Task.isCancelled, answer.verdict != .taken { return }
        book.note(answer, of: attempt, at: clock.now())
        bell.ring()
        if answer.verdict != .taken {
            try await recorder.record(
                PushOutcome(
                    kind: .failed,
                    job: attempt.job.job,
                    at: clock.now(),
                    channel: channels[attempt.channel].name,
                    attempt: attempt.number,
                    response: answer.text
                )
            )
        }
        book.conclude(attempt, answer, at: clock.now())
    }

    private func isSuperseded(_ job: PushJob) async throws -> Bool {
        // What the views say of the `crossed` job may lag behind what was just recorded of it.
        if let crossed = job.crossedKey, let wasDelivered = book.wasDelivered(crossed) { return !wasDelivered }
        return try await queue.isSuperseded(job)
    }

    private func record(_ settlement: DeliveryBook.Settlement) async throws {
        defer { taskEnded() }
        try await recorder.record(settlement.outcome)
        book.forget(settlement, at: clock.now())
        if wantsRoom || book.leftBehind { pagerBell.ring() }
    }

    private func taskEnded() {
        tasks -= 1
        bell.ring()
    }
}
