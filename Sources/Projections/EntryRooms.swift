import RecordLog

/// Memory for the entries of many series that are not packed: what comes and goes with each commit lies apart from what
/// stays, so that it can be given back to the system.
///
/// Rooms have one of a few sizes. A part of memory holds rooms of one size, as long as one of them is in use; after
/// that it may hold others. What is larger than the largest size is allocated by itself. All ends with the object.
///
/// Invariants: each part in use begins with a head; of each size, `open` begins the list of the parts with rooms that
/// are free; every other part is in `freeParts`, whose first `forgottenCount` take no memory. To be used by one thread
/// at a time.
final class EntryRooms {
    /// What a part begins with.
    ///
    /// Invariants: the rooms from `unused` on were never handed out since it was opened, those in the list that begins
    /// at `free` are free, each with the address of the next in its first bytes, and `usedCount` others are in use.
    private struct Head {
        var size: Int
        var usedCount = 0
        var unused = EntryRooms.headByteCount
        var free: UnsafeMutableRawPointer?
        /// Its neighbours among the open parts of the size.
        var next: UnsafeMutablePointer<Head>?
        var previous: UnsafeMutablePointer<Head>?
    }

    /// Also where parts begin: at multiples of it.
    private static let partByteCount = 64 << 10
    private static let headByteCount = 64
    /// Parts that are mapped at once.
    private static let partsPerRegion = 64
    /// The sizes are multiples of it: of a reading's entry.
    private static let quantum = 24
    private static let quanta = [1, 2, 4, 8, 12, 16, 24, 40, 60, 90, 135, 200, 300]
    /// By how many quanta are wanted at least, from 0: the number of the size.
    private static let byQuantum: [UInt8] = (0...quanta[quanta.count - 1]).map { wanted in
        UInt8(quanta.firstIndex { $0 >= wanted } ?? 0)
    }

    private var open = [UnsafeMutablePointer<Head>?](repeating: nil, count: quanta.count)
    private var freeParts: ContiguousArray<UnsafeMutableRawPointer> = []
    private var forgottenCount = 0
    private var regions: ContiguousArray<UnsafeMutableRawPointer> = []
    private var large: Set<UnsafeMutableRawPointer> = []

    deinit {
        for region in regions { ScratchFile.unmap(region, byteCount: EntryRooms.regionByteCount) }
        for room in large { room.deallocate() }
    }

    /// Hands out a room, whatever lies in it.
    ///
    /// - Returns: its memory, aligned to 8 bytes, and how many it has: no fewer than were asked for.
    func take(byteCount wanted: Int) -> (memory: UnsafeMutableRawPointer, byteCount: Int) {
        guard let size = EntryRooms.size(of: wanted) else {
            let memory = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 16)
            large.insert(memory)
            return (memory, wanted)
        }
        let byteCount = EntryRooms.quanta[size] * EntryRooms.quantum
        let part = open[size] ?? openPart(size)
        let room = part.pointee.free ?? UnsafeMutableRawPointer(part) + part.pointee.unused
        if part.pointee.free != nil {
            part.pointee.free = room.load(as: UnsafeMutableRawPointer?.self)
        } else {
            part.pointee.unused += byteCount
        }
        part.pointee.usedCount += 1
        if isFull(part) { unlink(part) }
        return (room, byteCount)
    }

    /// Takes back a room.
    ///
    /// `byteCount`: at most what `take` said, and more than a room of the next smaller size has.
    func giveBack(_ room: UnsafeMutableRawPointer, byteCount: Int) {
        guard let size = EntryRooms.size(of: byteCount) else {
            large.remove(room)
            room.deallocate()
            return
        }
        let start = UInt(bitPattern: room) & ~UInt(EntryRooms.partByteCount - 1)
        guard let part = UnsafeMutablePointer<Head>(bitPattern: start) else { preconditionFailure("a room of no part") }
        precondition(part.pointee.size == size, "a room of another size")
        if isFull(part) { link(part) }
        room.storeBytes(of: part.pointee.free, as: UnsafeMutableRawPointer?.self)
        part.pointee.free = room
        part.pointee.usedCount -= 1
        guard part.pointee.usedCount == 0 else { return }
        unlink(part)
        freeParts.append(UnsafeMutableRawPointer(part))
    }

    /// Gives the memory of parts in which no room is in use back to the system.
    func giveBackMemory() {
        for part in freeParts[forgottenCount...] { ScratchFile.forget(part, byteCount: EntryRooms.partByteCount) }
        forgottenCount = freeParts.count
    }

    private static func size(of byteCount: Int) -> Int? {
        let wanted = (byteCount + quantum - 1) / quantum
        return wanted < byQuantum.count ? Int(byQuantum[wanted]) : nil
    }

    // MARK: Parts

    private func isFull(_ part: UnsafeMutablePointer<Head>) -> Bool {
        let byteCount = EntryRooms.quanta[part.pointee.size] * EntryRooms.quantum
        return part.pointee.free == nil && part.pointee.unused + byteCount > EntryRooms.partByteCount
    }

    private func openPart(_ size: Int) -> UnsafeMutablePointer<Head> {
        if freeParts.isEmpty { mapRegion() }
        let part = freeParts.removeLast().bindMemory(to: Head.self, capacity: 1)
        forgottenCount = min(forgottenCount, freeParts.count)
        part.initialize(to: Head(size: size))
        link(part)
        return part
    }

    /// One part more, so that as many as are wanted lie at multiples of their size.
    private static let regionByteCount = (partsPerRegion + 1) * partByteCount

    private func mapRegion() {
        let region = ScratchFile.mapMemory(EntryRooms.regionByteCount)
        regions.append(region)
        let first = region.alignedUp(toMultipleOf: EntryRooms.partByteCount)
        for i in (0..<EntryRooms.partsPerRegion).reversed() { freeParts.append(first + i * EntryRooms.partByteCount) }
        // Nobody touched them yet, and there were no others.
        forgottenCount = freeParts.count
    }

    private func link(_ part: UnsafeMutablePointer<Head>) {
        let next = open[part.pointee.size]
        part.pointee.previous = nil
        part.pointee.next = next
        next?.pointee.previous = part
        open[part.pointee.size] = part
    }

    private func unlink(_ part: UnsafeMutablePointer<Head>) {
        let (next, previous) = (part.pointee.next, part.pointee.previous)
        next?.pointee.previous = previous
        if let previous { previous.pointee.next = next } else { open[part.pointee.size] = next }
    }
}
