/// The standing readings of a register in order of time, in little memory: the last as they are, the others packed in
/// chunks.
///
/// Readings come at the end as a rule, and what comes late comes not very late. Where the past is changed, it is
/// unpacked from there on, and more is kept unpacked until it is compacted: so history told in any order costs each
/// reading about the same. What is compacted has a last chunk that is not full, the tail, which is unpacked again with
/// the next change.
///
/// Invariants: entries `0..<packedCount` lie in `chunks`, each of `chunkCount` but for the tail; the others in
/// `recent`, which has some where there is a tail. The places of the chunks in `packed` are its alone: a copy is good
/// until the original changes, and must not be changed itself.
struct SeriesEntries {
    static let chunkCount = 32
    /// The least that is kept unpacked.
    private static let recentCount = 8
    /// What is kept from a late reading on, which is more until two more chunks are packed: another before comes soon.
    ///
    /// By a quarter less with each packing it comes to the usual count in two.
    private static let watchedCount = 13
    /// The least that is worth a tail.
    private static let tailCount = 8

    private struct Chunk {
        var firstAt: Int64
        var place: PackedChunks.Place
    }

    private let packed: PackedChunks
    private var chunks: ContiguousArray<Chunk> = []
    private var packedCount = 0
    private var recent: GapArray<SeriesEntry>
    /// How many of the last entries stay unpacked when others are packed.
    private var keptCount = SeriesEntries.recentCount

    /// - Parameter packed: where those that are packed lie, with those of other series.
    init(_ packed: PackedChunks) {
        self.packed = packed
        recent = GapArray(in: packed.rooms)
    }

    /// Where those that are not packed lie.
    var rooms: EntryRooms { packed.rooms }

    private var hasTail: Bool { packedCount % SeriesEntries.chunkCount != 0 }
    var count: Int { packedCount + recent.count }
    /// How many of the last entries take the memory of unpacked ones.
    var unpackedCount: Int { recent.count }
    var isEmpty: Bool { chunks.isEmpty && recent.isEmpty }
    var last: SeriesEntry? { recent.isEmpty ? (isEmpty ? nil : self[count - 1]) : recent.last }

    /// When the first entry stands.
    var firstAt: Int64? { chunks.first?.firstAt ?? (recent.isEmpty ? nil : recent[0].at) }

    subscript(i: Int) -> SeriesEntry {
        @inline(__always) get {
            return i >= packedCount ? recent[i - packedCount] : unpacked(i)
        }
        set {
            open(at: i)
            recent[i - packedCount] = newValue
        }
    }

    /// The first and the end of the indexes at which the first entry that is not before an instant may stand, its end
    /// included.
    func bounds(at instant: Int64) -> (low: Int, high: Int) {
        if chunks.isEmpty || !recent.isEmpty && recent[0].at < instant { return (packedCount, count) }
        // Several entries may stand at one instant, in two chunks.
        let before = chunks.partitioned { $0.firstAt < instant }
        let upTo = chunks.partitioned { $0.firstAt <= instant }
        let high = upTo < chunks.count ? upTo * SeriesEntries.chunkCount : count
        return (max(0, before - 1) * SeriesEntries.chunkCount, high)
    }

    mutating func append(_ entry: SeriesEntry) { append(count: 1) { _ in entry } }

    /// Appends `count` entries; `entry` makes them by their number, from 0.
    @inline(__always)
    mutating func append(count: Int, _ entry: (Int) -> SeriesEntry) {
        open(at: self.count)
        if recent.count >= keptCount + SeriesEntries.chunkCount {
            pack(keeping: keptCount)
            keptCount = max(SeriesEntries.recentCount, keptCount - keptCount / 4)
        }
        recent.append(count: count, entry)
    }

    /// - Precondition: `0 <= i <= count`.
    mutating func insert(_ entry: SeriesEntry, at i: Int) {
        open(at: i)
        recent.insert(entry, at: i - packedCount)
    }

    /// - Precondition: `0 <= i < count`.
    mutating func remove(at i: Int) {
        open(at: i)
        recent.remove(at: i - packedCount)
    }

    mutating func removeAll() {
        for chunk in chunks { packed.remove(chunk.place) }
        recent.removeAll()
        self = SeriesEntries(packed)
    }

    /// Gives back the memory that nobody needs until more entries come: late ones are over, and room ahead is empty.
    mutating func compact() {
        // Nothing came since.
        if hasTail { return }
        keptCount = SeriesEntries.recentCount
        if recent.count > SeriesEntries.chunkCount { pack(keeping: 1) }
        if recent.count > SeriesEntries.tailCount { packTail() } else { recent.trim() }
    }

    // MARK: Packing

    /// Packs as many whole chunks as leave so many entries at least.
    private mutating func pack(keeping leastCount: Int) {
        let size = SeriesEntries.chunkCount
        let chunkCount = (recent.count - leastCount) / size
        for k in 0..<chunkCount { addChunk(of: k * size..<(k + 1) * size) }
        recent.removeFirst(chunkCount * size)
    }

    /// Packs all but the last entry, which are no more than a chunk.
    private mutating func packTail() {
        addChunk(of: 0..<recent.count - 1)
        recent.removeFirst(recent.count - 1)
        recent.trim()
    }

    /// Packs some of the recent entries as the next chunk.
    private mutating func addChunk(of range: Range<Int>) {
        withUnsafeTemporaryAllocation(of: SeriesEntry.self, capacity: range.count) { chunk in
            for i in range { chunk[i - range.lowerBound] = recent[i] }
            chunks.append(Chunk(firstAt: chunk[0].at, place: packed.add(UnsafeBufferPointer(chunk))))
        }
        packedCount += range.count
    }

