import MeterModel

/// Rows of one table as the leaf pages of its b-tree, in SQLite's file format (https://www.sqlite.org/fileformat2.html,
/// sections 1.6 and 2.1).
///
/// A leaf page, numbers big-endian: from its start a head of 8 bytes and an offset of 2 bytes for each cell, in order
/// of keys; from its end backwards the cells. A cell is the byte count of the record, the key, and the record; a record
/// is its head's byte count, a type for each column, and the values. A first column that is the key is NULL there.
///
/// Invariants: `waiting` is whole pages, whose greatest keys `waitingKeys` has; `page` is the one that is being filled,
/// with `cellCount` cells from `contentStart` on; keys ascend through all of them, `lastKey` being the greatest.
final class TablePages {
    /// A row of so many columns at most is told.
    static let maximumColumnCount = 16
    private static let leafType = 13
    private static let headByteCount = 8

    let pageByteCount: Int
    private(set) var waiting: ContiguousArray<UInt8> = []
    private(set) var waitingKeys: ContiguousArray<Int64> = []
    private let page: UnsafeMutableRawPointer
    private let recordHead: UnsafeMutablePointer<UInt8>
    private var cellCount = 0
    private var contentStart: Int
    private var lastKey = Int64.min

    /// - Parameter pageByteCount: the file's, with nothing reserved at a page's end.
    init(pageByteCount: Int) {
        self.pageByteCount = pageByteCount
        contentStart = pageByteCount
        page = .allocate(byteCount: pageByteCount, alignment: 8)
        recordHead = .allocate(capacity: TablePages.maximumColumnCount * PageBytes.maximumVarintByteCount)
    }

    deinit {
        page.deallocate()
        recordHead.deallocate()
    }

    /// Appends a row whose key is its first value.
    ///
    /// - Parameters:
    ///   - cells: the row's values, at most `maximumColumnCount`; the first is an integer.
    ///   - text: where its texts lie.
    /// - Returns: false where it is too long for a page: then nothing has changed.
    /// - Precondition: the key is greater than those before.
    func append(_ cells: UnsafeBufferPointer<RowBatch.Cell>, _ text: TextScratch) -> Bool {
        let key = cells[0].value
        precondition(key > lastKey, "a key that does not ascend")
        // The key's column is NULL in the record.
        recordHead[0] = 0
        var headCount = 1
        var bodyCount = 0
        for i in 1..<cells.count {
            let (type, byteCount) = TablePages.type(of: cells[i])
            headCount += PageBytes.put(varint: type, at: recordHead + headCount)
            bodyCount += byteCount
        }
        // The count of the head counts itself, in one byte for so few columns.
        headCount += 1
        precondition(headCount < 0x80, "a record's head of more than 127 bytes")
        let recordCount = headCount + bodyCount
        // A longer one would go on in pages of its own.
        guard recordCount <= pageByteCount - 35 else { return false }
        let cellByteCount =
            PageBytes.byteCount(ofVarint: UInt64(recordCount))
            + PageBytes.byteCount(ofVarint: UInt64(bitPattern: key)) + recordCount
        if TablePages.headByteCount + 2 * (cellCount + 1) + cellByteCount > contentStart { endPage() }
        contentStart -= cellByteCount
        store(contentStart, byteCount: 2, at: TablePages.headByteCount + 2 * cellCount)
        cellCount += 1
        lastKey = key
        var out = (page + contentStart).assumingMemoryBound(to: UInt8.self)
        out += PageBytes.put(varint: UInt64(recordCount), at: out)
        out += PageBytes.put(varint: UInt64(bitPattern: key), at: out)
        out[0] = UInt8(headCount)
        (out + 1).update(from: recordHead, count: headCount - 1)
        out += headCount
        for i in 1..<cells.count { out += TablePages.put(cells[i], text, at: out) }
        return true
    }

    /// Ends the page that is being filled, if there is anything on it.
    func endPage() {
        guard cellCount > 0 else { return }
        store(TablePages.leafType, byteCount: 1, at: 0)
        store(0, byteCount: 2, at: 1)
        store(cellCount, byteCount: 2, at: 3)
        // A start of 65536 is written as 0.
        store(contentStart & 0xFFFF, byteCount: 2, at: 5)
        store(0, byteCount: 1, at: 7)
        let gap = TablePages.headByteCount + 2 * cellCount
        (page + gap).initializeMemory(as: UInt8.self, repeating: 0, count: contentStart - gap)
        waiting.append(contentsOf: UnsafeRawBufferPointer(start: page, count: pageByteCount))
        waitingKeys.append(lastKey)
        cellCount = 0
        contentStart = pageByteCount
    }

    /// Forgets the whole pages: they are where they belong.
    func removeWaiting() {
        waiting.removeAll(keepingCapacity: true)
        waitingKeys.removeAll(keepingCapacity: true)
    }

    // MARK: Bytes

    @inline(__always)
    private func store(_ value: Int, byteCount: Int, at offset: Int) {
        let out = (page + offset).assumingMemoryBound(to: UInt8.self)
        PageBytes.put(UInt64(value), byteCount: byteCount, at: out)
    }

    /// The type of a value in a record's head, and how many bytes the value takes behind it.
    @inline(__always)
    private static func type(of cell: RowBatch.Cell) -> (type: UInt64, byteCount: Int) {
        switch cell.byteCount {
        case RowBatch.Cell.null: return (0, 0)
        case RowBatch.Cell.integer: break
        default: return (13 + 2 * UInt64(cell.byteCount), Int(cell.byteCount))
        }
        if cell.value == 0 { return (8, 0) }
        if cell.value == 1 { return (9, 0) }
        // The bits that tell it, its sign among them.
        let bitCount = 65 - (cell.value ^ (cell.value >> 63)).leadingZeroBitCount
        if bitCount <= 8 { return (1, 1) }
        if bitCount <= 16 { return (2, 2) }
        if bitCount <= 24 { return (3, 3) }
        if bitCount <= 32 { return (4, 4) }
        return bitCount <= 48 ? (5, 6) : (6, 8)
    }

    @inline(__always)
    private static func put(_ cell: RowBatch.Cell, _ text: TextScratch, at out: UnsafeMutablePointer<UInt8>) -> Int {
        let byteCount = type(of: cell).byteCount
        if cell.byteCount < 0 {
            PageBytes.put(UInt64(bitPattern: cell.value), byteCount: byteCount, at: out)
        } else {
            let source = text.bytes(from: Int(cell.value), to: Int(cell.value) + byteCount)
            if let start = source.baseAddress { out.update(from: start, count: byteCount) }
        }
        return byteCount
    }
}
