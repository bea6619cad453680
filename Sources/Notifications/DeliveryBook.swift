import MeterModel

/// Which jobs are at hand, and what is to be done with each on each channel when: decisions alone, no I/O.
///
/// A job goes to every channel. On a channel its delivery waits until it is due, runs, and either ends or waits again.
/// When it has ended on all channels the job is **settled**: it leaves by `takeSettlements`, and `forget` once its one
/// final outcome is durable.
///
/// Invariants: a job is at hand once; at most `capacity` are; a channel runs at most its `concurrency` attempts; a job
/// is settled once, when none of its deliveries waits or runs; a `cleared` job is begun only after the `crossed` job of
/// its episode is settled.
struct DeliveryBook {
    /// How a job's delivery on one channel ended.
    enum End: Hashable, Sendable {
        case delivered(Answer)
        /// Not delivered, and not tried again; in words.
        case gaveUp(String)
        case superseded
        case stale
    }

    /// An attempt to be made now.
    struct Attempt: Sendable {
        var job: PushJob
        var channel: Int
        /// Which attempt of the job this is, over all channels, from 1.
        var number: Int
    }

    /// A job that has ended on all channels, with what is to be recorded of it.
    struct Settlement: Sendable {
        var job: PushJob
        var outcome: PushOutcome
    }

    /// What came of a job that was offered.
    enum Taking: Hashable, Sendable {
        case taken
        /// It is at hand, or was settled not long ago.
        case known
        /// Too many are at hand, and it is not due yet.
        case notDue
        /// Too many are at hand, all of which come before it.
        case full
    }

    enum Slot: Hashable, Sendable {
        case waiting(due: Instant, mark: UInt64)
        case running
        case ended(End)
    }

    struct Held {
        var job: PushJob
        var slots: [Slot]
        /// Attempts begun on each channel, those known from the log included.
        var attempts: [Int]
        /// Attempts of the job begun in all, and that by which it was delivered first.
        var attemptCount: Int
        var deliveredBy: Int?
        /// The `cleared` job that waits for this one.
        var follower: PushJob?
    }

    /// One channel's side.
    struct Lane {
        let configuration: ChannelConfiguration
        var circuit = Circuit()
        var heap = DueHeap()
        var running = 0
        /// Valid entries of the heap; others are passed over.
        var waiting = 0
        var delivered = 0
        var failed = 0
        var lastAnswer: (text: String, at: Instant)?
        var lastSuccessAt: Instant?

        var isDisabled: Bool { circuit.state == .disabled }
    }

    /// Jobs settled of late that are remembered, lest a read that lags behind bring them up again.
    static let settledMemoryCount = 4096

    let capacity: Int
    private let chance: any Chance
    var lanes: [Lane]
    var held: [ByteName: Held] = [:]
    var settlements: [Settlement] = []
    /// Whether jobs were left in the log that are to be looked for there again.
    var leftBehind = false
    private var settled = SettledMemory(capacity: DeliveryBook.settledMemoryCount)
    private var nextMark: UInt64 = 0

    /// Nothing is at hand yet; `channels` are one at least, and `capacity` is how many jobs are at hand at most.
    init(channels: [ChannelConfiguration], capacity: Int, chance: any Chance) {
        precondition(!channels.isEmpty && capacity > 0)
        lanes = channels.map { Lane(configuration: $0) }
        self.capacity = capacity
        self.chance = chance
    }

    // MARK: Taking jobs

    mutating func take(_ job: PushJob, at now: Instant) -> Taking {
        if held[job.key] != nil || settled.contains(job.key) { return .known }
        if let crossed = job.crossedKey, held[crossed] != nil {
            if held[crossed]?.follower?.key == job.key { return .known }
            held[crossed]?.follower = job
            supersedeWaiting(crossed, at: now)
            return .taken
        }
        let attempts = job.attempts / lanes.count
        let due = dueAgain(job, attempts)
        if held.count >= capacity {
            guard due <= now else {
                leftBehind = true
                return .notDue
            }
            makeRoom(at: now, before: lanes.indices.compactMap { begin($0, due) }.min())
        }
        guard held.count < capacity, lanes.contains(where: { !$0.isDisabled }) else { return .full }
        let key = job.key
        held[key] = Held(
            job: job,
            slots: lanes.map { $0.isDisabled ? .ended(.gaveUp("disabled")) : .running },
            attempts: lanes.map { _ in attempts },
            attemptCount: job.attempts
        )
        for channel in lanes.indices where !lanes[channel].isDisabled { wait(key, channel, until: due) }
        return .taken
    }

