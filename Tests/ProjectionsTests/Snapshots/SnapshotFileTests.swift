import Foundation
import MeterModel
import ReadModel
import RecordLog
import Testing
import TimeZones

@testable import Projections

/// The file that a snapshot is: damaged, torn, of another log or program, it is passed over and costs time alone.
struct SnapshotFileTests {
    private static let path = "data/views.fold"

    /// Some history, all of it committed.
    private func pipeline(_ seed: UInt64 = 7) throws -> Pipeline {
        var history = FleetHistory(seed: seed &+ 5_000_000, isLawful: false)
        let pipeline = try Pipeline()
        _ = try pipeline.ingest(history.arrival().map(\.text))
        try pipeline.commit()
        return pipeline
    }

    /// What becomes of loading it.
    private func load(
        _ pipeline: Pipeline,
        program: String = "test",
        zones: any ZoneSource = testZones,
        upTo checkpoint: Position? = nil
    ) -> (picture: FoldPicture?, reason: String?) {
        var reason: String?
        let snapshots = pipeline.makeSnapshots(program: program, zones: zones) { news in
            if case .passedOver(let text) = news { reason = text }
        }
        return (snapshots.load(upTo: checkpoint ?? pipeline.head).map { FoldPicture($0.fold) }, reason)
    }

    // MARK: Damage

    @Test("Whatever bit is turned, wherever it is cut, it is passed over", arguments: [7, 8] as [UInt64])
    func damage(seed: UInt64) throws {
        let pipeline = try pipeline(seed)
        try pipeline.keepFold()
        let bytes = try #require(pipeline.fileSystem.content(of: Self.path))
        #expect(load(pipeline).picture != nil)
        var random = TestRandom(seed: seed)
        func check(_ damaged: [UInt8], _ what: Comment) {
            pipeline.fileSystem.setContent(damaged, of: Self.path)
            let (picture, reason) = load(pipeline)
            #expect(picture == nil && reason != nil, what)
        }
        for _ in 0..<2000 {
            var damaged = bytes
            let place = Int(random.int(0...Int64(bytes.count - 1)))
            damaged[place] ^= 1 << UInt8(random.int(0...7))
            check(damaged, "seed \(seed): byte \(place) is \(damaged[place])")
        }
        for _ in 0..<500 {
            let count = Int(random.int(0...Int64(bytes.count - 1)))
            check(Array(bytes.prefix(count)), "seed \(seed): cut to \(count) bytes")
        }
        check(bytes + [0], "seed \(seed): a byte more")
        check(Array(repeating: 0, count: bytes.count), "seed \(seed): zeros")
        check([], "seed \(seed): empty")
    }

    @Test("A file that is sound and says nonsense does no harm", arguments: 0..<8 as Range<UInt64>)
    func nonsense(seed: UInt64) throws {
        // Prices are believed to be such as were admitted.
        var history = FleetHistory(seed: seed &+ 5_500_000, isLawful: false)
        let pipeline = try Pipeline()
        _ = try pipeline.ingest(history.arrival().map(\.text).filter { !$0.contains("TariffPublished") })
        try pipeline.keepFold()
        let bytes = try #require(pipeline.fileSystem.content(of: Self.path))
        var random = TestRandom(seed: seed ^ 0xBAD)
        for _ in 0..<3000 {
            var damaged = bytes
            for _ in 0..<random.int(1...3) {
                damaged[Int(random.int(200...Int64(bytes.count - 1)))] = UInt8(random.int(0...255))
            }
            pipeline.fileSystem.setContent(SnapshotBytes.sealed(damaged), of: Self.path)
            // Where no number is out of bounds it may be taken: what is forged here could be forged in the views.
            _ = load(pipeline)
        }
    }

