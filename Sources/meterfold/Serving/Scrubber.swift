import Dispatch
import EventStorage
import Glibc
import Logging
import MeterModel
import RecordLog
import ServiceLifecycle
import Synchronization

/// Keeps sealed segments whole while the server runs: makes parity of those that have none, reads all of them again and
/// again from the device at a bounded rate, and repairs what parity reaches.
///
/// Invariants: it works on one thread of the lowest priority; what it reads, pauses included, stays below its rates; it
/// writes nothing but what `LogParity` does. Nothing that it meets ends the server.
final class Scrubber: Service {
    /// What it has done and found since the start.
    struct Figures {
        var readByteCount = 0
        var passCount = 0
        var lastPassEndedAt: Instant?
        var repairedCount = 0
        var withoutParityCount = 0
        /// What is damaged and could not be repaired, by segment.
        var damaged: [String: ParityVerdict] = [:]
    }

    /// Bytes a second that are read to make parity where a log has none yet: 32 MiB.
    private static let makingBytesPerSecond = 32 << 20
    /// Between two looks for segments that were sealed, in seconds.
    private static let lookSeconds = 5.0
    /// After parity could not be made, in seconds.
    private static let makingRestSeconds = 600.0
    /// Pauses shorter than this are saved up, in seconds.
    private static let shortestPauseSeconds = 0.02

    private let upkeep: ParityUpkeep
    private let configuration: AppConfiguration
    private let clock: SystemClock
    private let logger: Logger
    private let state = Mutex(Figures())
    /// When parity may be made again after it could not be, in seconds of uptime.
    private let makingResumes = Mutex(0.0)
    private let isStopped = Atomic(false)
    private let stopping = DispatchSemaphore(value: 0)

    init(_ directory: DataDirectory, _ configuration: AppConfiguration, clock: SystemClock, logger: Logger) {
        upkeep = ParityUpkeep(directory)
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
    }

    var figures: Figures { state.withLock { $0 } }

    /// What an operator must know at once; nil if there is nothing.
    var complaint: String? {
        let damaged = figures.damaged.keys.sorted()
        guard let first = damaged.first else { return nil }
        return "\(damaged.count) sealed segments are damaged beyond repair, \(first) first: see 'meterfold verify'"
    }

