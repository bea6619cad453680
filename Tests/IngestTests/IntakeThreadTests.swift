import Access
import MeterModel
import Synchronization
import TestStage
import Testing

@testable import Ingest

/// The one thread that writes: order, room, its end, and what it tells when the log fails.
@Suite struct IntakeThreadTests {
    private static let dayTurn = MeterEvent.dayTurned(DayTurned(timezone: "UTC", at: stageTime))

    /// A thread that has not begun, over a stage that it alone touches until it has stopped.
    private struct Setup {
        // Safety: a test looks at the stage before the thread begins and after it has ended.
        nonisolated(unsafe) let stage = LiveStage()
        let thread: IntakeThread
        let positions = Noted<UInt64>()
        let failures = Noted<String>()

        init() {
            nonisolated(unsafe) let live = stage.live
            thread = IntakeThread(
                live,
                onDurable: { [positions] in positions.add($0.rawValue) },
                onFailure: { [failures] in failures.add("\($0)") }
            )
        }
    }

    private final class Noted<Value: Sendable>: Sendable {
        private let values = Mutex<[Value]>([])

        var all: [Value] { values.withLock { $0 } }
        func add(_ value: Value) { values.withLock { $0.append(value) } }
    }

    private func take(_ text: String, isLast: Bool = false, from session: LineSession, _ thread: IntakeThread) {
        thread.take(Array(text.utf8), isLast: isLast, from: session)
    }

    @Test func `Each sender's lines are logged in its order, and everybody is answered at the end`() throws {
        let setup = Setup()
        let sessions = (0..<4).map { _ in setup.stage.session() }
        setup.thread.start()
        for (session, _) in sessions { take(acknowledging, from: session, setup.thread) }
        for k in 0..<200 {
            for (i, (session, _)) in sessions.enumerated() {
                take(readingLines("E-\(i)", k..<k + 1), from: session, setup.thread)
            }
        }
        setup.thread.stop()
        #expect(setup.thread.waitingByteCount == 0)
        #expect(setup.thread.durablePosition == Position(800) && setup.positions.all.last == 800)
        #expect(setup.positions.all == setup.positions.all.sorted())
        let items = setup.stage.log.items
        for (i, (_, follower)) in sessions.enumerated() {
            let own = items.indices.filter { items[$0].hasPrefix("E-\(i) ") }
            #expect(own.map { items[$0] } == (0..<200).map { "E-\(i) \($0)" })
            #expect(follower.replies.last == "ok \((own.last ?? 0) + 1) 200")
        }
        #expect(setup.failures.all == [])
    }

    @Test func `What is recorded is durable when it is told, and performed work sees it`() async throws {
        let setup = Setup()
        setup.thread.start()
        let first = try await setup.thread.record([Self.dayTurn, Self.dayTurn], by: "serve")
        #expect(first == Position(2) && setup.thread.durablePosition >= first)
        let (session, follower) = setup.stage.session()
        take(acknowledging + readingLines("E-1", 0..<3), from: session, setup.thread)
        let head = try await setup.thread.perform { $0.head }
        #expect(head == Position(5) && follower.replies == ["ok 5 3"])
        await #expect(throws: StageFault.self) { try await setup.thread.perform { _ in throw StageFault() } }
        let stray = MeterEvent.multiplierCorrected(
            MultiplierCorrected(device: "none", register: nil, at: nil, multiplier: ExactDecimal(1), reason: "x")
        )
        await #expect(throws: Refusal.self) { try await setup.thread.record([stray], by: "serve") }
        #expect(try await setup.thread.record([Self.dayTurn], by: "serve") == Position(6))
        setup.thread.stop()
        #expect(setup.stage.log.items.count == 6 && !setup.thread.hasFailed)
    }