    @Test func `Pieces that are full are cut and joined wherever they end`() throws {
        let pipeline = try pipeline()
        let file = try pipeline.fileSystem.open("data/numbers", mode: .createNew)
        let out = SnapshotWriter(file)
        out.begin(.head)
        out.text("head")
        out.begin(.body)
        var random = TestRandom(seed: 11)
        var numbers: [(UInt64, Int64, Int128)] = []
        for _ in 0..<60_000 {
            let number = random.next() >> UInt64(random.int(0...63))
            let wide = Int128(Int64(bitPattern: random.next())) << Int128(random.int(0...63))
            numbers.append((number, Int64(bitPattern: random.next()) >> random.int(0...63), wide))
        }
        let long = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        for (a, b, c) in numbers {
            out.varint(a)
            out.zigzag(b)
            out.number(c)
        }
        long.withUnsafeBytes { out.bytes($0) }
        out.finish()
        #expect(out.failure == nil && out.byteCount > 4 << 20)
        let reader = try SnapshotReader(file)
        #expect(try reader.text() == "head")
        try reader.beginBody()
        for (a, b, c) in numbers {
            guard try reader.varint() == a, try reader.zigzag() == b, try reader.number() == c else {
                Issue.record("not \(a), \(b), \(c)")
                return
            }
        }
        #expect(try reader.bytes(long.count).elementsEqual(long))
        try reader.finish()
    }

    // MARK: Crashes

    @Test func `A crash leaves the older one, the newer or none`() throws {
        var outcomes: [String: Int] = [:]
        for seed in UInt64(0)..<6 {
            var history = FleetHistory(seed: seed &+ 6_000_000, isLawful: false)
            let lines = history.arrival().map(\.text)
            let pipeline = try Pipeline()
            _ = try pipeline.ingest(Array(lines.prefix(lines.count / 2)))
            guard pipeline.head > .origin else { continue }
            let hasOlder = seed.isMultiple(of: 2)
            if hasOlder { try pipeline.keepFold() }
            let older = hasOlder ? FoldPicture(pipeline.projector.fold).text : nil
            _ = try pipeline.ingest(Array(lines.dropFirst(lines.count / 2)))
            try pipeline.commit()
            let newer = FoldPicture(pipeline.projector.fold).text
            let (fold, directory) = (pipeline.projector.fold, pipeline.directory)
            for step in 0..<12 {
                let disk = pipeline.fileSystem.copy(seed: seed &* 100 &+ UInt64(step))
                func snapshots() -> FoldSnapshots {
                    FoldSnapshots(directory: "data", fileSystem: disk, zones: testZones, program: "test")
                }
                disk.inject(.powerCut, atOperation: disk.operationCount + step)
                snapshots().write(fold, directory)
                disk.clearFaults()
                disk.restart()
                let found = snapshots().load(upTo: pipeline.head).map { FoldPicture($0.fold).text }
                #expect(found == older || found == newer, "seed \(seed), step \(step)")
                outcomes[found == newer ? "newer" : found == nil ? "none" : "older", default: 0] += 1
                #expect(disk.content(of: Self.path + ".new") == nil)
            }
        }
        #expect(Set(outcomes.keys) == ["older", "newer", "none"])
    }

    private static let faults: [SimulatedFileSystem.Fault] = [.noSpace, .shortWrite, .inputOutputError]

    @Test("A fault of the disk leaves the older one", arguments: faults)
    func fault(_ fault: SimulatedFileSystem.Fault) throws {
        let pipeline = try pipeline()
        try pipeline.keepFold()
        let older = try #require(pipeline.fileSystem.content(of: Self.path))
        let reading = #"{"device":"late","register":"r","readAt":"2020-01-01T00:00:00Z","value":"1","unit":"kWh"}"#
        #expect(try pipeline.ingest([reading]) == [.accepted(pipeline.head.rawValue)])
        // Made, its beginning and its pieces written; before that the log is looked at, and what is left removed.
        for step in 2...5 {
            pipeline.fileSystem.inject(fault, atOperation: pipeline.fileSystem.operationCount + step)
            #expect(throws: SnapshotFault.self) { try pipeline.keepFold() }
            pipeline.fileSystem.clearFaults()
            #expect(pipeline.fileSystem.content(of: Self.path) == older)
            #expect(pipeline.fileSystem.content(of: Self.path + ".new") == nil)
            #expect(load(pipeline).picture != nil)
        }
        try pipeline.keepFold()
        #expect(pipeline.fileSystem.content(of: Self.path) != older)
    }