    func run() async throws {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                try? await onThreadOfItsOwn { self.work() }
            } onGracefulShutdown: {
                self.stop()
            }
        } onCancel: {
            stop()
        }
    }

    private func stop() {
        isStopped.store(true, ordering: .relaxed)
        stopping.signal()
    }

    private var goesOn: Bool { !isStopped.load(ordering: .relaxed) }

    private func pause(seconds: Double) {
        guard goesOn else { return }
        _ = stopping.wait(timeout: .now() + seconds)
    }

    // MARK: Work

    private func work() {
        // Of this thread alone: whoever has something to do goes first.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
        var nextPass = SystemClock.uptimeSeconds()
        while goesOn {
            makeMissingParity()
            if configuration.scrubBytesPerSecond > 0, SystemClock.uptimeSeconds() >= nextPass {
                nextPass = SystemClock.uptimeSeconds() + Double(configuration.scrubIntervalSeconds)
                pass()
            }
            pause(seconds: Scrubber.lookSeconds)
        }
    }

    private func makeMissingParity() {
        guard configuration.makesParity, SystemClock.uptimeSeconds() >= makingResumes.withLock({ $0 }) else { return }
        do throws(RecordLogError) {
            let names = try upkeep.parity.segmentsWithoutParity()
            state.withLock { $0.withoutParityCount = names.count }
            for name in names where goesOn && figures.damaged[name] == nil {
                let verdict = try upkeep.parity.make(name)
                if verdict.state == .beyondRepair {
                    note(verdict)
                } else {
                    state.withLock { $0.withoutParityCount -= 1 }
                    logger.debug("parity made", metadata: ["segment": "\(name)"])
                }
                pause(seconds: Double(configuration.log.segmentByteCount) / Double(Scrubber.makingBytesPerSecond))
            }
        } catch {
            if error.code == .locked { return }
            logger.warning("no parity was made", metadata: ["reason": "\(error)"])
            makingResumes.withLock { $0 = SystemClock.uptimeSeconds() + Scrubber.makingRestSeconds }
        }
    }

    /// Reads every sealed segment once, beginning anywhere: so a server that is started often comes to all of them too.
    private func pass() {
        let start = SystemClock.uptimeSeconds()
        let before = figures.readByteCount
        guard let names = try? upkeep.parity.sealedSegments() else { return }
        let first = names.isEmpty ? 0 : Int(clock.now().milliseconds / 1000) % names.count
        for number in names.indices where goesOn {
            scrub(names[(first + number) % names.count])
            makeMissingParity()
        }
        guard goesOn else { return }
        let now = clock.now()
        state.withLock { figures in
            figures.passCount += 1
            figures.lastPassEndedAt = now
        }
        let metadata: Logger.Metadata = [
            "segments": "\(names.count)", "bytes": "\(figures.readByteCount - before)",
            "seconds": "\(SecondsText(SystemClock.uptimeSeconds() - start))",
            "damaged": "\(figures.damaged.count)",
        ]
        logger.info("log scrubbed", metadata: metadata)
    }

    private func scrub(_ name: String) {
        var debt = 0.0
        let rate = Double(configuration.scrubBytesPerSecond)
        do throws(RecordLogError) {
            let verdict = try upkeep.parity.scrub(name) { byteCount in
                state.withLock { $0.readByteCount += byteCount }
                debt += Double(byteCount) / rate
                if debt >= Scrubber.shortestPauseSeconds {
                    pause(seconds: debt)
                    debt = 0
                }
                return goesOn
            }
            switch verdict {
            case .stopped: return
            case .sound: state.withLock { $0.damaged[name] = nil }
            case .suspect(let reason):
                logger.warning("segment is not what it was", metadata: ["segment": "\(name)", "reason": "\(reason)"])
                note(
                    try upkeep.mend(
                        name,
                        at: clock.now(),
                        makesParity: configuration.makesParity,
                        contentDigest: EventContent.digest()
                    )
                )
            }
        } catch {
            logger.error("segment cannot be scrubbed", metadata: ["segment": "\(name)", "reason": "\(error)"])
        }
    }

    /// Tells what was found and done, and keeps what could not be.
    private func note(_ verdict: ParityVerdict) {
        let name = verdict.segment
        var metadata: Logger.Metadata = ["segment": "\(name)", "damage": "\(verdict.placeWords)"]
        switch verdict.state {
        case .repaired:
            state.withLock { figures in
                figures.repairedCount += 1
                figures.damaged[name] = nil
            }
            metadata["kept"] = "\(verdict.keptAs ?? "")"
            logger.error("damaged segment repaired from its parity: look at the disk", metadata: metadata)
        case .parityMade:
            state.withLock { $0.damaged[name] = nil }
            logger.warning("parity made anew", metadata: ["segment": "\(name)"])
        case .beyondRepair, .repairable:
            state.withLock { $0.damaged[name] = verdict }
            metadata["reason"] = "\(verdict.text)"
            logger.error("segment is damaged beyond repair: restore it from a backup", metadata: metadata)
        case .sound, .parityMissing, .parityDamaged, .parityStale, .parityNewer:
            logger.notice("nothing to repair", metadata: ["segment": "\(name)", "state": "\(verdict.state.rawValue)"])
        }
    }
}

extension MetricsText {
    /// What a scrubber tells.
    mutating func add(_ figures: Scrubber.Figures) {
        counter(
            "meterfold_scrub_bytes_total",
            "Bytes of sealed segments and parity read again since the start.",
            figures.readByteCount
        )
        counter("meterfold_scrub_passes_total", "Passes over all sealed segments since the start.", figures.passCount)
        gauge(
            "meterfold_scrub_last_pass_timestamp_seconds",
            "When the last pass ended; 0 before the first.",
            "\((figures.lastPassEndedAt?.milliseconds ?? 0) / 1000)"
        )
        counter(
            "meterfold_scrub_repaired_total",
            "Damaged segments repaired from parity since the start.",
            figures.repairedCount
        )
        gauge(
            "meterfold_scrub_damaged_segments",
            "Sealed segments that are damaged beyond repair.",
            "\(figures.damaged.count)"
        )
        gauge(
            "meterfold_parity_missing_segments",
            "Sealed segments that have no parity yet.",
            "\(figures.withoutParityCount)"
        )
    }
}
