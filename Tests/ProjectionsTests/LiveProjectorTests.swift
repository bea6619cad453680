import EventStorage
import MeterModel
import ReadModel
import Synchronization
import TestStage
import Testing

@testable import Projections

/// A projector that follows a log while it grows.
struct LiveProjectorTests {
    /// Remembers what it is told.
    private final class Follower: ProjectionFollowing {
        private struct State {
            var told: [String] = []
            var toldWithCommits: [String] = []
            var committed: [UInt64] = []
            var failures = 0
        }

        private let state = Mutex(State())

        func requested(_ jobs: [RequestedJob]) { state.withLock { $0.told += jobs.map(\.row.job) } }

        func committed(_ position: Position, balances: [BalanceChange], jobs: [RequestedJob]) {
            state.withLock { state in
                state.committed.append(position.rawValue)
                state.toldWithCommits += jobs.map(\.row.job)
            }
        }

        func failed(_ error: any Error) { state.withLock { $0.failures += 1 } }

        var told: [String] { state.withLock { $0.told } }
        var toldWithCommits: [String] { state.withLock { $0.toldWithCommits } }
        var committed: [UInt64] { state.withLock { $0.committed } }
        var failureCount: Int { state.withLock { $0.failures } }
    }

    /// What became of the fold that was kept.
    // Safety: told by the projector's thread, and looked at when that has ended.
    private final class Kept: @unchecked Sendable {
        private(set) var writtenCount = 0
        private(set) var loadedCount = 0
        private(set) var faults: [String] = []

        func take(_ news: FoldSnapshots.News) {
            switch news {
            case .loaded: loadedCount += 1
            case .written: writtenCount += 1
            case .passedOver(let reason), .notWritten(_, let reason): faults.append(reason)
            }
        }
    }

    /// Long enough for any machine.
    private static let long = Duration.seconds(600)

    /// A projector of views that show the log up to their checkpoint.
    ///
    /// `news`: keeps its fold, and is told what became of it.
    private func live(
        _ pipeline: Pipeline,
        _ store: ViewStore,
        _ follower: Follower,
        news: ((FoldSnapshots.News) -> Void)? = nil
    ) throws -> LiveProjector {
        // Safety: nobody else has them.
        nonisolated(unsafe) let projector = ViewProjector(store: store, zones: testZones)
        nonisolated(unsafe) let reader = try pipeline.makeReader()
        let cadence = FoldSnapshots.Cadence(leastCount: 40, leastCountAtEnd: 10)
        nonisolated(unsafe) let snapshots = news.map { pipeline.makeSnapshots(cadence: cadence, tell: $0) }
        return LiveProjector(
            projector,
            reader: reader,
            checkpoint: try store.read { try $0.meta().checkpoint },
            head: pipeline.head,
            snapshots: snapshots,
            follower: follower
        )
    }

    private func differences(_ store: ViewStore, _ pipeline: Pipeline) throws -> [String] {
        try ViewComparison.compare(store, pipeline.rebuilt()).tables.filter { $0.differenceCount > 0 }.map { "\($0)" }
    }

    @Test func `Following, with restarts in between, it comes to the views of a batch fold`() async throws {
        var (toldCount, writtenCount, loadedCount) = (0, 0, 0)
        for seed in UInt64(0)..<40 {
            var history = FleetHistory(seed: seed, isLawful: false)
            var random = TestRandom(seed: seed ^ 0x11FE)
            let lines = history.arrival().map(\.text)
            let pipeline = try Pipeline()
            let store = try ViewStore.inMemory()
            let follower = Follower()
            // Of every other seed the fold is kept, and restarts go on from there.
            let kept = seed.isMultiple(of: 2) ? nil : Kept()
            var projector = try live(pipeline, store, follower, news: kept?.take)
            projector.start()
            var next = 0
            while next < lines.count {
                let count = min(lines.count - next, Int(random.int(1...60)))
                _ = try pipeline.ingest(Array(lines[next..<next + count]))
                next += count
                let head = pipeline.head
                projector.advance(to: head)
                if random.oneIn(4) {
                    #expect(await projector.wait(for: head, within: Self.long), "seed \(seed)")
                    #expect(projector.committed >= head)
                    #expect(try store.read { try $0.meta().checkpoint } >= head)
                }
                if random.oneIn(8) {
                    try await waitUntil("it follows") { projector.hasLoaded }
                    projector.stop()
                    #expect(projector.committed == head && follower.committed.last ?? 0 == head.rawValue)
                    projector = try live(pipeline, store, follower, news: kept?.take)
                    projector.start()
                }
            }
            // Stopped before it has loaded, it leaves the rest to the next start.
            try await waitUntil("it follows") { projector.hasLoaded }
            projector.stop()
            #expect(try differences(store, pipeline) == [], "seed \(seed)")
            #expect(follower.committed == follower.committed.sorted() && follower.failureCount == 0)
            toldCount += try checkTold(follower, pipeline, "seed \(seed)")
            if let kept {
                #expect(kept.faults == [], "seed \(seed)")
                (writtenCount, loadedCount) = (writtenCount + kept.writtenCount, loadedCount + kept.loadedCount)
            }
        }
        #expect(toldCount > 10, "too few pushes to tell of")
        #expect(writtenCount > 10 && loadedCount > 2, "\(writtenCount) written, \(loadedCount) loaded")
    }

