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
            default: break
            }
            #expect(gapped.last == plain.last)
            #expect(gapped.isEmpty == plain.isEmpty)
        }
        #expect((0..<gapped.count).map { gapped[$0] } == plain)
    }
}

@Suite("Rooms of many arrays")
struct EntryRoomsTests {
    private struct Wide: BitwiseCopyable, Equatable {
        var words: (Int, Int, Int, Int, Int)

        init(_ i: Int) { words = (i, ~i, i, ~i, i) }

        static func == (a: Wide, b: Wide) -> Bool { a.words == b.words }
    }

    @Test("are each array's own, whatever its size, and while memory is given back", arguments: 0..<12 as Range<UInt64>)
    func apart(seed: UInt64) {
        var random = TestRandom(seed: seed)
        let rooms = EntryRooms()
        let count = 300
        var narrow = (0..<count).map { _ in GapArray<SeriesEntry>(in: rooms) }
        var wide = (0..<count).map { _ in GapArray<Wide>(in: rooms) }
        var values = [[Int]](repeating: [], count: count)
        func entry(_ i: Int) -> SeriesEntry {
            SeriesEntry(at: Int64(i), value: Int64(-i), position: UInt64(i), quality: .measured, status: .interval)
        }
        for step in 0..<8000 {
            let i = Int(random.int(0...Int64(count - 1)))
            let here = values[i].count
            switch random.int(0...9) {
            case 0 where here > 0:
                let first = Int(random.int(0...Int64(here)))
                narrow[i].removeFirst(first)
                wide[i].removeFirst(first)
                values[i].removeFirst(first)
            case 1:
                narrow[i].trim()
                wide[i].trim()
            case 2 where random.oneIn(4):
                narrow[i].removeAll()
                wide[i].removeAll()
                values[i] = []
            case 3 where random.oneIn(50): rooms.giveBackMemory()
            case 4...5:
                let place = Int(random.int(0...Int64(here)))
                narrow[i].insert(entry(step), at: place)
                wide[i].insert(Wide(step), at: place)
                values[i].insert(step, at: place)
            default:
                let more = Int(random.int(1...(random.oneIn(40) ? 900 : 12)))
                narrow[i].append(count: more) { entry(step + $0) }
                wide[i].append(count: more) { Wide(step + $0) }
                values[i] += (0..<more).map { step + $0 }
            }
        }
        for i in 0..<count {
            #expect((0..<narrow[i].count).map { Int(narrow[i][$0].position) } == values[i])
            #expect((0..<wide[i].count).map { wide[i][$0] } == values[i].map(Wide.init))
        }
    }
}

@Suite("The sum of a month")
struct KeptMonthSumTests {
    private func sum(_ quantity: Int128) throws -> MonthSum {
        var bucket = Bucket(start: -2_678_400_000, end: 0)
        bucket.quantity = quantity
        bucket.estimated = quantity / 2
        bucket.covered = 2_678_399_999
        let month = try #require(LocalDate(year: 1969, month: 12, day: 1))
        return MonthSum(bucket: bucket, month: month, countedUpTo: -1)
    }

    @Test("is kept as it is, or not at all", arguments: [0, 1, Int128(Int64.max), Int128(Int64.max) + 1])
    func kept(quantity: Int128) throws {
        let sum = try sum(quantity)
        let kept = KeptMonthSum(sum)?.sum
        #expect((kept != nil) == (quantity <= Int128(Int64.max)))
        guard let kept else { return }
        #expect(kept.bucket.start == sum.bucket.start && kept.bucket.end == sum.bucket.end)
        #expect(kept.bucket.quantity == quantity && kept.bucket.estimated == sum.bucket.estimated)
        #expect(kept.bucket.covered == sum.bucket.covered)
        #expect(kept.month == sum.month && kept.countedUpTo == sum.countedUpTo)
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
