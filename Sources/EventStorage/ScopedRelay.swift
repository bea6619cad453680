import Dispatch
import MeterModel
import RecordLog
import Synchronization
import Threading

/// Reads the segments of a log for a scope on two threads, and hands their blocks over in order on one of them, the
/// owner's.
///
/// Each thread takes the next segment that nobody has taken. What a segment behind the owner's turn has to say is
/// gathered until its turn comes. One that defines something new waits for its turn: later segments are passed over by
/// what it tells, and its blocks go with the decoder. Once a segment has too much to be gathered, none is read ahead
/// any more.
///
/// Invariants: a segment is read by whoever put its turn to `taken`; what is gathered is its reader's until then, and
/// from `gathered` on the owner's. `own` is the owner's, `other` the other thread's while it is at work. Segments
/// before `delivered` are done with.
// Safety: as the invariants say; `state` is touched under its lock, which hands over what was gathered.
final class ScopedRelay: @unchecked Sendable {
    /// Readings and other runs that are gathered of a segment at most, as a rule: one with more waits for its turn.
    static let usualLimit = 1 << 17
    /// How many segments behind the owner's turn may be taken.
    private static let reach = 4

    private enum Turn {
        case open
        case taken
        /// Taken, and known to define nothing new.
        case read
        case gathered(GatheredSegment)
        /// Left to the owner in its turn, or done with.
        case left

        var definesNothingNew: Bool {
            switch self {
            case .read, .gathered: true
            case .open, .taken, .left: false
            }
        }
    }

    private struct State {
        var turns: [Turn]
        var delivered = 0
        /// The scope's devices by the numbers that segments told whose turn has been.
        var known: Set<UInt32> = []
        var otherIsAtWork = false
        /// Nothing more is read ahead: nobody wants it, or a segment had too much.
        var isGivenUp = false
    }

    private let reader: EventLogReader
    private let question: ScopedQuestion
    private let segments: [SegmentSummary]
    private let limit: Int
    private let own: ScopedPass
    private var other: ScopedPass?
    private let state: Mutex<State>
    private let thread = SideThread(name: "read ahead")
    /// Signalled for each segment that the other thread is done with.
    private let done = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - reader: the log's, and the owner's.
    ///   - segments: those that the question is about, in order, none of them empty.
    ///   - question: what is asked for.
    ///   - limit: how much is gathered of a segment at most.
    init(_ reader: EventLogReader, _ segments: [SegmentSummary], _ question: ScopedQuestion, limit: Int) {
        self.reader = reader
        self.segments = segments
        self.question = question
        self.limit = limit
        own = ScopedPass(reader, reader.log, question)
        state = Mutex(State(turns: Array(repeating: .open, count: segments.count)))
    }

    /// Hands over the blocks that may matter, until `body` says stop.
    ///
    /// - Returns: what `body` said last; to go on where there was no block.
    /// - Throws: `RecordLogError`, `EventStorageError`, and what `body` throws.
    func run(_ body: (RecordedBlock) throws -> BlockStep) throws -> BlockStep {
        defer { giveUp() }
        for i in segments.indices {
            haveOthersRead()
            if try deliver(i, body) == .stop { return .stop }
            let known = own.knownDevices
            state.withLock {
                $0.turns[i] = .left
                $0.delivered = i + 1
                $0.known = known
            }
        }
        return .proceed
    }

    private func deliver(_ i: Int, _ body: (RecordedBlock) throws -> BlockStep) throws -> BlockStep {
        while true {
            let turn = state.withLock { state in
                defer { if case .open = state.turns[i] { state.turns[i] = .taken } }
                return state.turns[i]
            }
            switch turn {
            case .open, .left: return try readInTurn(i, body)
            case .gathered(let segment):
                // What was not known when it was taken is known now.
                if segment.index.hasNothing(of: own.knownDevices, readAt: question.times) { return .proceed }
                for block in segment.blocks where try body(block) == .stop { return .stop }
                try segment.outcome.get()
                return .proceed
            case .taken, .read:
                if let next = take() { gather(next, own) } else { done.wait() }
            }
        }
    }

    private func readInTurn(_ i: Int, _ body: (RecordedBlock) throws -> BlockStep) throws -> BlockStep {
        let index = try storedIndex(of: i, own)
        if let index, index.hasNothing(of: own.knownDevices, readAt: question.times) { return .proceed }
        return try own.read(segments[i], index, body)
    }

