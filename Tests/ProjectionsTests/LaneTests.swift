import EventStorage
import Foundation
import MeterModel
import ReadModel
import RecordLog
import Testing

@testable import Projections

/// Devices that are folded and written in lanes side by side, held against all in one.
struct LaneTests {
    /// A log folded anew.
    private struct Folded {
        let store: ViewStore
        let projector: ViewProjector
        /// What a snapshot of the fold has.
        let snapshot: [UInt8]
    }

    /// How lanes are cut.
    private struct Cut {
        /// Devices that follow each other in a lane, as a power of two.
        var pieceBits: UInt32
        /// Devices or series after which lanes wait for each other where rows are made.
        var writtenAtOnce: Int
    }

    /// Without a cut there are no lanes. Where the commit is the last, no memory is given back; the snapshot is then of
    /// what such a snapshot was loaded into.
    private func folded(
        _ pipeline: Pipeline,
        into store: ViewStore,
        by capacity: Int,
        cut: Cut? = nil,
        isLast: Bool = false
    ) throws -> Folded {
        let projector = ViewProjector(store: store, zones: testZones, gatherCapacity: capacity)
        if let cut { projector.beginLanes(pieceBits: cut.pieceBits, writtenAtOnce: cut.writtenAtOnce) }
        let reader = try pipeline.makeReader()
        let directory = try projector.fold(reader, through: pipeline.head)
        try projector.commit(chain: reader.chain.bytes, isLast: isLast)
        let snapshots = pipeline.makeSnapshots()
        snapshots.write(projector.fold, directory)
        if isLast {
            let loaded = try #require(snapshots.load(upTo: pipeline.head))
            snapshots.write(loaded.fold, loaded.directory)
        }
        let snapshot = try #require(pipeline.fileSystem.content(of: "data/views.fold"))
        return Folded(store: store, projector: projector, snapshot: snapshot)
    }

    @Test("Rows and fold are those of one lane", arguments: 0..<Seeds.shards)
    func agree(shard: Int) throws {
        for seed in Seeds.ofShard(shard, count: 160) {
            var random = TestRandom(seed: seed ^ 0x1A7E)
            var history = FleetHistory(seed: seed &+ 7_000_000, isLawful: false)
            let (pipeline, _) = try Trial(lines: history.arrival().map(\.text), seed: seed).ingested(&random)
            guard pipeline.head > .origin else { continue }
            let capacity = random.pick([1, 7, 40, 400, ViewProjector.usualGatherCapacity])
            let one = try folded(pipeline, into: ViewStore.inMemory(), by: capacity)
            let folder = NSTemporaryDirectory() + "lanes-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            // New views in a file are written as pages.
            let isInFile = seed.isMultiple(of: 4)
            let store = isInFile ? try ViewStore.begin(path: folder + "/views.sqlite") : try ViewStore.inMemory()
            let cut = Cut(pieceBits: UInt32(random.int(0...2)), writtenAtOnce: random.pick([1, 2, 5, 2048]))
            let lanes = try folded(pipeline, into: store, by: capacity, cut: cut, isLast: random.int(0...1) == 0)
            let comparison = try ViewComparison.compare(one.store, lanes.store)
            #expect(comparison.isEqual, "seed \(seed): \(comparison.tables.filter { $0.differenceCount > 0 })")
            #expect(try lanes.store.check().isEmpty, "seed \(seed)")
            #expect(one.snapshot == lanes.snapshot, "seed \(seed): another fold")
            #expect(one.projector.duplicateCount == lanes.projector.duplicateCount, "seed \(seed)")
            if isInFile { try store.finish() }
        }
    }

    /// What makes a transaction fail.
    private struct Failure: Error {}

    @Test func `what a failed transaction did not write the next one writes`() throws {
        for seed: UInt64 in 0..<8 {
            var history = FleetHistory(seed: seed &+ 7_100_000, isLawful: false)
            let pipeline = try Pipeline()
            _ = try pipeline.ingest(history.arrival().map(\.text))
            #expect(throws: Failure.self) {
                try pipeline.store.transaction { writer in
                    try pipeline.projector.fold.writeRows(to: writer)
                    throw Failure()
                }
            }
            try pipeline.commit()
            let comparison = try ViewComparison.compare(pipeline.store, pipeline.rebuilt())
            #expect(comparison.isEqual, "seed \(seed): \(comparison.tables.filter { $0.differenceCount > 0 })")
        }
    }
}
