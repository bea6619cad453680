import Billing
import MeterModel
import OracleRows
import ReadModel
import RecordLog
import Testing

@testable import Projections

/// A fold that is written as a snapshot and read again, over random histories with every kind of trouble.
struct FoldSnapshotTests {
    /// What no fold has that may be written, or what never changes in one.
    private static let constant: Set<String> = [
        "Fold.scope", "Fold.lane", "Fold.packedByOthers", "Fold.asOf", "Fold.supposition", "Fold.unwrittenJobs",
        "Fold.queuedSeries", "Fold.queuedDevices",
        "DeviceFold.isQueued", "DeviceFold.dirtyDays", "DeviceFold.ledgerIsWhollyDirty",
        "SeriesFold.dirtySpan", "SeriesFold.anomaliesAreDirty", "SeriesFold.isWhollyDirty", "SeriesFold.hasStaleRows",
        "SeriesFold.isQueued", "Tellings.laterExchanges", "AlertBook.unwritten",
        // Packed entries are as few as can be once they are written.
        "SeriesEntries.keptCount",
    ]

    /// Of few meters with every kind of trouble, or one with a long history.
    private static func lines(_ seed: UInt64) -> [String] {
        if seed % 8 == 7 { return LongHistory(seed: seed).lines }
        var history = FleetHistory(seed: seed &+ 3_000_000, isLawful: false)
        return history.arrival().map(\.text)
    }

    /// A fold after some history, all of it committed; in some the log has holes.
    private func pipeline(_ seed: UInt64) throws -> Pipeline {
        let trial = Trial(lines: Self.lines(seed), seed: seed, keepsFold: seed.isMultiple(of: 2))
        var random = TestRandom(seed: seed ^ 0x51A9)
        let (pipeline, _) = try trial.ingested(&random)
        if seed.isMultiple(of: 5), pipeline.head > .origin {
            _ = try pipeline.loseSegments(&random)
            try pipeline.commit()
        }
        return pipeline
    }

    /// Makes vary what these histories tell alike.
    private func vary(_ fold: Fold, _ seed: UInt64) {
        let seconds = Int64(seed) * 1000
        for job in fold.jobs.keys { fold.jobs[job]?.requestedAt = Instant(milliseconds: seconds) }
        for job in fold.earlyOutcomes.keys where seed.isMultiple(of: 3) {
            fold.earlyOutcomes[job]?[0].outcome.channel = "c \(seed)"
            fold.earlyOutcomes[job]?[0].outcome.attempt = Int(seed)
        }
    }

    @Test func `What is read is what was written, to the last member`() throws {
        var seen: [String: Set<String>] = [:]
        var passedOver: Set<String> = []
        let seeds = (0..<Seeds.shards).flatMap { Seeds.ofShard($0, count: 240) }
        for seed in seeds {
            let pipeline = try pipeline(seed)
            guard pipeline.head > .origin else { continue }
            vary(pipeline.projector.fold, seed)
            try pipeline.keepFold()
            let written = FoldPicture(pipeline.projector.fold)
            let bytes = try #require(pipeline.fileSystem.content(of: "data/views.fold"))
            let kept = try #require(pipeline.makeSnapshots().load(upTo: pipeline.head), "seed \(seed)")
            let read = FoldPicture(kept.fold)
            if let difference = written.difference(from: read) {
                Issue.record("seed \(seed): \(difference)")
                return
            }
            #expect(numbering(kept.directory) == numbering(pipeline.directory), "seed \(seed)")
            // What many share they share again.
            for (type, objects) in read.objects {
                #expect(objects.count <= written.objects[type]?.count ?? 0, "seed \(seed): \(type)")
            }
            pipeline.makeSnapshots().write(kept.fold, kept.directory)
            #expect(pipeline.fileSystem.content(of: "data/views.fold") == bytes, "seed \(seed): other bytes")
            for (member, texts) in written.seen { seen[member, default: []].formUnion(texts) }
            passedOver.formUnion(written.passedOver)
        }
        // A few seeds need not meet everything.
        guard seeds.count >= 200 else { return }
        #expect(passedOver == FoldPicture.scratch)
        #expect(Set(seen.filter { $0.value.count < 2 }.keys) == FoldSnapshotTests.constant)
    }

    private func numbering(_ directory: SeriesDirectory) -> [String] {
        (0..<UInt32(directory.deviceCount)).map { directory.devices[$0] }
            + (0..<UInt32(directory.registers.count)).map { directory.registers[$0] }
            + (0..<UInt32(directory.seriesCount)).map {
                "\(directory.device(ofSeries: $0)) \(directory.register(ofSeries: $0))"
            }
    }

    @Test func `What is forgotten shows`() throws {
        let pipeline = try pipeline(1)
        let picture = FoldPicture(pipeline.projector.fold)
        let forgettings: [(Fold) -> Void] = [
            { $0.devices[0].multiplierPosition += 1 },
            { $0.devices[0].charges = DeviceCharges(RateSchedule.none) },
            { $0.turnedDays[ByteName("Europe/Oslo")] = 1 },
            { $0.series[0].isWritten.toggle() },
        ]
        for forget in forgettings {
            try pipeline.keepFold()
            let fold = try #require(pipeline.makeSnapshots().load(upTo: pipeline.head)).fold
            #expect(picture.difference(from: FoldPicture(fold)) == nil)
            forget(fold)
            #expect(picture.difference(from: FoldPicture(fold)) != nil)
        }
    }

    /// What is compared of a long history, whose hours are many.
    private static let longQueries: [AskedQuery] = [.day, .anomalies, .devices, .ledger, .balance]

    @Test("The rows that are folded from it are those of the oracle and of a rebuild", arguments: 0..<Seeds.shards)
    func agree(shard: Int) throws {
        var loadedCount = 0
        for seed in Seeds.ofShard(shard, count: 480) {
            let isLong = seed % 60 == 59
            var history = FleetHistory(seed: seed &+ 4_000_000, isLawful: false)
            let lines = isLong ? LongHistory(seed: seed).lines : history.arrival().map(\.text)
            func trial(_ lines: [String]) -> Trial {
                let queries = isLong ? Self.longQueries : AskedQuery.allCases
                return Trial(lines: lines, seed: seed, queries: queries, keepsFold: true)
            }
            var random = TestRandom(seed: seed)
            loadedCount += try trial(lines).ingested(&random).0.loadedCount
            guard try trial(lines).disagreement() != nil else { continue }
            let fewest = shrunk(lines) { (try? trial($0).disagreement()) != nil }
            let text = try trial(fewest).disagreement() ?? "throws"
            Issue.record("seed \(seed): \(text)\n\(fewest.joined(separator: "\n"))")
            return
        }
        #expect(loadedCount > 0)
    }
}
