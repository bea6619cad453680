import EventStorage
import Ingest
import Listening
import Logging
import MeterModel
import NIOCore
import Notifications
import Projections
import QueryAPI
import ServiceLifecycle
import TimeZones

/// How far the views are, for requests that wait for a position.
struct LiveFreshness: Freshness {
    let projector: LiveProjector

    var position: Position { projector.committed }

    func wait(for position: Position, within duration: Duration) async -> Position {
        _ = await projector.wait(for: position, within: duration)
        return projector.committed
    }
}

/// Explains a balance from the log, on a thread of its own.
struct LiveExplainer: Explaining {
    let core: LiveCore

    func explain(device: String, day: LocalDate?) async throws -> [UInt8]? {
        let (directory, zones, head) = (core.directory, core.zones, core.intake.durablePosition)
        return try await onThreadOfItsOwn {
            let explainer = DeviceExplainer(device: device, zones: zones)
            if head > .origin { try explainer.read(EventLogReader(directory: directory.path), through: head) }
            guard let whole = explainer.explanation() else { return nil }
            let days = day.map { Int($0.dayNumber)...Int($0.dayNumber) }
            return Array(ExplanationJSON(days.map(whole.limited) ?? whole).text.utf8)
        }
    }
}

/// Ends the log and the views last, when nothing can come any more.
struct CoreService: Service {
    let core: LiveCore

    func run() async throws {
        try? await gracefulShutdown()
        let core = core
        try await onThreadOfItsOwn { try core.close() }
    }
}

/// HTTP for everybody who may; a port that cannot be had is named.
struct HTTPListenerService: Service {
    let service: HTTPService
    let endpoint: ServeSettings.Endpoint

    func run() async throws {
        do { try await service.run() } catch let error as IOError {
            throw Failure(error, listeningAt: endpoint, "http")
        }
    }
}

extension Failure {
    /// A port cannot be had; `flag` is the one that names it.
    init(_ error: IOError, listeningAt endpoint: ServeSettings.Endpoint, _ flag: String) {
        self.init(
            place: "serve.\(flag) \(endpoint)",
            cause: "\(error)",
            hint: "another program may listen there; say another --\(flag), port 0 picks one"
        )
    }
}

/// Drains the connections that send lines when the server ends.
struct ListenerService: Service {
    let listener: LineListener
    let bound: Duration

    func run() async throws {
        try? await gracefulShutdown()
        await listener.drain(within: bound)
    }
}

/// Delivers pushes until the server ends.
struct NotifierService: Service {
    let notifier: Notifier
    /// What its messages go with, closed behind it.
    let courier: HTTPCourier

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await notifier.run()
        } onGracefulShutdown: {
            notifier.stop()
        }
        await courier.close()
    }
}

/// Looks from time to time at what metrics tell.
struct MetricsService: Service {
    let metrics: Metrics

    private static let interval = Duration.seconds(5)

    func run() async throws {
        await untilShutdown(every: MetricsService.interval) { await metrics.refresh() }
    }
}
