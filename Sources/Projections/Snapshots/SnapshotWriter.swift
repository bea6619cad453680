import CCRC32C
import EventStorage
import MeterModel
import RecordLog

/// Bytes on their way into a snapshot: cut into pieces, each written with its checksum once it is full, while the next
/// is filled.
///
/// Invariants: `filled` bytes of the piece that is being filled lie at `content`, behind room for its header in
/// `piece`; after `failure` nothing is written any more, so that whoever writes looks at it from time to time and in
/// the end.
final class SnapshotWriter {
    private let pieces: SnapshotPieces
    private let obstacle: () -> SnapshotFault?
    private var piece = SnapshotPieces.allocate()
    private var content: UnsafeMutableRawPointer
    private var filled = 0
    private var kind = SnapshotFormat.PieceKind.head
    private var pieceCount: UInt32 = 0
    private var bodyByteCount: UInt64 = 0
    /// Bytes of the file so far; good once it is finished.
    private(set) var byteCount = 0
    /// What went wrong; of the writing of a piece it is known by the end of the next.
    private(set) var failure: (any Error)?
    private var words: [ByteName: UInt64] = [:]
    private var rules: [RuleKey: UInt64] = [:]

    /// A rule by its bytes: texts alone would take canonically equivalent names for one.
    private struct RuleKey: Hashable {
        var name: ByteName
        var rule: AlertRule
    }

    /// - Parameters:
    ///   - file: empty.
    ///   - obstacle: asked before each piece why not to go on.
    init(_ file: any OpenFile, unless obstacle: @escaping () -> SnapshotFault? = { nil }) {
        pieces = SnapshotPieces(file)
        self.obstacle = obstacle
        content = piece + SnapshotFormat.pieceHeaderByteCount
        var preamble = SnapshotFormat.magic
        withUnsafeBytes(of: SnapshotFormat.version.littleEndian) { preamble.append(contentsOf: $0) }
        let crc = preamble.withUnsafeBytes { meterfold_crc32c(0, $0.baseAddress, $0.count) }
        withUnsafeBytes(of: crc.littleEndian) { preamble.append(contentsOf: $0) }
        pieces.hold()
        preamble.withUnsafeBytes { pieces.write($0) }
        pieces.release()
    }

    deinit { piece.deallocate() }

    // MARK: Pieces

    /// Ends the piece under way and begins the next, of a kind.
    func begin(_ kind: SnapshotFormat.PieceKind) {
        if filled > 0 { seal() }
        self.kind = kind
    }

    /// Ends the body, and says how much there was.
    func finish() {
        begin(.end)
        let (pieces, bytes) = (pieceCount, bodyByteCount)
        varint(UInt64(pieces))
        varint(bytes)
        seal()
        settle()
    }

    /// Waits until nothing is being written any more.
    func settle() {
        hold()
        pieces.release()
    }

    private func seal() {
        defer { filled = 0 }
        hold()
        // While nothing is written: what stands in the way is asked of the same file system.
        if failure == nil { failure = obstacle() }
        guard failure == nil else { return pieces.release() }
        piece.storeBytes(of: pieceCount.littleEndian, toByteOffset: 0, as: UInt32.self)
        piece.storeBytes(of: kind.rawValue.littleEndian, toByteOffset: 4, as: UInt32.self)
        piece.storeBytes(of: UInt32(filled).littleEndian, toByteOffset: 8, as: UInt32.self)
        piece = pieces.put(piece, contentByteCount: filled)
        content = piece + SnapshotFormat.pieceHeaderByteCount
        pieceCount += 1
        if kind == .body { bodyByteCount += UInt64(filled) }
    }

    /// Waits for the piece that is being written, and learns what became of it.
    private func hold() {
        pieces.hold()
        failure = failure ?? pieces.failure
        byteCount = pieces.byteCount
    }

    // MARK: Bytes and numbers

    @inline(__always)
    func byte(_ byte: UInt8) {
        if filled == SnapshotFormat.pieceByteCount { seal() }
        content.storeBytes(of: byte, toByteOffset: filled, as: UInt8.self)
        filled += 1
    }

    func flag(_ flag: Bool) { byte(flag ? 1 : 0) }

    /// Bytes as they are; how many, the reader must know.
    func bytes(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while !rest.isEmpty {
            if filled == SnapshotFormat.pieceByteCount { seal() }
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(SnapshotFormat.pieceByteCount - filled))
            if let start = part.baseAddress { (content + filled).copyMemory(from: start, byteCount: part.count) }
            filled += part.count
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
        }
    }

    @inline(__always)
    func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            byte(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest &>>= 7
        }
        byte(UInt8(truncatingIfNeeded: rest))
    }

    @inline(__always)
    func zigzag(_ value: Int64) { varint(UInt64(bitPattern: value &<< 1 ^ value &>> 63)) }

    func count(_ count: Int) { varint(UInt64(count)) }

    func number(_ value: Int128) {
        var rest = UInt128(bitPattern: value << 1 ^ value >> 127)
        while rest >= 0x80 {
            byte(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        byte(UInt8(truncatingIfNeeded: rest))
    }

    /// A flag, and what is there behind it.
    func optional<Value>(_ value: Value?, _ write: (Value) -> Void) {
        flag(value != nil)
        if let value { write(value) }
    }

    // MARK: Values

    func text(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            count(utf8.count)
            bytes(UnsafeRawBufferPointer(utf8))
        }
    }

    /// A text that many have: told once, and then by its number.
    func word(_ text: String) {
        if let number = words[ByteName(text)] { return varint(number) }
        let number = UInt64(words.count)
        words[ByteName(text)] = number
        varint(number)
        self.text(text)
    }

    /// A rule that many devices may have: as a word.
    func rule(_ rule: AlertRule) {
        let key = RuleKey(name: ByteName(rule.rule), rule: rule)
        if let number = rules[key] { return varint(number) }
        let number = UInt64(rules.count)
        rules[key] = number
        varint(number)
        text(rule.rule)
        decimal(rule.level)
        decimal(rule.rearm)
        flag(rule.cleared)
        zigzag(rule.staleAfterMilliseconds)
        count(rule.remindersMilliseconds.count)
        for reminder in rule.remindersMilliseconds { zigzag(reminder) }
    }

    /// An event, as the log has it.
    func event(_ event: MeterEvent) {
        let payload = EventPayload.bytes(of: event)
        count(payload.count)
        payload.withUnsafeBytes { bytes($0) }
    }

    func decimal(_ decimal: ExactDecimal) {
        byte(UInt8(decimal.fractionDigits))
        number(decimal.coefficient)
    }

    func money(_ money: Money) { number(money.units) }
    func instant(_ instant: Instant) { zigzag(instant.milliseconds) }
    func position(_ position: Position) { varint(position.rawValue) }
    func date(_ date: LocalDate) { zigzag(Int64(date.dayNumber)) }
}
