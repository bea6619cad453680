/// An array with a hole where the last insertion was: inserting near the previous insertion moves little, so that
/// appending, history told forwards or backwards and late neighbours all cost about the same.
///
/// Invariants: elements 0..<gapStart lie at the front of `storage`, the others at its end; the hole between them holds
/// stale values that nothing reads.
struct GapArray<Element: BitwiseCopyable> {
    private var storage: ContiguousArray<Element> = []
    private var gapStart = 0
    private var gapCount = 0

    init() {}

    /// An array of these elements, without a hole.
    init(_ elements: ContiguousArray<Element>) { storage = elements }

    var count: Int { storage.count - gapCount }
    var isEmpty: Bool { count == 0 }

    @inline(__always)
    private func physical(_ i: Int) -> Int { i < gapStart ? i : i + gapCount }

    subscript(i: Int) -> Element {
        @inline(__always) get {
            assert(i >= 0 && i < count)
            return storage[physical(i)]
        }
        @inline(__always) set {
            assert(i >= 0 && i < count)
            storage[physical(i)] = newValue
        }
    }

    var last: Element? { isEmpty ? nil : self[count - 1] }

    @inline(__always)
    mutating func append(_ element: Element) {
        if gapCount == 0 { storage.append(element) } else { insert(element, at: count) }
    }

    /// Appends `count` elements; `element` makes them by their number, from 0.
    @inline(__always)
    mutating func append(count: Int, _ element: (Int) -> Element) {
        guard gapCount == 0 else {
            for i in 0..<count { insert(element(i), at: self.count) }
            return
        }
        let needed = storage.count + count
        // Half as much again: it is many series that grow, and twice would leave more empty than that saves.
        if needed > storage.capacity { storage.reserveCapacity(max(needed, storage.count + storage.count / 2)) }
        for i in 0..<count { storage.append(element(i)) }
    }

    /// - Precondition: `0 <= i <= count`.
    mutating func insert(_ element: Element, at i: Int) {
        precondition(i >= 0 && i <= count, "insertion out of bounds")
        if gapCount == 0 {
            if i == storage.count {
                storage.append(element)
                return
            }
            openGap(element)
        }
        moveGap(to: i)
        storage[gapStart] = element
        gapStart += 1
        gapCount -= 1
    }

    /// - Precondition: `0 <= i < count`.
    mutating func remove(at i: Int) {
        precondition(i >= 0 && i < count, "removal out of bounds")
        moveGap(to: i)
        gapCount += 1
    }

    /// Gives back the gap, and room at the end beyond what appending makes.
    mutating func trim() {
        if gapCount > 0 {
            moveGap(to: count)
            storage.removeLast(gapCount)
            gapCount = 0
        }
        storage.trim()
    }

    mutating func removeAll() {
        storage = []
        gapStart = 0
        gapCount = 0
    }

    /// Grows by half at the end, at least by 16, and makes that the hole.
    private mutating func openGap(_ filler: Element) {
        gapStart = storage.count
        gapCount = max(16, storage.count / 2)
        storage.append(contentsOf: repeatElement(filler, count: gapCount))
    }

    private mutating func moveGap(to i: Int) {
        guard i != gapStart else { return }
        let gapStart = gapStart
        let gapCount = gapCount
        storage.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            if i < gapStart {
                (base + i + gapCount).update(from: base + i, count: gapStart - i)
            } else {
                (base + gapStart).update(from: base + gapStart + gapCount, count: i - gapStart)
            }
        }
        self.gapStart = i
    }
}

extension ContiguousArray where Element: BitwiseCopyable {
    /// Gives back room at the end, where it is more than a quarter of what is in use.
    mutating func trim() {
        guard capacity > count + count / 4 + 4 else { return }
        var exact = ContiguousArray()
        exact.reserveCapacity(count)
        exact.append(contentsOf: self)
        self = exact
    }
}
