import MeterModel
import Testing

@testable import Projections

@Suite("Packed entries")
struct SeriesEntriesTests {
    @Test("are what a plain array holds", arguments: 0..<40 as Range<UInt64>)
    func twin(seed: UInt64) {
        var random = TestRandom(seed: seed)
        var entries = SeriesEntries(PackedChunks())
        var plain: [SeriesEntry] = []
        let lateness = random.pick([1, 40, 400, 4000] as [Int64])
        for _ in 0..<3000 {
            change(&entries, &plain, lateness: lateness, &random)
            #expect(entries.count == plain.count, "seed \(seed)")
            guard !plain.isEmpty else { continue }
            let i = Int(random.int(0...Int64(plain.count - 1)))
            #expect(isSame(entries[i], plain[i]), "seed \(seed), index \(i)")
            #expect(entries.last.map { isSame($0, plain[plain.count - 1]) } ?? false, "seed \(seed)")
        }
        #expect(entries.isEmpty == plain.isEmpty && entries.firstAt == plain.first?.at)
        #expect(plain.indices.allSatisfy { isSame(entries[$0], plain[$0]) }, "seed \(seed)")
        for at in [Int64.min, -1, 0, plain.last?.at ?? 0, Int64.max] + plain.map(\.at) {
            let first = plain.firstIndex { $0.at >= at } ?? plain.count
            let (low, high) = entries.bounds(at: at)
            #expect(low <= first && first <= high && high <= plain.count, "seed \(seed), at \(at)")
        }
    }

    @Test("that were compacted change as others", arguments: [1, 8, 9, 10, 31, 32, 33, 34, 41, 64, 65, 66, 100])
    func compacted(count: Int) {
        let plain = (0..<count).map { SeriesEntry(at: Int64($0) * 1000, value: Int64($0), position: UInt64($0)) }
        let new = SeriesEntry(at: Int64(count) * 1000, value: 5_000_000, position: 7)
        for place in Set([0, count / 2, count - 10, count - 2, count - 1]).filter(plain.indices.contains) {
            for kind in 0..<5 {
                var entries = SeriesEntries(PackedChunks())
                entries.append(count: count) { plain[$0] }
                // What stays so is compacted once more.
                for _ in 0..<2 { entries.compact() }
                var twin = plain
                switch kind {
                case 0: (entries[place].status, twin[place].status) = (.dip, .dip)
                case 1:
                    entries.insert(new, at: place)
                    twin.insert(new, at: place)
                case 2:
                    entries.remove(at: place)
                    twin.remove(at: place)
                case 3:
                    entries.append(new)
                    twin.append(new)
                default: break
                }
                let isAlike = entries.count == twin.count && twin.indices.allSatisfy { isSame(entries[$0], twin[$0]) }
                #expect(isAlike, "\(count) entries, kind \(kind) at \(place)")
                #expect(entries.last?.value == twin.last?.value && entries.firstAt == twin.first?.at)
            }
        }
    }

    @Test("stay packed while others follow", arguments: [1, 7, 32, 100])
    func following(runCount: Int) {
        var entries = SeriesEntries(PackedChunks())
        for i in 0..<200 {
            let first = i * runCount
            entries.append(count: runCount) { SeriesEntry(at: Int64(first + $0), value: 0, position: 1) }
            #expect(entries.unpackedCount <= runCount + 2 * SeriesEntries.chunkCount, "after \(entries.count)")
        }
        // What comes late is unpacked with all behind it, and packed again with what follows.
        let late = entries.count - 100
        entries.insert(entries[late], at: late)
        #expect(entries.unpackedCount >= 100)
        for i in 0..<2000 { entries.append(SeriesEntry(at: Int64(entries.count + i), value: 0, position: 1)) }
        #expect(entries.unpackedCount <= 2 * SeriesEntries.chunkCount)
    }

    @Test("lie beside those of other series")
    func sharing() {
        let packed = PackedChunks()
        var all = (0..<3).map { _ in SeriesEntries(packed) }
        for i in 0..<500 {
            for k in all.indices {
                all[k].append(SeriesEntry(at: Int64(i) * 1000, value: Int64(i * (k + 1)), position: UInt64(i * 3 + k)))
            }
        }
        for i in 0..<500 {
            for k in all.indices { #expect(all[k][i].value == Int64(i * (k + 1))) }
        }
        all[0][3].value = -7
        all[1].removeAll()
        for i in 0..<500 {
            #expect(all[0][i].value == (i == 3 ? -7 : Int64(i)))
            #expect(all[2][i].value == Int64(i * 3))
        }
    }

    private func isSame(_ a: SeriesEntry, _ b: SeriesEntry) -> Bool {
        a.at == b.at && a.value == b.value && a.rawWord == b.rawWord
    }

    /// One change of any kind, mostly an entry that follows.
    private func change(
        _ entries: inout SeriesEntries,
        _ plain: inout [SeriesEntry],
        lateness: Int64,
        _ random: inout TestRandom
    ) {
        let back = Int(random.int(0...min(lateness, Int64(plain.count))))
        switch random.int(0...(plain.count > 20 ? 60 : 2)) {
        case 0...1:
            var many: [SeriesEntry] = []
            for _ in 0..<random.int(1...100) { many.append(next(after: many.last ?? plain.last, &random)) }
            entries.append(count: many.count) { many[$0] }
            plain += many
        case 3:
            let i = plain.count - back
            let before = i > 0 ? plain[i - 1] : plain.first
            let value = random.int(-9...1 << 50)
            let entry = SeriesEntry(at: before?.at ?? 0, value: value, position: 5, role: .exchangeFinal)
            entries.insert(entry, at: i)
            plain.insert(entry, at: i)
        case 4 where back > 0:
            entries.remove(at: plain.count - back)
            plain.remove(at: plain.count - back)
        case 5 where back > 0:
            entries[plain.count - back].status = .dip
            plain[plain.count - back].status = .dip
        case 6 where random.oneIn(20):
            entries.removeAll()
            plain.removeAll()
        case 7 where random.oneIn(2): entries.compact()
        default:
            let entry = next(after: plain.last, &random)
            entries.append(entry)
            plain.append(entry)
        }
    }

    private func next(after last: SeriesEntry?, _ random: inout TestRandom) -> SeriesEntry {
        let steady = 900_000 + random.int(0...9) * 1000
        let step = random.oneIn(50) ? random.int(0...4_000_000_000_000) : steady
        let further = (last?.value ?? 0) + random.int(0...900) * 1000
        let value = random.oneIn(50) ? random.int(0...maximumMilliValue) : further
        return SeriesEntry(
            at: min((last?.at ?? 1_700_000_000_000) + step, 4_000_000_000_000),
            value: min(value, maximumMilliValue),
            position: UInt64(random.int(1...1 << 47)),
            quality: random.oneIn(30) ? .estimated : .measured,
            status: random.oneIn(40) ? .wrap : .interval
        )
    }
}