    /// When a job known from the log is due: at once where it was never tried.
    private func dueAgain(_ job: PushJob, _ attempts: Int) -> Instant {
        guard let last = job.lastAttemptAt, attempts > 0 else { return Instant(milliseconds: .min) }
        let delays = lanes.compactMap { lane in
            lane.configuration.retryDelays.isEmpty
                ? nil : lane.configuration.retryDelays[min(attempts, lane.configuration.retryDelays.count) - 1]
        }
        return Instant(milliseconds: last.milliseconds + (delays.min() ?? 0))
    }

    /// When an attempt that is due on a channel may begin; nil: nobody knows.
    func begin(_ channel: Int, _ due: Instant) -> Instant? {
        lanes[channel].circuit.nextBegin.map { max($0, due) }
    }

    mutating func wait(_ job: ByteName, _ channel: Int, until due: Instant) {
        nextMark += 1
        held[job]?.slots[channel] = .waiting(due: due, mark: nextMark)
        lanes[channel].heap.insert(DueHeap.Entry(due: due, mark: nextMark, job: job))
        lanes[channel].waiting += 1
        // What was passed over must not outgrow what waits.
        if lanes[channel].heap.count > 2 * lanes[channel].waiting + 64 {
            lanes[channel].heap.filter { [held] in held[$0.job]?.slots[channel] == .waiting(due: $0.due, mark: $0.mark)
            }
        }
    }

    /// The episode has closed: what waits ends, what runs is left to finish.
    private mutating func supersedeWaiting(_ job: ByteName, at now: Instant) {
        for channel in lanes.indices {
            if case .waiting? = held[job]?.slots[channel] { end(job, channel, .superseded, at: now) }
        }
    }

    // MARK: Attempts

    /// The attempts to begin now.
    mutating func beginAttempts(at now: Instant) -> [Attempt] {
        var attempts: [Attempt] = []
        for channel in lanes.indices {
            while lanes[channel].running < lanes[channel].configuration.concurrency,
                lanes[channel].circuit.mayBegin(at: now), let entry = first(channel), entry.due <= now,
                let job = held[entry.job]
            {
                lanes[channel].heap.removeFirst()
                lanes[channel].waiting -= 1
                lanes[channel].circuit.begin()
                lanes[channel].running += 1
                held[entry.job]?.slots[channel] = .running
                held[entry.job]?.attempts[channel] += 1
                held[entry.job]?.attemptCount += 1
                attempts.append(Attempt(job: job.job, channel: channel, number: job.attemptCount + 1))
            }
        }
        return attempts
    }

    /// The first entry of a channel's heap that holds still.
    private mutating func first(_ channel: Int) -> DueHeap.Entry? {
        while let entry = lanes[channel].heap.first {
            if held[entry.job]?.slots[channel] == .waiting(due: entry.due, mark: entry.mark) { return entry }
            lanes[channel].heap.removeFirst()
        }
        return nil
    }

    /// When there will be attempts to begin, unless something else happens; nil: not before.
    mutating func nextDue() -> Instant? {
        lanes.indices.compactMap { channel in
            guard lanes[channel].running < lanes[channel].configuration.concurrency, let entry = first(channel) else {
                return nil
            }
            return begin(channel, entry.due)
        }.min()
    }

    /// An attempt turned out to be none: the job is superseded or stale.
    mutating func drop(_ attempt: Attempt, as end: End, at now: Instant) {
        lanes[attempt.channel].running -= 1
        lanes[attempt.channel].circuit.abandon(at: now)
        held[attempt.job.key]?.attempts[attempt.channel] -= 1
        self.end(attempt.job.key, attempt.channel, end, at: now)
    }

