/// A small random source that gives the same numbers for the same seed on every machine.
///
/// A counter is stepped by an odd constant and each count is passed through a mixer (two rounds of multiply and fold).
/// It serves demonstrations; nothing that must be hard to guess may come from it.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var counter: UInt64

    package init(seed: UInt64) { counter = SeededGenerator.mix(seed ^ 0x6D65_7465_7266_6F6C) }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        counter &+= SeededGenerator.step
        return SeededGenerator.mix(counter)
    }

    /// A number below `bound`; `bound` > 0. The bias of the plain product is below 2^-32 for the small bounds used.
    package mutating func below(_ bound: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// A number of a range that is not empty.
    package mutating func number(in range: ClosedRange<Int64>) -> Int64 {
        range.lowerBound + Int64(below(Int(range.upperBound - range.lowerBound) + 1))
    }

    /// The bits of one step of one device: drawn without state, so that any order of walking gives the same.
    @inline(__always)
    static func bits(salt: UInt64, index: Int) -> UInt64 {
        mix(salt &+ UInt64(truncatingIfNeeded: index) &* step)
    }

    private static let step: UInt64 = 0xA24B_AED4_963E_E407

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        let first = (value ^ 0x9FB2_1C65_1E98_DF25).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        let folded = first.high ^ first.low
        let second = (folded ^ value >> 29).multipliedFullWidth(by: 0xC2B2_AE3D_27D4_EB4F)
        return second.high ^ second.low
    }
}