    /// Unpacks what is packed from an entry on, and the tail in any case.
    @inline(__always)
    private mutating func open(at i: Int) {
        if i < packedCount || hasTail { unpack(from: min(i, packedCount - 1)) }
    }

    /// Unpacks every chunk from that of an entry on.
    private mutating func unpack(from i: Int) {
        let first = i / SeriesEntries.chunkCount
        let isTailAlone = first == packedCount / SeriesEntries.chunkCount
        var entries = GapArray<SeriesEntry>(in: packed.rooms)
        let unpackedCount = count - first * SeriesEntries.chunkCount
        // What was but a tail is no reason to keep more.
        if !isTailAlone { keepMore(than: unpackedCount) }
        entries.reserve(max(unpackedCount + 1, keptCount + SeriesEntries.chunkCount))
        for k in first..<chunks.count {
            let chunk = self.entries(ofChunk: k)
            entries.append(count: chunk.count) { chunk[$0] }
            packed.remove(chunks[k].place)
        }
        entries.append(count: recent.count) { recent[$0] }
        recent.removeAll()
        chunks.removeLast(chunks.count - first)
        packedCount = chunks.count * SeriesEntries.chunkCount
        recent = entries
    }

    /// One late reading among many is no reason to keep more either: that is, a second that comes soon.
    private mutating func keepMore(than unpackedCount: Int) {
        let comesSoon = keptCount > SeriesEntries.recentCount
        keptCount = max(keptCount, comesSoon ? 2 * unpackedCount : SeriesEntries.watchedCount)
    }

    private func unpacked(_ i: Int) -> SeriesEntry {
        let (k, offset) = i.quotientAndRemainder(dividingBy: SeriesEntries.chunkCount)
        return entries(ofChunk: k)[offset]
    }

    @inline(__always)
    private func entries(ofChunk k: Int) -> UnsafeBufferPointer<SeriesEntry> {
        let count = min(SeriesEntries.chunkCount, packedCount - k * SeriesEntries.chunkCount)
        let start = packed.entries(of: chunks[k].place, firstAt: chunks[k].firstAt, count: count)
        return UnsafeBufferPointer(start: start, count: count)
    }
}

extension RandomAccessCollection where Index == Int {
    /// Where the elements at the front that match end; those that do not all come behind.
    @inline(__always)
    func partitioned(_ matches: (Element) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = (low + high) / 2
            if matches(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

// MARK: Snapshots

extension SeriesEntries {
    /// Writes the whole chunks as they are packed, and the rest as one more.
    func write(to out: SnapshotWriter) {
        let whole = chunks.prefix(packedCount / SeriesEntries.chunkCount)
        out.count(keptCount)
        out.count(whole.count)
        var before: Int64 = 0
        for chunk in whole {
            out.zigzag(chunk.firstAt &- before)
            out.count(packed.bytes(of: chunk.place).count)
            before = chunk.firstAt
        }
        for chunk in whole { out.bytes(packed.bytes(of: chunk.place)) }
        let first = whole.count * SeriesEntries.chunkCount
        let restCount = count - first
        out.count(restCount)
        guard restCount > 0 else { return }
        out.zigzag(self[first].at)
        withUnsafeTemporaryAllocation(of: SeriesEntry.self, capacity: restCount) { entries in
            for i in 0..<restCount { entries[i] = self[first + i] }
            let capacity = PackedEntries.maximumByteCount(of: restCount)
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { bytes in
                guard let start = bytes.baseAddress else { return }
                let byteCount = PackedEntries.pack(UnsafeBufferPointer(entries), to: start)
                out.count(byteCount)
                out.bytes(UnsafeRawBufferPointer(start: start, count: byteCount))
            }
        }
    }

    /// Takes in what `write` wrote, where nothing is yet.
    mutating func read(from reader: SnapshotReader) throws(SnapshotFault) {
        // What stayed unpacked while it was folded.
        _ = try reader.index(below: 1 << 40)
        try readChunks(from: reader)
        let count = try reader.count()
        guard count > 0 else { return }
        let firstAt = try reader.zigzag()
        let bytes = try reader.bytes(try reader.count())
        guard bytes.withUnsafeBufferPointer({ PackedEntries.areWhole($0, count: count) }) else {
            throw reader.malformed("the last entries")
        }
        withUnsafeTemporaryAllocation(of: SeriesEntry.self, capacity: count) { entries in
            bytes.withUnsafeBufferPointer { bytes in
                guard let start = bytes.baseAddress, let out = entries.baseAddress else { return }
                PackedEntries.unpack(start, count: count, firstAt: firstAt, into: out)
                recent.append(count: count) { out[$0] }
            }
        }
        compact()
    }

    private mutating func readChunks(from reader: SnapshotReader) throws(SnapshotFault) {
        let chunkCount = try reader.count()
        var (firstAt, end) = (Int64(0), 0)
        var heads: ContiguousArray<(firstAt: Int64, end: Int)> = []
        heads.reserveCapacity(chunkCount)
        for _ in 0..<chunkCount {
            firstAt &+= try reader.zigzag()
            end += try reader.count()
            guard end <= reader.remaining else { throw reader.malformed("longer chunks than there are bytes") }
            heads.append((firstAt, end))
        }
        chunks.reserveCapacity(chunkCount)
        let areWhole = try reader.bytes(end).withUnsafeBytes { bytes in
            var start = 0
            for head in heads {
                let chunk = UnsafeRawBufferPointer(rebasing: bytes[start..<head.end])
                guard let place = packed.add(packed: chunk) else { return false }
                chunks.append(Chunk(firstAt: head.firstAt, place: place))
                packedCount += SeriesEntries.chunkCount
                start = head.end
            }
            return true
        }
        guard areWhole else { throw reader.malformed("a chunk of entries") }
    }
}