    // MARK: Ahead

    /// Has the other thread read what it may, unless it does.
    private func haveOthersRead() {
        let isWanted = state.withLock { state in
            guard !state.otherIsAtWork, ScopedRelay.next(state) != nil else { return false }
            state.otherIsAtWork = true
            return true
        }
        guard isWanted else { return }
        thread.hold()
        thread.perform { [self] in
            while let i = take(endsWork: true) {
                if let pass = otherPass(failing: i) { gather(i, pass) }
                done.signal()
            }
        }
    }

    /// The other thread's pass; nil where the log cannot be read on it, so that a segment is left to the owner.
    private func otherPass(failing i: Int) -> ScopedPass? {
        if let other { return other }
        guard let log = try? reader.makeLogReader() else {
            state.withLock { $0.turns[i] = .left }
            return nil
        }
        other = ScopedPass(reader, log, question)
        return other
    }

    /// The next segment that nobody has taken, behind the one whose turn it is; nil: there is none that may be.
    private static func next(_ state: State) -> Int? {
        if state.isGivenUp { return nil }
        let end = min(state.turns.count, state.delivered + 1 + reach)
        return (min(end, state.delivered + 1)..<end).first { if case .open = state.turns[$0] { true } else { false } }
    }

    /// Takes the next segment. `endsWork`: if there is none, the other thread ends its work.
    private func take(endsWork: Bool = false) -> Int? {
        state.withLock { state in
            guard let i = ScopedRelay.next(state) else {
                if endsWork { state.otherIsAtWork = false }
                return nil
            }
            state.turns[i] = .taken
            return i
        }
    }

    /// Gathers a segment that was taken.
    private func gather(_ i: Int, _ pass: ScopedPass) {
        let known = state.withLock { state in
            // What lies between may tell numbers.
            let isComplete = state.turns[state.delivered..<i].allSatisfy(\.definesNothingNew)
            return isComplete ? state.known : nil
        }
        var gathered: GatheredSegment?
        if let index = try? storedIndex(of: i, pass), index.added == DefinitionCounts() {
            let hasNothing = known.map { index.hasNothing(of: $0, readAt: question.times) }
            let isPassedOver = hasNothing ?? index.hasNothing(readAt: question.times)
            gathered = isPassedOver ? GatheredSegment(index) : read(i, index, pass)
        }
        state.withLock { $0.turns[i] = gathered.map { .gathered($0) } ?? .left }
    }

    /// The index of a segment that was taken, if one is stored.
    private func storedIndex(of i: Int, _ pass: ScopedPass) throws -> SegmentIndex? {
        let index = try pass.index(of: segments[i])
        if index?.added == DefinitionCounts() { state.withLock { $0.turns[i] = .read } }
        return index
    }

    /// - Returns: what a segment says; nil where there is too much of it.
    private func read(_ i: Int, _ index: SegmentIndex, _ pass: ScopedPass) -> GatheredSegment? {
        let gathered = GatheredSegment(index)
        var count = 0
        do {
            let step = try pass.read(segments[i], index) { block in
                count += block.runs.reduce(1) { if case .readings(_, let run) = $1 { $0 + run.count } else { $0 + 1 } }
                guard count <= limit, !block.definesSomethingNew, !state.withLock({ $0.isGivenUp }) else {
                    return .stop
                }
                gathered.append(block)
                return .proceed
            }
            if step == .proceed { return gathered }
            state.withLock { $0.isGivenUp = true }
            return nil
        } catch {
            gathered.outcome = .failure(error)
            return gathered
        }
    }

    /// Ends the other thread's work, for good.
    private func giveUp() {
        state.withLock { $0.isGivenUp = true }
        thread.wait()
    }
}

/// Blocks of a segment that defines nothing new, kept until their turn.
// Safety: of one thread at a time (`ScopedRelay`).
private final class GatheredSegment: @unchecked Sendable {
    let index: SegmentIndex
    private(set) var blocks: ContiguousArray<RecordedBlock> = []
    /// What reading it met behind the blocks.
    var outcome: Result<Void, any Error> = .success(())
    private var arena = ColumnArena()

    init(_ index: SegmentIndex) { self.index = index }

    func append(_ block: RecordedBlock) { blocks.append(block.copied(into: &arena)) }
}
