/// The series that a segment has defined but not read so far: as a rule none behind a block, for it defines what it
/// reads. It also defines series of lower numbers that only an event has named.
///
/// Invariants: `isUnread` is true of exactly these, by number, and `count` says how many they are; all of them are in
/// `numbers`, beside some that were read.
struct UnreadSeries {
    private var isUnread: ContiguousArray<Bool> = []
    private var numbers: ContiguousArray<UInt32> = []
    private var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func beginSegment() {
        for number in numbers { isUnread[Int(number)] = false }
        numbers.removeAll(keepingCapacity: true)
        count = 0
    }

    /// Takes in what a block defines.
    mutating func define(_ block: BlockBodyDecoder.Block, _ segment: borrowing SegmentDictionary) {
        for i in block.series.first..<block.series.first + block.series.count {
            let number = segment.series.states[i].series
            if Int(number) >= isUnread.count {
                isUnread.append(contentsOf: repeatElement(false, count: Int(number) + 1 - isUnread.count))
            }
            isUnread[Int(number)] = true
            numbers.append(number)
        }
        count += block.series.count
    }

    /// Takes in the series of a run.
    /// - Returns: whether any of them was not read before.
    mutating func read(_ run: some Sequence<UInt32>) -> Bool {
        let before = count
        for number in run where Int(number) < isUnread.count && isUnread[Int(number)] {
            isUnread[Int(number)] = false
            count -= 1
        }
        return count < before
    }

    /// Whether a block may have the first reading of one of them.
    mutating func mayBegin(in block: BlockBounds) -> Bool {
        guard let readings = block.readings, !isEmpty else { return false }
        if numbers.count > count { numbers.removeAll { !isUnread[Int($0)] } }
        return numbers.contains(where: readings.series.contains)
    }
}
