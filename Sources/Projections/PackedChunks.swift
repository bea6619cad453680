import RecordLog

/// The packed chunks of all series of a fold, and the entries of the one that was unpacked last: who goes through a
/// series unpacks each chunk once.
///
/// They lie in parts of 4 MiB of a scratch file, so that the system needs no memory for what nobody looks at; in memory
/// where no directory is given, or the disk has no room for a part. Nobody else reads them, and they end with the fold.
///
/// Invariants: a place is one chunk's from `add` to `remove`, and lies in one part; the units of 16 bytes from `end` on
/// to the end of the last part are free, and those in `removed`, by how many follow each other; `unpacked` holds the
/// entries of `unpackedPlace`. To be used by one thread at a time.
final class PackedChunks {
    /// Where a chunk lies.
    struct Place: BitwiseCopyable, Equatable {
        /// The offset of its first unit, and its bytes in the lowest 12 bits.
        fileprivate let word: UInt64

        /// No chunk has it.
        fileprivate static let none = Place(word: UInt64.max)

        fileprivate init(word: UInt64) { self.word = word }

        fileprivate init(unit: Int, byteCount: Int) { word = UInt64(unit) << 12 | UInt64(byteCount) }

        fileprivate var unit: Int { Int(word >> 12) }
        fileprivate var byteCount: Int { Int(word & 0xFFF) }
    }

    private static let unitByteCount = 16
    private static let partByteCount = 4 << 20
    /// What is not whole takes a multiple of so many bytes: it comes again a little larger, in the place of another.
    private static let roomByteCount = 4 * unitByteCount
    private static let unitsPerPart = partByteCount / unitByteCount
    private static let maximumByteCount = PackedEntries.maximumByteCount(of: SeriesEntries.chunkCount)

    private struct Part {
        let memory: UnsafeMutableRawPointer
        let isInFile: Bool
    }

    private let file: ScratchFile?
    /// Where those entries lie that are not packed.
    let rooms = EntryRooms()
    private var parts: ContiguousArray<Part> = []
    private var end = 0
    private var removed: ContiguousArray<ContiguousArray<Int>>
    private let unpacked = UnsafeMutablePointer<SeriesEntry>.allocate(capacity: SeriesEntries.chunkCount)
    private var unpackedPlace = Place.none

    /// - Parameter file: where they lie as far as it takes them; nil: in memory.
    init(file: ScratchFile? = nil) {
        precondition(PackedChunks.maximumByteCount < 1 << 12, "a place has 12 bits for the bytes of a chunk")
        self.file = file
        removed = ContiguousArray(
            repeating: [],
            count: PackedChunks.unitCount(ofBytes: PackedChunks.maximumByteCount) + 1
        )
    }

    deinit {
        for part in parts { ScratchFile.unmap(part.memory, byteCount: PackedChunks.partByteCount) }
        unpacked.deallocate()
    }

    /// Packs a chunk of at most `SeriesEntries.chunkCount` entries.
    func add(_ chunk: UnsafeBufferPointer<SeriesEntry>) -> Place {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: PackedChunks.maximumByteCount) { bytes in
            guard let start = bytes.baseAddress else { preconditionFailure("no room for a chunk") }
            let byteCount = PackedEntries.pack(chunk, to: start)
            let isWhole = chunk.count == SeriesEntries.chunkCount
            return add(
                UnsafeRawBufferPointer(start: start, count: byteCount),
                room: isWhole ? byteCount : PackedChunks.roomyByteCount(for: byteCount)
            )
        }
    }

    private static func roomyByteCount(for byteCount: Int) -> Int {
        min((byteCount + roomByteCount - 1) / roomByteCount * roomByteCount, maximumByteCount)
    }

    /// Takes a whole chunk that is packed; nil where it is none, by its bytes.
    func add(packed bytes: UnsafeRawBufferPointer) -> Place? {
        guard bytes.count <= PackedChunks.maximumByteCount,
            PackedEntries.areWhole(bytes.bindMemory(to: UInt8.self), count: SeriesEntries.chunkCount)
        else { return nil }
        return add(bytes, room: bytes.count)
    }

    private func add(_ bytes: UnsafeRawBufferPointer, room byteCount: Int) -> Place {
        let place = Place(unit: takeUnits(PackedChunks.unitCount(ofBytes: byteCount)), byteCount: byteCount)
        if let start = bytes.baseAddress { pointer(to: place).copyMemory(from: start, byteCount: bytes.count) }
        return place
    }

    /// A whole chunk as it is packed. Valid until the next call of any kind.
    func bytes(of place: Place) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: pointer(to: place), count: place.byteCount)
    }

    /// Forgets a chunk.
    func remove(_ place: Place) {
        if place == unpackedPlace { unpackedPlace = .none }
        removed[PackedChunks.unitCount(ofBytes: place.byteCount)].append(place.unit)
    }

    /// Gives back the memory through which the file was looked at, and that of empty rooms. What lies there stays.
    func giveBackMemory() {
        rooms.giveBackMemory()
        for part in parts where part.isInFile {
            ScratchFile.forget(part.memory, byteCount: PackedChunks.partByteCount)
        }
    }

    /// The entries of a chunk, which are so many and begin at an instant. Valid until the next call of any kind.
    @inline(__always)
    func entries(of place: Place, firstAt: Int64, count: Int) -> UnsafePointer<SeriesEntry> {
        if place != unpackedPlace { unpack(place, firstAt, count) }
        return UnsafePointer(unpacked)
    }

    private func unpack(_ place: Place, _ firstAt: Int64, _ count: Int) {
        PackedEntries.unpack(
            UnsafePointer(pointer(to: place).assumingMemoryBound(to: UInt8.self)),
            count: count,
            firstAt: firstAt,
            into: unpacked
        )
        unpackedPlace = place
    }

    private func pointer(to place: Place) -> UnsafeMutableRawPointer {
        let (part, unit) = place.unit.quotientAndRemainder(dividingBy: PackedChunks.unitsPerPart)
        return parts[part].memory + unit * PackedChunks.unitByteCount
    }

    private static func unitCount(ofBytes count: Int) -> Int { (count + unitByteCount - 1) / unitByteCount }

    private func takeUnits(_ count: Int) -> Int {
        if let unit = removed[count].popLast() { return unit }
        if end + count > parts.count * PackedChunks.unitsPerPart {
            end = parts.count * PackedChunks.unitsPerPart
            parts.append(makePart())
        }
        defer { end += count }
        return end
    }

    private func makePart() -> Part {
        if let memory = file?.mapPart(PackedChunks.partByteCount) {
            return Part(memory: memory, isInFile: true)
        }
        return Part(memory: ScratchFile.mapMemory(PackedChunks.partByteCount), isInFile: false)
    }
}
