import Foundation
import MeterModel
import RecordLog
import Testing

@testable import Projections

@Suite("Packed chunks")
struct PackedChunksTests {
    /// Where they may lie.
    enum Ground: CaseIterable {
        case memory
        case file
        /// A file on a disk that has room now and then.
        case fullDisk

        /// Not every file system has files without a name.
        static let possible = ScratchFile(in: NSTemporaryDirectory()) == nil ? [Ground.memory] : allCases
    }

    private func makeFile(_ ground: Ground) -> ScratchFile? {
        ground == .memory ? nil : ScratchFile(in: NSTemporaryDirectory(), reserveByteCount: 0)
    }

    private func chunk(_ random: inout TestRandom) -> [SeriesEntry] {
        // From the least that a chunk takes to the most.
        let reach: Int64 = random.pick([1, 1000, 1 << 40, 1 << 60])
        var at = random.int(-reach...reach)
        return (0..<SeriesEntries.chunkCount).map { i in
            at &+= random.int(0...reach)
            return SeriesEntry(
                at: at,
                value: random.int(-reach...reach),
                position: UInt64(random.int(0...min(reach, 1 << 47))),
                quality: reach > 1000 && random.oneIn(2) ? .estimated : .measured,
                status: reach > 1000 && random.oneIn(2) ? .wrap : .interval
            )
        }
    }

    @Test(
        "are what was added, whatever was added and removed besides",
        arguments: Ground.possible,
        0..<4 as Range<UInt64>
    )
    func twin(ground: Ground, seed: UInt64) {
        var random = TestRandom(seed: seed)
        let file = makeFile(ground)
        let chunks = PackedChunks(file: file)
        var kept: [(place: PackedChunks.Place, entries: [SeriesEntry])] = []
        func check(_ i: Int) {
            let found = chunks.entries(of: kept[i].place, firstAt: kept[i].entries[0].at, count: kept[i].entries.count)
            for (k, entry) in kept[i].entries.enumerated() {
                let isSame =
                    found[k].at == entry.at && found[k].value == entry.value && found[k].rawWord == entry.rawWord
                #expect(isSame, "seed \(seed), chunk \(i), entry \(k)")
            }
        }
        for round in 0..<40_000 {
            let isGrowing = round % 10_000 < 7000
            if ground == .fullDisk { file?.reserveByteCount = random.oneIn(2) ? 0 : UInt64.max }
            if kept.isEmpty || random.oneIn(isGrowing ? 2 : 20) {
                let entries = chunk(&random)
                kept.append((entries.withUnsafeBufferPointer(chunks.add), entries))
            } else if random.oneIn(isGrowing ? 20 : 2) {
                let i = Int(random.int(0...Int64(kept.count - 1)))
                chunks.remove(kept[i].place)
                kept.swapAt(i, kept.count - 1)
                kept.removeLast()
            } else if random.oneIn(1000) {
                chunks.giveBackMemory()
            } else {
                check(Int(random.int(0...Int64(kept.count - 1))))
            }
        }
        #expect(kept.count > 1000)
        chunks.giveBackMemory()
        for i in kept.indices { check(i) }
    }

    @Test("take the place of those that were removed")
    func reuse() {
        var random = TestRandom(seed: 1)
        let chunks = PackedChunks()
        let entries = chunk(&random)
        let places = (0..<1000).map { _ in entries.withUnsafeBufferPointer(chunks.add) }
        for place in places { chunks.remove(place) }
        for _ in 0..<1000 {
            let place = entries.withUnsafeBufferPointer(chunks.add)
            #expect(places.contains(place))
        }
    }

    @Test("leave no file to be seen", .enabled(if: Ground.possible.count > 1, "files without a name"))
    func nameless() throws {
        let directory = NSTemporaryDirectory() + "packed-chunks-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let file = ScratchFile(in: directory)
        #expect(file != nil)
        let chunks = PackedChunks(file: file)
        var random = TestRandom(seed: 2)
        _ = chunk(&random).withUnsafeBufferPointer(chunks.add)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
        #expect(ScratchFile(in: directory + "/nowhere") == nil)
    }
}
