import MeterModel

/// The fast path of line protocol: a line without escapes, quotes and surplus spaces, whose one field is mapped and
/// whose device is named as it stands.
///
/// It either appends a whole reading or says that the line is not that plain and leaves everything as it was, so all
/// judging of faults stays with the general path.
struct PlainLineScanner {
    private let base: UnsafePointer<UInt8>
    private let end: Int
    /// Where the chunk ends: up to there eight bytes may be loaded at once.
    private let limit: Int
    private var i: Int

    private(set) var device = 0..<0
    private var deviceRank = Int.max
    private(set) var register = 0..<0
    private var unitText = 0..<0
    private var qualityText = 0..<0
    /// Tags that mean nothing.
    private(set) var ignoredCount = 0
    private(set) var field = 0
    /// Where the field's value begins.
    private(set) var valueStart = 0
    private(set) var value = ReadingValue(coefficient: 0, fractionDigits: 0)
    /// Nil where the line has no timestamp.
    private(set) var timestamp: Int64?
    /// The raw value of the unit tag's, 0 where there is none.
    private(set) var unit: UInt8 = 0
    private(set) var quality = Quality.measured

    @inline(__always)
    init(_ base: UnsafePointer<UInt8>, _ line: Line, _ limit: Int) {
        self.base = base
        self.end = line.end
        self.limit = limit
        self.i = line.start
    }

    /// Whether the line is that plain; what it says then stands in the properties. Its bytes are valid UTF-8.
    @inline(__always)
    mutating func scan(_ tagKeys: borrowing LineProtocolKeys, _ fieldKeys: borrowing LineProtocolKeys) -> Bool {
        guard let measurement = token(stoppingAt: UInt8(ascii: ",")), !measurement.isEmpty else { return false }
        while i < end, base[i] == UInt8(ascii: ",") {
            i += 1
            guard scanTag(tagKeys) else { return false }
        }
        guard !device.isEmpty, i < end, base[i] == 0x20 else { return false }
        i += 1
        return scanField(fieldKeys) && scanTimestamp() && readWords()
    }

    /// Up to `stop` or a space: nil where something in it needs a closer look.
    @inline(__always)
    private mutating func token(stoppingAt stop: UInt8) -> Range<Int>? {
        let start = i
        while i < end {
            let byte = base[i]
            if byte == stop || byte == 0x20 { break }
            // 0xC2 may begin a C1 control character; the general path looks closer.
            if byte < 0x20 || byte == 0x7F || byte == 0xC2 || byte == UInt8(ascii: "\\") { return nil }
            i += 1
        }
        return start..<i
    }

    /// A key, with the `=` behind it.
    @inline(__always)
    private mutating func key() -> Range<Int>? {
        let start = i
        while i < end {
            let byte = base[i]
            if byte == UInt8(ascii: "=") {
                i += 1
                return i - 1 > start ? start..<(i - 1) : nil
            }
            if byte <= 0x20 || byte == 0x7F || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: ",") { return nil }
            i += 1
        }
        return nil
    }

    @inline(__always)
    private mutating func scanTag(_ keys: borrowing LineProtocolKeys) -> Bool {
        guard let key = key() else { return false }
        let start = i
        while i < end {
            let byte = base[i]
            if byte == UInt8(ascii: ",") || byte == 0x20 { break }
            if byte < 0x20 || byte == UInt8(ascii: "=") || byte == UInt8(ascii: "\\") { return false }
            if byte == 0x7F || byte == 0xC2 { return false }
            i += 1
        }
        let text = start..<i
        guard !text.isEmpty else { return false }
        guard let (role, rank) = keys.find(base, key.lowerBound, key.upperBound, limit) else {
            ignoredCount += 1
            return true
        }
        return take(text, role, rank)
    }

    /// False where a tag is given twice, or a name is too long.
    @inline(__always)
    private mutating func take(_ text: Range<Int>, _ role: LineProtocolKeys.Role, _ rank: Int) -> Bool {
        switch role {
        case .device:
            guard rank != deviceRank else { return false }
            if rank < deviceRank {
                device = text
                deviceRank = rank
            }
            return device.count <= Name.maximumByteCount
        case .register:
            guard register.isEmpty else { return false }
            register = text
            return register.count <= Name.maximumByteCount
        case .unit:
            guard unitText.isEmpty else { return false }
            unitText = text
        case .quality:
            guard qualityText.isEmpty else { return false }
            qualityText = text
        case .field: return false
        }
        return true
    }

    @inline(__always)
    private mutating func scanField(_ keys: borrowing LineProtocolKeys) -> Bool {
        guard let key = key(), let found = keys.find(base, key.lowerBound, key.upperBound, limit) else { return false }
        field = found.index
        valueStart = i
        var hasPoint = false
        i = ReadingValue.scanPlain(base, i, end, limit: limit, point: UInt8(ascii: "."), &value, &hasPoint)
        guard i > 0 else { return false }
        guard i < end, base[i] == UInt8(ascii: "i") else { return true }
        i += 1
        return !hasPoint
    }

    /// One space and digits up to the end, or the end.
    @inline(__always)
    private mutating func scanTimestamp() -> Bool {
        if i == end { return true }
        guard base[i] == 0x20 else { return false }
        i += 1
        // No count of 19 digits outgrows 64 bits without a sign.
        guard i < end, end - i <= 19 else { return false }
        var count: UInt64 = 0
        i = TextWord.readDigits(base, i, end, limit, &count)
        guard i == end, count <= UInt64(Int64.max) else { return false }
        timestamp = Int64(count)
        return true
    }

    @inline(__always)
    private mutating func readWords() -> Bool {
        if !unitText.isEmpty {
            unit = WireWords.unit(base, unitText.lowerBound, unitText.upperBound)
            guard unit != 0 else { return false }
        }
        guard !qualityText.isEmpty else { return true }
        guard let word = WireWords.quality(base, qualityText.lowerBound, qualityText.upperBound) else { return false }
        quality = word
        return true
    }
}
