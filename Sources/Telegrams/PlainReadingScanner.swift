import MeterModel

/// The fast path of NDJSON: a reading whose strings have no escapes, its members in any order.
///
/// It either appends a whole reading or says that the line is not that plain and leaves everything as it was, so all
/// judging of faults stays with the general path.
struct PlainReadingScanner {
    private let base: UnsafePointer<UInt8>
    private let end: Int
    /// Where the chunk ends: up to there eight bytes may be loaded at once.
    private let limit: Int
    private var i: Int

    private var seen: UInt32 = 0
    private var device = 0..<0
    private var register = 0..<0
    private var value = ReadingValue(coefficient: 0, fractionDigits: 0)
    private var unit: UInt8 = 0
    private var quality = Quality.measured
    private var at = ReadingDraft.absentInstant
    private var start = ReadingDraft.absentInstant
    private var stop = ReadingDraft.absentInstant
    private var receivedAt = ReadingDraft.absentInstant

    private init(_ base: UnsafePointer<UInt8>, _ line: Line, _ limit: Int) {
        self.base = base
        self.end = line.end
        self.limit = limit
        self.i = line.start
    }

    /// The members a plain reading may have; the raw value is a bit of `seen`.
    private enum Member: UInt32 {
        case device = 1
        case readAt = 2
        case value = 4
        case register = 8
        case unit = 16
        case quality = 32
        case kind = 64
        case start = 128
        case end = 256
        case receivedAt = 512
        case event = 1024
    }

    private static let requiredOfRegister: UInt32 = 1 | 2 | 4
    private static let intervalMembers: UInt32 = 64 | 128 | 256
    private static let requiredOfInterval: UInt32 = 1 | 4 | intervalMembers

    /// Whether the line was a plain reading, which then stands in `batch`. Its bytes are valid UTF-8.
    @inline(__always)
    static func scan(
        _ base: UnsafePointer<UInt8>,
        _ limit: Int,
        _ line: Line,
        _ date: inout RememberedDate,
        _ devices: inout PendingDevices,
        _ names: inout TelegramNames,
        _ batch: inout DecodedBatch
    ) -> Bool {
        var scanner = PlainReadingScanner(base, line, limit)
        guard scanner.scanObject(&date) else { return false }
        let isInterval = scanner.seen & intervalMembers != 0
        if isInterval {
            guard scanner.seen & requiredOfInterval == requiredOfInterval, scanner.seen & Member.readAt.rawValue == 0,
                scanner.value.coefficient >= 0
            else { return false }
        } else {
            guard scanner.seen & requiredOfRegister == requiredOfRegister else { return false }
        }
        let hasRegister = scanner.seen & Member.register.rawValue != 0
        batch.readings.append(
            ReadingDraft(
                line: line.number,
                rawOffset: UInt32(truncatingIfNeeded: line.start),
                rawByteCount: UInt32(truncatingIfNeeded: line.end - line.start),
                device: ReadingDraft.absent,
                register: hasRegister ? names.registers.intern(scanner.bytes(scanner.register)) : ReadingDraft.absent,
                coefficient: scanner.value.coefficient,
                fractionDigits: scanner.value.fractionDigits,
                unit: scanner.unit,
                quality: scanner.quality,
                isInterval: isInterval,
                at: isInterval ? scanner.stop : scanner.at,
                start: scanner.start,
                receivedAt: scanner.receivedAt
            )
        )
        devices.add(base, scanner.device, &names, &batch)
        return true
    }