    /// An answer came. The channel learns of it at once; the job with `conclude`, when it is recorded.
    mutating func note(_ answer: Answer, of attempt: Attempt, at now: Instant) {
        let channel = attempt.channel
        lanes[channel].running -= 1
        lanes[channel].lastAnswer = (answer.text, now)
        switch answer.verdict {
        case .taken:
            lanes[channel].circuit.succeeded()
            lanes[channel].delivered += 1
            lanes[channel].lastSuccessAt = now
        case .again, .gone:
            lanes[channel].circuit.failed(at: now, restMilliseconds: answer.restMilliseconds, stretch: stretch())
            lanes[channel].failed += 1
            if answer.verdict == .gone { disable(channel, at: now) }
        }
    }

    /// What an answer means for the job, now that it has been recorded where it was a failure.
    mutating func conclude(_ attempt: Attempt, _ answer: Answer, at now: Instant) {
        let (key, channel) = (attempt.job.key, attempt.channel)
        guard let job = held[key] else { return }
        let delays = lanes[channel].configuration.retryDelays
        let made = job.attempts[channel]
        if answer.verdict == .taken {
            held[key]?.deliveredBy = min(job.deliveredBy ?? .max, attempt.number)
            end(key, channel, .delivered(answer), at: now)
        } else if job.follower != nil {
            end(key, channel, .superseded, at: now)
        } else if lanes[channel].isDisabled, hasOtherWay(job, channel) {
            end(key, channel, .gaveUp("disabled by \(answer.text)"), at: now)
        } else if made > delays.count, !lanes[channel].isDisabled {
            end(key, channel, .gaveUp("gave up after \(made) attempts: \(answer.text)"), at: now)
        } else {
            let delay = delays.isEmpty ? 0 : Int64(Double(delays[min(made, delays.count) - 1]) * stretch())
            let rest = answer.restMilliseconds ?? 0
            wait(key, channel, until: Instant(milliseconds: now.milliseconds + max(delay, rest)))
        }
    }

    /// The most by which a delay is drawn out, so that what failed together does not come back together. Never
    /// shortened: a receiver is not asked before the schedule says.
    static let jitter = 0.2

    private func stretch() -> Double { 1 + Self.jitter * chance.fraction() }

    // MARK: Ends

    /// Whether a job can be settled without a channel: somebody has it, or a channel is left to give it to.
    private func hasOtherWay(_ job: Held, _ channel: Int) -> Bool {
        job.deliveredBy != nil || lanes.contains { !$0.isDisabled }
    }

    /// Nothing goes to a channel any more. Where it was the last, jobs stay as they are in the log, for somebody to
    /// mend the configuration: they are not held against the receiver's refusal.
    private mutating func disable(_ channel: Int, at now: Instant) {
        lanes[channel].circuit.disable()
        for (key, job) in held {
            if case .waiting = job.slots[channel], hasOtherWay(job, channel) {
                end(key, channel, .gaveUp("disabled"), at: now)
            }
        }
    }

    mutating func end(_ key: ByteName, _ channel: Int, _ end: End, at now: Instant) {
        if case .waiting? = held[key]?.slots[channel] { lanes[channel].waiting -= 1 }
        held[key]?.slots[channel] = .ended(end)
        guard let job = held[key], let outcome = outcome(job, at: now) else { return }
        settlements.append(Settlement(job: job.job, outcome: outcome))
    }

    /// The jobs that were settled since last asked.
    mutating func takeSettlements() -> [Settlement] {
        defer { settlements = [] }
        return settlements
    }

    /// A settled job's outcome is durable. What waited for it is taken now.
    mutating func forget(_ settlement: Settlement, at now: Instant) {
        let key = settlement.job.key
        settled.insert(key, wasDelivered: settlement.outcome.kind == .delivered)
        guard let follower = held.removeValue(forKey: key)?.follower else { return }
        if take(follower, at: now) != .taken { leftBehind = true }
    }

    /// Whether a job was settled not long ago as delivered; nil: not known here.
    func wasDelivered(_ key: ByteName) -> Bool? { settled.wasDelivered(key) }
}
