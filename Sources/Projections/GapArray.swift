/// An array with a hole where the last insertion was: inserting near the previous insertion moves little, so that
/// appending, history told forwards or backwards and late neighbours all cost about the same.
///
/// Its memory is a room of `rooms`, and is its alone: a copy is good until the original changes, and must not be
/// changed itself. Who forgets it empties it first, or forgets `rooms`, too.
///
/// Invariants: elements 0..<gapStart lie at the front of the first `storedCount` of the room, the others at their end;
/// the hole of `gapCount` between them holds stale values that nothing reads.
struct GapArray<Element: BitwiseCopyable> {
    private let rooms: EntryRooms
    private var base: UnsafeMutablePointer<Element>?
    private var capacity: UInt32 = 0
    private var storedCount: UInt32 = 0
    private var gapStart: UInt32 = 0
    private var gapCount: UInt32 = 0

    init(in rooms: EntryRooms) {
        precondition(MemoryLayout<Element>.alignment <= 8, "rooms are aligned to 8 bytes")
        self.rooms = rooms
    }

    var count: Int { Int(storedCount - gapCount) }
    var isEmpty: Bool { storedCount == gapCount }

    /// The place of an element.
    @inline(__always)
    private func place(_ i: Int) -> UnsafeMutablePointer<Element> {
        precondition(i >= 0 && i < count, "no such element")
        return memory + (i < Int(gapStart) ? i : i + Int(gapCount))
    }

    /// - Precondition: there is room.
    private var memory: UnsafeMutablePointer<Element> {
        @inline(__always) get {
            guard let base else { preconditionFailure("an array without room") }
            return base
        }
    }

    subscript(i: Int) -> Element {
        @inline(__always) get { place(i).pointee }
        @inline(__always) set { place(i).pointee = newValue }
    }

    var last: Element? { isEmpty ? nil : self[count - 1] }

    @inline(__always)
    mutating func append(_ element: Element) { append(count: 1) { _ in element } }

    /// Appends `count` elements; `element` makes them by their number, from 0.
    @inline(__always)
    mutating func append(count: Int, _ element: (Int) -> Element) {
        guard gapCount == 0 else {
            for i in 0..<count { insert(element(i), at: self.count) }
            return
        }
        let former = Int(storedCount)
        let needed = former + count
        // Half as much again: it is many series that grow, and twice would leave more empty than that saves.
        if needed > Int(capacity) { move(toRoomFor: max(needed, former + former / 2)) }
        if count == 0 { return }
        let end = memory + former
        for i in 0..<count { end[i] = element(i) }
        storedCount = UInt32(needed)
    }

    /// Sees to room for so many elements in all.
    mutating func reserve(_ count: Int) {
        if count > Int(capacity) { move(toRoomFor: count) }
    }

    /// - Precondition: `0 <= i <= count`.
    mutating func insert(_ element: Element, at i: Int) {
        precondition(i >= 0 && i <= count, "insertion out of bounds")
        if gapCount == 0 {
            if i == count { return append(count: 1) { _ in element } }
            openGap()
        }
        moveGap(to: i)
        memory[Int(gapStart)] = element
        gapStart += 1
        gapCount -= 1
    }

    /// - Precondition: `0 <= i < count`.
    mutating func remove(at i: Int) {
        precondition(i >= 0 && i < count, "removal out of bounds")
        moveGap(to: i)
        gapCount += 1
    }

    /// Forgets the first elements.
    ///
    /// - Precondition: there are as many.
    mutating func removeFirst(_ count: Int) {
        closeGap()
        let rest = self.count - count
        precondition(rest >= 0, "fewer elements than are removed")
        if rest > 0 { memory.update(from: memory + count, count: rest) }
        storedCount = UInt32(rest)
        gapStart = 0
    }

    /// Gives back the gap, and room at the end beyond what appending makes.
    mutating func trim() {
        closeGap()
        if isEmpty { return removeAll() }
        if Int(capacity) > count + count / 4 + 4 { move(toRoomFor: count) }
    }

    /// Forgets all elements, and gives back their room.
    mutating func removeAll() {
        if let base { rooms.giveBack(base, byteCount: Int(capacity) * MemoryLayout<Element>.stride) }
        self = GapArray(in: rooms)
    }

    private mutating func move(toRoomFor count: Int) {
        let stride = MemoryLayout<Element>.stride
        let room = rooms.take(byteCount: count * stride)
        let memory = room.memory.bindMemory(to: Element.self, capacity: room.byteCount / stride)
        if let base {
            memory.update(from: base, count: Int(storedCount))
            rooms.giveBack(base, byteCount: Int(capacity) * stride)
        }
        base = memory
        capacity = UInt32(room.byteCount / stride)
    }

    /// Grows by half at the end, at least by 16, and makes that the hole.
    private mutating func openGap() {
        let count = max(16, Int(storedCount) / 2)
        reserve(Int(storedCount) + count)
        gapStart = storedCount
        gapCount = UInt32(count)
        storedCount += gapCount
    }

    private mutating func closeGap() {
        guard gapCount > 0 else { return }
        moveGap(to: count)
        storedCount -= gapCount
        gapCount = 0
    }

    private mutating func moveGap(to i: Int) {
        let (start, width) = (Int(gapStart), Int(gapCount))
        if width == 0 {
            // Then it is nowhere.
        } else if i < start {
            (memory + i + width).update(from: memory + i, count: start - i)
        } else if i > start {
            (memory + start).update(from: memory + start + width, count: i - start)
        }
        gapStart = UInt32(i)
    }
}
