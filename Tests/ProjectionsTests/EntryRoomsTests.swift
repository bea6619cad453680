import MeterModel
import Testing

@testable import Projections

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
            case 2 where here > 0:
                let place = Int(random.int(0...Int64(here - 1)))
                narrow[i].remove(at: place)
                wide[i].remove(at: place)
                values[i].remove(at: place)
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
