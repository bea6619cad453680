import MeterModel
import Testing

@testable import Telegrams

/// A reading as a test compares it: names spelled out.
struct PlainReading: Hashable, CustomStringConvertible {
    var line: UInt64
    var device: String
    var register: String?
    var value: String
    var unit: String?
    var quality: Quality
    var start: String?
    var at: String?
    var receivedAt: String?

    init(_ draft: ReadingDraft, _ names: TelegramNames) {
        func text(_ instant: Int64) -> String? {
            instant == ReadingDraft.absentInstant ? nil : Instant(milliseconds: instant).rfc3339
        }
        line = draft.line
        device = names.devices[draft.device]
        register = draft.register == ReadingDraft.absent ? nil : names.registers[draft.register]
        value = ExactDecimal(Int128(draft.coefficient), fractionDigits: Int(draft.fractionDigits)).description
        unit = Unit(rawValue: draft.unit)?.symbol
        quality = draft.quality
        start = draft.isInterval ? text(draft.start) : nil
        at = text(draft.at)
        receivedAt = text(draft.receivedAt)
    }

    var description: String {
        let span = start.map { "\($0)/" } ?? ""
        return "\(line): \(device) \(register ?? "-") \(span)\(at ?? "now") \(value) \(unit ?? "-")"
    }
}

/// All that a decoder made of an input.
struct Decoded: Equatable {
    var readings: [PlainReading] = []
    var events: [MeterEvent] = []
    /// For each event the number of readings before it.
    var eventPlaces: [Int] = []
    var refusals: [RefusedText] = []
    var raws: [String] = []
    var ignoredFieldCount = 0
    var missingValueCount = 0

    struct RefusedText: Hashable {
        var line: UInt64
        var code: RefusalCode
        var text: String
    }

    var codes: [RefusalCode] { refusals.map(\.code) }
}

/// Feeds `bytes` to a decoder in chunks that end where `cuts` say, each time with what was left over.
func decode(_ bytes: [UInt8], by make: () -> some TelegramDecoder, cuts: [Int] = []) -> Decoded {
    var decoder = make()
    var names = TelegramNames()
    var result = Decoded()
    var consumed = 0
    for end in cuts.sorted() + [bytes.count] where end >= consumed {
        var batch = DecodedBatch()
        let chunk = Array(bytes[consumed..<end])
        let used = chunk.withUnsafeBytes {
            decoder.decode($0, isLast: end == bytes.count, names: &names, into: &batch)
        }
        func raw(_ offset: Int, _ count: Int) -> String {
            String(decoding: chunk[offset..<offset + count], as: UTF8.self)
        }
        for event in batch.events {
            result.events.append(event.event)
            result.eventPlaces.append(result.readings.count + event.readingIndex)
            result.raws.append(raw(event.rawOffset, event.rawByteCount))
        }
        for draft in batch.readings {
            result.readings.append(PlainReading(draft, names))
            result.raws.append(raw(Int(draft.rawOffset), Int(draft.rawByteCount)))
        }
        for line in batch.refusals {
            result.refusals.append(.init(line: line.line, code: line.refusal.code, text: line.refusal.text))
            result.raws.append(raw(line.rawOffset, line.rawByteCount))
        }
        result.ignoredFieldCount += batch.ignoredFieldCount
        result.missingValueCount += batch.missingValueCount
        consumed += used
        precondition(used <= chunk.count, "consumed more than was given")
    }
    result.raws.sort()
    precondition(consumed == bytes.count, "an input's end was not consumed")
    return result
}

func decode(_ text: String, by make: () -> some TelegramDecoder, cuts: [Int] = []) -> Decoded {
    decode(Array(text.utf8), by: make, cuts: cuts)
}

func ndjson(_ text: String) -> Decoded { decode(text) { NDJSONDecoder() } }

/// The only reading that a text holds.
func onlyReading(_ decoded: Decoded, _ location: SourceLocation = #_sourceLocation) throws -> PlainReading {
    try #require(decoded.refusals.isEmpty, "\(decoded.refusals)", sourceLocation: location)
    try #require(decoded.readings.count == 1, sourceLocation: location)
    return decoded.readings[0]
}

/// A small, seeded source of randomness (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension SeededGenerator {
    /// Up to `count` places at which to cut `length` bytes.
    mutating func cuts(of length: Int, count: Int) -> [Int] {
        (0..<count).map { _ in Int.random(in: 0...length, using: &self) }.sorted()
    }
}
