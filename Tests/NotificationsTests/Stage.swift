import MeterModel
import Synchronization
import Testing

@testable import Notifications

/// Time that goes by when a test says so: the clock and the pauses of a notifier.
final class StageTime: WallClock, Pausing {
    private struct State {
        var now = start
        var sleepers: [Int: (until: Instant, wake: CheckedContinuation<Void, Never>)] = [:]
        var next = 0
        var cancelled: Set<Int> = []
    }

    private let state = Mutex(State())

    func now() -> Instant { state.withLock { $0.now } }

    func pause(until instant: Instant) async throws {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.cancelled.contains(id) || state.now >= instant { return true }
                    state.sleepers[id] = (instant, continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                state.cancelled.insert(id)
                return state.sleepers.removeValue(forKey: id)
            }
            sleeper?.wake.resume()
        }
        try Task.checkCancellation()
    }

    func advance(_ milliseconds: Int64) {
        let woken = state.withLock { state in
            state.now.milliseconds += milliseconds
            let due = state.sleepers.filter { $0.value.until <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.wake)
        }
        for continuation in woken { continuation.resume() }
    }
}

/// The views and the log of a test: jobs, outcomes, and what is superseded.
final class StageLog: PushQueue, OutcomeRecording {
    struct Fault: Error {}

    private struct State {
        var jobs: [PushJob] = []
        var outcomes: [PushOutcome] = []
        var superseded: Set<String> = []
        var largestPage = 0
        var failing = false
    }

    private let state: Mutex<State>

    init(_ jobs: [PushJob]) { state = Mutex(State(jobs: jobs)) }

    var outcomes: [PushOutcome] { state.withLock { $0.outcomes } }
    var largestPage: Int { state.withLock { $0.largestPage } }
    func outcomes(of job: PushJob) -> [PushOutcome.Kind] { outcomes.filter { $0.job == job.job }.map(\.kind) }
    func add(_ job: PushJob) { state.withLock { $0.jobs.append(job) } }
    func supersede(_ job: PushJob) { state.withLock { _ = $0.superseded.insert(job.job) } }
    func fail() { state.withLock { $0.failing = true } }

    func pending(after last: PushJob?, limit: Int) async throws -> [PushJob] {
        state.withLock { state in
            let settled = Set(state.outcomes.filter { $0.kind != .failed }.map(\.job))
            var jobs = state.jobs.filter { !settled.contains($0.job) && $0.position > (last?.position ?? .origin) }
            for i in jobs.indices {
                let failures = state.outcomes.filter { $0.job == jobs[i].job && $0.kind == .failed }
                jobs[i].attempts = failures.count
                jobs[i].lastAttemptAt = failures.last?.at
            }
            let page = Array(jobs.prefix(limit))
            state.largestPage = max(state.largestPage, page.count)
            return page
        }
    }

    func isSuperseded(_ job: PushJob) async throws -> Bool { state.withLock { $0.superseded.contains(job.job) } }

    func record(_ outcome: PushOutcome) async throws {
        try state.withLock { state in
            if state.failing { throw Fault() }
            state.outcomes.append(outcome)
        }
    }
}

/// Receivers that do what a script says.
final class StageCourier: Courier {
    /// Returns the answer to the attempt of a number, from 1; nil: hangs until it is cancelled.
    typealias Script = @Sendable (_ id: String, _ channel: String, _ attempt: Int) -> Answer?

    private struct State {
        var sent: [(id: String, channel: String)] = []
        var running: [String: Int] = [:]
        var mostRunning: [String: Int] = [:]
    }

    private let state = Mutex(State())
    private let script: Script

    init(_ script: @escaping Script) { self.script = script }

    var sent: [(id: String, channel: String)] { state.withLock { $0.sent } }
    func count(_ channel: String) -> Int { sent.count { $0.channel == channel } }
    func mostRunning(_ channel: String) -> Int { state.withLock { $0.mostRunning[channel, default: 0] } }

    func deliver(_ message: PushMessage, to channel: ChannelConfiguration) async -> Answer {
        let attempt = state.withLock { state in
            state.sent.append((message.id, channel.name))
            state.running[channel.name, default: 0] += 1
            state.mostRunning[channel.name] = max(
                state.mostRunning[channel.name, default: 0],
                state.running[channel.name, default: 0]
            )
            return state.sent.count { $0.id == message.id && $0.channel == channel.name }
        }
        defer { state.withLock { $0.running[channel.name, default: 0] -= 1 } }
        await Task.yield()
        if let answer = script(message.id, channel.name, attempt) { return answer }
        try? await Task.sleep(for: .seconds(600))
        return .timedOut
    }
}

/// Waits until something has come about, and fails where it does not in long: other suites may keep all threads busy
/// for minutes, so neither time alone decides nor how often it was asked.
func eventually(
    _ what: Comment,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: @Sendable () async -> Bool
) async throws {
    let end = ContinuousClock.now + .seconds(300)
    var askedCount = 0
    while await !condition() {
        askedCount += 1
        guard ContinuousClock.now < end || askedCount < 10_000 else {
            Issue.record(what, sourceLocation: sourceLocation)
            return
        }
        try await Task.sleep(for: .milliseconds(askedCount < 1000 ? 1 : 20))
    }
}

/// As `eventually`, while time goes by in steps.
func eventually(
    _ what: Comment,
    passing time: StageTime,
    step: Int64 = 500,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: @Sendable () async -> Bool
) async throws {
    try await eventually(what, sourceLocation: sourceLocation) {
        if await condition() { return true }
        time.advance(step)
        return false
    }
}
