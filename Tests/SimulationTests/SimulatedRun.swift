import FleetSimulator
import MeterModel
import ReadModel
import RecordLog

@testable import Ingest

/// One seed: clients, a server and its restarts, a receiver, a disk and a clock, moved in one thread.
///
/// The seed alone decides what happens. In the end everything heals, all is brought to its end, and `SimulatedOracle`
/// says whether what is there is what must be.
struct SimulatedRun {
    /// How much of what a run is about it met.
    struct Tally: Sendable {
        var restarts = 0
        var powerCuts = 0
        var failures = 0
        var pushes = 0
        var events = 0
        var segments = 0
        var damages = 0

        static func + (a: Tally, b: Tally) -> Tally {
            Tally(
                restarts: a.restarts + b.restarts,
                powerCuts: a.powerCuts + b.powerCuts,
                failures: a.failures + b.failures,
                pushes: a.pushes + b.pushes,
                events: a.events + b.events,
                segments: a.segments + b.segments,
                damages: a.damages + b.damages
            )
        }
    }

    let disk: SimulatedFileSystem
    let fileSystem: any FileSystem
    let clients: [SimulatedClient]
    let receiver: SimulatedReceiver
    var random: SeededGenerator
    var tally = Tally()
    /// The views, as the last commit left them.
    private(set) var store: ViewStore
    /// The disk some time ago, for damage that brings back what was.
    private(set) var formerDisk: SimulatedFileSystem?
    private let time = SimulatedTime(Instant(milliseconds: SimulatedFleet.start + 20 * Milliseconds.day))
    private let executor = SimulatedExecutor()
    private let segmentByteCount: Int
    private var formerStore: ViewStore?
    private var server: SimulatedServer?
    /// The highest position that anybody was told is durable.
    private(set) var toldHead = Position.origin

    /// A run that its seed determines; `wrap` puts something around the file system: a planted bug.
    init(seed: UInt64, wrap: (SimulatedFileSystem) -> any FileSystem = { $0 }) throws {
        random = SeededGenerator(seed: seed)
        disk = SimulatedFileSystem(seed: random.next(), directory: SimulatedServer.directory)
        fileSystem = wrap(disk)
        clients = SimulatedFleet(seed: random.next()).scripts.map { SimulatedClient($0) }
        receiver = SimulatedReceiver(seed: random.next(), time: time)
        segmentByteCount = [4096, 6000, 16_384][random.below(3)]
        store = try ViewStore.inMemory()
    }

    /// Plays it to its end.
    ///
    /// - Throws: `Misbehaviour`.
    mutating func run() throws {
        let stepCount = 60 + random.below(160)
        for _ in 0..<stepCount { try step() }
        try heal()
        if let server { server.stop(&random) }
        server = nil
        try SimulatedOracle(self).check(&tally)
    }

    // MARK: Steps

    private mutating func step() throws {
        guard let server else { return try start() }
        if server.failure != nil { return try end(losingPower: random.below(2) == 0) }
        let client = clients[random.below(clients.count)]
        switch random.below(100) {
        case 0..<36: try send(client, to: server)
        case 36..<52: server.commitIntake()
        case 52..<60: try client.readReplies()
        case 60..<68: server.fold(blockCount: 1 + random.below(6))
        case 68..<74: try commitViews(server)
        case 74..<84: for _ in 0..<1 + random.below(12) where !executor.runOne(&random) { break }
        case 84..<88: time.advance([1, 50, 2000, 60_000, 3_600_000][random.below(5)])
        case 88..<90: try disconnect(client, from: server)
        case 90..<93: injectFault()
        case 93: try end(losingPower: false)
        case 94: try end(losingPower: true)
        case 95: try stop()
        case 96: receiver.mood = SimulatedReceiver.Mood.allCases[random.below(SimulatedReceiver.Mood.allCases.count)]
        case 97: time.advance([-3_600_000, -50, 86_400_000][random.below(3)])
        default: if formerDisk == nil || random.below(3) == 0 { formerDisk = disk.copy(seed: random.next()) }
        }
    }

    private mutating func send(_ client: SimulatedClient, to server: SimulatedServer) throws {
        if client.session == nil || client.session?.hasEnded == true { client.connect() }
        let byteCount = 1 + random.below([20, 300, 3000][random.below(3)])
        server.attempt { try client.send(byteCount, to: server.intake) }
    }

