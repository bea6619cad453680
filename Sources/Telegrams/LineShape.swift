import MeterModel

/// What a line of line protocol has around its device's name, its value and its time: lines of a sender seldom differ
/// in anything else, and one that does not is read by comparing.
///
/// Whatever a line of that shape says was judged when the first of its kind was read; what differs is looked at as
/// closely as the plain path does. Where it is not that plain, nothing is read.
struct LineShape {
    /// From the line's start to the device's name.
    private let head: FixedText
    /// From the device's name to the value, beginning with a comma or a space.
    private let middle: FixedText
    /// What all lines of the shape say.
    let draft: ReadingDraft
    let ignoredCount: Int

    /// - Returns: nil where there is too much around the name.
    init?(_ base: UnsafePointer<UInt8>, _ line: Line, _ scanner: PlainLineScanner, _ draft: ReadingDraft) {
        guard let head = FixedText(base, line.start..<scanner.device.lowerBound),
            let middle = FixedText(base, scanner.device.upperBound..<scanner.valueStart)
        else { return nil }
        self.head = head
        self.middle = middle
        var draft = draft
        draft.at = ReadingDraft.absentInstant
        self.draft = draft
        ignoredCount = scanner.ignoredCount
    }

    /// What a line says beside what its shape does.
    struct Found {
        var device: Range<Int>
        var value: ReadingValue
        var timestamp: Int64?
        /// After the line's last byte, CR and LF not counted.
        var end: Int
        /// Where the next line begins.
        var next: Int
    }

    /// The line from `start` on, with its line end; nil where it is not of this shape.
    @inline(__always)
    func read(_ base: UnsafePointer<UInt8>, _ start: Int, _ limit: Int) -> Found? {
        guard head.stands(at: start, base, limit) else { return nil }
        let deviceStart = start &+ head.count
        guard let deviceEnd = LineShape.endOfName(base, deviceStart, limit), deviceEnd > deviceStart,
            deviceEnd &- deviceStart <= Name.maximumByteCount, middle.stands(at: deviceEnd, base, limit)
        else { return nil }
        var value = ReadingValue(coefficient: 0, fractionDigits: 0)
        var hasPoint = false
        let valueStart = deviceEnd &+ middle.count
        let point = UInt8(ascii: ".")
        var i = ReadingValue.scanPlain(base, valueStart, limit, limit: limit, point: point, &value, &hasPoint)
        guard i > 0, i < limit else { return nil }
        if base[i] == UInt8(ascii: "i") {
            i &+= 1
            guard !hasPoint, i < limit else { return nil }
        }
        var timestamp: Int64?
        if base[i] == 0x20 {
            i &+= 1
            let first = i
            var count: UInt64 = 0
            i = TextWord.readDigits(base, i, limit, limit, &count)
            guard i > first, i &- first <= 19, count <= UInt64(Int64.max), i < limit else { return nil }
            timestamp = Int64(count)
        }
        let end = i
        if base[i] == 0x0D {
            i &+= 1
            guard i < limit else { return nil }
        }
        guard base[i] == 0x0A else { return nil }
        return Found(device: deviceStart..<deviceEnd, value: value, timestamp: timestamp, end: end, next: i &+ 1)
    }

    func isLike(_ other: LineShape) -> Bool { head.equals(other.head) && middle.equals(other.middle) }

    /// Where a tag's value ends that is plain ASCII; nil where it does not within what is readable, or within a name's
    /// length and some.
    @inline(__always)
    private static func endOfName(_ base: UnsafePointer<UInt8>, _ start: Int, _ limit: Int) -> Int? {
        var i = start
        while i &+ 8 <= limit, i &- start <= Name.maximumByteCount {
            let word = TextWord(base, i)
            let stops =
                word.unplain | word.equal(0x20) | word.equal(UInt8(ascii: ",")) | word.equal(UInt8(ascii: "="))
                | word.equal(UInt8(ascii: "\\"))
            if stops != 0 { return i &+ TextWord.place(of: stops) }
            i &+= 8
        }
        return nil
    }
}

