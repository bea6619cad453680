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
            if escapesSigns {
                for i in 0..<count { finder.add(walk.nextNumber(), i) }
            } else if isUnsigned {
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
        // Numbers that are none of them negative only lead up: past the highest wanted series nothing is.
        let leaps = isUnsigned && slots.sumsFast
        var i = 0
        while i &+ slots.count <= count {
            var word = slots.word(slotBits(at: bit))
            if leaps {
                if finder.isPast {
                    skip(count &- i)
                    return
                }
                if leap(over: word, slots, &finder) {
                    bit &+= slots.count &* width
                    i &+= slots.count
                    continue
                }
            }
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

    /// Adds up the slots of a word at once where even their sum stays below the lowest series wanted; else stays.
    @inline(__always)
    private mutating func leap(over word: UInt64, _ slots: SlotWord, _ finder: inout SumFinder) -> Bool {
        let start = offset
        var sum = slots.sum(word)
        for _ in 0..<slots.escapeCount(word) {
            let rest = nextVarint()
            // Nothing that a series is.
            guard rest <= UInt64(EventStorageLimits.maximumNumber) else {
                offset = start
                return false
            }
            sum &+= Int64(bitPattern: rest)
        }
        if finder.leap(by: sum) { return true }
        offset = start
        return false
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
            number = slot == mask ? nextEscaped(mask) : slot
        }
        return isUnsigned || escapesSigns ? Int64(bitPattern: number) : Varint.unzigzag(number)
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
        // Those of the first slot of each word, of the second, and so on: counted in the slots of one word.
        var perSlot: UInt64 = 0
        var left = slots.addableCount
        var i = 0
        while i &+ slots.count <= count {
            perSlot &+= slots.ones(slots.escapes(slots.word(slotBits(at: walk))))
            left &-= 1
            if left == 0 {
                escapes &+= Int(slots.sum(perSlot))
                perSlot = 0
                left = slots.addableCount
            }
            walk &+= slots.count &* width
            i &+= slots.count
        }
        escapes &+= Int(slots.sum(perSlot))
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

    /// Whether the sum is above every series wanted.
    @inline(__always)
    var isPast: Bool { sum &- lowest > Int64(bitPattern: reach) && sum > 0 }

    /// Adds numbers none of which is negative, if the sum stays below the lowest series wanted.
    @inline(__always)
    mutating func leap(by numbers: Int64) -> Bool {
        guard sum >= 0, sum &+ numbers < lowest else { return false }
        sum &+= numbers
        return true
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
