import Testing

@testable import EventStorage

/// Readings put in the order of their devices, held against a stable sort.
struct DeviceOrderTests {
    @Test(
        arguments: [0, 1, 2, 255, 511, 512, 1023, 1024, 1_048_575, 1_048_576, UInt32.max - 1, UInt32.max] as [UInt32]
    )
    func `items of a device stay in order, whatever the largest device`(largest: UInt32) {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        var order = DeviceOrder()
        // From none to more than are sorted by comparison, and memory that is used again.
        for count in [0, 1, 2, 200, 255, 256, 257, 5_000, 300] {
            let few = random.chance(30)
            let devices = (0..<count).map { i in
                i == count / 2
                    ? largest
                    : UInt32.random(in: few ? largest - min(largest, 3)...largest : 0...largest, using: &random)
            }
            let unsorted = order.unsorted(count: count)
            for (place, device) in devices.enumerated() {
                unsorted[place] = DeviceOrder.key(device: device, place: place)
            }
            let sorted = order.sorted(count: count, largest: largest)
            let expected = devices.indices.sorted { (devices[$0], $0) < (devices[$1], $1) }
            #expect(sorted.map { DeviceOrder.place(of: $0) } == expected, "seed \(seed), \(count) items")
            #expect(sorted.map { DeviceOrder.device(of: $0) } == expected.map { devices[$0] }, "seed \(seed)")
        }
    }
}