/// The shapes of the lines met last.
///
/// Invariants: at most `maximumCount` shapes; `current` is one of them where there are any. While `restCount` is above
/// 0, lines are not looked at: too many in a row were like none.
struct LineShapes {
    static let maximumCount = 4
    /// Lines in a row that are learnt for nothing, and how many are then not looked at.
    private static let patience = 64
    private static let rest = 4096

    private var shapes: ContiguousArray<LineShape> = []
    private var current = 0
    /// The one that gives way to the next new one.
    private var oldest = 0
    private var vainCount = 0
    private var restCount = 0

    /// To be called where names are numbered anew.
    mutating func removeAll() {
        shapes.removeAll(keepingCapacity: true)
        current = 0
        oldest = 0
    }

    /// What all lines say that are like the one read last.
    var draft: ReadingDraft { shapes[current].draft }

    /// Tags that mean nothing, of each such line.
    var ignoredCount: Int { shapes[current].ignoredCount }

    /// The line from `start` on where it is like one before.
    @inline(__always)
    mutating func read(_ base: UnsafePointer<UInt8>, _ start: Int, _ limit: Int) -> LineShape.Found? {
        guard restCount == 0, current < shapes.count else { return nil }
        guard let found = shapes[current].read(base, start, limit) else { return readOther(base, start, limit) }
        vainCount = 0
        return found
    }

    @inline(never)
    private mutating func readOther(_ base: UnsafePointer<UInt8>, _ start: Int, _ limit: Int) -> LineShape.Found? {
        for other in shapes.indices where other != current {
            guard let found = shapes[other].read(base, start, limit) else { continue }
            current = other
            vainCount = 0
            return found
        }
        return nil
    }

    /// Learns from a line that was read the plain way.
    mutating func learn(
        _ base: UnsafePointer<UInt8>,
        _ line: Line,
        _ scanner: PlainLineScanner,
        _ draft: ReadingDraft
    ) {
        if restCount > 0 {
            restCount -= 1
            return
        }
        vainCount += 1
        if vainCount > LineShapes.patience {
            vainCount = 0
            restCount = LineShapes.rest
            return
        }
        guard let shape = LineShape(base, line, scanner, draft) else { return }
        if let known = shapes.firstIndex(where: { $0.isLike(shape) }) {
            // The last line of a chunk may be too close to its end to be read as one like it.
            current = known
        } else if shapes.count < LineShapes.maximumCount {
            current = shapes.count
            shapes.append(shape)
        } else {
            current = oldest
            shapes[current] = shape
            oldest = (oldest + 1) % LineShapes.maximumCount
        }
    }
}

/// A short text that is compared eight bytes at a step.
struct FixedText {
    static let maximumByteCount = 64

    let count: Int
    private var words = InlineArray<8, UInt64>(repeating: 0)
    /// What of the last word belongs to it.
    private let lastMask: UInt64

    /// - Returns: nil where it is empty or too long.
    init?(_ base: UnsafePointer<UInt8>, _ range: Range<Int>) {
        guard !range.isEmpty, range.count <= FixedText.maximumByteCount else { return nil }
        count = range.count
        for (k, i) in range.enumerated() { words[k >> 3] |= UInt64(base[i]) << UInt64(8 * (k & 7)) }
        let restCount = (count - 1) % 8 + 1
        lastMask = UInt64.max >> UInt64(64 - 8 * restCount)
    }

    func equals(_ other: FixedText) -> Bool {
        count == other.count && words.indices.allSatisfy { words[$0] == other.words[$0] }
    }

    /// Whether it stands at `i`; false too where that is too close to `limit` to tell at once.
    @inline(__always)
    func stands(at i: Int, _ base: UnsafePointer<UInt8>, _ limit: Int) -> Bool {
        let last = (count &- 1) &>> 3
        guard i &+ (last &+ 1) &* 8 <= limit else { return false }
        for k in 0..<last where FixedText.word(base, i &+ 8 &* k) != words[k] { return false }
        return (FixedText.word(base, i &+ 8 &* last) ^ words[last]) & lastMask == 0
    }

    @inline(__always)
    private static func word(_ base: UnsafePointer<UInt8>, _ i: Int) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(base + i).loadUnaligned(as: UInt64.self))
    }
}
