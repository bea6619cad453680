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
        #expect(pace.due(folded: Position(5), isUrgent: false) == start + CommitPace.usual)
        #expect(pace.due(folded: Position(5), isUrgent: true) == start + CommitPace.urgent)
        #expect(pace.nextStepCount == CommitPace.stepCount)
    }

    @Test("What is folded is written once nothing more came, but not sooner than at the usual pace")
    func quiet() {
        var pace = pace()
        pace.committed(from: at(0), to: at(2000))
        pace.saw(head: Position(10), folded: Position(5), at: at(1900))
        #expect(pace.due(folded: Position(10), isUrgent: false) == at(2000) + CommitPace.usual)
        pace.saw(head: Position(20), folded: Position(10), at: at(3000))
        #expect(pace.due(folded: Position(20), isUrgent: false) == at(3000) + CommitPace.quiet)
        // Not level: as a commit of two seconds has it.
        #expect(pace.due(folded: Position(19), isUrgent: false) == at(2000) + .seconds(4))
    }

    @Test(
        "The longer a commit took, the later the next",
        arguments: [(100, 200, 50), (400, 400, 200), (600, 1200, 300)]
    )
    func pauses(_ taken: Int, _ pause: Int, _ urgentPause: Int) {
        var pace = pace()
        pace.saw(head: Position(10), folded: Position(5), at: at(0))
        pace.committed(from: at(0), to: at(taken))
        #expect(pace.due(folded: Position(5), isUrgent: false) == at(taken + pause))
        #expect(pace.due(folded: Position(5), isUrgent: true) == at(taken + urgentPause))
    }

    @Test("Far behind, the fold catches up before views are written, unless that takes long")
    func catchesUp() {
        var pace = pace()
        pace.saw(head: far, folded: .origin, at: at(0))
        #expect(pace.isCatchingUp)
        #expect(pace.nextStepCount == CommitPace.catchingUpStepCount)
        #expect(pace.due(folded: .origin, isUrgent: true) == start + CommitPace.catchingUp)
        // Near is not there.
        pace.stepped(to: Position(far.rawValue - 1), of: far)
        pace.saw(head: far, folded: Position(far.rawValue - 1), at: at(10))
        #expect(pace.due(folded: Position(far.rawValue - 1), isUrgent: true) == start + CommitPace.catchingUp)
        // There it is, though the log has grown meanwhile.
        pace.stepped(to: far, of: far)
        pace.saw(head: Position(far.rawValue + 1000), folded: far, at: at(20))
        #expect(!pace.isCatchingUp)
        #expect(pace.due(folded: far, isUrgent: false) == start + CommitPace.usual)
    }
}
