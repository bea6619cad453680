import MeterModel

/// Walks a column by leaps: few of its numbers are wanted.
extension ColumnCursor {
    /// Sums up the column and hands back where the sum is a wanted series.
    ///
    /// - Parameters:
    ///   - count: how many numbers there are.
    ///   - wanted: not empty.
    ///   - cells: room for `count`.
    /// - Returns: how many cells there are, in order.
    mutating func findSums(
        _ count: Int,
        of wanted: borrowing WantedSeries,
        into cells: UnsafeMutablePointer<WantedCell>
    ) -> Int {
        wanted.withBits { bits in
            var finder = SumFinder(wanted: wanted, bits: bits, cells: cells)
            var walk = self
            if isUnsigned {
                walk.sum(count, isUnsigned: true, &finder)
            } else {
                walk.sum(count, isUnsigned: false, &finder)
            }
            self = walk
            return finder.found
        } ?? 0
    }

    /// Adds up the next `count` numbers.
    @inline(__always)
    private mutating func sum(_ count: Int, isUnsigned: Bool, _ finder: inout SumFinder) {
        @inline(__always)
        func number(_ raw: UInt64) -> Int64 { isUnsigned ? Int64(bitPattern: raw) : Varint.unzigzag(raw) }
        guard width > 0 else {
            for i in 0..<count { finder.add(number(nextVarint()), i) }
            return
        }
        let slots = SlotWord(width: width)
        let mask = slots.mask
        var i = 0
        while i &+ slots.count <= count {
            var word = slots.word(slotBits(at: bit))
            if slots.escapeCount(word) == 0 {
                for _ in 0..<slots.count {
                    finder.add(number(word & mask), i)
                    word &>>= UInt64(truncatingIfNeeded: width)
                    i &+= 1
                }
            } else {
                for _ in 0..<slots.count {
                    let slot = word & mask
                    finder.add(number(slot == mask ? mask &+ nextVarint() : slot), i)
                    word &>>= UInt64(truncatingIfNeeded: width)
                    i &+= 1
                }
            }
            bit &+= slots.count &* width
        }
        while i < count {
            let slot = slotBits(at: bit) & mask
            finder.add(number(slot == mask ? mask &+ nextVarint() : slot), i)
            bit &+= width
            i &+= 1
        }
    }

    /// The bits of the column from a bit on: at least 57 of them, as far as there are so many.
    @inline(__always)
    private func slotBits(at bit: Int) -> UInt64 {
        let byte = bit &>> 3
        let word =
            byte &+ 8 <= byteCount
            ? UInt64(littleEndian: base.loadUnaligned(fromByteOffset: byte, as: UInt64.self)) : lastBytes(from: byte)
        return word &>> UInt64(bit & 7)
    }

    /// The next number, in any form.
    mutating func nextNumber() -> Int64 {
        let number: UInt64
        if width == 0 {
            number = nextVarint()
        } else {
            let mask = UInt64(1) << UInt64(width) - 1
            let slot = slotBits(at: bit) & mask
            bit &+= width
            number = slot == mask ? mask &+ nextVarint() : slot
        }
        return isUnsigned ? Int64(bitPattern: number) : Varint.unzigzag(number)
    }

    /// Passes over `count` numbers.
    mutating func skip(_ count: Int) {
        guard width > 0 else { return skipVarints(count) }
        defer { bit &+= count &* width }
        // Nothing behind the slots: none of them escapes, or the column is short, which its end tells.
        guard byteCount > slotsByteCount else { return }
        let slots = SlotWord(width: width)
        var walk = bit
        var escapes = 0
        var i = 0
        while i &+ slots.count <= count {
            escapes &+= slots.escapeCount(slots.word(slotBits(at: walk)))
            walk &+= slots.count &* width
            i &+= slots.count
        }
        while i < count {
            if slotBits(at: walk) & slots.mask == slots.mask { escapes &+= 1 }
            walk &+= width
            i &+= 1
        }
        if escapes > 0 { skipVarints(escapes) }
    }

    private mutating func skipVarints(_ count: Int) {
        var left = count
        // Eight bytes hold at most eight varints; their last bytes have no high bit.
        while left >= 8, offset &+ 8 <= byteCount {
            let word = base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            left &-= (~word & 0x8080_8080_8080_8080).nonzeroBitCount
            offset &+= 8
        }
        // The eight bytes may have ended within a varint: its rest is passed over as a varint is.
        for _ in 0..<left { _ = nextVarint() }
    }
}

/// Adds up numbers and keeps where the sum is a wanted series.
private struct SumFinder {
    private let bits: UnsafePointer<UInt64>
    private let cells: UnsafeMutablePointer<WantedCell>
    private let lowest: Int64
    private let reach: UInt64
    private var sum: Int64 = 0
    private(set) var found = 0

    init(
        wanted: borrowing WantedSeries,
        bits: UnsafePointer<UInt64>,
        cells: UnsafeMutablePointer<WantedCell>
    ) {
        self.bits = bits
        self.cells = cells
        lowest = wanted.lowest
        reach = UInt64(bitPattern: wanted.highest &- wanted.lowest)
    }

    @inline(__always)
    mutating func add(_ number: Int64, _ index: Int) {
        sum &+= number
        guard UInt64(bitPattern: sum &- lowest) <= reach else { return }
        let series = UInt64(bitPattern: sum)
        guard bits[Int(truncatingIfNeeded: series &>> 6)] &>> (series & 63) & 1 == 1 else { return }
        cells[found] = WantedCell(
            index: UInt32(truncatingIfNeeded: index),
            series: UInt32(truncatingIfNeeded: series)
        )
        found &+= 1
    }
}

/// As many slots of a width as are handled at a time, lowest first.
private struct SlotWord {
    let count: Int
    /// A slot of ones.
    let mask: UInt64
    /// All slots; the highest bit of each.
    private let all: UInt64
    private let high: UInt64

    @inline(__always)
    init(width: Int) {
        count = 57 / width
        mask = UInt64(1) << UInt64(width) - 1
        all = UInt64(1) << UInt64(count * width) - 1
        high = (all / mask) << UInt64(width - 1)
    }

    /// The slots alone.
    @inline(__always)
    func word(_ bits: UInt64) -> UInt64 { bits & all }

    /// How many slots are of ones: those whose inverse is 0, found for all at once.
    @inline(__always)
    func escapeCount(_ word: UInt64) -> Int {
        let inverse = ~word & all
        let low = all & ~high
        return (~(((inverse & low) &+ low) | inverse) & high).nonzeroBitCount
    }
}