    private func bytes(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    @inline(__always)
    private mutating func skipSpace() {
        while i < end, base[i] == 0x20 || base[i] == 0x09 { i += 1 }
    }

    @inline(__always)
    private mutating func take(_ byte: UInt8) -> Bool {
        guard i < end, base[i] == byte else { return false }
        i += 1
        return true
    }

    @inline(__always)
    private mutating func scanObject(_ date: inout RememberedDate) -> Bool {
        skipSpace()
        guard take(UInt8(ascii: "{")) else { return false }
        while true {
            skipSpace()
            guard take(UInt8(ascii: "\"")), let member = scanName(), seen & member.rawValue == 0 else { return false }
            seen |= member.rawValue
            skipSpace()
            guard take(UInt8(ascii: ":")) else { return false }
            skipSpace()
            guard scanValue(of: member, &date) else { return false }
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "}")) else { return false }
            skipSpace()
            return i == end
        }
    }

    /// The name that begins at `i`, with its closing quote: its first eight bytes are compared at once.
    @inline(__always)
    private mutating func scanName() -> Member? {
        guard i + 8 <= limit else { return nil }
        let raw = UnsafeRawPointer(base + i).loadUnaligned(as: UInt64.self)
        let word = UInt64(littleEndian: raw)
        let member: Member
        let count: Int
        switch word & 0xFF_FFFF_FFFF_FFFF {
        case 0x22_6563_6976_6564: (member, count) = (.device, 7)  // device"
        case 0x22_7441_6461_6572: (member, count) = (.readAt, 7)  // readAt"
        default:
            switch word & 0xFFFF_FFFF_FFFF {
            case 0x2265_756C_6176: (member, count) = (.value, 6)  // value"
            case 0x2274_7261_7473: (member, count) = (.start, 6)  // start"
            case 0x2274_6E65_7665: (member, count) = (.event, 6)  // event"
            default: return scanRarerName(word)
            }
        }
        i += count
        return member
    }

    @inline(__always)
    private mutating func scanRarerName(_ word: UInt64) -> Member? {
        let member: Member
        let count: Int
        if word == 0x7265_7473_6967_6572 {  // register
            (member, count) = (.register, 8)
        } else if word == 0x2279_7469_6C61_7571 {  // quality"
            i += 8
            return .quality
        } else if word & 0xFF_FFFF_FFFF == 0x22_7469_6E75 {  // unit"
            i += 5
            return .unit
        } else if word & 0xFF_FFFF_FFFF == 0x22_646E_696B {  // kind"
            i += 5
            return .kind
        } else if word & 0xFFFF_FFFF == 0x2264_6E65 {  // end"
            i += 4
            return .end
        } else if word == 0x6465_7669_6563_6572, i + 10 < end, WireWords.equals(base, i + 8, "At") {  // received
            (member, count) = (.receivedAt, 10)
        } else {
            return nil
        }
        i += count
        return take(UInt8(ascii: "\"")) ? member : nil
    }

    @inline(__always)
    private mutating func scanValue(of member: Member, _ date: inout RememberedDate) -> Bool {
        switch member {
        case .device:
            guard let name = scanNameText() else { return false }
            device = name
        case .register:
            guard let name = scanNameText() else { return false }
            register = name
        case .value: return scanDecimal()
        case .readAt:
            guard let instant = scanInstant(&date) else { return false }
            at = instant
        case .start:
            guard let instant = scanInstant(&date) else { return false }
            start = instant
        case .end:
            guard let instant = scanInstant(&date) else { return false }
            stop = instant
        case .receivedAt:
            guard let instant = scanInstant(&date) else { return false }
            receivedAt = instant
        case .unit:
            guard let text = scanString() else { return false }
            unit = WireWords.unit(base, text.lowerBound, text.upperBound)
            if unit == 0 { return false }
        case .quality:
            guard let text = scanString(),
                let word = WireWords.quality(base, text.lowerBound, text.upperBound)
            else { return false }
            quality = word
        case .kind:
            guard let text = scanString() else { return false }
            return WireWords.matches(base, text.lowerBound, text.upperBound, "interval")
        case .event:
            guard let text = scanString() else { return false }
            return WireWords.matches(base, text.lowerBound, text.upperBound, "ReadingReceived")
        }
        return true
    }

    /// Goes on, eight bytes at a step, to what ends a string or needs a closer look.
    @inline(__always)
    private mutating func skipPlainText() {
        while i + 8 <= limit {
            let word = TextWord(base, i)
            let stops = word.unplain | word.equal(UInt8(ascii: "\"")) | word.equal(UInt8(ascii: "\\"))
            i += TextWord.place(of: stops)
            if stops != 0 { return }
        }
    }

    /// A string without escapes and control characters.
    @inline(__always)
    private mutating func scanString() -> Range<Int>? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let first = i
        skipPlainText()
        while i < end {
            let byte = base[i]
            if byte == UInt8(ascii: "\"") {
                i += 1
                return first..<(i - 1)
            }
            if byte < 0x20 || byte == UInt8(ascii: "\\") { return nil }
            i += 1
        }
        return nil
    }

    /// A string that is a name for certain.
    @inline(__always)
    private mutating func scanNameText() -> Range<Int>? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let first = i
        skipPlainText()
        while i < end {
            let byte = base[i]
            if byte == UInt8(ascii: "\"") {
                let name = first..<i
                i += 1
                return name.count >= 1 && name.count <= Name.maximumByteCount ? name : nil
            }
            // 0xC2 may begin a C1 control character; the general path looks closer.
            if byte < 0x20 || byte == UInt8(ascii: "\\") || byte == 0x7F || byte == 0xC2 { return nil }
            i += 1
        }
        return nil
    }

    @inline(__always)
    private mutating func scanDecimal() -> Bool {
        let isQuoted = take(UInt8(ascii: "\""))
        let first = i
        i = ReadingValue.scanPlain(base, i, end, limit: limit, point: UInt8(ascii: "."), &value)
        guard i >= 0 else { return false }
        return isQuoted ? take(UInt8(ascii: "\"")) : !hasLeadingZero(first)
    }

    /// Whether a JSON number begins with a 0 that its grammar does not allow.
    @inline(__always)
    private func hasLeadingZero(_ start: Int) -> Bool {
        let first = base[start] == UInt8(ascii: "-") ? start + 1 : start
        return first + 1 < end && base[first] == 0x30 && base[first + 1] &- 0x30 <= 9
    }

    @inline(__always)
    private mutating func scanInstant(_ date: inout RememberedDate) -> Int64? {
        guard i < end else { return nil }
        if base[i] == UInt8(ascii: "\"") {
            guard let text = scanString() else { return nil }
            return InstantScanner.rfc3339(base, text.lowerBound, text.upperBound, &date)
        }
        let first = i
        if base[i] == UInt8(ascii: "-") { i += 1 }
        while i < end, base[i] &- 0x30 <= 9 { i += 1 }
        guard case .success(let count) = InstantScanner.integer(base, first, i), !hasLeadingZero(first) else {
            return nil
        }
        return InstantScanner.milliseconds(ofCount: count)
    }
}
