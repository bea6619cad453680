import Access
import Admission
import EventStorage
import Glibc
import Ingest
import MeterModel
import RecordLog
import Telegrams
import TimeZones

/// Bytes of senders.
enum FuzzedInput {
    private static let zones = FoundationZoneSource()
    private static let time = Instant(milliseconds: 1_772_323_200_000)

    private struct StandingClock: WallClock {
        func now() -> Instant { time }
    }

    /// What a decoding came to.
    private struct Outcome: Equatable {
        var readings: [String] = []
        var events: [MeterEvent] = []
        var refusals: [String] = []
    }

    /// In one piece or in several, the same is found.
    static func decode(_ bytes: [UInt8], as target: FuzzTarget) {
        var options = InputOptions()
        options.format = target == .ndjson ? .ndjson : target == .csv ? .csv : .lineProtocol
        options.utility = .electricity
        guard let first = bytes.first else { return }
        let input = Array(bytes.dropFirst())
        let whole = outcome(input, options, pieceByteCount: max(1, input.count))
        let pieces = outcome(input, options, pieceByteCount: 1 + Int(first) % 37)
        precondition(whole == pieces, "in pieces of \(1 + Int(first) % 37): \(pieces), whole: \(whole)")
    }

    private static func outcome(_ input: [UInt8], _ options: InputOptions, pieceByteCount: Int) -> Outcome {
        var decoder = InputDecoder(options: options, source: "fuzz")
        var names = TelegramNames()
        var outcome = Outcome()
        var start = 0
        var end = 0
        var isDone = false
        while !isDone, !decoder.hasEnded {
            end = min(input.count, end + pieceByteCount)
            let isLast = end == input.count
            var batch = DecodedBatch()
            let consumed = input[start..<end].withUnsafeBytes {
                (try? decoder.decode($0, isLast: isLast, names: &names, into: &batch)) ?? 0
            }
            precondition(consumed >= 0 && start + consumed <= end, "it consumed \(consumed) of \(end - start) bytes")
            for draft in batch.readings {
                outcome.readings.append("\(draft.line) \(names.devices[draft.device]) \(draft.at) \(draft.coefficient)")
            }
            outcome.events += batch.events.map(\.event)
            outcome.refusals += batch.refusals.map { "\($0.line) \($0.refusal.code.rawValue)" }
            start += consumed
            isDone = isLast && (consumed == 0 || start == end)
        }
        return outcome
    }

    // Safety: one thread makes it and all that uses it.
    private final class Follower: SessionFollowing, @unchecked Sendable {
        var text: [UInt8] = []
        var summary: SessionSummary?
        func consumed(byteCount: Int) {}
        func reply(_ bytes: [UInt8]) { text += bytes }
        func ended(_ summary: SessionSummary, _ fault: SessionFault?) { self.summary = summary }
    }

    private final class NoQuarantine: RefusedLineKeeping {
        var path: String? { nil }
        func add(source: String, line: UInt64, refusal: Refusal, raw: UnsafeRawBufferPointer) throws {}
        func sync() throws {}
    }

    static func profile(_ name: String) throws(ProfileError) -> InputProfile? {
        try Profiles.named(name, zones: zones)
    }

    /// A connection: whatever comes, each answer is one line that says ok or err.
    static func converse(_ bytes: [UInt8]) {
        let terms = SessionTerms(
            source: "fuzz",
            options: InputOptions(),
            access: OpenAccess(as: .local),
            takesGreeting: true,
            profile: profile
        )
        _ = converse(bytes, terms, nil)
    }

    /// A sender's bytes, in pieces, into a log that nobody keeps.
    static func converse(_ bytes: [UInt8], _ terms: SessionTerms, _ principal: Principal?) -> SessionSummary {
        let intake = LiveIntake(
            writer: UnwrittenBatches(after: .origin),
            admission: Admission(zones: zones),
            clock: StandingClock(),
            quarantine: NoQuarantine()
        )
        let follower = Follower()
        let session = LineSession(terms, principal: principal, follower: follower)
        let pieceByteCount = 1 + Int(bytes.first ?? 0)
        var start = 0
        do {
            while start < bytes.count {
                let end = min(bytes.count, start + pieceByteCount)
                try intake.take(Array(bytes[start..<end]), isLast: end == bytes.count, from: session)
                if end % 3 == 0 { try intake.commit() }
                start = end
            }
            try intake.commit()
        } catch {
            fatalError("a log that cannot fail failed: \(error)")
        }
        for line in follower.text.split(separator: UInt8(ascii: "\n")) {
            precondition(line.starts(with: "ok ".utf8) || line.starts(with: "err ".utf8), "an answer that is none")
        }
        precondition(bytes.isEmpty || follower.summary != nil, "a session that does not end")
        return follower.summary ?? SessionSummary()
    }

    static func inflate(_ bytes: [UInt8]) {
        let inflater = BodyInflater()
        inflater.feed(bytes)
        var byteCount = 0
        do throws(Refusal) {
            // A bomb is let off after a while: nobody holds more than a piece of it.
            while byteCount < 8 << 20, let piece = try inflater.next() {
                precondition(piece.count <= BodyInflater.chunkByteCount)
                byteCount += piece.count
            }
            try inflater.finish()
        } catch {
            precondition(error.code == .badGzip)
        }
    }

    /// A file of lz4 frames: read by much and by little, it has as many bytes and the same end. (Of a match at distance
    /// 0, which no compressor makes, lz4 says nothing and copies what lay in the buffer.)
    static func inflateFile(_ bytes: [UInt8]) {
        let path = "/dev/shm/fuzz-\(getpid())"
        let file = open(path, O_CREAT | O_TRUNC | O_RDWR, 0o600)
        defer {
            close(file)
            unlink(path)
        }
        let all: [UInt8] = [0x04, 0x22, 0x4D, 0x18] + bytes
        precondition(write(file, all, all.count) == all.count, "no file in memory")
        let much = content(path, pieceByteCount: 64 << 10)
        let little = content(path, pieceByteCount: 1 + all.count % 61)
        precondition(much.refusal == little.refusal, "\(String(describing: much)) but \(String(describing: little))")
        precondition(much.byteCount <= little.byteCount, "pieces make a difference")
        precondition(much.refusal != nil || much.byteCount == little.byteCount, "pieces make a difference to the end")
        precondition((much.refusal ?? .badLZ4) == .badLZ4, "refused as \(String(describing: much.refusal))")
    }

    private static func content(_ path: String, pieceByteCount: Int) -> (byteCount: Int, refusal: RefusalCode?) {
        var byteCount = 0
        var piece = [UInt8](repeating: 0, count: pieceByteCount)
        do throws(InputFault) {
            let source = try InputSource(path: path)
            while case let count = try source.readChunk(&piece), count > 0 { byteCount += count }
        } catch {
            guard case .damaged(let refusal) = error else { fatalError("the file cannot be read: \(error)") }
            return (byteCount, refusal.code)
        }
        return (byteCount, nil)
    }

    static func readFleet(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        var fleet = DeclaredFleet(knowledge: FleetKnowledge(utility: { _ in nil }, tariff: { _ in nil }))
        let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
        fleet.read(first & 1 == 0 ? "fleet.yaml" : "fleet.csv", .success(text))
    }

    static func readProfile(_ bytes: [UInt8]) {
        _ = try? Profiles.parse(String(decoding: bytes, as: UTF8.self), source: "fuzz", zones: zones)
    }
}
