import FleetSimulator
import MeterModel
import ReadModel
import RecordLog

@testable import Ingest

/// One seed: clients, a server and its restarts, a receiver, a disk and a clock, moved in one thread.
///
/// The seed alone decides what happens. In the end everything heals, all is brought to its end, and `SimulatedOracle`
/// says whether what is there is what must be.
///
/// Invariants: `toldHead` is the highest position that anybody was told is durable, and that is not known to be lost;
/// once `isRefused` is set the log cannot be opened, and nothing goes on.
struct SimulatedRun {
    let disk: SimulatedFileSystem
    let fileSystem: any FileSystem
    let clients: [SimulatedClient]
    let receiver: SimulatedReceiver
    let witness = SimulatedWitness()
    var random: SeededGenerator
    var tally = Tally()
    /// The views, as the last commit left them.
    private(set) var store: ViewStore
    /// The disk some time ago, for damage that brings back what was.
    private(set) var formerDisk: SimulatedFileSystem?
    private let time: SimulatedTime
    private let executor = SimulatedExecutor()
    private let slowness: SimulatedSlowness
    private let segmentByteCount: Int
    /// The clock is not set back behind this: readings would be too far ahead.
    private let earliest: Int64
    /// What the disk may still lie.
    var liesLeft: Int
    /// A disk that lied, before a process began on it: until one has begun.
    private var diskBefore: SimulatedFileSystem?
    private let isSlow: Bool
    private let keepsFold: Bool
    var formerStore: ViewStore?
    private var server: SimulatedServer?
    var toldHead = Position.origin
    var isRefused = false

    /// A run that its seed determines; `wrap` puts something around the file system: a planted bug.
    init(seed: UInt64, wrap: (SimulatedFileSystem) -> any FileSystem = { $0 }) throws {
        random = SeededGenerator(seed: seed)
        disk = SimulatedFileSystem(seed: random.next(), directory: SimulatedServer.directory)
        let fleet = SimulatedFleet(seed: random.next())
        let witness = witness
        clients = fleet.scripts.map { SimulatedClient($0, witness) }
        // The readings are of today and yesterday, or history.
        let hours = [-10, -10, 0, 30, 480][random.below(5)]
        time = SimulatedTime(Instant(milliseconds: fleet.end + Int64(hours) * Milliseconds.hour))
        earliest = fleet.end - 20 * Milliseconds.hour
        receiver = SimulatedReceiver(seed: random.next(), time: time, witness: witness)
        slowness = SimulatedSlowness(seed: random.next(), clients, time, executor)
        fileSystem = SlowFileSystem(disk: wrap(disk), slowness: slowness)
        segmentByteCount = [4096, 6000, 16_384][random.below(3)]
        liesLeft = random.below(4) == 0 ? 1 + random.below(3) : 0
        isSlow = random.below(3) == 0
        // Not in those that showed a fault without.
        keepsFold = seed % 3 == 1
        store = try ViewStore.inMemory()
    }

    /// What the clock says.
    var now: Instant { time.now() }

    /// The segments that do not durably hold what was written to them.
    var falseNames: [String] { disk.falseNames(inDirectory: SimulatedRun.logDirectory) }

    static let logDirectory = SimulatedServer.directory + "/log"

    /// Plays it to its end.
    ///
    /// - Throws: `Misbehaviour`.
    mutating func run() throws {
        let isLying = liesLeft > 0
        let stepCount = 60 + random.below(160)
        for _ in 0..<stepCount where !isRefused {
            try step(isLying: isLying)
            if let fault = slowness.fault { throw fault }
        }
        if !isRefused { try heal() }
        if let server { server.stop(&random) }
        server = nil
        tally[.waits] = slowness.waitCount
        tally[.waitedSeconds] = Int(slowness.waitTime / 1000)
        tally[.lostWrites] = disk.lieCounts[.lost, default: 0]
        tally[.misdirectedWrites] = disk.lieCounts[.misdirected, default: 0]
        let oracle = SimulatedOracle(self)
        if isRefused { try oracle.checkRefused(&tally) } else { try oracle.check(&tally) }
    }

    // MARK: Steps

    private mutating func step(isLying: Bool) throws {
        guard let server else { return try start() }
        if server.failure != nil { return try end(losingPower: random.below(2) == 0) }
        if isLying, random.below(16) == 0 { return try lie(server) }
        let client = clients[random.below(clients.count)]
        switch random.below(100) {
        case 0..<36: send(client, to: server)
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
        case 97: setClock()
        case 98: changePace()
        default: if formerDisk == nil || random.below(3) == 0 { formerDisk = disk.copy(seed: random.next()) }
        }
    }

    private mutating func send(_ client: SimulatedClient, to server: SimulatedServer) {
        if client.session == nil || client.session?.hasEnded == true { client.connect() }
        let byteCount = 1 + random.below([20, 300, 3000][random.below(3)])
        client.send(byteCount, to: server)
    }

    private mutating func commitViews(_ server: SimulatedServer) throws {
        if random.below(8) == 0 { formerStore = try store.copyInMemory() }
        server.commitViews()
    }

    private mutating func disconnect(_ client: SimulatedClient, from server: SimulatedServer) throws {
        guard let session = client.session else { return }
        if random.below(2) == 0 { server.end(session) }
        try client.disconnect(readingReplies: random.below(2) == 0)
        if random.below(2) == 0 { server.end(session) }
    }

    private mutating func injectFault() {
        let faults: [SimulatedFileSystem.Fault] = [.inputOutputError, .noSpace, .shortWrite, .powerCut, .powerCut]
        let distance = random.below(12)
        disk.inject(faults[random.below(faults.count)], atOperation: disk.operationCount + distance)
    }