    @Test func `Stopped far behind the log, it commits what it has and leaves the rest to the next start`()
        async throws
    {
        let pipeline = try Pipeline()
        for batch in 0..<200 {
            let lines = (0..<200).map { i in
                """
                {"device":"E-\(i)","readAt":\(1_704_067_200 + batch * 60),"value":\(batch),"unit":"kWh","register":"r"}
                """
            }
            _ = try pipeline.ingest(lines)
        }
        #expect(pipeline.head == Position(40_000))
        // The thread may be faster than the one that stops it.
        var wasBehind = false
        for _ in 0..<50 where !wasBehind {
            let store = try ViewStore.inMemory()
            let first = try live(pipeline, store, Follower())
            first.start()
            #expect(first.stop(within: .zero))
            #expect(try store.read { try $0.meta().checkpoint } == first.committed)
            wasBehind = first.committed < pipeline.head
            let second = try live(pipeline, store, Follower())
            second.start()
            #expect(await second.wait(for: pipeline.head, within: Self.long))
            #expect(second.stop())
            #expect(try differences(store, pipeline) == [])
        }
        #expect(wasBehind)
    }

    /// Each job that is still pending was told, none twice, and the views showed each that was told.
    private func checkTold(_ follower: Follower, _ pipeline: Pipeline, _ seed: Comment) throws -> Int {
        let told = follower.told
        #expect(Set(told).count == told.count, seed)
        #expect(told == follower.toldWithCommits, seed)
        let whole = ViewProjector(store: try ViewStore.inMemory(), zones: testZones)
        _ = try whole.fold(pipeline.makeReader(), through: pipeline.head)
        let pending = whole.fold.unsettledJobs().filter { $0.state == .pending }.map(\.job)
        #expect(Set(pending).isSubset(of: told), seed)
        return told.count
    }

    /// A device that falls into arrears with its first reading, and the outcome of the push.
    private static let arrears = [
        """
        {"event":"TariffPublished","tariff":"t","unit":"kWh","currency":"EUR","versions":[{"from":"2025-01-01",\
        "default":"1"}]}
        """,
        """
        {"event":"DeviceRegistered","device":"E-1","utility":"electricity","tariff":"t","from":"2025-01-01",\
        "alerts":[{"rule":"low","level":"0"}]}
        """,
        """
        {"event":"TopUpReceived","device":"E-1","amount":"5","currency":"EUR","provider":"p","reference":"1",\
        "at":"2025-06-01T00:00:00Z"}
        """,
        "{\"device\":\"E-1\",\"readAt\":\"2025-06-01T00:00:00Z\",\"value\":\"0\"}",
        "{\"device\":\"E-1\",\"readAt\":\"2025-06-02T00:00:00Z\",\"value\":\"9\"}",
    ]

