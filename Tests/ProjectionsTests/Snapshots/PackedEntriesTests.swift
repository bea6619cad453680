import MeterModel
import Testing

@testable import Projections

/// Packed entries that come from outside: whether they can be unpacked without reading beyond them.
struct PackedEntriesTests {
    private func entries(_ random: inout TestRandom) -> ContiguousArray<SeriesEntry> {
        let areAlike = random.oneIn(2)
        let scale: Int64 = random.pick([1, 1000])
        var entry = SeriesEntry(at: random.int(-9...9) * 1_000_000_007, value: 0, position: 1, status: .interval)
        return ContiguousArray(
            (0..<Int(random.int(1...40))).map { _ in
                entry = SeriesEntry(
                    at: entry.at + random.int(0...100_000) * scale,
                    value: random.int(-1_000_000...1_000_000) * scale,
                    position: entry.position + UInt64(random.int(1...70_000)),
                    quality: areAlike ? .measured : random.pick(Quality.allCases),
                    status: areAlike ? .interval : random.pick([.interval, .wrap, .dip])
                )
                return entry
            }
        )
    }

    /// The same, number by number.
    private func areWhole(_ bytes: [UInt8], count: Int) -> Bool {
        var rest = bytes[...]
        func takeNumber() -> Bool {
            guard let end = rest.firstIndex(where: { $0 < 0x80 }) else { return false }
            rest = rest[(end + 1)...]
            return true
        }
        guard let form = rest.popFirst(), form < 8, takeNumber(), takeNumber() else { return false }
        for _ in 1..<max(1, count) {
            guard takeNumber(), takeNumber(), takeNumber() else { return false }
            guard form & 4 == 0 else { continue }
            guard rest.count >= 2 else { return false }
            rest = rest.dropFirst(2)
        }
        return rest.isEmpty
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `They are whole if every number is, up to the last byte`(seed: UInt64) {
        var random = TestRandom(seed: seed)
        var counts = [false: 0, true: 0]
        for _ in 0..<5000 {
            let entries = entries(&random)
            let capacity = PackedEntries.maximumByteCount(of: entries.count)
            var packed = ContiguousArray<UInt8>(unsafeUninitializedCapacity: capacity) { bytes, count in
                guard let start = bytes.baseAddress else { return }
                count = entries.withUnsafeBufferPointer { PackedEntries.pack($0, to: start) }
            }
            var count = entries.count
            switch random.int(0...5) {
            case 0: packed.removeLast(Int(random.int(1...Int64(packed.count))))
            case 1: packed.append(UInt8(random.int(0...255)))
            case 2: packed[Int(random.int(0...Int64(packed.count - 1)))] = UInt8(random.int(0...255))
            case 3: count += Int(random.int(-1...1))
            default: break
            }
            guard count > 0 else { continue }
            let isWhole = packed.withUnsafeBufferPointer { PackedEntries.areWhole($0, count: count) }
            #expect(isWhole == areWhole(Array(packed), count: count), "seed \(seed): \(packed), \(count)")
            counts[isWhole, default: 0] += 1
        }
        #expect(counts[true, default: 0] > 1000 && counts[false, default: 0] > 1000)
    }
}
