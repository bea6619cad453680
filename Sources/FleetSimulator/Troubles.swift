/// What goes wrong in a fleet, as devices of a thousand; the counts are met exactly, rounded to whole devices.
///
/// A device has at most one trouble (jitter goes with any).
package struct Troubles: Hashable, Sendable {
    /// Devices whose readings are up to 2 s after the full period.
    package var jitter: Int
    /// Devices with a run of readings that arrives hours after its neighbours.
    package var late: Int
    /// Devices of which about every sixteenth line is sent twice.
    package var duplicates: Int
    /// Devices that say 0 once, and then go on as before.
    package var dip: Int
    /// Devices whose register starts anew at 0.
    package var reset: Int
    /// Devices whose register runs over the modulus they declare.
    package var wrap: Int
    /// Devices whose meter is exchanged, and declared so.
    package var exchange: Int
    /// Devices that are silent for more than six hours.
    package var gap: Int

    package init(
        jitter: Int = 0,
        late: Int = 0,
        duplicates: Int = 0,
        dip: Int = 0,
        reset: Int = 0,
        wrap: Int = 0,
        exchange: Int = 0,
        gap: Int = 0
    ) {
        self.jitter = jitter
        self.late = late
        self.duplicates = duplicates
        self.dip = dip
        self.reset = reset
        self.wrap = wrap
        self.exchange = exchange
        self.gap = gap
    }

    /// Clocks and registers without fault, for benchmarks.
    package static let none = Troubles()

    /// A fleet as the field knows it.
    package static let usual = Troubles(
        jitter: 300,
        late: 10,
        duplicates: 10,
        dip: 10,
        reset: 5,
        wrap: 5,
        exchange: 10,
        gap: 10
    )

    /// One kind of trouble.
    package enum Kind: UInt8, Sendable, CaseIterable {
        case none = 0
        case late = 1
        case duplicates = 2
        case dip = 3
        case reset = 4
        case wrap = 5
        case exchange = 6
        case gap = 7
    }

    func perThousand(_ kind: Kind) -> Int {
        switch kind {
        case .none: 0
        case .late: late
        case .duplicates: duplicates
        case .dip: dip
        case .reset: reset
        case .wrap: wrap
        case .exchange: exchange
        case .gap: gap
        }
    }

    /// The troubles of `deviceCount` devices, shuffled among them.
    func dealt(to deviceCount: Int, _ generator: inout SeededGenerator) -> [Kind] {
        var kinds = [Kind](repeating: .none, count: deviceCount)
        var dealt = 0
        for kind in Kind.allCases where dealt < deviceCount {
            let count = min((deviceCount * perThousand(kind) + 500) / 1000, deviceCount - dealt)
            for i in dealt..<dealt + count { kinds[i] = kind }
            dealt += count
        }
        Troubles.shuffle(&kinds, &generator)
        return kinds
    }

    /// Which of `deviceCount` devices jitter.
    func dealtJitter(to deviceCount: Int, _ generator: inout SeededGenerator) -> [Bool] {
        let count = min((deviceCount * jitter + 500) / 1000, deviceCount)
        var flags = [Bool](repeating: false, count: deviceCount)
        for i in 0..<count { flags[i] = true }
        Troubles.shuffle(&flags, &generator)
        return flags
    }

    /// Written out, because the standard library does not promise its shuffle to stay the same.
    private static func shuffle<T>(_ items: inout [T], _ generator: inout SeededGenerator) {
        guard items.count > 1 else { return }
        for i in stride(from: items.count - 1, to: 0, by: -1) { items.swapAt(i, generator.below(i + 1)) }
    }
}
