import Access
import Glibc
import Ingest
import Listening
import Logging
import MeterModel
import NIOCore
import NIOPosix
import NIOSSL
import Notifications
import QueryAPI
import RecordLog
import ServiceLifecycle
import Synchronization
import Telegrams
import UnixSignals

/// The whole server: opens what it works on, listens, and ends in order.
///
/// It ends from the outside in: connections that send lines, HTTP, the notifier, then the log and the views.
struct Server {
    private let directory: DataDirectory
    private let configuration: AppConfiguration
    private let logger = Logger(label: "meterfold")

    init(_ directory: DataDirectory, _ configuration: AppConfiguration) {
        self.directory = directory
        self.configuration = configuration
    }

    private var settings: ServeSettings { configuration.serve }

    /// - Throws: what keeps it from starting, or ended it.
    func run() async throws {
        logger.info("settings", metadata: ["lines": "\(configuration.serveLines.joined(separator: "; "))"])
        Server.raiseDescriptorLimit()
        let certificates = try settings.tls.map { try CertificateFiles($0, logger: logger) }
        let tls = try certificates?.configuration()
        let ender = Ender()
        let core = try open(ender)
        do {
            try await serve(core, certificates, tls, ender)
        } catch {
            if core.failure == nil { throw error }
        }
        if let failure = core.failure { throw failure }
        logger.notice("ended", metadata: ["position": "\(core.intake.durablePosition.rawValue)"])
    }

    /// Opens log and views. If the log is damaged it repairs what parity reaches, and ends all the same: whoever
    /// watches over it starts it again, and somebody reads why.
    private func open(_ ender: Ender) throws -> LiveCore {
        do {
            return try LiveCore.open(directory, configuration, logger: logger) { _ in ender.end() }
        } catch  where PartReplay.isDamage(error) {
            logger.error("the log is damaged", metadata: ["damage": "\(Failure(error)?.description ?? "\(error)")"])
            let clock = SystemClock()
            let repaired = try ParityUpkeep(directory).mendAll(at: clock.now())
            guard let first = repaired.first else { throw error }
            for verdict in repaired {
                logger.error(
                    "damaged segment repaired from its parity: look at the disk",
                    metadata: ["segment": "\(verdict.segment)", "damage": "\(verdict.placeWords)"]
                )
            }
            throw Failure(
                place: first.segment,
                cause: "the log was damaged; \(repaired.count) segments are repaired",
                hint: "start the server again"
            )
        }
    }

    private func serve(
        _ core: LiveCore,
        _ certificates: CertificateFiles?,
        _ tls: TLSConfiguration?,
        _ ender: Ender
    ) async throws {
        let disk = DiskGuard(
            path: directory.path,
            reserve: settings.diskReserveByteCount,
            intake: core.intake,
            logger: logger
        )
        let metrics = Metrics(core: core, disk: disk)
        let access: any Authorizing =
            settings.requiresTokens
            ? TokenRing(directory: directory.path, clock: core.clock) : OpenAccess(as: .local)
        let views = ViewPool(path: directory.views)
        var services: [any Service] = [CoreService(core: core), disk, MetricsService(metrics: metrics)]
        if let certificates { services.append(certificates) }
        if let delivery = try notifier(core) {
            core.follower.attach(delivery.notifier)
            metrics.attach(delivery.notifier)
            services.append(delivery)
        }
        services.append(
            DayTurner(stage: core, clock: core.clock, pause: SystemPause(clock: core.clock), logger: logger)
        )
        let listener = try await listen(core, access, tls)
        services.append(MemoryTrimming(projector: core.projector, listener: listener))
        let scrubber = Scrubber(directory, configuration, clock: core.clock, logger: logger)
        services.append(scrubber)
        metrics.attach(scrubber)
        metrics.attach(listener)
        // Not the loops of the connections that send lines: whoever asks does not wait for lines to be taken apart.
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: Server.httpLoopCount)
        let announcement = Announcement(tcp: listener.address)
        services += try httpServices(core, access, views, metrics, tls, loops, announcement)
        services.append(ListenerService(listener: listener, bound: .seconds(settings.drainSeconds)))
        var group = ServiceGroupConfiguration(
            // Where no name is given, all that a service holds is printed for one.
            services: services.map { .init(service: $0, serviceName: "\(type(of: $0))") },
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        group.maximumGracefulShutdownDuration = .seconds(settings.drainSeconds + Server.graceSeconds)
        let running = ServiceGroup(configuration: group)
        ender.attach(running)
        try await running.run()
        await views.close()
        try await loops.shutdownGracefully()
    }

