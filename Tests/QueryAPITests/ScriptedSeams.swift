import Access
import MeterModel
import NIOCore
import QueryAPI
import ReadModel
import Synchronization

/// Lets in by a table of tokens.
struct TokenTable: Authorizing {
    var principals: [String: Principal]

    static let all = TokenTable(principals: [
        "reader": Principal(recordedBy: "token:1", rights: [.read]),
        "east": Principal(recordedBy: "token:2", rights: [.read, .topUp], devices: NameGlob("E-*")),
        "sender": Principal(recordedBy: "token:3", rights: [.ingest]),
        "shop": Principal(recordedBy: "token:4", rights: [.topUp]),
        "chief": Principal(recordedBy: "token:5", rights: [.admin]),
    ])

    func principal(bearing token: String?) throws(AccessFault) -> Principal {
        guard let token else { throw .missing }
        guard let principal = principals[token] else { throw .refused }
        return principal
    }
}

/// A position that a test moves; who waits is told when it moves.
final class ScriptedFreshness: Freshness {
    private let current: Mutex<Position>
    private let (moves, mover) = AsyncStream.makeStream(of: Void.self)

    init(_ position: UInt64) { current = Mutex(Position(position)) }

    var position: Position { current.withLock { $0 } }

    func move(to position: UInt64) {
        current.withLock { $0 = Position(position) }
        mover.yield()
    }

    func wait(for position: Position, within duration: Duration) async -> Position {
        guard duration > .zero else { return self.position }
        for await _ in moves where self.position >= position { break }
        return self.position
    }
}

/// Answers as told, and keeps what it was given.
final class ScriptedIntake: EventIntake, PaymentIntake {
    struct Taken: Sendable {
        var request: IntakeRequest
        var bytes: [UInt8]
        var principal: Principal
    }

    private struct State {
        var taken: [Taken] = []
        var answers: [Result<IntakeAnswer, IntakeFault>] = []
        var topUps: [TopUpRequest] = []
        var topUpAnswers: [Result<TopUpAnswer, TopUpFault>] = []
    }

    private let state = Mutex(State())
    /// Held while a test wants bodies to stay under way.
    let gate = AsyncGate()

    var taken: [Taken] { state.withLock { $0.taken } }
    var topUps: [TopUpRequest] { state.withLock { $0.topUps } }

    func answer(_ answers: Result<IntakeAnswer, IntakeFault>...) { state.withLock { $0.answers += answers } }
    func answerTopUp(_ answers: Result<TopUpAnswer, TopUpFault>...) { state.withLock { $0.topUpAnswers += answers } }

    func take(_ request: IntakeRequest, body: BodyBytes, by principal: Principal) async throws(IntakeFault)
        -> IntakeAnswer
    {
        await gate.pass()
        var bytes: [UInt8] = []
        do throws(BodyFault) {
            for try await piece in body { bytes.append(contentsOf: piece.readableBytesView) }
        } catch {
            switch error {
            case .tooLarge: throw .tooLarge
            case .interrupted: throw .undecodable(code: "interrupted", text: "the body broke off")
            }
        }
        let taken = Taken(request: request, bytes: bytes, principal: principal)
        let answer = state.withLock { state in
            state.taken.append(taken)
            return state.answers.isEmpty ? nil : state.answers.removeFirst()
        }
        return try (answer ?? .success(IntakeAnswer(accepted: 1, durable: Position(7)))).get()
    }

    func topUp(_ request: TopUpRequest, by principal: Principal) async throws(TopUpFault) -> TopUpAnswer {
        let answer = state.withLock { state in
            state.topUps.append(request)
            return state.topUpAnswers.isEmpty ? nil : state.topUpAnswers.removeFirst()
        }
        return try (answer ?? .success(TopUpAnswer(position: Position(8), isRepeated: false))).get()
    }
}

/// A gate that is open until a test closes it.
final class AsyncGate: Sendable {
    private struct State {
        var isClosed = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    func close() { state.withLock { $0.isClosed = true } }

    func open() {
        let waiting = state.withLock { state in
            state.isClosed = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func pass() async {
        await withCheckedContinuation { continuation in
            let ready: [CheckedContinuation<Void, Never>] = state.withLock { state in
                guard state.isClosed else { return [continuation] }
                state.waiting.append(continuation)
                let count = state.waiting.count
                defer { state.watchers.removeAll { $0.count <= count } }
                return state.watchers.filter { $0.count <= count }.map(\.continuation)
            }
            for continuation in ready { continuation.resume() }
        }
    }

    /// Returns when so many stand before the gate.
    func untilWaiting(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.waiting.count >= count { return true }
                state.watchers.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}

struct ScriptedExplaining: Explaining {
    func explain(device: String, day: LocalDate?) async throws -> [UInt8]? {
        guard device == "E-1" else { return nil }
        return Array("{\"device\": \"E-1\", \"day\": \"\(day?.description ?? "all")\"}".utf8)
    }
}

struct ScriptedState: ServerState {
    var isReady = true
    func metrics() -> [UInt8] { Array("meterfold_up 1\n".utf8) }
    func readiness() -> (isReady: Bool, reason: String) { (isReady, isReady ? "" : "the disk is full") }
}

struct ScriptedControl: ControlHandling {
    func run(_ command: String, arguments: [String: [String]], body: BodyBytes) async -> ControlAnswer {
        var count = 0
        do throws(BodyFault) {
            for try await piece in body { count += piece.readableBytes }
        } catch {
            return ControlAnswer(exitCode: 1, out: "", err: "broke off")
        }
        let words = arguments.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.joined(separator: ","))" }
        return ControlAnswer(
            exitCode: 2,
            out: "\(command) \(words.joined(separator: " ")) \(count)",
            err: "a \"word\"\n"
        )
    }
}
