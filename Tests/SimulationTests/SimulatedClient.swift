import Access
import FleetSimulator
import Ingest
import MeterModel
import Synchronization

/// Collects what a session is told until the client reads it.
final class SimulatedFollower: SessionFollowing {
    private let text = Mutex("")
    private let taken = Mutex(0)

    func consumed(byteCount: Int) { taken.withLock { $0 += byteCount } }

    /// Bytes that were taken in so far.
    var takenByteCount: Int { taken.withLock { $0 } }

    func reply(_ bytes: [UInt8]) { text.withLock { $0 += String(decoding: bytes, as: UTF8.self) } }

    func ended(_ summary: SessionSummary, _ fault: SessionFault?) {}

    /// What came since the last call.
    func takeReplies() -> [String] {
        text.withLock { text in
            defer { text = "" }
            return text.split(separator: "\n").map(String.init)
        }
    }
}

/// One who sends a script over connections that break, and goes on behind the last line that was acknowledged.
///
/// Invariants: lines before `confirmedCount` were acknowledged as durable or refused, and those accepted were durable
/// when that was read; `sendCounts` says how often each line may have reached a server whole; no more than
/// `windowByteCount` and one portion are on their way.
final class SimulatedClient {
    /// Bytes on their way, from which on it waits until some are taken in: as a connection is not read from.
    private static let windowByteCount = 2000

    let script: [SimulatedLine]
    private let witness: SimulatedWitness
    private(set) var confirmedCount = 0
    private(set) var sendCounts: [Int]
    /// The code by which a line was refused, of those confirmed.
    private(set) var refusals: [Int: String] = [:]
    /// Those that no acknowledgement covers yet.
    private var pendingRefusals: [Int: String] = [:]
    /// The highest position that an acknowledgement named.
    private(set) var highestPosition: UInt64 = 0
    private(set) var session: LineSession?
    private var follower = SimulatedFollower()
    private var base = 0
    private var outgoing: [UInt8] = []
    private var sentCount = 0
    /// Where each line from `base` on ends in `outgoing`.
    private var lineEnds: [Int] = []
    private var completeCount = 0

    init(_ script: [SimulatedLine], _ witness: SimulatedWitness) {
        self.script = script
        self.witness = witness
        sendCounts = Array(repeating: 0, count: script.count)
    }

    var isDone: Bool { confirmedCount == script.count }
    var hasSentAll: Bool { sentCount == outgoing.count }
    /// Bytes that were sent and not taken in.
    var waitingByteCount: Int { sentCount - follower.takenByteCount }

    func connect() {
        follower = SimulatedFollower()
        let terms = SessionTerms(
            source: "simulated",
            options: InputOptions(),
            access: OpenAccess(as: .local),
            takesGreeting: true
        ) { _ throws(ProfileError) in nil }
        session = LineSession(terms, follower: follower)
        pendingRefusals = [:]
        base = confirmedCount
        outgoing = Array("meterfold/1 {\"ack\":true,\"format\":\"ndjson\"}\n".utf8)
        lineEnds = []
        for line in script[base...] {
            outgoing += Array(line.text.utf8) + [UInt8(ascii: "\n")]
            lineEnds.append(outgoing.count)
        }
        sentCount = 0
        completeCount = 0
    }

    /// Hands the next bytes to a server.
    func send(_ byteCount: Int, to server: SimulatedServer) {
        guard let session, byteCount > 0, !hasSentAll, waitingByteCount < SimulatedClient.windowByteCount else {
            return
        }
        let bytes = Array(outgoing[sentCount..<min(outgoing.count, sentCount + byteCount)])
        sentCount += bytes.count
        while completeCount < lineEnds.count, lineEnds[completeCount] <= sentCount {
            sendCounts[base + completeCount] += 1
            completeCount += 1
        }
        server.take(bytes, from: session)
    }

    /// The connection breaks, with or without the client having read what it was told.
    func disconnect(readingReplies: Bool) throws {
        if readingReplies { try readReplies() }
        session = nil
    }

    /// What it knows of positions behind this one is void.
    func forget(behind head: Position) {
        highestPosition = min(highestPosition, head.rawValue)
        // What it has not read yet of those who told of them it does not read any more.
        _ = follower.takeReplies()
    }

    func readReplies() throws {
        guard waitingByteCount >= 0 else { throw Misbehaviour("more was taken in than was sent") }
        let confirmedBefore = confirmedCount
        for reply in follower.takeReplies() {
            let words = reply.split(separator: " ", maxSplits: 3)
            guard words.count >= 3, let first = UInt64(words[1]) else { throw Misbehaviour("the reply \(reply)") }
            switch words[0] {
            case "ok":
                guard let line = Int(words[2]), line <= completeCount, base + line >= confirmedCount else {
                    throw Misbehaviour("\(reply), of \(completeCount) lines sent after \(base)")
                }
                confirmedCount = base + line
                highestPosition = max(highestPosition, first)
            case "err" where first == 0: break
            case "err": pendingRefusals[base + Int(first) - 1] = String(words[2])
            default: throw Misbehaviour("the reply \(reply)")
            }
        }
        for line in pendingRefusals.keys.sorted() where line < confirmedCount {
            refusals[line] = pendingRefusals.removeValue(forKey: line)
        }
        for line in confirmedBefore..<confirmedCount where refusals[line] == nil {
            guard let fact = script[line].fact, !witness.holds(fact) else { continue }
            throw Misbehaviour("acknowledged and not durable: \(script[line].text)")
        }
    }
}

/// What the program did that it must not.
struct Misbehaviour: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