    private mutating func commitViews(_ server: SimulatedServer) throws {
        if random.below(8) == 0 { formerStore = try store.copyInMemory() }
        server.commitViews()
    }

    private mutating func disconnect(_ client: SimulatedClient, from server: SimulatedServer) throws {
        guard let session = client.session else { return }
        if random.below(2) == 0 { server.attempt { try server.intake.end(session, nil) } }
        try client.disconnect(readingReplies: random.below(2) == 0)
        if random.below(2) == 0 { server.attempt { try server.intake.end(session, nil) } }
    }

    private mutating func injectFault() {
        let faults: [SimulatedFileSystem.Fault] = [.inputOutputError, .noSpace, .shortWrite, .powerCut, .powerCut]
        let distance = random.below(12)
        disk.inject(faults[random.below(faults.count)], atOperation: disk.operationCount + distance)
    }

    // MARK: Ends and beginnings

    /// The process ends at once, the machine too where it loses power.
    private mutating func end(losingPower: Bool) throws {
        guard let server else { return }
        if let failure = server.failure { try expectWeather(failure) }
        toldHead = max(toldHead, server.toldHead)
        server.crash(&random)
        self.server = nil
        for client in clients {
            try client.disconnect(readingReplies: random.below(2) == 0)
            toldHead = max(toldHead, Position(client.highestPosition))
        }
        tally.restarts += 1
        guard losingPower else { return }
        tally.powerCuts += 1
        disk.restart()
        try loseViews()
    }

    /// After a power cut the views are as at some commit, or gone.
    private mutating func loseViews() throws {
        switch random.below(4) {
        case 0: store = try ViewStore.inMemory()
        case 1: store = try formerStore?.copyInMemory() ?? store
        default: break
        }
    }

    private mutating func stop() throws {
        guard let server else { return }
        server.stop(&random)
        toldHead = max(toldHead, server.toldHead)
        if let failure = server.failure, !(failure is SimulatedServer.Crash) { try expectWeather(failure) }
        for client in clients { try client.disconnect(readingReplies: true) }
        self.server = nil
        tally.restarts += 1
    }

    private mutating func start() throws {
        do {
            let started = try SimulatedServer(
                fileSystem,
                segmentByteCount: segmentByteCount,
                store,
                time,
                receiver,
                executor
            )
            server = started
        } catch {
            try expectWeather(error)
            // Somebody turns it off and on again.
            disk.restart()
            return try loseViews()
        }
        if let server, server.head < toldHead {
            throw Misbehaviour("the log opened at \(server.head.rawValue), \(toldHead.rawValue) was told durable")
        }
    }

    /// Nothing but what was injected may go wrong.
    private mutating func expectWeather(_ error: any Error) throws {
        tally.failures += 1
        guard let error = error as? RecordLogError, error.code == .inputOutput || error.code == .noSpace else {
            throw Misbehaviour("it failed by itself: \(error)")
        }
    }

    // MARK: The end

    /// Everything is mended, and what was begun comes to its end.
    private mutating func heal() throws {
        disk.clearFaults()
        disk.restart()
        receiver.mood = .healthy
        if server?.failure == nil, server != nil { try end(losingPower: true) }
        for _ in 0..<400 {
            guard let server, server.failure == nil else {
                if self.server != nil { try end(losingPower: true) }
                try start()
                continue
            }
            for client in clients where !client.isDone {
                if client.session == nil || client.hasSentAll { client.connect() }
                server.attempt { try client.send(.max / 2, to: server.intake) }
            }
            server.commitIntake()
            for client in clients { try client.readReplies() }
            server.fold()
            server.commitViews()
            executor.runAll(&random)
            time.advance(60_000)
            executor.runAll(&random)
            let isSettled = try store.read { try $0.unsettledPushJobs(limit: 1) }.isEmpty
            if clients.allSatisfy(\.isDone), try server.isLevel, isSettled {
                return toldHead = max(toldHead, server.head)
            }
        }
        throw Misbehaviour("it does not come to rest: \(clients.map(\.isDone)), \(String(describing: server?.head))")
    }
}
