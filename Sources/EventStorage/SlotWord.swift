/// As many slots of a width as are handled at a time, lowest first.
struct SlotWord {
    let width: Int
    let count: Int
    /// A slot of ones.
    let mask: UInt64
    /// All slots; the highest bit of each.
    private let all: UInt64
    private let high: UInt64

    @inline(__always)
    init(width: Int) {
        self.width = width
        count = 57 / width
        mask = UInt64(1) << UInt64(width) - 1
        all = UInt64(1) << UInt64(count * width) - 1
        high = (all / mask) << UInt64(width - 1)
    }

    /// Whether there are so many slots that they are added up faster together than one by one.
    var sumsFast: Bool { count >= 19 }

    /// How many words of ones and zeros can be added up, slot by slot, before a slot may run over.
    var addableCount: Int { Int(truncatingIfNeeded: min(mask, UInt64(Int32.max))) }

    /// The highest bit of each slot, as 0 or 1 in the slot.
    @inline(__always)
    func ones(_ highest: UInt64) -> UInt64 { highest &>> UInt64(truncatingIfNeeded: width &- 1) }

    /// The sum of all slots: bit by bit of their numbers where they are many.
    @inline(__always)
    func sum(_ word: UInt64) -> Int64 {
        guard sumsFast else { return sumInTurn(word) }
        var sum = 0
        var lowest = high >> UInt64(width - 1)
        for bit in 0..<width {
            sum &+= (word & lowest).nonzeroBitCount &<< bit
            lowest &<<= 1
        }
        return Int64(sum)
    }

    private func sumInTurn(_ word: UInt64) -> Int64 {
        var sum: UInt64 = 0
        var rest = word
        for _ in 0..<count {
            sum &+= rest & mask
            rest &>>= UInt64(truncatingIfNeeded: width)
        }
        return Int64(bitPattern: sum)
    }

    /// The slots alone.
    @inline(__always)
    func word(_ bits: UInt64) -> UInt64 { bits & all }

    /// The highest bit of each slot of ones: of those whose inverse is 0, found for all at once.
    @inline(__always)
    func escapes(_ word: UInt64) -> UInt64 {
        let inverse = ~word & all
        let low = all & ~high
        return ~(((inverse & low) &+ low) | inverse) & high
    }

    /// How many slots are of ones.
    @inline(__always)
    func escapeCount(_ word: UInt64) -> Int {
        let found = escapes(word)
        return found == 0 ? 0 : found.nonzeroBitCount
    }
}

/// A width of slots that the compiler knows.
protocol SlotsOfWidth {
    static var width: Int { get }
}

enum Slots1: SlotsOfWidth { static var width: Int { 1 } }
enum Slots2: SlotsOfWidth { static var width: Int { 2 } }
enum Slots3: SlotsOfWidth { static var width: Int { 3 } }
enum Slots4: SlotsOfWidth { static var width: Int { 4 } }
enum Slots5: SlotsOfWidth { static var width: Int { 5 } }
enum Slots6: SlotsOfWidth { static var width: Int { 6 } }
enum Slots7: SlotsOfWidth { static var width: Int { 7 } }
enum Slots8: SlotsOfWidth { static var width: Int { 8 } }
enum Slots9: SlotsOfWidth { static var width: Int { 9 } }
enum Slots10: SlotsOfWidth { static var width: Int { 10 } }
enum Slots11: SlotsOfWidth { static var width: Int { 11 } }
enum Slots12: SlotsOfWidth { static var width: Int { 12 } }
