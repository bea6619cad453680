import MeterModel
import Testing

@testable import Projections

/// When views are written while a fold keeps up, and while it catches up.
struct CommitPaceTests {
    private let start = ContinuousClock.now

    private func at(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

    private func pace(folded: Position = .origin) -> CommitPace { CommitPace(folded: folded, now: start) }

    private let far = Position(CommitPace.farCount + 1)

    @Test("Under load views are written at the usual pace, at once where somebody waits")
    func keepsUp() {
        var pace = pace()
        pace.saw(head: Position(10), folded: Position(5), at: at(0))
        #expect(pace.due(folded: Position(5), .none) == start + CommitPace.usual)
        #expect(pace.due(folded: Position(5), .requested) == start + CommitPace.urgent)
        #expect(pace.nextStepCount == CommitPace.stepCount)
    }

    @Test("What is folded is written once nothing more came, but not sooner than at the usual pace")
    func quiet() {
        var pace = pace()
        pace.committed(.origin, from: at(0), to: at(2000))
        pace.saw(head: Position(10), folded: Position(5), at: at(1900))
        #expect(pace.due(folded: Position(10), .none) == at(2000) + CommitPace.usual)
        pace.saw(head: Position(20), folded: Position(10), at: at(3000))
        #expect(pace.due(folded: Position(20), .none) == at(3000) + CommitPace.quiet)
        // Not level: as a commit of two seconds has it.
        #expect(pace.due(folded: Position(19), .none) == at(2000) + .seconds(4))
    }

    @Test(
        "The longer a commit took, the later the next",
        arguments: [(100, 200, 50), (400, 400, 200), (600, 1200, 300)]
    )
    func pauses(_ taken: Int, _ pause: Int, _ urgentPause: Int) {
        var pace = pace()
        pace.saw(head: Position(10), folded: Position(5), at: at(0))
        pace.committed(.origin, from: at(0), to: at(taken))
        #expect(pace.due(folded: Position(5), .none) == at(taken + pause))
        #expect(pace.due(folded: Position(5), .requested) == at(taken + urgentPause))
    }

    @Test("After a pause few are written at once, and many not before more may have come")
    func begins() {
        var pace = pace()
        let few = Position(CommitPace.fewCount)
        pace.saw(head: few, folded: .origin, at: at(10_000))
        pace.stepped(to: few, of: few, at: at(10_010))
        #expect(pace.due(folded: few, .none) < at(10_000))
        let many = Position(CommitPace.fewCount + 1)
        pace.saw(head: many, folded: few, at: at(10_020))
        pace.stepped(to: many, of: many, at: at(10_030))
        #expect(pace.due(folded: many, .none) == at(10_010) + CommitPace.usual)
        #expect(pace.due(folded: many, .requested) < at(10_000))
        pace.committed(many, from: at(10_210), to: at(10_220))
        #expect(pace.due(folded: Position(many.rawValue + 1), .none) == at(10_220) + CommitPace.usual)
    }

    @Test("Far behind, the fold catches up before views are written, unless that takes long")
    func catchesUp() {
        var pace = pace()
        pace.saw(head: far, folded: .origin, at: at(0))
        #expect(pace.isCatchingUp)
        #expect(pace.nextStepCount == CommitPace.catchingUpStepCount)
        #expect(pace.due(folded: .origin, .requested) == start + CommitPace.catchingUp)
        #expect(pace.due(folded: .origin, .awaited) == start + CommitPace.awaitedCatchingUp)
        // Near is not there.
        pace.stepped(to: Position(far.rawValue - 1), of: far, at: at(10))
        pace.saw(head: far, folded: Position(far.rawValue - 1), at: at(10))
        #expect(pace.due(folded: Position(far.rawValue - 1), .requested) == at(10) + CommitPace.catchingUp)
        // There it is, though the log has grown meanwhile.
        pace.stepped(to: far, of: far, at: at(10))
        pace.saw(head: Position(far.rawValue + 1000), folded: far, at: at(20))
        #expect(!pace.isCatchingUp)
        #expect(pace.due(folded: far, .none) == at(10) + CommitPace.usual)
    }
}
