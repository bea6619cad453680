import MeterModel
import Synchronization
import Testing

@testable import Ingest

/// Clocks that jump while readings come in.
@Suite struct ClockTests {
    /// Says what a test says.
    private final class JumpingClock: WallClock {
        private let time = Mutex(stageTime)
        func now() -> Instant { time.withLock { $0 } }
        func jump(hours: Int64) { time.withLock { $0 = Instant(milliseconds: $0.milliseconds + hours * 3_600_000) } }
    }

    @Test func `A clock that is set back does not set the log back, and what was a day ahead stays acceptable`() throws
    {
        let stage = LiveStage()
        let clock = JumpingClock()
        let live = stage.live(clock)
        func send(hoursAhead hours: Int64) throws -> [String] {
            let (session, follower) = stage.session()
            let at = stageTime.milliseconds + hours * 3_600_000
            let line = "{\"device\":\"E-1\",\"readAt\":\(at),\"value\":\(hours + 1000)}\n"
            try live.take(Array((acknowledging + line).utf8), isLast: true, from: session)
            try live.commit()
            return follower.replies
        }
        #expect(try send(hoursAhead: 24) == ["ok 1 1"])
        #expect(try send(hoursAhead: 30).first?.hasPrefix("err 1 time-range ") == true)
        clock.jump(hours: 48)
        #expect(try send(hoursAhead: 72) == ["ok 2 1"])
        clock.jump(hours: -100)
        #expect(try send(hoursAhead: 70).last == "ok 3 1")
        #expect(try send(hoursAhead: 73).first?.hasPrefix("err 1 time-range ") == true)
        let recorded = stage.log.appended.map(\.recordedAt.milliseconds)
        #expect(recorded == recorded.sorted() && recorded.count == 3, "\(recorded)")
        #expect(recorded.last == stageTime.milliseconds + 48 * 3_600_000)
    }
}
