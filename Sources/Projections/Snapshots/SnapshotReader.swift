import CCRC32C
import EventStorage
import MeterModel
import RecordLog

/// A cursor over a snapshot that may say anything: each piece is proved before a byte of it is handed out, each read is
/// checked against the end, and nothing is reserved that the file could not fill.
///
/// Invariants: bytes `next..<end` of the piece under way are still to be read; `offset` is where the next one begins.
final class SnapshotReader {
    private let file: any OpenFile
    private let fileByteCount: Int
    private let piece = UnsafeMutableRawPointer.allocate(
        byteCount: SnapshotFormat.pieceHeaderByteCount + SnapshotFormat.pieceByteCount,
        alignment: 16
    )
    private let content: UnsafeMutableRawPointer
    private var kind = SnapshotFormat.PieceKind.head
    private var end = 0
    private var next = 0
    private var offset = 0
    private var pieceCount: UInt32 = 0
    private var bodyByteCount: UInt64 = 0
    private var words: [String] = []
    private var rules: [AlertBook.Terms] = []

    /// Reads what a file begins with.
    init(_ file: any OpenFile) throws(SnapshotFault) {
        self.file = file
        content = piece + SnapshotFormat.pieceHeaderByteCount
        do { fileByteCount = try file.byteCount() } catch { throw SnapshotFault("it cannot be read: \(error)") }
        let preamble = try bytes(ofFile: SnapshotFormat.preambleByteCount)
        let crc = meterfold_crc32c(0, preamble.baseAddress, preamble.count - 4)
        guard preamble.prefix(8).elementsEqual(SnapshotFormat.magic), preamble.word(12) == crc else {
            throw SnapshotFault("it is no snapshot of a fold")
        }
        guard preamble.word(8) == SnapshotFormat.version else {
            throw SnapshotFault("its format is version \(preamble.word(8)), not \(SnapshotFormat.version)")
        }
        offset = preamble.count
        try load()
        guard kind == .head else { throw malformed("no head") }
    }

    deinit { piece.deallocate() }

    func malformed(_ reason: String) -> SnapshotFault {
        SnapshotFault("it is malformed: \(reason) before byte \(offset)")
    }

    // MARK: Pieces

    /// Goes on behind the head, which must have been read to its end.
    func beginBody() throws(SnapshotFault) {
        guard next == end else { throw malformed("more in its head than is known") }
        try load()
        guard kind == .body else { throw malformed("no body") }
    }

    /// Makes sure that the body is read to its end, and that the file says it is whole.
    func finish() throws(SnapshotFault) {
        guard next == end else { throw malformed("more in its body than is known") }
        let (pieces, bytes) = (pieceCount, bodyByteCount)
        try load()
        guard kind == .end, try varint() == UInt64(pieces), try varint() == bytes, next == end,
            offset == fileByteCount
        else { throw malformed("another end than its counts say") }
    }

    /// Up to `byteCount` bytes of the file from `offset` on.
    private func bytes(ofFile byteCount: Int) throws(SnapshotFault) -> UnsafeRawBufferPointer {
        let wanted = min(byteCount, fileByteCount - offset)
        let target = UnsafeMutableRawBufferPointer(start: piece, count: wanted)
        let readCount: Int
        do { readCount = try file.read(into: target, at: offset) } catch {
            throw SnapshotFault("it cannot be read: \(error)")
        }
        guard readCount == wanted, wanted >= min(byteCount, SnapshotFormat.pieceHeaderByteCount) else {
            throw SnapshotFault("it ends early, at byte \(offset + readCount)")
        }
        return UnsafeRawBufferPointer(target)
    }

    private func load() throws(SnapshotFault) {
        let headerByteCount = SnapshotFormat.pieceHeaderByteCount
        let bytes = try bytes(ofFile: headerByteCount + SnapshotFormat.pieceByteCount)
        let byteCount = Int(bytes.word(8))
        guard byteCount > 0, byteCount <= bytes.count - headerByteCount else {
            throw SnapshotFault("its piece at byte \(offset) is damaged")
        }
        let crc = meterfold_crc32c(meterfold_crc32c(0, piece, headerByteCount - 4), content, byteCount)
        guard bytes.word(12) == crc, bytes.word(0) == pieceCount,
            let kind = SnapshotFormat.PieceKind(rawValue: bytes.word(4))
        else { throw SnapshotFault("its piece at byte \(offset) is damaged") }
        self.kind = kind
        (next, end) = (0, byteCount)
        offset += headerByteCount + byteCount
        pieceCount += 1
        if kind == .body { bodyByteCount += UInt64(byteCount) }
    }

    private func loadMore() throws(SnapshotFault) {
        let former = kind
        guard former == .body else { throw malformed("a piece ends early") }
        try load()
        guard kind == former else { throw malformed("the body ends early") }
    }

    /// No more than so many bytes can follow.
    var remaining: Int { end - next + fileByteCount - offset }

    // MARK: Bytes and numbers

    @inline(__always)
    func byte() throws(SnapshotFault) -> UInt8 {
        if next == end { try loadMore() }
        defer { next += 1 }
        return content.load(fromByteOffset: next, as: UInt8.self)
    }

    func flag() throws(SnapshotFault) -> Bool {
        let byte = try byte()
        guard byte <= 1 else { throw malformed("flag \(byte)") }
        return byte == 1
    }

