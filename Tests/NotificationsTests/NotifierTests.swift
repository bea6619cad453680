import MeterModel
import Testing

@testable import Notifications

/// From the queue through receivers that do as a script says to outcomes.
struct NotifierTests {
    private let time = StageTime()

    private func notifier(
        _ channels: [ChannelConfiguration],
        _ log: StageLog,
        _ courier: StageCourier,
        _ limits: Notifier.Limits = Notifier.Limits()
    ) throws -> Notifier {
        try Notifier(
            channels: channels,
            queue: log,
            recorder: log,
            courier: courier,
            clock: time,
            pause: time,
            chance: FixedChance(),
            limits: limits
        )
    }

    /// Runs a notifier while a body looks on, then stops it.
    private func running(_ notifier: Notifier, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await notifier.run() }
            do {
                try await body()
            } catch {
                group.cancelAll()
                throw error
            }
            notifier.stop()
            try await group.waitForAll()
        }
    }

    @Test func `Jobs of the queue and jobs offered are delivered once`() async throws {
        let log = StageLog([job(1), job(2)])
        let courier = StageCourier { _, _, _ in answered(200) }
        let notifier = try notifier([channel()], log, courier)
        try await running(notifier) {
            try await eventually("both are delivered") { log.outcomes.count == 2 }
            log.add(job(3))
            notifier.offer([job(3)])
            notifier.wake()
            try await eventually("the new one too") { log.outcomes.count == 3 }
            log.add(job(4))
            notifier.wake()
            try await eventually("and one that only the queue has") { log.outcomes.count == 4 }
        }
        #expect(log.outcomes.allSatisfy { $0.kind == .delivered })
        #expect(courier.sent.map(\.id).sorted() == (1...4).map { job($0).job })
    }

    @Test func `Failures are facts; the retry has the same id`() async throws {
        let log = StageLog([job(1)])
        let courier = StageCourier { _, _, attempt in attempt < 3 ? answered(500) : answered(200) }
        try await running(try notifier([channel()], log, courier)) {
            try await eventually("it is delivered", passing: time) { log.outcomes.count == 3 }
        }
        #expect(log.outcomes.map(\.kind) == [.failed, .failed, .delivered])
        #expect(log.outcomes.map(\.attempt) == [1, 2, 3])
        #expect(Set(courier.sent.map(\.id)) == [job(1).job])
    }

    @Test func `The end of the schedule is recorded as death`() async throws {
        let log = StageLog([job(1)])
        let courier = StageCourier { _, _, _ in answered(500) }
        try await running(try notifier([channel()], log, courier)) {
            try await eventually("it dies", passing: time) { log.outcomes.last?.kind == .died }
        }
        #expect(log.outcomes.map(\.kind) == [.failed, .failed, .failed, .died])
    }

    @Test func `Superseded and stale jobs are settled without being sent`() async throws {
        var old = job(2)
        old.requestedEventTime = Instant(milliseconds: start.milliseconds - 24 * Milliseconds.hour - 1)
        var justNot = job(3)
        justNot.requestedEventTime = Instant(milliseconds: start.milliseconds - 24 * Milliseconds.hour)
        let log = StageLog([job(1), old, justNot])
        log.supersede(job(1))
        let courier = StageCourier { _, _, _ in answered(200) }
        try await running(try notifier([channel()], log, courier)) {
            try await eventually("all are settled") { log.outcomes.count == 3 }
        }
        #expect(log.outcomes(of: job(1)) == [.superseded])
        #expect(log.outcomes(of: old) == [.stale])
        #expect(log.outcomes(of: justNot) == [.delivered])
        #expect(courier.sent.map(\.id) == [justNot.job])
    }

    @Test func `What is superseded between two attempts is not tried again`() async throws {
        let log = StageLog([job(1)])
        let courier = StageCourier { _, _, _ in answered(500) }
        try await running(try notifier([channel()], log, courier)) {
            try await eventually("it fails once") { log.outcomes.count == 1 }
            log.supersede(job(1))
            try await eventually("it is settled", passing: time) { log.outcomes.count == 2 }
        }
        #expect(log.outcomes.map(\.kind) == [.failed, .superseded])
        #expect(courier.sent.count == 1)
    }

    @Test func `A channel that hangs slows no other, and limits hold`() async throws {
        let jobs = (1...200).map { job($0) }
        let log = StageLog(jobs)
        let courier = StageCourier { _, channel, _ in channel == "hangs" ? nil : answered(200) }
        var limits = Notifier.Limits()
        limits.graceMilliseconds = 0
        let channels = [channel("hangs", concurrency: 3), channel("well", concurrency: 5)]
        try await running(try notifier(channels, log, courier, limits)) {
            try await eventually("the other has all") { courier.count("well") == 200 }
        }
        #expect(courier.count("hangs") == 3)
        #expect(courier.mostRunning("well") <= 5)
        #expect(log.outcomes.isEmpty, "none has ended everywhere")
    }

    @Test func `A run ended in the middle of an attempt makes it again with the same id`() async throws {
        let log = StageLog([job(1)])
        let hanging = StageCourier { _, _, _ in nil }
        let first = try notifier([channel()], log, hanging)
        let task = Task { try await first.run() }
        try await eventually("it is under way") { hanging.sent.count == 1 }
        task.cancel()
        try await task.value
        #expect(log.outcomes.isEmpty)
        let courier = StageCourier { _, _, _ in answered(200) }
        try await running(try notifier([channel()], log, courier)) {
            try await eventually("it is delivered") { log.outcomes.count == 1 }
        }
        #expect(courier.sent.map(\.id) == hanging.sent.map(\.id))
        #expect(log.outcomes.map(\.kind) == [.delivered])
    }

    @Test func `A delivery that cannot be recorded ends the run and is made again`() async throws {
        let log = StageLog([job(1)])
        log.fail()
        let courier = StageCourier { _, _, _ in answered(200) }
        let broken = try notifier([channel()], log, courier)
        await #expect(throws: StageLog.Fault.self) { try await broken.run() }
        #expect(courier.sent.count == 1)
        let mended = StageLog([job(1)])
        try await running(try notifier([channel()], mended, courier)) {
            try await eventually("it is delivered") { mended.outcomes.count == 1 }
        }
        #expect(courier.sent.map(\.id) == [job(1).job, job(1).job])
    }

    @Test func `A long queue is read page by page into little memory`() async throws {
        let log = StageLog((1...500).map { job($0) })
        let courier = StageCourier { _, _, _ in answered(200) }
        var limits = Notifier.Limits()
        limits.jobsAtHand = 10
        limits.jobsPerPage = 7
        try await running(try notifier([channel()], log, courier, limits)) {
            try await eventually("all are delivered", passing: time) { log.outcomes.count == 500 }
        }
        #expect(Set(log.outcomes.map(\.job)).count == 500)
        #expect(courier.sent.count == 500)
        #expect(log.largestPage == 7)
    }

    @Test func `A cleared job follows its crossed job though the views lag behind`() async throws {
        var cleared = job(1, kind: "cleared")
        cleared.position = Position(2)
        let log = StageLog([job(1), cleared])
        // Nobody told the views yet that the crossed job was delivered.
        log.supersede(cleared)
        let courier = StageCourier { _, _, _ in answered(200) }
        try await running(try notifier([channel()], log, courier)) {
            try await eventually("both are settled") { log.outcomes.count == 2 }
        }
        #expect(log.outcomes(of: cleared).count == 1)
        if log.outcomes(of: job(1)) == [.delivered] { #expect(log.outcomes(of: cleared) == [.delivered]) }
    }

    @Test func `The status of a channel tells how it is doing`() async throws {
        let log = StageLog((1...10).map { job($0) })
        let courier = StageCourier { _, _, _ in answered(503) }
        let notifier = try notifier([channel(concurrency: 1, retryDelays: [3_600_000])], log, courier)
        try await running(notifier) {
            try await eventually("the circuit opens") { await notifier.channelStatuses()[0].state == .failing }
            let status = await notifier.channelStatuses()[0]
            #expect(status.name == "shop")
            #expect(status.consecutiveFailures == Circuit.failureThreshold)
            #expect(status.lastAnswer == "503")
            #expect(status.lastSuccessAt == nil)
            #expect(status.nextTry == after(Circuit.firstRestMilliseconds))
        }
        #expect(courier.sent.count == Circuit.failureThreshold)
    }
}
