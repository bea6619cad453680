import MeterModel
import RecordLog
import Synchronization
import Threading

/// Reads a segment for a scope on a thread of its own, while the one before it is read elsewhere.
///
/// Invariants: `gathered` and the pass are the thread's from `begin` until `deliver` or `giveUp`, and then the
/// caller's. Blocks that were gathered lie in `arena` as far as their readings go, and are good until the next `begin`.
// Safety: as the invariants say; `thread` hands memory from one thread to the other.
final class ScopedReadAhead: @unchecked Sendable {
    /// Readings and other runs that are gathered of a segment at most, as a rule: one with more is the caller's.
    static let usualLimit = 1 << 18

    private let reader: EventLogReader
    private let question: ScopedQuestion
    private let limit: Int
    private let thread = SideThread(name: "read ahead")
    private var pass: ScopedPass?
    /// The segment that was begun, by its number.
    private var number: Int?
    private var gathered: ContiguousArray<RecordedBlock> = []
    private var arena = ColumnArena()
    /// How it went; nil: there was too much of it.
    private var outcome: Result<Void, any Error>?
    private let isGivenUp = Atomic(false)

    init(_ reader: EventLogReader, _ question: ScopedQuestion, limit: Int) {
        self.reader = reader
        self.question = question
        self.limit = limit
    }

    /// Begins to read a segment that defines nothing new, unless another was begun and is not delivered yet.
    func begin(_ number: Int, _ segment: SegmentSummary, _ index: SegmentIndex?) {
        guard self.number == nil else { return }
        thread.hold()
        self.number = number
        thread.perform { [self] in gather(segment, index) }
    }

    private func gather(_ segment: SegmentSummary, _ index: SegmentIndex?) {
        gathered.removeAll(keepingCapacity: true)
        arena.reset()
        outcome = nil
        var count = 0
        do {
            let pass = try pass ?? ScopedPass(reader, reader.makeLogReader(), question)
            self.pass = pass
            let step = try pass.read(segment, index) { block in
                count += block.runs.reduce(1) { if case .readings(_, let run) = $1 { $0 + run.count } else { $0 + 1 } }
                guard count <= limit, !isGivenUp.load(ordering: .relaxed) else { return .stop }
                gathered.append(block.copied(into: &arena))
                return .proceed
            }
            if step == .proceed { outcome = .success(()) }
        } catch {
            outcome = .failure(error)
        }
    }

    /// Hands over the blocks of a segment if it was read ahead.
    ///
    /// - Returns: nil where it was not.
    /// - Throws: what reading it met behind the blocks handed over, and what `body` throws.
    func deliver(_ number: Int, _ body: (RecordedBlock) throws -> BlockStep) throws -> BlockStep? {
        guard self.number == number else { return nil }
        end()
        guard let outcome else { return nil }
        for block in gathered where try body(block) == .stop { return .stop }
        try outcome.get()
        return .proceed
    }

    /// Gives up what was begun, for good.
    func giveUp() {
        isGivenUp.store(true, ordering: .relaxed)
        end()
    }

    /// Waits for what was begun.
    private func end() {
        guard number != nil else { return }
        thread.wait()
        number = nil
    }
}
