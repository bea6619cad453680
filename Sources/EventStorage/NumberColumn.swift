/// A column of numbers in the form that takes the fewest bytes (event format, "Columns of numbers").
///
/// Either each number is a varint, or each takes a slot of `width` bits; a slot of ones says that the number follows as
/// a varint behind the slots, less what the slot can hold.
struct NumberColumn {
    /// What becomes of signs.
    enum Signs {
        /// All numbers are zigzagged.
        case zigzagged
        /// No number is negative.
        case none
        /// A slot holds no negative number: the few there are follow behind the slots.
        case escaped
    }

    /// Bits of a slot, 0 for varints.
    var width: Int
    var signs: Signs

    static let maximumWidth = 32
    /// Signed numbers as varints.
    static let zigzags = NumberColumn(width: 0, signs: .zigzagged)
    private static let unsignedMark: UInt8 = 0x80
    private static let escapedMark: UInt8 = 0x40

    /// The byte that says which form it is.
    var form: UInt8 {
        switch signs {
        case .zigzagged: UInt8(width)
        case .none: UInt8(width) | NumberColumn.unsignedMark
        case .escaped: UInt8(width) | NumberColumn.escapedMark
        }
    }

    init(width: Int, signs: Signs) {
        self.width = width
        self.signs = signs
    }

    /// The form that a byte from outside names, if there is such a one.
    init?(form: UInt8) {
        width = Int(form & ~(NumberColumn.unsignedMark | NumberColumn.escapedMark))
        switch form & (NumberColumn.unsignedMark | NumberColumn.escapedMark) {
        case 0: signs = .zigzagged
        case NumberColumn.unsignedMark: signs = .none
        case NumberColumn.escapedMark where width > 0: signs = .escaped
        default: return nil
        }
        guard width <= NumberColumn.maximumWidth else { return nil }
    }

    /// Writes a column; `numbers` are overwritten.
    /// - Returns: its form.
    static func write(_ numbers: UnsafeMutableBufferPointer<Int64>, into out: inout ByteWriter) -> NumberColumn {
        let column = best(numbers)
        if column.signs == .zigzagged {
            for i in 0..<numbers.count { numbers[i] = Int64(bitPattern: Varint.zigzag(numbers[i])) }
        }
        if column.width == 0 {
            var p = out.reserve(numbers.count * Varint.maximumByteCount)
            for i in 0..<numbers.count { p = Varint.write(UInt64(bitPattern: numbers[i]), to: p) }
            out.advance(to: p)
        } else {
            column.writeSlots(numbers, into: &out)
        }
        return column
    }

    /// The form that takes the fewest bytes, reckoned from how many bits the numbers have.
    private static func best(_ numbers: UnsafeMutableBufferPointer<Int64>) -> NumberColumn {
        // How many numbers of each count of bits: those not negative, those negative (their inverse), all zigzagged.
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 3 * 65) { counts in
            counts.initialize(repeating: 0)
            for i in 0..<numbers.count {
                let number = numbers[i]
                let bits = 64 - (number ^ number >> 63).leadingZeroBitCount
                counts[number < 0 ? 65 + bits : bits] += 1
            }
            var negativeByteCount = 0
            for bits in 0...63 {
                let (positive, negative) = (counts[bits], counts[65 + bits])
                counts[130 + (bits == 0 ? 0 : bits + 1)] += positive
                counts[130 + bits + 1] += negative
                negativeByteCount += negative * varintByteCount(bits + 1)
            }
            let positives = UnsafeMutableBufferPointer(rebasing: counts[..<65])
            guard negativeByteCount > 0 else {
                return NumberColumn(width: bestWidth(positives, numbers.count).width, signs: .none)
            }
            let zigzagged = bestWidth(UnsafeMutableBufferPointer(rebasing: counts[130...]), numbers.count)
            let escaped = bestWidth(positives, numbers.count, further: negativeByteCount, extraBits: 1)
            return escaped.width > 0 && escaped.byteCount < zigzagged.byteCount
                ? NumberColumn(width: escaped.width, signs: .escaped)
                : NumberColumn(width: zigzagged.width, signs: .zigzagged)
        }
    }

    private static func varintByteCount(_ bits: Int) -> Int { max(1, (bits + 6) / 7) }

    /// The width of slots with which a column takes the fewest bytes, 0 for varints.
    ///
    /// - Parameters:
    ///   - counts: how many numbers of each count of bits it has that may lie in slots.
    ///   - count: how many numbers it has.
    ///   - further: bytes that follow the slots in any case; with such it is not made of varints.
    ///   - extraBits: how many bits more a number has that does not fit its slot.
    /// - Returns: the width, and the bytes.
    private static func bestWidth(
        _ counts: UnsafeMutableBufferPointer<Int>,
        _ count: Int,
        further: Int = 0,
        extraBits: Int = 0
    ) -> (width: Int, byteCount: Int) {
        var best = 0
        var least = further > 0 ? Int.max : (0...64).reduce(0) { $0 + counts[$1] * varintByteCount($1) }
        var wider = further
        for width in stride(from: 64, through: 1, by: -1) {
            let byteCount = (count * width + 7) / 8 + wider
            if width <= maximumWidth, byteCount < least {
                least = byteCount
                best = width
            }
            wider += counts[width] * varintByteCount(width + extraBits)
        }
        return (best, least)
    }

    private func writeSlots(_ numbers: UnsafeMutableBufferPointer<Int64>, into out: inout ByteWriter) {
        let escape = UInt64(1) << UInt64(width) - 1
        let byteCount = (numbers.count * width + 7) / 8
        // Slots are stored eight bytes at a time, so the last store may reach beyond them.
        var p = UnsafeMutableRawPointer(out.reserve(byteCount + 8))
        let end = p + byteCount
        var bits: UInt64 = 0
        var filled: UInt64 = 0
        var escapedCount = 0
        for i in 0..<numbers.count {
            // A negative number is beyond every slot.
            let number = UInt64(bitPattern: numbers[i])
            if number >= escape {
                numbers[escapedCount] = signs == .escaped ? escaped(numbers[i]) : Int64(bitPattern: number &- escape)
                escapedCount += 1
            }
            bits |= min(number, escape) &<< filled
            filled &+= UInt64(width)
            p.storeBytes(of: bits.littleEndian, as: UInt64.self)
            let whole = filled &>> 3
            p += Int(whole)
            bits &>>= whole &<< 3
            filled &= 7
        }
        out.advance(to: end.assumingMemoryBound(to: UInt8.self))
        for i in 0..<escapedCount { out.append(varint: UInt64(bitPattern: numbers[i])) }
    }

    /// What follows the slots for a number that its slot does not hold, where signs are escaped.
    private func escaped(_ number: Int64) -> Int64 {
        let rest = number < 0 ? number : number - Int64(1 << Int64(width) - 1)
        return Int64(bitPattern: Varint.zigzag(rest))
    }
}