    private func read(into target: UnsafeMutableRawBufferPointer) throws(SnapshotFault) {
        var done = 0
        while done < target.count {
            if next == end { try loadMore() }
            let partCount = min(end - next, target.count - done)
            if let start = target.baseAddress { (start + done).copyMemory(from: content + next, byteCount: partCount) }
            next += partCount
            done += partCount
        }
    }

    /// So many bytes as they are.
    func bytes(_ byteCount: Int) throws(SnapshotFault) -> ContiguousArray<UInt8> {
        guard byteCount <= remaining else { throw malformed("more bytes than there are") }
        var fault: SnapshotFault?
        let bytes = ContiguousArray<UInt8>(unsafeUninitializedCapacity: byteCount) { buffer, count in
            let room = UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: byteCount)
            do throws(SnapshotFault) {
                try read(into: room)
                count = byteCount
            } catch {
                fault = error
            }
        }
        if let fault { throw fault }
        return bytes
    }

    @inline(__always)
    func varint() throws(SnapshotFault) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try byte()
            if shift == 63, byte > 1 { throw malformed("a number outgrows 64 bits") }
            value |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }

    @inline(__always)
    func zigzag() throws(SnapshotFault) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A count of things that take a byte each at least.
    func count() throws(SnapshotFault) -> Int {
        let value = try varint()
        guard value <= UInt64(max(0, remaining)) else { throw malformed("more of something than there are bytes") }
        return Int(value)
    }

    /// A number below a bound.
    func index(below bound: Int) throws(SnapshotFault) -> Int {
        let value = try varint()
        guard value < UInt64(bound) else { throw malformed("number \(value) of \(bound)") }
        return Int(value)
    }

    func number() throws(SnapshotFault) -> Int128 {
        var bits: UInt128 = 0
        var shift: UInt128 = 0
        while true {
            let byte = try byte()
            if shift == 126, byte > 3 { throw malformed("a number outgrows 128 bits") }
            bits |= UInt128(byte & 0x7F) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        return Int128(bitPattern: bits >> 1) ^ -Int128(bitPattern: bits & 1)
    }

    func optional<Value>(_ read: () throws(SnapshotFault) -> Value) throws(SnapshotFault) -> Value? {
        try flag() ? try read() : nil
    }

    // MARK: Values

    func text() throws(SnapshotFault) -> String {
        let byteCount = try count()
        guard byteCount <= SnapshotFormat.textByteCount else { throw malformed("a text of \(byteCount) bytes") }
        guard let text = String(validating: try bytes(byteCount), as: UTF8.self) else {
            throw malformed("a text that is not UTF-8")
        }
        return text
    }

    func word() throws(SnapshotFault) -> String {
        let number = try index(below: words.count + 1)
        if number == words.count { words.append(try text()) }
        return words[number]
    }

    func rule() throws(SnapshotFault) -> AlertBook.Terms {
        let number = try index(below: rules.count + 1)
        if number == rules.count {
            var rule = AlertRule(
                rule: try text(),
                level: try decimal(),
                rearm: try decimal(),
                cleared: try flag(),
                staleAfterMilliseconds: try zigzag()
            )
            for _ in 0..<(try count()) { rule.remindersMilliseconds.append(try zigzag()) }
            rules.append(AlertBook.Terms.of(rule))
        }
        return rules[number]
    }

    func event() throws(SnapshotFault) -> MeterEvent {
        let bytes = try bytes(try count())
        var event: Result<MeterEvent, MalformedBytes>?
        bytes.withUnsafeBytes { bytes in
            event = Result { () throws(MalformedBytes) in try EventPayload.event(bytes) }
        }
        guard case .success(let event) = event else { throw malformed("an event that cannot be decoded") }
        return event
    }

    func decimal() throws(SnapshotFault) -> ExactDecimal {
        let fractionDigits = Int(try byte())
        guard fractionDigits <= ExactDecimal.maximumDigitCount else { throw malformed("fraction digits") }
        return ExactDecimal(try number(), fractionDigits: fractionDigits)
    }

    func money() throws(SnapshotFault) -> Money { Money(units: try number()) }
    func instant() throws(SnapshotFault) -> Instant { Instant(milliseconds: try zigzag()) }
    func position() throws(SnapshotFault) -> Position { Position(try varint()) }

    func date() throws(SnapshotFault) -> LocalDate {
        guard let day = Int32(exactly: try zigzag()) else { throw malformed("a date out of range") }
        return LocalDate(dayNumber: day)
    }

    func currency() throws(SnapshotFault) -> Currency {
        guard let currency = Currency(try word()) else { throw malformed("a currency that is none") }
        return currency
    }

    /// The value of an enumeration whose raw values begin with 1; nil for 0.
    func raw<Value: RawRepresentable<UInt8>>(_ type: Value.Type) throws(SnapshotFault) -> Value? {
        let byte = try byte()
        if byte == 0 { return nil }
        guard let value = Value(rawValue: byte) else { throw malformed("\(type) \(byte)") }
        return value
    }
}

extension UnsafeRawBufferPointer {
    /// The 32-bit number at an offset.
    fileprivate func word(_ offset: Int) -> UInt32 {
        UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