    @Test func `Whoever is answered finds the durable position at what he was told`() throws {
        let setup = Setup()
        let positions = Noted<(told: UInt64, durable: UInt64)>()
        let follower = EndFollower { [thread = setup.thread] in
            positions.add(($0.taken.lastPosition?.rawValue ?? 0, thread.durablePosition.rawValue))
        }
        let session = LineSession(setup.stage.terms(), follower: follower)
        take(acknowledging + readingLines("E-1", 0..<3), isLast: true, from: session, setup.thread)
        let told = Noted<(told: UInt64, durable: UInt64)>()
        setup.thread.record([Self.dayTurn], by: "serve") { [thread = setup.thread] in
            told.add(((try? $0.get())?.rawValue ?? 0, thread.durablePosition.rawValue))
        }
        setup.thread.start()
        setup.thread.stop()
        #expect(positions.all.map(\.told) == [3] && told.all.map(\.told) == [4])
        for (told, durable) in positions.all + told.all { #expect(durable >= told) }
    }

    /// Calls when a session ends.
    private final class EndFollower: SessionFollowing {
        private let onEnd: @Sendable (SessionSummary) -> Void
        init(_ onEnd: @escaping @Sendable (SessionSummary) -> Void) { self.onEnd = onEnd }
        func consumed(byteCount: Int) {}
        func reply(_ bytes: [UInt8]) {}
        func ended(_ summary: SessionSummary, _ fault: SessionFault?) { onEnd(summary) }
    }

    @Test func `While it is held there is no room, and who waits is called when there is`() throws {
        let setup = Setup()
        setup.thread.start()
        let called = Noted<Int>()
        setup.thread.whenRoom { called.add(0) }
        #expect(called.all == [0])
        setup.thread.hold(true)
        #expect(!setup.thread.hasRoom && setup.thread.isHoldingOff)
        setup.thread.whenRoom { called.add(1) }
        setup.thread.whenRoom { called.add(2) }
        // What was handed in already is taken in all the same.
        let (session, follower) = setup.stage.session()
        take(acknowledging + readingLines("E-1", 0..<1), isLast: true, from: session, setup.thread)
        setup.thread.hold(false)
        #expect(called.all == [0, 1, 2] && setup.thread.hasRoom)
        setup.thread.stop()
        #expect(follower.replies == ["ok 1 1"])
    }

    @Test func `What waits is counted, and there is no room above the bound`() async throws {
        let setup = Setup()
        let (session, _) = setup.stage.session()
        let piece = [UInt8](repeating: UInt8(ascii: "\n"), count: 1 << 20)
        while setup.thread.hasRoom { setup.thread.take(piece, isLast: false, from: session) }
        #expect(setup.thread.waitingByteCount == IntakeThread.maximumQueuedByteCount)
        let called = Noted<Int>()
        setup.thread.whenRoom { called.add(1) }
        #expect(called.all == [])
        setup.thread.start()
        try await waitUntil("there is room") { called.all == [1] }
        setup.thread.stop()
        #expect(setup.thread.waitingByteCount == 0)
    }

    @Test func `After its end everybody is refused`() async throws {
        let setup = Setup()
        setup.thread.start()
        setup.thread.stop()
        let (session, follower) = setup.stage.session()
        take(acknowledging, from: session, setup.thread)
        #expect(follower.fault?.code == .unavailable && setup.thread.waitingByteCount == 0)
        await #expect(throws: IntakeStopped.self) { try await setup.thread.record([Self.dayTurn], by: "serve") }
        await #expect(throws: IntakeStopped.self) { try await setup.thread.perform { _ in } }
        let (other, ended) = setup.stage.session()
        setup.thread.end(other, nil)
        #expect(ended.endCount == 1)
    }

    /// Lines of one name and events of another are handed in before it begins, so that the first are logged for the
    /// second to be taken in.
    @Test func `When the log fails, everybody is told, he too for whom it was written`() async throws {
        let setup = Setup()
        setup.stage.log.isBroken = true
        let (session, follower) = setup.stage.session()
        take(acknowledging + readingLines("E-1", 0..<1), from: session, setup.thread)
        let told = Noted<String>()
        setup.thread.record([Self.dayTurn], by: "serve") { told.add("\($0)") }
        let (late, lateFollower) = setup.stage.session()
        take(acknowledging + readingLines("E-2", 0..<1), isLast: true, from: late, setup.thread)
        setup.thread.start()
        await #expect(throws: StageFault.self) { try await setup.thread.perform { _ in } }
        try await waitUntil("the recorder is told") { !told.all.isEmpty }
        #expect(told.all == ["failure(the disk is gone)"])
        #expect(follower.replies == ["err 0 unavailable the disk is gone"])
        #expect(lateFollower.fault?.code == .unavailable && lateFollower.endCount == 1)
        #expect(setup.failures.all == ["the disk is gone"] && setup.thread.hasFailed && !setup.thread.hasRoom)
        setup.thread.stop()
        #expect(setup.thread.waitingByteCount == 0 && setup.stage.log.appended.isEmpty)
    }

    @Test func `Performed work is told where what was before it cannot be written`() async throws {
        let setup = Setup()
        setup.stage.log.isBroken = true
        let (session, _) = setup.stage.session()
        take(acknowledging + readingLines("E-1", 0..<1), from: session, setup.thread)
        let told = Noted<String>()
        let task = Task {
            do { try await setup.thread.perform { _ in } } catch { told.add("\(error)") }
        }
        setup.thread.start()
        try await waitUntil("it is told") { !told.all.isEmpty }
        #expect(told.all == ["the disk is gone"])
        await task.value
        setup.thread.stop()
    }

    @Test func `A sender whose refused line cannot be kept is told`() async throws {
        let setup = Setup()
        setup.stage.quarantine.isBroken = true
        let (session, follower) = setup.stage.session()
        take("{\n", isLast: true, from: session, setup.thread)
        setup.thread.start()
        try await waitUntil("he is told") { follower.endCount == 1 }
        #expect(follower.fault?.code == .unavailable)
        setup.thread.stop()
        #expect(setup.failures.all == ["the disk is gone"])
    }
}