    @Test func `A disk that cannot be read leaves it unused`() throws {
        let pipeline = try pipeline()
        try pipeline.keepFold()
        var usedCount = 0
        for step in 0..<40 {
            pipeline.fileSystem.injectReadError(atOperation: pipeline.fileSystem.readCount + step)
            if load(pipeline).picture != nil { usedCount += 1 }
            pipeline.fileSystem.clearFaults()
        }
        #expect(usedCount > 0 && usedCount < 40)
    }

    // MARK: What does not belong together

    private struct OtherZones: ZoneSource {
        var version: String { "another" }
        func rules(of name: String) -> ZoneRules? { testZones.rules(of: name) }
    }

    @Test func `Of another program, other zones or ahead of the views it is passed over`() throws {
        let pipeline = try pipeline()
        try pipeline.keepFold()
        #expect(load(pipeline).picture != nil)
        #expect(load(pipeline, program: "2").reason == "it is of version test, this is 2")
        let zones = try #require(load(pipeline, zones: OtherZones()).reason)
        #expect(zones.contains("time-zone database"))
        let ahead = try #require(load(pipeline, upTo: Position(pipeline.head.rawValue - 1)).reason)
        #expect(ahead == "it reaches position \(pipeline.head.rawValue), the views \(pipeline.head.rawValue - 1)")
        #expect(load(pipeline, upTo: .origin).picture == nil)
    }

    @Test func `Of another format or other rules it is passed over`() throws {
        let pipeline = try pipeline()
        try pipeline.keepFold()
        let bytes = try #require(pipeline.fileSystem.content(of: Self.path))
        var other = bytes
        other[8] = 2
        pipeline.fileSystem.setContent(SnapshotBytes.sealed(other), of: Self.path)
        #expect(load(pipeline).reason == "its format is version 2, not 1")
        other = bytes
        other[32] = 99
        pipeline.fileSystem.setContent(SnapshotBytes.sealed(other), of: Self.path)
        #expect(load(pipeline).reason == "it was folded by rules 99, not \(SnapshotFormat.rulesVersion)")
    }

    @Test func `Of another log it is passed over`() throws {
        let one = try pipeline(7)
        let other = try pipeline(8)
        let (shorter, longer) = one.head < other.head ? (one, other) : (other, one)
        try shorter.keepFold()
        let bytes = try #require(shorter.fileSystem.content(of: Self.path))
        longer.fileSystem.setContent(bytes, of: Self.path)
        #expect(load(longer).reason == "the log has another chain value at position \(shorter.head.rawValue)")
    }

    @Test func `Where other positions are given up it is passed over`() throws {
        var random = TestRandom(seed: 3)
        var metCount = 0
        for seed in UInt64(0)..<40 {
            var history = FleetHistory(seed: seed &+ 2_000_000, isLawful: false)
            let trial = Trial(lines: history.arrival().map(\.text), seed: seed)
            let (pipeline, _) = try trial.ingested(&random)
            guard pipeline.head > .origin else { continue }
            try pipeline.keepFold()
            let position = pipeline.head
            let holes = try pipeline.loseSegments(&random)
            // What is damaged behind the last record says nothing about it.
            guard holes.contains(where: { $0.lowerBound <= position }) else { continue }
            metCount += 1
            let reason = try #require(load(pipeline).reason, "seed \(seed)")
            #expect(reason == "other positions of the log are given up now", "seed \(seed)")
            try pipeline.keepFold()
            #expect(load(pipeline).picture != nil, "seed \(seed)")
        }
        #expect(metCount > 0)
    }

