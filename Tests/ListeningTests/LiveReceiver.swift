import Access
import Admission
import EventStorage
import Foundation
import Ingest
import Listening
import Logging
import MeterModel
import NIOCore
import NIOPosix
import NIOSSL
import RecordLog
import Synchronization
import TestStage
import TimeZones

/// Zones are read once for all tests.
private let zones = FoundationZoneSource()

/// The clock of a receiver: it stands still, so that times of receipt are told alike by every run.
private struct StandingClock: WallClock {
    func now() -> Instant { Instant(milliseconds: 1_767_225_600_000) }
}

/// Principals by token.
struct TokenTable: Authorizing {
    var principals: [String: Principal]

    func principal(bearing token: String?) throws(AccessFault) -> Principal {
        guard let token else { throw .missing }
        guard let principal = principals[token] else { throw .refused }
        return principal
    }
}

/// A listener over an intake whose log is a real one in a temporary directory.
///
/// Invariants: a log is open while `isRunning`; `stop` leaves what is durable, and `start` goes on from there.
// Safety: each belongs to one test, which starts and stops it from one place at a time.
final class LiveReceiver: @unchecked Sendable {
    let directory: String
    var limits = ListeningLimits()
    var access: any Authorizing = OpenAccess(as: .local)
    var tls = false
    private(set) var port = 0
    private(set) var listener: LineListener?
    private(set) var intake: IntakeThread?
    private var writer: EventLogWriter?

    init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "receiver-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory + "/quarantine", withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// Runs a receiver while `body` sends to it; it is stopped on return.
    static func running(
        _ configure: (LiveReceiver) -> Void = { _ in },
        _ body: (LiveReceiver) async throws -> Void
    ) async throws {
        let receiver = try LiveReceiver()
        configure(receiver)
        try await receiver.start()
        do {
            try await body(receiver)
        } catch {
            await receiver.stop()
            throw error
        }
        await receiver.stop()
    }

    func start() async throws {
        let writer = try EventLogWriter.open(
            directory: directory,
            configuration: RecordLogConfiguration(segmentByteCount: 4 << 20, preparesSpareInBackground: false),
            lockDescription: "test"
        ).writer
        var admission = Admission(zones: zones)
        var known = SeriesDirectory()
        if writer.head > .origin {
            try EventLogReader(directory: directory).forEachBlock(from: .origin, through: writer.head) { block in
                try block.extend(&known)
                for run in block.runs {
                    switch run {
                    case .readings(_, let readings): admission.replay(readings, directory: known)
                    case .event(_, let event): admission.replay(event, directory: known)
                    case .lost: break
                    }
                }
                return .proceed
            }
        }
        admission.adopt(known)
        // Safety: the writer is closed once the thread has ended.
        nonisolated(unsafe) let live = LiveIntake(
            writer: writer,
            admission: admission,
            clock: StandingClock(),
            quarantine: Quarantine(directory: directory + "/quarantine", startedAt: StandingClock().now())
        )
        let intake = IntakeThread(live, onDurable: { _ in }, onFailure: { _ in })
        intake.start()
        self.writer = writer
        self.intake = intake
        try await waitUntil("the port is free again") {
            do {
                listener = try await listen(intake)
            } catch let error as IOError where error.errnoCode == EADDRINUSE {
                // Whoever connects somewhere may be given the port meanwhile, until he is done.
                return false
            }
            return true
        }
        port = listener?.address?.port ?? 0
    }

    private func listen(_ intake: IntakeThread) async throws -> LineListener {
        var configuration = LineListener.Configuration(host: "127.0.0.1", port: port, limits: limits)
        if tls {
            let (certificate, key) = try Certificates.first()
            let context = try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: [.certificate(certificate)],
                    privateKey: .privateKey(key)
                )
            )
            configuration.tls = context
        }
        var logger = Logger(label: "receiver")
        logger.logLevel = .critical
        let access = access
        return try await LineListener.listen(
            configuration,
            group: MultiThreadedEventLoopGroup.singleton,
            intake: intake,
            logger: logger
        ) { source in
            SessionTerms(source: source, options: InputOptions(), access: access, takesGreeting: true) { _ in nil }
        }
    }

    func stop() async {
        await listener?.drain(within: .seconds(300))
        intake?.stop()
        writer?.close()
        (listener, intake, writer) = (nil, nil, nil)
    }

    // MARK: What the log holds

    /// A reading of the log.
    struct Logged: Hashable {
        var position: UInt64
        var device: String
        var at: Int64
        var value: Int64
        var recordedBy: String
    }

    /// What is durable now, as another process would find it.
    func logged() throws -> [Logged] {
        var found: [Logged] = []
        var known = SeriesDirectory()
        let reader = try EventLogReader(directory: directory)
        try reader.forEachBlock(from: .origin) { block in
            try block.extend(&known)
            for case .readings(let first, let readings) in block.runs {
                for (i, reading) in readings.enumerated() {
                    found.append(
                        Logged(
                            position: first.advanced(by: i).rawValue,
                            device: known.deviceName(ofSeries: reading.series),
                            at: reading.at,
                            value: reading.value,
                            recordedBy: block.recordedBy
                        )
                    )
                }
            }
            return .proceed
        }
        return found
    }

    /// The raw lines in quarantine.
    func quarantined() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory + "/quarantine").sorted().flatMap { name in
            try String(contentsOfFile: "\(directory)/quarantine/\(name)", encoding: .utf8)
                .split(separator: "\n").map(String.init)
        }
    }
}