/// Walks a column. Past its end it yields zeros and remembers that: one check a column, not one a number.
///
/// Invariants: slots lie in `base..<base + slotsByteCount`; `slotsByteCount <= offset <= byteCount`; nothing is read
/// outside `base..<base + byteCount`.
struct ColumnCursor {
    let base: UnsafeRawPointer
    let byteCount: Int
    let width: Int
    private let signs: NumberColumn.Signs
    let slotsByteCount: Int
    /// What the last byte of slots must not have: bits behind the last slot.
    private let padding: UInt8
    /// The bit where the next slot begins.
    var bit = 0
    /// Where the next varint begins.
    var offset: Int
    /// Whether more was asked for than there is.
    private(set) var overran: Bool

    /// - Precondition: `bytes` lies in memory, be it empty.
    init(_ bytes: UnsafeRawBufferPointer, _ column: NumberColumn, count: Int) {
        guard let base = bytes.baseAddress else { preconditionFailure("a column without memory") }
        self.base = base
        byteCount = bytes.count
        width = column.width
        signs = column.signs
        let needed = (count * width + 7) / 8
        slotsByteCount = min(needed, bytes.count)
        overran = needed > bytes.count
        offset = slotsByteCount
        padding = count * width % 8 == 0 ? 0 : 0xFF << UInt8(count * width % 8)
    }

    /// Whether no number is negative.
    var isUnsigned: Bool { signs == .none }
    /// Whether negative numbers stand behind the slots.
    var escapesSigns: Bool { signs == .escaped }

    /// Whether every byte was used, none was missing, and what fills up the slots is 0.
    var isUsedUp: Bool {
        guard offset == byteCount, !overran, (bit + 7) / 8 == slotsByteCount else { return false }
        return slotsByteCount == 0 || base.load(fromByteOffset: slotsByteCount - 1, as: UInt8.self) & padding == 0
    }

    /// The next number of a column of varints.
    @inline(__always)
    mutating func next() -> Int64 {
        let number = nextVarint()
        return isUnsigned ? Int64(bitPattern: number) : Varint.unzigzag(number)
    }

    /// The next `count` numbers.
    mutating func read(_ count: Int, into out: UnsafeMutablePointer<Int64>) {
        var walk = self
        if width == 0 {
            for i in 0..<count { out[i] = Int64(bitPattern: walk.nextVarint()) }
        } else {
            walk.readSlots(count, into: out)
        }
        if signs == .zigzagged {
            for i in 0..<count { out[i] = Varint.unzigzag(UInt64(bitPattern: out[i])) }
        }
        self = walk
    }