    @Test func `Where no block ends, and with rows still to be written, none is written`() throws {
        let pipeline = try pipeline()
        let reading = #"{"device":"late","register":"r","readAt":"2020-01-01T00:00:00Z","value":"1","unit":"kWh"}"#
        _ = try pipeline.ingest([reading])
        var reasons: [String] = []
        let snapshots = pipeline.makeSnapshots { news in
            if case .notWritten(_, let reason) = news { reasons.append(reason) }
        }
        snapshots.write(pipeline.projector.fold, pipeline.directory)
        try pipeline.commit()
        pipeline.projector.fold.position = Position(pipeline.head.rawValue + 1)
        snapshots.write(pipeline.projector.fold, pipeline.directory)
        #expect(
            reasons == [
                "rows are still to be written",
                "no block of the log ends at position \(pipeline.head.rawValue + 1)",
            ]
        )
        #expect(pipeline.fileSystem.content(of: Self.path) == nil)
    }

    // MARK: When

    @Test func `It is written once enough was folded, and again once a quarter came on top`() throws {
        let pipeline = try pipeline()
        let usual = pipeline.makeSnapshots()
        #expect(!usual.isDue(at: Position((1 << 25) - 1), atEnd: false))
        #expect(usual.isDue(at: Position(1 << 25), atEnd: false))
        #expect(!usual.isDue(at: Position((1 << 20) - 1), atEnd: true))
        #expect(usual.isDue(at: Position(1 << 20), atEnd: true))
        var written: [UInt64] = []
        let count = pipeline.head.rawValue
        let often = pipeline.makeSnapshots(cadence: FoldSnapshots.Cadence(leastCount: 2, leastCountAtEnd: 1)) { news in
            if case .written(let position, _, _) = news { written.append(position.rawValue) }
        }
        often.keep(pipeline.projector, pipeline.directory)
        often.keep(pipeline.projector, pipeline.directory, .end(by: nil))
        #expect(written == [count])
        #expect(!often.isDue(at: Position(count + count / 4 - 1), atEnd: false))
        #expect(often.isDue(at: Position(count + max(2, count / 4)), atEnd: false))
        // Whoever did not load it finds out how far it reaches.
        let other = pipeline.makeSnapshots(cadence: FoldSnapshots.Cadence(leastCount: 2, leastCountAtEnd: 1))
        #expect(other.isDue(at: pipeline.head, atEnd: true))
        other.look(upTo: pipeline.head)
        #expect(!other.isDue(at: pipeline.head, atEnd: true))
        pipeline.projector.isDoubted = true
        other.remove()
        other.keep(pipeline.projector, pipeline.directory, .end(by: nil))
        #expect(pipeline.fileSystem.content(of: Self.path) == nil)
    }

    @Test func `An end that has no time left goes without`() throws {
        let pipeline = try pipeline()
        var reasons: [String] = []
        let cadence = FoldSnapshots.Cadence(leastCount: 2, leastCountAtEnd: 1)
        let snapshots = pipeline.makeSnapshots(cadence: cadence) { news in
            if case .notWritten(_, let reason) = news { reasons.append(reason) }
        }
        snapshots.keep(pipeline.projector, pipeline.directory, .end(by: .now))
        #expect(reasons == ["there is no time left for it"])
        #expect(pipeline.fileSystem.content(of: Self.path + ".new") == nil)
    }

    @Test("New views are finished beside it, and it is what they were folded from")
    func besideNewViews() throws {
        let pipeline = try pipeline(7)
        let folder = NSTemporaryDirectory() + "views-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try ViewStore.begin(path: folder + "/views.sqlite")
        let projector = ViewProjector(store: store, zones: testZones)
        let known = try projector.fold(pipeline.makeReader())
        try projector.commit(chain: [])
        let cadence = FoldSnapshots.Cadence(leastCount: 2, leastCountAtEnd: 1)
        let snapshots = pipeline.makeSnapshots(cadence: cadence)
        try snapshots.finish(store, of: projector, known)
        let kept = try #require(snapshots.load(upTo: pipeline.head))
        #expect(FoldPicture(projector.fold).difference(from: FoldPicture(kept.fold)) == nil)
        let opened = try ViewStore.open(path: folder + "/views.sqlite")
        #expect(try opened.check() == [])
        #expect(try opened.read { try $0.meta().checkpoint } == pipeline.head)
        try opened.close()
    }
}
