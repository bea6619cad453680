import MeterModel

/// When a live projector writes what it has folded, and how much it folds at a time.
///
/// A commit costs by the rows it touches: of a device about as much for one new reading as for twenty. So views are
/// written often while they keep up; once the fold is far behind the log it first folds until it has caught up, and
/// writes meanwhile no more often than every `catchingUp`. After a pause few events are written at once.
///
/// Invariants: `isCatchingUp` from when the fold was found far behind until it has reached a head of the log that was
/// known before it began its last step.
struct CommitPace {
    /// How often views are written under load.
    static let usual = Duration.milliseconds(200)
    /// How soon after a commit the next may follow where a push was requested or somebody waits.
    static let urgent = Duration.milliseconds(20)
    /// How long nothing must have come for what is folded to be written at once.
    static let quiet = Duration.milliseconds(250)
    /// A commit that takes longer leaves the processor to others for twice its time.
    static let longCommit = Duration.milliseconds(500)
    /// How often they are written while the fold catches up, but for the step under way.
    static let catchingUp = Duration.seconds(5)
    /// The same where somebody waits for them.
    static let awaitedCatchingUp = Duration.seconds(1)
    /// Events that are folded before it is looked again whether to write.
    static let stepCount: UInt64 = 131_072
    /// The same while it catches up: so many gathers that most are folded while the next is read.
    static let catchingUpStepCount = UInt64(ReadingGather.usualCapacity) * 4
    /// So many events after a pause are written at once.
    static let fewCount: UInt64 = 8192
    /// How far behind, in events, it must be to catch up first.
    static let farCount = 2 * stepCount

    /// Whether something does not bear the usual pace.
    enum Urgency {
        case none
        /// A push was requested.
        case requested
        /// Somebody waits until views show something.
        case awaited
    }

    private(set) var isCatchingUp = false
    private var head: UInt64
    private var headMovedAt: ContinuousClock.Instant
    private var lastCommitEnd: ContinuousClock.Instant
    private var pause = CommitPace.usual
    private var urgentPause = CommitPace.urgent
    private var written: UInt64
    /// When the first step ended whose events are not written.
    private var unwrittenSince: ContinuousClock.Instant?

    /// Of a fold that is where the views are.
    init(folded: Position, now: ContinuousClock.Instant) {
        written = folded.rawValue
        head = folded.rawValue
        headMovedAt = now
        lastCommitEnd = now
    }

    /// Notes up to where the log is durable.
    mutating func saw(head: Position, folded: Position, at now: ContinuousClock.Instant) {
        if head.rawValue > self.head { (self.head, headMovedAt) = (head.rawValue, now) }
        if head.rawValue > folded.rawValue + CommitPace.farCount { isCatchingUp = true }
    }

    /// Notes that a step has ended.
    ///
    /// `head`: of the log, when it began.
    mutating func stepped(to folded: Position, of head: Position, at now: ContinuousClock.Instant) {
        if folded >= head { isCatchingUp = false }
        unwrittenSince = unwrittenSince ?? now
    }

    /// Notes that views were written.
    mutating func committed(_ folded: Position, from start: ContinuousClock.Instant, to end: ContinuousClock.Instant) {
        written = folded.rawValue
        unwrittenSince = nil
        lastCommitEnd = end
        let duration = end - start
        urgentPause = max(CommitPace.urgent, duration / 2)
        pause = max(CommitPace.usual, duration > CommitPace.longCommit ? duration * 2 : duration)
    }

    /// Events of the next step.
    var nextStepCount: UInt64 { isCatchingUp ? CommitPace.catchingUpStepCount : CommitPace.stepCount }

    /// When views are to be written next, if something is folded that they do not show.
    func due(folded: Position, _ urgency: Urgency) -> ContinuousClock.Instant {
        if isCatchingUp {
            let start = max(lastCommitEnd, unwrittenSince ?? lastCommitEnd)
            return start + (urgency == .awaited ? CommitPace.awaitedCatchingUp : CommitPace.catchingUp)
        }
        if urgency != .none { return lastCommitEnd + urgentPause }
        var paced = lastCommitEnd + pause
        // Many at once are the beginning of more.
        if let unwrittenSince, folded.rawValue > written + CommitPace.fewCount {
            paced = max(paced, unwrittenSince + CommitPace.usual)
        }
        guard folded.rawValue >= head else { return paced }
        return min(paced, max(headMovedAt + CommitPace.quiet, lastCommitEnd + CommitPace.usual))
    }
}