    /// Slots of the usual widths are unpacked by code of their own, in which their number and shifts are constants.
    private mutating func readSlots(_ count: Int, into out: UnsafeMutablePointer<Int64>) {
        switch width {
        case 1: unpack(count, Slots1.self, into: out)
        case 2: unpack(count, Slots2.self, into: out)
        case 3: unpack(count, Slots3.self, into: out)
        case 4: unpack(count, Slots4.self, into: out)
        case 5: unpack(count, Slots5.self, into: out)
        case 6: unpack(count, Slots6.self, into: out)
        case 7: unpack(count, Slots7.self, into: out)
        case 8: unpack(count, Slots8.self, into: out)
        case 9: unpack(count, Slots9.self, into: out)
        case 10: unpack(count, Slots10.self, into: out)
        case 11: unpack(count, Slots11.self, into: out)
        case 12: unpack(count, Slots12.self, into: out)
        default: unpack(count, SlotWord(width: width), into: out)
        }
    }

    @inline(never)
    private mutating func unpack<Slots: SlotsOfWidth>(
        _ count: Int,
        _ slots: Slots.Type,
        into out: UnsafeMutablePointer<Int64>
    ) {
        unpack(count, SlotWord(width: Slots.width), into: out)
    }

    /// As many slots as a load of eight bytes surely holds are taken from it; escapes are looked for in all at once.
    @inline(__always)
    private mutating func unpack(_ count: Int, _ slots: SlotWord, into out: UnsafeMutablePointer<Int64>) {
        let width = slots.width
        let shift = UInt64(truncatingIfNeeded: width)
        var bit = bit
        var i = 0
        while i &+ slots.count <= count {
            var word = slots.word(slotBits(at: bit))
            let escapes = slots.escapes(word)
            for j in 0..<slots.count {
                out[i &+ j] = Int64(bitPattern: word & slots.mask)
                word &>>= shift
            }
            if escapes != 0 { takeEscaped(escapes, slots, to: out + i) }
            bit &+= slots.count &* width
            i &+= slots.count
        }
        while i < count {
            let slot = slotBits(at: bit) & slots.mask
            out[i] = Int64(bitPattern: slot == slots.mask ? nextEscaped(slots.mask) : slot)
            bit &+= width
            i &+= 1
        }
        self.bit = bit
    }

    /// Puts what follows in the place of slots that escape: `escapes` has the highest bit of each of these.
    @inline(__always)
    private mutating func takeEscaped(_ escapes: UInt64, _ slots: SlotWord, to out: UnsafeMutablePointer<Int64>) {
        var left = escapes
        while left != 0 {
            out[left.trailingZeroBitCount / slots.width] = Int64(bitPattern: nextEscaped(slots.mask))
            left &= left &- 1
        }
    }

    /// The number of a slot of ones, which follows behind the slots; zigzagged where all are.
    @inline(__always)
    mutating func nextEscaped(_ mask: UInt64) -> UInt64 {
        let rest = nextVarint()
        guard signs == .escaped else { return mask &+ rest }
        let signed = Varint.unzigzag(rest)
        return signed < 0 ? UInt64(bitPattern: signed) : mask &+ UInt64(bitPattern: signed)
    }

    /// The bits of the column from a bit on: at least 57 of them, as far as there are so many.
    @inline(__always)
    func slotBits(at bit: Int) -> UInt64 {
        let byte = bit &>> 3
        let word =
            byte &+ 8 <= byteCount
            ? UInt64(littleEndian: base.loadUnaligned(fromByteOffset: byte, as: UInt64.self)) : lastBytes(from: byte)
        return word &>> UInt64(bit & 7)
    }

    /// The up to eight bytes there are from an offset, as a word.
    func lastBytes(from byte: Int) -> UInt64 {
        var word: UInt64 = 0
        for i in 0..<8 where byte + i < byteCount {
            word |= UInt64(base.load(fromByteOffset: byte + i, as: UInt8.self)) << UInt64(8 * i)
        }
        return word
    }

    @inline(__always)
    mutating func nextVarint() -> UInt64 {
        if offset &+ 2 <= byteCount {
            let first = base.load(fromByteOffset: offset, as: UInt8.self)
            if first < 0x80 {
                offset &+= 1
                return UInt64(first)
            }
            let second = base.load(fromByteOffset: offset &+ 1, as: UInt8.self)
            if second < 0x80 {
                offset &+= 2
                return UInt64(first & 0x7F) | UInt64(second) &<< 7
            }
        }
        return nextLongVarint()
    }

    private mutating func nextLongVarint() -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < byteCount, shift < 64 {
            let byte = base.load(fromByteOffset: offset, as: UInt8.self)
            offset += 1
            if shift == 63, byte > 1 { break }
            value |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 { return value }
            shift += 7
        }
        overran = true
        return 0
    }
}
