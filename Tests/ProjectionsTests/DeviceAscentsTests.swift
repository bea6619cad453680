import EventStorage
import MeterModel
import Testing

@testable import Projections

@Suite("Readings that ascend by device, again and again")
struct DeviceAscentsTests {
    /// A fleet's numbering, of each device as many series as `seriesCount` says.
    private func directory(_ seriesCount: [Int]) -> SeriesDirectory {
        var directory = SeriesDirectory()
        for (i, count) in seriesCount.enumerated() {
            let device = directory.device(named: "m\(i)")
            for register in 0..<count {
                _ = directory.series(device: device, register: directory.register(named: "r\(register)"))
            }
        }
        return directory
    }

    private func reading(_ series: UInt32) -> ReadingRecord {
        ReadingRecord(series: series, traits: ReadingTraits(rawValue: 0), at: 0, value: 0, span: 0, receivedAt: 0)
    }

    @Test("come device by device, those of one as they came", arguments: 0..<60 as Range<UInt64>)
    func model(seed: UInt64) {
        var random = TestRandom(seed: seed)
        let directory = directory((0..<Int(random.int(1...400))).map { _ in Int(random.int(1...3)) })
        var readings: ContiguousArray<ReadingRecord> = []
        var ascents = DeviceAscents()
        for _ in 0..<random.int(1...64) {
            let count = random.int(0...(random.oneIn(4) ? 900 : 60))
            let sequence = (0..<count).map { _ in UInt32(random.int(0...Int64(directory.seriesCount - 1))) }
                .sorted { directory.device(ofSeries: $0) < directory.device(ofSeries: $1) }
                .map { reading($0) }
            // In pieces, as blocks have them.
            var rest = sequence[...]
            while !rest.isEmpty {
                let piece = ContiguousArray(rest.prefix(Int(random.int(1...500))))
                piece.withUnsafeBufferPointer { ascents.append($0, place: readings.count, directory: directory) }
                readings += piece
                rest = rest.dropFirst(piece.count)
            }
        }
        let expected = readings.indices.sorted { a, b in
            let (one, other) = (readings[a].series, readings[b].series)
            return (directory.device(ofSeries: one), a) < (directory.device(ofSeries: other), b)
        }
        let bits = UInt32(random.int(0...7))
        let passed = random.oneIn(3) ? UInt32(random.int(0...1)) : 2
        var found: [Int] = []
        readings.withUnsafeBufferPointer { readings in
            var windows = ascents.windows(of: readings, end: readings.count, bits: bits, directory: directory)
            while let device = windows.lowest() {
                if (device >> bits) % 2 == passed {
                    windows.pass(device)
                    continue
                }
                windows.take(device)
                #expect(windows.keys.allSatisfy { DeviceOrder.device(of: $0) >> bits == device >> bits })
                found += windows.keys.map { DeviceOrder.place(of: $0) }
            }
        }
        #expect(found == expected.filter { (directory.device(ofSeries: readings[$0].series) >> bits) % 2 != passed })
    }

    @Test("are gone through by about a thousand of them")
    func windowBits() {
        #expect(DeviceAscents.windowBits(1 << 20, of: 0) == 4)
        #expect(DeviceAscents.windowBits(1 << 20, of: 1 << 20) == 10)
        #expect(DeviceAscents.windowBits(1 << 12, of: 1 << 20) == 10)
        #expect(DeviceAscents.windowBits(1 << 20, of: 1 << 17) == 7)
    }

    @Test("are few up to a bound, whatever comes behind it")
    func bound() {
        let directory = directory([1, 1])
        var ascents = DeviceAscents()
        func append(_ series: UInt32, _ place: Int) {
            withUnsafePointer(to: reading(series)) {
                ascents.append(UnsafeBufferPointer(start: $0, count: 1), place: place, directory: directory)
            }
        }
        for i in 0..<64 {
            append(1, 2 * i)
            append(0, 2 * i + 1)
            #expect(ascents.areFew(among: 1 << 30) == (i < 63))
            // The first begins the sequence, and each second another.
            #expect(ascents.areFew(among: 256 * (i + 2)) == (i < 63))
            #expect(!ascents.areFew(among: 256 * (i + 2) - 1))
        }
        append(1, 128)
        #expect(!ascents.areFew(among: 1 << 30))
        ascents.removeAll()
        append(0, 0)
        #expect(ascents.areFew(among: 256))
    }
}