    /// HTTP for everybody who may, and the operator's own over a socket in the data directory.
    private func httpServices(
        _ core: LiveCore,
        _ access: any Authorizing,
        _ views: ViewPool,
        _ metrics: Metrics,
        _ tls: TLSConfiguration?,
        _ loops: any EventLoopGroup,
        _ announcement: Announcement
    ) throws -> [any Service] {
        var seams = HTTPSeams(
            access: access,
            views: views,
            freshness: LiveFreshness(projector: core.projector),
            zones: core.zones,
            instant: { Instant(text: $0) },
            state: metrics,
            explaining: LiveExplainer(core: core),
            intake: LiveWrites(core: core),
            payments: LiveWrites(core: core),
            feed: core.feed
        )
        let address = HTTPConfiguration.Address.tcp(host: settings.http.host, port: settings.http.port)
        let open = HTTPService(
            configuration: HTTPConfiguration(address, tls: tls),
            seams: seams,
            loops: loops,
            logger: logger,
            onListening: { announcement.http($0) }
        )
        guard let socket = ControlSocket(directory) else {
            throw Failure(place: directory.path, cause: String(cString: strerror(errno)), hint: "check its permissions")
        }
        seams.access = OpenAccess(as: .operatorAtHand)
        seams.control = LiveControl(core: core, onViewsReplaced: { views.reopen() })
        var limits = HTTPLimits()
        // The operator's own input comes as fast as whatever he pipes makes it.
        limits.bodyBytesPerSecond = nil
        let own = HTTPService(
            configuration: HTTPConfiguration(.unixSocket(path: socket.path), limits: limits),
            seams: seams,
            loops: loops,
            logger: logger,
            onListening: { _ in announcement.control() }
        )
        return [HTTPListenerService(service: open, endpoint: settings.http), own]
    }

    /// How long a connection may take to name its token.
    private static let firstLineSeconds: Int64 = 60

    /// What a shutdown may take beyond the draining of connections, in seconds.
    private static let graceSeconds = 30

    /// Threads that read requests and write answers.
    private static let httpLoopCount = 2

    private func notifier(_ core: LiveCore) throws -> NotifierService? {
        if settings.channels.isEmpty { return nil }
        let courier = HTTPCourier(clock: core.clock)
        let notifier = try Notifier(
            channels: settings.channels,
            queue: LivePushQueue(stage: core),
            recorder: LiveOutcomes(stage: core),
            courier: courier,
            clock: core.clock
        )
        return NotifierService(notifier: notifier, courier: courier)
    }

    private func listen(_ core: LiveCore, _ access: any Authorizing, _ tls: TLSConfiguration?) async throws
        -> LineListener
    {
        var limits = ListeningLimits()
        limits.connectionCount = settings.connectionCount
        limits.connectionCountPerAddress = settings.connectionCountPerAddress
        limits.idleSeconds = Int64(settings.idleSeconds)
        if settings.requiresTokens { limits.firstLineSeconds = Server.firstLineSeconds }
        let context = try tls.map { tls in
            var tls = tls
            // Lines have no protocol's name.
            tls.applicationProtocols = []
            return try NIOSSLContext(configuration: tls)
        }
        let defaults = configuration.inputDefaults
        let profile = core.profile
        do {
            return try await LineListener.listen(
                LineListener.Configuration(
                    host: settings.tcp.host,
                    port: settings.tcp.port,
                    limits: limits,
                    tls: context
                ),
                group: MultiThreadedEventLoopGroup.singleton,
                intake: core.intake,
                logger: logger
            ) { source in
                SessionTerms(source: source, options: defaults, access: access, takesGreeting: true, profile: profile)
            }
        } catch let error as IOError {
            throw Failure(error, listeningAt: settings.tcp, "tcp")
        }
    }

    /// Lets as many connections be open as the system allows.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

/// Says where it listens, once it does everywhere.
private final class Announcement: Sendable {
    private struct State {
        var http: String?
        var hasControl = false
    }

    private let tcp: String
    private let state = Mutex(State())

    init(tcp: SocketAddress?) { self.tcp = Announcement.text(tcp) }

    func http(_ address: SocketAddress) { note { $0.http = Announcement.text(address) } }

    func control() { note { $0.hasControl = true } }

    private func note(_ change: (inout State) -> Void) {
        let line: String? = state.withLock { state in
            change(&state)
            guard let http = state.http, state.hasControl else { return nil }
            return "listening tcp=\(tcp) http=\(http)"
        }
        if let line { Terminal.print(line) }
    }

    private static func text(_ address: SocketAddress?) -> String {
        guard let address, let host = address.ipAddress, let port = address.port else { return "?" }
        return ServeSettings.Endpoint(host: host, port: port).description
    }
}

/// Ends the services when something they stand on has failed.
private final class Ender: Sendable {
    private let group = Mutex<(group: ServiceGroup?, isDue: Bool)>((nil, false))

    func attach(_ running: ServiceGroup) {
        let isDue = group.withLock { state in
            state.group = running
            return state.isDue
        }
        if isDue { end() }
    }

    func end() {
        let running = group.withLock { state in
            state.isDue = true
            return state.group
        }
        guard let running else { return }
        Task { await running.triggerGracefulShutdown() }
    }
}