    @Test func `What was requested before its views' checkpoint is not told again; after it, only what is pending`()
        async throws
    {
        let pipeline = try Pipeline()
        _ = try pipeline.ingest(Self.arrears)
        let store = try ViewStore.inMemory()
        let first = Follower()
        var projector = try live(pipeline, store, first)
        projector.start()
        #expect(await projector.wait(for: pipeline.head, within: Self.long))
        projector.stop()
        let job = try #require(first.told.first)
        #expect(first.told == [job])
        let second = Follower()
        projector = try live(pipeline, store, second)
        projector.start()
        let unsettled = try await projector.perform(after: pipeline.head) { projector, _ in
            projector.fold.unsettledJobs().map(\.job)
        }
        #expect(unsettled == [job])
        projector.stop()
        #expect(second.told == [] && second.committed == [])
        // Views made anew of a log that has the outcome already tell of nothing.
        let outcome =
            "{\"event\":\"PushDelivered\",\"job\":\"\(job)\",\"at\":\"2025-06-02T01:00:00Z\",\"channel\":\"c\"}"
        #expect(try pipeline.ingest([outcome]) == [.accepted(pipeline.head.rawValue)])
        let third = Follower()
        projector = try live(pipeline, try ViewStore.inMemory(), third)
        projector.start()
        #expect(await projector.wait(for: pipeline.head, within: Self.long))
        projector.stop()
        #expect(third.told == [] && third.committed == [pipeline.head.rawValue])
    }

    @Test func `Who waits is told in time whether it is shown, and work runs after its position`() async throws {
        let pipeline = try Pipeline()
        let store = try ViewStore.inMemory()
        let projector = try live(pipeline, store, Follower())
        projector.start()
        #expect(await projector.wait(for: Position(1), within: .milliseconds(20)) == false)
        async let isShown = projector.wait(for: Position(5), within: Self.long)
        _ = try pipeline.ingest(Self.arrears)
        projector.advance(to: pipeline.head)
        #expect(await isShown)
        let reading = "{\"device\":\"E-1\",\"readAt\":\"2025-06-03T00:00:00Z\",\"value\":\"10\"}"
        _ = try pipeline.ingest([reading])
        let head = pipeline.head
        projector.advance(to: head)
        let folded = try projector.performAndWait(after: head) { projector, directory in
            (projector.position, directory.deviceCount)
        }
        #expect(folded == (head, 1))
        let checkpoint = try projector.performAndWait(after: head, afterCommit: true) { _, _ in
            try store.read { try $0.meta().checkpoint }
        }
        #expect(checkpoint == head && projector.hasLoaded && projector.folded == head)
        struct Broken: Error {}
        #expect(throws: Broken.self) { try projector.performAndWait(after: head) { _, _ in throw Broken() } }
        projector.stop()
        #expect(throws: ProjectorStopped.self) { try projector.performAndWait(after: head) { _, _ in } }
        await #expect(throws: ProjectorStopped.self) { try await projector.perform { _, _ in } }
        #expect(await projector.wait(for: head, within: Self.long))
        #expect(await projector.wait(for: head.advanced(by: 1), within: Self.long) == false)
    }

    @Test func `Views that cannot be written are told, to those too who wait`() async throws {
        let pipeline = try Pipeline()
        let store = try ViewStore.inMemory()
        let follower = Follower()
        let projector = try live(pipeline, store, follower)
        projector.start()
        async let isShown = projector.wait(for: Position(5), within: Self.long)
        try store.close()
        _ = try pipeline.ingest(Self.arrears)
        projector.advance(to: pipeline.head)
        #expect(await isShown == false)
        #expect(await projector.wait(for: pipeline.head, within: Self.long) == false)
        #expect(throws: (any Error).self) { try projector.performAndWait(after: .origin) { _, _ in } }
        try await waitUntil("the follower is told") { follower.failureCount == 1 }
        #expect(follower.committed == [] && projector.committed == .origin)
        projector.stop()
    }

    @Test func `Work that waits for a commit which fails is told so`() async throws {
        let pipeline = try Pipeline()
        let store = try ViewStore.inMemory()
        let projector = try live(pipeline, store, Follower())
        _ = try pipeline.ingest(Self.arrears)
        // Work that is to see everything written comes with the events, before they are.
        try store.close()
        let head = pipeline.head
        let isTold = Task.detached {
            do {
                try projector.performAndWait(after: head, afterCommit: true) { _, _ in }
                return false
            } catch { return true }
        }
        projector.start()
        projector.advance(to: head)
        #expect(await isTold.value)
        projector.stop()
    }
}
