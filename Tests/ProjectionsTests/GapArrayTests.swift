import MeterModel
import Testing

@testable import Projections

@Suite("An array with a gap")
struct GapArrayTests {
    @Test("does what an array does", arguments: 0..<40 as Range<UInt64>)
    func model(seed: UInt64) {
        var random = TestRandom(seed: seed)
        var gapped = GapArray<Int64>(in: EntryRooms())
        var plain: [Int64] = []
        let growth = random.pick([1, 3, 20])
        for step in 0..<600 {
            let count = plain.count
            switch random.int(0...9) {
            case 0 where count > 0 && random.oneIn(growth):
                let i = Int(random.int(0...Int64(count - 1)))
                gapped.remove(at: i)
                plain.remove(at: i)
            case 1...3:
                gapped.append(Int64(step))
                plain.append(Int64(step))
            case 4...6:
                let i = Int(random.int(0...Int64(count)))
                gapped.insert(Int64(step), at: i)
                plain.insert(Int64(step), at: i)
            case 7 where count > 0:
                let i = Int(random.int(0...Int64(count - 1)))
                gapped[i] = -Int64(step)
                plain[i] = -Int64(step)
            case 8 where random.oneIn(100):
                gapped.removeAll()
                plain = []
            case 9 where random.oneIn(4): gapped.trim()
            case 9 where random.oneIn(4):
                let first = Int(random.int(0...Int64(count)))
                gapped.removeFirst(first)
                plain.removeFirst(first)
            default: break
            }
            #expect(gapped.last == plain.last)
            #expect(gapped.isEmpty == plain.isEmpty)
        }
        #expect((0..<gapped.count).map { gapped[$0] } == plain)
    }
}

@Suite("The values of one instant")
struct ReadingCandidatesTests {
    @Test("keep sixteen, count the rest as duplicates")
    func limit() {
        var candidates = ReadingCandidates()
        for i in 0..<20 {
            let isNew = candidates.receive(value: Int64(100 - i), quality: .measured, position: UInt64(i + 1))
            #expect(isNew == (i < 16))
        }
        #expect(candidates.values.map(\.value) == (0..<16).map { Int64(100 - $0) })
        #expect(candidates.standing?.value == 85)
        // One that is kept can still rise in quality; one that is not cannot come in by it.
        let isNew = [99, 1].map { candidates.receive(value: $0, quality: .verified, position: 30) }
        #expect(isNew == [false, false])
        #expect(candidates.standing?.value == 99)
        #expect(candidates.standing?.position == 2)
    }

    @Test("stand by quality, then by the lower value, at the first position")
    func standing() {
        var candidates = ReadingCandidates()
        #expect(candidates.standing?.value == nil)
        let received: [(value: Int64, quality: Quality, isNew: Bool, standing: Int64)] = [
            (5, .estimated, true, 5), (7, .edited, true, 7), (6, .edited, true, 6), (5, .measured, false, 5),
        ]
        for (i, next) in received.enumerated() {
            let isNew = candidates.receive(value: next.value, quality: next.quality, position: UInt64(i + 1))
            #expect(isNew == next.isNew)
            #expect(candidates.standing?.value == next.standing)
        }
        #expect(candidates.standing?.position == 1)
    }
}
