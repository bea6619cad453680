import Access
import Admission
import EventStorage
import MeterModel
import RecordLog
import Synchronization
import Telegrams
import TimeZones

@testable import Ingest

/// Zones are read once for all tests.
let stageZones = FoundationZoneSource()

/// When everything is recorded: 2026-01-01T00:00Z.
let stageTime = Instant(milliseconds: 1_767_225_600_000)

/// Numbers that a seed decides (SplitMix64).
struct StageRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

struct StandingClock: WallClock {
    func now() -> Instant { stageTime }
}

struct StageFault: Error, CustomStringConvertible {
    var description: String { "the disk is gone" }
}

/// A log in memory that sorts as the real one does, and fails when a test says so.
final class StagedLog: BatchAppending {
    struct Appended {
        var first: Position
        var recordedAt: Instant
        var recordedBy: String
        var batch: EventBatch
        var directory: SeriesDirectory
    }

    private(set) var head = Position.origin
    private(set) var appended: [Appended] = []
    var isBroken = false
    /// Called before an append returns.
    var onAppend: () -> Void = {}

    func append(
        _ batch: inout EventBatch,
        recordedAt: Instant,
        recordedBy: String,
        directory: SeriesDirectory
    ) throws -> ClosedRange<UInt64> {
        if isBroken { throw StageFault() }
        let bounds = batch.events.map(\.readingIndex) + [batch.readings.count]
        var start = 0
        for end in bounds where end > start {
            let run = batch.readings[start..<end].enumerated().sorted { a, b in
                let x = directory.device(ofSeries: a.element.series)
                let y = directory.device(ofSeries: b.element.series)
                return x != y ? x < y : a.offset < b.offset
            }
            batch.readings.replaceSubrange(start..<end, with: run.map(\.element))
            start = end
        }
        let first = head.advanced(by: 1)
        head = head.advanced(by: batch.count)
        appended.append(
            Appended(
                first: first,
                recordedAt: recordedAt,
                recordedBy: recordedBy,
                batch: batch,
                directory: directory
            )
        )
        onAppend()
        return first.rawValue...head.rawValue
    }

    /// What stands at each position from 1: `device value`, or the kind of an event.
    var items: [String] {
        var items: [String] = []
        for one in appended {
            one.batch.forEachRun(
                readings: { _, range in
                    items += one.batch.readings[range].map {
                        "\(one.directory.deviceName(ofSeries: $0.series)) \($0.value / 1_000_000)"
                    }
                },
                event: { _, i in items.append(one.batch.events[i].event.name) }
            )
        }
        return items
    }
}

/// Keeps what is refused, and fails when a test says so.
final class StagedQuarantine: RefusedLineKeeping {
    private(set) var lines: [String] = []
    private(set) var syncedCount = 0
    var isBroken = false
    var isSyncBroken = false
    var path: String? { nil }

    func add(source: String, line: UInt64, refusal: Refusal, raw: UnsafeRawBufferPointer) throws {
        if isBroken { throw StageFault() }
        lines.append("\(source) \(line) \(refusal.code.rawValue) \(String(decoding: raw, as: UTF8.self))")
    }

    func sync() throws {
        if isSyncBroken { throw StageFault() }
        syncedCount = lines.count
    }
}

/// Remembers what a sender is told.
final class StagedFollower: SessionFollowing {
    private struct State {
        var text = ""
        var consumedByteCount = 0
        var endCount = 0
        var fault: SessionFault?
        var summary: SessionSummary?
    }

    private let state = Mutex(State())

    func consumed(byteCount: Int) { state.withLock { $0.consumedByteCount += byteCount } }

    func reply(_ bytes: [UInt8]) { state.withLock { $0.text += String(decoding: bytes, as: UTF8.self) } }

    func ended(_ summary: SessionSummary, _ fault: SessionFault?) {
        state.withLock { state in
            state.endCount += 1
            state.fault = fault
            state.summary = summary
        }
    }

    var replies: [String] { state.withLock { $0.text }.split(separator: "\n").map(String.init) }
    var consumedByteCount: Int { state.withLock { $0.consumedByteCount } }
    var endCount: Int { state.withLock { $0.endCount } }
    var fault: SessionFault? { state.withLock { $0.fault } }
    var summary: SessionSummary? { state.withLock { $0.summary } }
}

/// Principals by token; who bears none is `nobody`, if there is one.
struct StagedAccess: Authorizing {
    var nobody: Principal? = .local
    var principals: [String: Principal] = [:]

    func principal(bearing token: String?) throws(AccessFault) -> Principal {
        guard let token else {
            guard let nobody else { throw .missing }
            return nobody
        }
        guard let principal = principals[token] else { throw .refused }
        return principal
    }
}

/// An intake over a staged log, and sessions that send to it.
final class LiveStage {
    let log = StagedLog()
    let quarantine = StagedQuarantine()
    let live: LiveIntake
    var access = StagedAccess()
    var options = InputOptions()

    init(maximumStrayNameCount: Int = LiveIntake.maximumStrayNameCount) {
        live = LiveIntake(
            writer: log,
            admission: Admission(zones: stageZones),
            clock: StandingClock(),
            quarantine: quarantine,
            maximumStrayNameCount: maximumStrayNameCount
        )
    }

    /// Another intake over the same log, by another clock.
    func live(_ clock: any WallClock) -> LiveIntake {
        LiveIntake(
            writer: log,
            admission: Admission(zones: stageZones),
            clock: clock,
            quarantine: quarantine
        )
    }

    func terms(_ source: String = "test", keepsRefused: Bool = false, takesGreeting: Bool = true) -> SessionTerms {
        SessionTerms(
            source: source,
            options: options,
            access: access,
            takesGreeting: takesGreeting,
            keepsRefused: keepsRefused
        ) { name throws(ProfileError) in
            try Profiles.named(name, zones: stageZones)
        }
    }

    func session(_ source: String = "test", keepsRefused: Bool = false) -> (LineSession, StagedFollower) {
        let follower = StagedFollower()
        return (LineSession(terms(source, keepsRefused: keepsRefused), follower: follower), follower)
    }

    func take(_ text: String, isLast: Bool = false, from session: LineSession) throws {
        try live.take(Array(text.utf8), isLast: isLast, from: session)
    }

    /// Sends a text whole and ends.
    func sent(_ text: String) throws -> StagedFollower {
        let (session, follower) = session()
        try take(text, isLast: true, from: session)
        try live.commit()
        return follower
    }
}

/// A first line that asks for acknowledgements.
let acknowledging = "meterfold/1 {\"ack\":true,\"utility\":\"electricity\"}\n"

/// Readings of a device, one a minute.
func readingLines(_ device: String, _ numbers: Range<Int>) -> String {
    numbers.map { "{\"device\":\"\(device)\",\"readAt\":\(1_704_067_200 + $0 * 60),\"value\":\($0)}\n" }.joined()
}