    /// Somebody sets the clock, or a day goes by.
    private mutating func setClock() {
        switch random.below(4) {
        case 0: time.advance(Milliseconds.day)
        case 1: time.jump(Milliseconds.day)
        case 2: time.jump(max(-Milliseconds.hour, min(0, earliest - now.milliseconds)))
        default: time.jump(-50)
        }
        tally[.clockChanges] += 1
    }

    private mutating func changePace() {
        guard isSlow else { return time.advance(Milliseconds.hour) }
        slowness.pace = SimulatedSlowness.Pace.allCases[random.below(SimulatedSlowness.Pace.allCases.count)]
    }

    // MARK: Ends and beginnings

    /// The process ends at once, the machine too where it loses power.
    private mutating func end(losingPower: Bool) throws {
        guard let server else { return }
        if let failure = server.failure { try expectWeather(failure) }
        server.crash(&random)
        try leave(server, clients.map { _ in random.below(2) == 0 })
        guard losingPower else { return }
        tally[.powerCuts] += 1
        disk.restart()
        try loseViews()
    }

    private mutating func stop() throws {
        guard let server else { return }
        server.stop(&random)
        if let failure = server.failure, !(failure is SimulatedServer.Crash) { try expectWeather(failure) }
        try leave(server, clients.map { _ in true })
    }

    /// Nobody is connected any more; some have read what they were told.
    private mutating func leave(_ server: SimulatedServer, _ readingReplies: [Bool]) throws {
        for (client, reads) in zip(clients, readingReplies) {
            try client.disconnect(readingReplies: reads)
            toldHead = max(toldHead, Position(client.highestPosition))
        }
        toldHead = max(toldHead, server.toldHead)
        self.server = nil
        slowness.server = nil
        receiver.meetAnother()
        tally[.restarts] += 1
    }

    /// After a power cut the views are as at some commit, or gone.
    private mutating func loseViews() throws {
        switch random.below(4) {
        case 0: store = try ViewStore.inMemory()
        case 1: store = try formerStore?.copyInMemory() ?? store
        default: break
        }
    }

    private mutating func start() throws {
        if diskBefore == nil, !falseNames.isEmpty {
            diskBefore = disk.copy(seed: random.next())
            diskBefore?.restart()
        }
        let started: SimulatedServer
        do {
            started = try SimulatedServer(
                fileSystem,
                foldDisk: keepsFold ? disk : nil,
                segmentByteCount: segmentByteCount,
                store,
                witness,
                time,
                receiver,
                executor
            )
        } catch {
            try expectWeather(error)
            guard SimulatedRun.isDamage(error) else {
                // Somebody turns it off and on again.
                disk.restart()
                return try loseViews()
            }
            return try repair()
        }
        if started.hasLoadedFold { tally[.loadedFolds] += 1 }
        server = started
        slowness.server = started
        let active = started.activeSegment
        if started.head < toldHead {
            guard let diskBefore else {
                throw Misbehaviour("the log opened at \(started.head.rawValue), \(toldHead.rawValue) was told durable")
            }
            try loseEnd(behind: started.head, active, diskBefore)
        }
        diskBefore = nil
        disk.expectZeros(in: SimulatedRun.logDirectory + "/" + active.file, from: active.liveByteCount)
        try witness.goOn(to: started.head) { try SimulatedRecord.all(of: honestDisk()) }
    }

    /// Nothing but what was injected may go wrong.
    private mutating func expectWeather(_ error: any Error) throws {
        if SimulatedRun.isDamage(error), !falseNames.isEmpty { return }
        tally[.failures] += 1
        guard let error = error as? RecordLogError, error.code == .inputOutput || error.code == .noSpace else {
            throw Misbehaviour("it failed by itself: \(error)")
        }
    }

    // MARK: The end

    /// Everything is mended, and what was begun comes to its end.
    private mutating func heal() throws {
        disk.clearFaults()
        slowness.pace = .immediate
        disk.restart()
        receiver.mood = .healthy
        if server?.failure == nil, server != nil { try end(losingPower: true) }
        var damageCount = 0
        for _ in 0..<400 where !isRefused {
            guard let server, server.failure == nil else {
                if let failure = server?.failure, SimulatedRun.isDamage(failure) { damageCount += 1 }
                if self.server != nil { try end(losingPower: true) }
                // What folds may meet again and again what opening the log does not look at.
                if damageCount == 3 { try repair() }
                if !isRefused { try start() }
                continue
            }
            for client in clients where !client.isDone {
                if client.session == nil || client.hasSentAll { client.connect() }
                client.send(.max / 2, to: server)
            }
            server.commitIntake()
            for client in clients { try client.readReplies() }
            server.fold()
            server.commitViews()
            executor.runAll(&random)
            time.advance(60_000)
            executor.runAll(&random)
            let isSettled = try store.read { try $0.unsettledPushJobs(limit: 1) }.isEmpty
            if clients.allSatisfy(\.isDone), try server.isLevel, isSettled, server.isDayTold {
                return toldHead = max(toldHead, server.head)
            }
        }
        if isRefused { return }
        let rest = try (
            level: server?.isLevel, unsettled: store.read { try $0.unsettledPushJobs(limit: 3) },
            dayTold: server?.isDayTold, failure: server?.failure
        )
        throw Misbehaviour(
            "it does not come to rest: \(clients.map(\.isDone)), \(String(describing: server?.head)), \(rest)"
        )
    }
}
