/// Eight bytes of text looked at together, the first in the lowest place.
struct TextWord {
    private let bits: UInt64

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let tops: UInt64 = 0x8080_8080_8080_8080
    private static let zeros: UInt64 = 0x3030_3030_3030_3030

    /// The bytes from `i` on; all eight must be readable.
    @inline(__always)
    init(_ base: UnsafePointer<UInt8>, _ i: Int) {
        bits = UInt64(littleEndian: UnsafeRawPointer(base + i).loadUnaligned(as: UInt64.self))
    }

    /// The top bits of the bytes that are no plain text: controls and what is not ASCII. Those above the lowest are
    /// right too.
    @inline(__always)
    var unplain: UInt64 {
        // With its top bit set no byte borrows from the next.
        let low = ~((bits | TextWord.tops) &- TextWord.ones &* 0x20)
        return (low | bits | equal(0x7F)) & TextWord.tops
    }

    /// The top bits of the bytes that are `byte`, which is ASCII; where all bytes are ASCII no other.
    @inline(__always)
    func equal(_ byte: UInt8) -> UInt64 { equal(word: TextWord.ones &* UInt64(byte)) }

    /// As above, of a byte that was repeated by `repeating`.
    @inline(__always)
    func equal(word: UInt64) -> UInt64 { ~(((bits ^ word) | TextWord.tops) &- TextWord.ones) & TextWord.tops }

    /// A byte eight times.
    static func repeating(_ byte: UInt8) -> UInt64 { ones &* UInt64(byte) }

    /// How many bytes lie before the lowest of those that a mask of top bits marks; 8 where it marks none.
    @inline(__always)
    static func place(of mask: UInt64) -> Int { mask.trailingZeroBitCount &>> 3 }

    /// How many digits it begins with.
    @inline(__always)
    var digitCount: Int {
        let digits = bits ^ TextWord.zeros
        // A carry out of a byte only reaches those above it, and the lowest that is no digit counts.
        return TextWord.place(of: ((digits &+ TextWord.ones &* 0x76) | digits) & TextWord.tops)
    }

    /// The number that its first `count` (1 to 8) bytes spell, which are digits.
    @inline(__always)
    func number(_ count: Int) -> UInt64 {
        // Zeros in front of fewer than eight digits change nothing; then pairs, fours and eights are joined.
        var digits = (bits ^ TextWord.zeros) &<< UInt64(64 &- 8 &* count)
        digits = digits &* 10 &+ digits &>> 8
        let pairs: UInt64 = 0x0000_00FF_0000_00FF
        let upper = (digits & pairs) &* 0x000F_4240_0000_0064
        let lower = (digits &>> 16 & pairs) &* 0x0000_2710_0000_0001
        return (upper &+ lower) &>> 32
    }

    /// Reads digits from `start` on, up to `end`; `limit` ends the readable bytes.
    ///
    /// They are appended to the number read so far; of more than 19 digits that is wrong.
    ///
    /// - Returns: the end of the digits.
    @inline(__always)
    static func readDigits(
        _ base: UnsafePointer<UInt8>,
        _ start: Int,
        _ end: Int,
        _ limit: Int,
        _ value: inout UInt64
    ) -> Int {
        var i = start
        while i &+ 8 <= limit {
            let word = TextWord(base, i)
            let count = min(word.digitCount, end &- i)
            if count == 0 { return i }
            value = value &* powerOfTen(count) &+ word.number(count)
            i &+= count
            if count < 8 { return i }
        }
        while i < end {
            let digit = base[i] &- 0x30
            if digit > 9 { break }
            value = value &* 10 &+ UInt64(digit)
            i &+= 1
        }
        return i
    }

    @inline(__always)
    private static func powerOfTen(_ exponent: Int) -> UInt64 {
        switch exponent {
        case 1: 10
        case 2: 100
        case 3: 1000
        case 4: 10_000
        case 5: 100_000
        case 6: 1_000_000
        case 7: 10_000_000
        default: 100_000_000
        }
    }
}
