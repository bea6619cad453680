/// The pages above a table's leaves, in SQLite's file format (https://www.sqlite.org/fileformat2.html, section 1.6).
///
/// An interior page, numbers big-endian: a head of 12 bytes, at whose end the page of its last child; an offset of 2
/// bytes for each other child; from its end backwards a cell for each of these: the page's number in 4 bytes, and the
/// greatest key below it.
enum TableTree {
    /// A page, and the greatest key on it or below it.
    struct Child: BitwiseCopyable {
        var page: UInt32
        var greatestKey: Int64
    }

    private static let interiorType = 5
    private static let headByteCount = 12

    /// Makes the levels above some pages.
    ///
    /// - Parameters:
    ///   - leaves: at least two, their keys ascending.
    ///   - pageByteCount: the file's.
    ///   - place: writes a page somewhere, and says where.
    /// - Returns: what the table's root is to hold.
    static func root(
        over leaves: ContiguousArray<Child>,
        pageByteCount: Int,
        place: ([UInt8]) throws -> UInt32
    ) rethrows -> [UInt8] {
        precondition(leaves.count > 1, "a tree over a single page")
        var level = leaves
        while true {
            let groups = groups(of: level, pageByteCount: pageByteCount)
            if groups.count == 1 { return page(of: level[...], pageByteCount: pageByteCount) }
            var above: ContiguousArray<Child> = []
            for group in groups {
                let number = try place(page(of: level[group], pageByteCount: pageByteCount))
                above.append(Child(page: number, greatestKey: level[group.upperBound - 1].greatestKey))
            }
            level = above
        }
    }

    /// Which children go on a page together: as many as fit, and never one alone.
    private static func groups(of level: ContiguousArray<Child>, pageByteCount: Int) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        var start = 0
        while start < level.count {
            var end = start + 1
            var room = pageByteCount - headByteCount
            while end < level.count {
                room -= 2 + cellByteCount(level[end - 1])
                if room < 0 { break }
                end += 1
            }
            groups.append(start..<end)
            start = end
        }
        if groups.count > 1, let last = groups.last, last.count == 1 {
            let before = groups[groups.count - 2]
            groups[groups.count - 2] = before.lowerBound..<before.upperBound - 1
            groups[groups.count - 1] = before.upperBound - 1..<last.upperBound
        }
        return groups
    }

    private static func cellByteCount(_ child: Child) -> Int {
        4 + PageBytes.byteCount(ofVarint: UInt64(bitPattern: child.greatestKey))
    }

    private static func page(of children: ArraySlice<Child>, pageByteCount: Int) -> [UInt8] {
        var page = [UInt8](repeating: 0, count: pageByteCount)
        var contentStart = pageByteCount
        page.withUnsafeMutableBufferPointer { page in
            guard let base = page.baseAddress else { return }
            func put(_ value: Int, _ byteCount: Int, at offset: Int) {
                PageBytes.put(UInt64(value), byteCount: byteCount, at: base + offset)
            }
            for (i, child) in children.dropLast().enumerated() {
                contentStart -= cellByteCount(child)
                put(Int(child.page), 4, at: contentStart)
                _ = PageBytes.put(varint: UInt64(bitPattern: child.greatestKey), at: base + contentStart + 4)
                put(contentStart, 2, at: headByteCount + 2 * i)
            }
            put(interiorType, 1, at: 0)
            put(children.count - 1, 2, at: 3)
            put(contentStart & 0xFFFF, 2, at: 5)
            put(Int(children.last?.page ?? 0), 4, at: 8)
        }
        return page
    }
}
