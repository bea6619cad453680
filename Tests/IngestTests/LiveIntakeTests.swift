import Access
import Admission
import Dispatch
import EventStorage
import MeterModel
import Synchronization
import Telegrams
import Testing

@testable import Ingest

/// Many senders into one log.
@Suite struct LiveIntakeTests {
    private static let dayTurn = MeterEvent.dayTurned(DayTurned(timezone: "UTC", at: stageTime))

    /// What a recorder was told.
    private final class Told: Sendable {
        private let outcomes = Mutex<[String]>([])

        var all: [String] { outcomes.withLock { $0 } }

        @Sendable func note(_ result: Result<Position, any Error>) {
            let text =
                switch result {
                case .success(let position): "\(position.rawValue)"
                case .failure(let refusal as Refusal): refusal.code.rawValue
                case .failure(let error): "\(error)"
                }
            outcomes.withLock { $0.append(text) }
        }
    }

    @Test func `Each sender gets its own highest position, whatever lies between`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = StageRandom(seed: seed)
        for _ in 0..<50 {
            let stage = LiveStage()
            let sessions = (0..<4).map { _ in stage.session() }
            var counts = [0, 0, 0, 0]
            for (session, _) in sessions { try stage.take(acknowledging, from: session) }
            for _ in 0..<Int.random(in: 1...30, using: &random) {
                let i = Int.random(in: 0..<4, using: &random)
                let count = Int.random(in: 1...4, using: &random)
                try stage.take(readingLines("E-\(i)", counts[i]..<counts[i] + count), from: sessions[i].0)
                counts[i] += count
                if Int.random(in: 0..<4, using: &random) == 0 { try stage.live.commit() }
            }
            for (session, _) in sessions { try stage.take("", isLast: true, from: session) }
            try stage.live.commit()
            let items = stage.log.items
            #expect(items.count == counts.reduce(0, +))
            for i in 0..<4 {
                let own = items.indices.filter { items[$0].hasPrefix("E-\(i) ") }
                #expect(own.map { items[$0] } == (0..<counts[i]).map { "E-\(i) \($0)" }, "seed \(seed)")
                let summary = try #require(sessions[i].1.summary)
                #expect(summary.taken.accepted == counts[i])
                #expect(summary.taken.firstPosition?.rawValue == own.first.map { UInt64($0 + 1) }, "seed \(seed)")
                #expect(summary.taken.lastPosition?.rawValue == own.last.map { UInt64($0 + 1) }, "seed \(seed)")
                let last = own.last.map { ["ok \($0 + 1) \(counts[i])"] } ?? []
                #expect(sessions[i].1.replies.suffix(1) == last[...], "seed \(seed)")
            }
        }
    }

    @Test func `Nothing is acknowledged before the append has returned`() throws {
        let stage = LiveStage()
        let (session, follower) = stage.session()
        var repliesAtAppend: [Int] = []
        stage.log.onAppend = { repliesAtAppend.append(follower.replies.count) }
        for i in 0..<3 {
            try stage.take((i == 0 ? acknowledging : "") + readingLines("E-1", i..<i + 1), from: session)
            try stage.live.commit()
        }
        #expect(repliesAtAppend == [0, 1, 2] && follower.replies.count == 3)
    }

    @Test func `More is taken in while a batch is being appended, and answered behind it`() throws {
        let stage = LiveStage()
        let (session, follower) = stage.session()
        let (begun, may) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        stage.log.onAppend = {
            begun.signal()
            may.wait()
        }
        try stage.take(acknowledging + readingLines("E-1", 0..<3), from: session)
        try stage.live.beginCommit()
        begun.wait()
        try stage.take(readingLines("E-1", 3..<5), from: session)
        #expect(try !stage.live.answerAppended(waits: false))
        #expect(stage.live.isAppending && stage.live.head == .origin && follower.replies.isEmpty)
        may.signal()
        #expect(try stage.live.answerAppended())
        // The lines that came meanwhile are not covered yet.
        #expect(stage.live.head == Position(3) && follower.replies == ["ok 3 3"])
        may.signal()
        try stage.live.commit()
        #expect(stage.live.head == Position(5) && follower.replies == ["ok 3 3", "ok 5 5"])
        #expect(!stage.live.hasPending)
    }

    @Test func `A batch that fails while more is taken in is answered by nothing but the failure`() throws {
        let stage = LiveStage()
        let (session, follower) = stage.session()
        let (late, lateFollower) = stage.session()
        let told = Told()
        try stage.take(acknowledging + readingLines("E-1", 0..<3), from: session)
        try stage.live.take([LiveIntakeTests.dayTurn], recordedBy: "local", then: told.note)
        stage.log.isBroken = true
        #expect(throws: StageFault.self) {
            try stage.live.beginCommit()
            try stage.take(acknowledging + readingLines("E-2", 0..<1), from: late)
            _ = try stage.live.answerAppended()
        }
        stage.live.abandon(StageFault())
        for follower in [follower, lateFollower] {
            #expect(follower.fault?.code == .unavailable)
            #expect(follower.replies.allSatisfy { $0.hasPrefix("err 0 ") })
        }
        #expect(stage.log.items.isEmpty && told.all.count == 1)
    }

    @Test(arguments: [false, true])
    func `Who records an event is told once, though senders cannot be answered`(isAhead: Bool) throws {
        let stage = LiveStage()
        let (session, follower) = stage.session()
        let told = Told()
        try stage.take(acknowledging + readingLines("E-1", 0..<1), from: session)
        try stage.live.take([LiveIntakeTests.dayTurn], recordedBy: "local", then: told.note)
        stage.quarantine.isSyncBroken = true
        #expect(throws: StageFault.self) {
            if isAhead { try stage.live.beginCommit() }
            try stage.live.commit()
        }
        #expect(stage.live.failure is StageFault)
        stage.live.abandon(StageFault())
        #expect(told.all == ["2"])
        #expect(follower.fault?.code == .unavailable && follower.replies.allSatisfy { $0.hasPrefix("err 0 ") })
    }

    @Test func `A sender ends when its last line is durable, not with a batch before it`() throws {
        let stage = LiveStage()
        let (session, follower) = stage.session()
        try stage.take(acknowledging + readingLines("E-1", 0..<1).dropLast(1), from: session)
        try stage.live.take([LiveIntakeTests.dayTurn], recordedBy: "serve") { _ in }
        // The line has its end only now, and is another name's than what is pending.
        try stage.take("", isLast: true, from: session)
        #expect(stage.log.items.count == 1 && follower.endCount == 0)
        try stage.live.commit()
        #expect(stage.log.items.count == 2 && follower.endCount == 1)
        #expect(follower.replies == ["ok 2 1"])
        #expect(follower.summary?.taken.accepted == 1)
    }

    /// What senders and recorders were told, and what is in the log, after the same things happened in the same order.
    private func history(seed: UInt64, isAhead: Bool) throws -> (log: [String], told: [String], replies: [[String]]) {
        var random = StageRandom(seed: seed)
        let stage = LiveStage()
        stage.live.appendsAhead = isAhead
        let told = Told()
        let sessions = (0..<3).map { _ in stage.session() }
        var counts = [0, 0, 0]
        for (session, _) in sessions { try stage.take(acknowledging, from: session) }
        for step in 0..<60 {
            let i = Int.random(in: 0..<3, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0:
                if isAhead { try stage.live.beginCommit() } else { try stage.live.commit() }
            case 1:
                if isAhead { try stage.live.answerAppended(waits: Bool.random()) }
            case 2 where step % 4 == 0:
                let name = Bool.random(using: &random) ? "local" : "serve"
                try stage.live.take([LiveIntakeTests.dayTurn], recordedBy: name, then: told.note)
            case 3: try stage.take("{\"device\":\n", from: sessions[i].0)
            default:
                let count = Int.random(in: 1...4, using: &random)
                try stage.take(readingLines("E-\(i)", counts[i]..<counts[i] + count), from: sessions[i].0)
                counts[i] += count
            }
        }
        for (session, _) in sessions { try stage.take("", isLast: true, from: session) }
        try stage.live.commit()
        #expect(sessions.allSatisfy { $0.1.endCount == 1 }, "seed \(seed)")
        // A refused line is answered at once, before what is being appended.
        let replies = sessions.map { session in
            session.1.replies.filter { $0.hasPrefix("ok") } + session.1.replies.filter { !$0.hasPrefix("ok") }
        }
        return (stage.log.items, told.all, replies)
    }

    @Test func `The log and what is told of it are the same whether batches are appended beside or not`() throws {
        for _ in 0..<200 {
            let seed = UInt64.random(in: 0...UInt64.max)
            let direct = try history(seed: seed, isAhead: false)
            let ahead = try history(seed: seed, isAhead: true)
            #expect(ahead.log == direct.log, "seed \(seed)")
            #expect(ahead.told == direct.told, "seed \(seed)")
            #expect(ahead.replies == direct.replies, "seed \(seed)")
        }
    }

    @Test func `Senders of different names are never in one batch, and each keeps its order`() throws {
        let stage = LiveStage()
        stage.access = StagedAccess(
            principals: [
                "a": Principal(recordedBy: "token:a", rights: [.ingest]),
                "b": Principal(recordedBy: "token:b", rights: [.ingest]),
            ]
        )
        let sessions = ["a", "b", "a"].map { token in (token, stage.session()) }
        for (token, (session, _)) in sessions {
            let greeting = "meterfold/1 {\"ack\":true,\"utility\":\"electricity\",\"token\":\"\(token)\"}\n"
            try stage.take(greeting, from: session)
        }
        let told = Told()
        for k in 0..<5 {
            for (i, (_, (session, _))) in sessions.enumerated() {
                try stage.take(readingLines("E-\(i)", k..<k + 1) + "x\n", from: session)
            }
            try stage.live.take([Self.dayTurn], recordedBy: "serve", then: told.note)
        }
        for (_, (session, _)) in sessions { try stage.take("", isLast: true, from: session) }
        try stage.live.commit()
        for one in stage.log.appended {
            let devices = Set(one.batch.readings.map { one.directory.deviceName(ofSeries: $0.series) })
            switch one.recordedBy {
            case "token:a": #expect(devices.isSubset(of: ["E-0", "E-2"]) && one.batch.events.isEmpty)
            case "token:b": #expect(devices == ["E-1"] && one.batch.events.isEmpty)
            default: #expect(one.recordedBy == "serve" && devices.isEmpty && !one.batch.events.isEmpty)
            }
        }
        let items = stage.log.items
        #expect(items.count == 20)
        for (i, (_, (_, follower))) in sessions.enumerated() {
            let own = items.indices.filter { items[$0].hasPrefix("E-\(i) ") }
            #expect(own.map { items[$0] } == (0..<5).map { "E-\(i) \($0)" })
            #expect(follower.replies.last == "ok \((own.last ?? 0) + 1) 10")
            // Of the lines refused each is told once, before the acknowledgement that covers it.
            #expect(follower.replies.count { $0.hasPrefix("err ") } == 5)
            var covered = 0
            for reply in follower.replies {
                let words = reply.split(separator: " ").compactMap { Int($0) }
                if reply.hasPrefix("err ") {
                    #expect(words[0] > covered)
                } else {
                    covered = words[1]
                }
            }
        }
        let turns = items.indices.filter { items[$0] == "DayTurned" }.map { "\($0 + 1)" }
        #expect(told.all == turns)
    }

    @Test func `Events of the program: all or none, with the last one's position`() throws {
        let stage = LiveStage()
        let told = Told()
        let (session, _) = stage.session()
        try stage.take(acknowledging + readingLines("E-1", 0..<3), from: session)
        let day = try #require(LocalDate(year: 2026, month: 1, day: 1))
        let stray = MeterEvent.tariffAssigned(TariffAssigned(device: "E-9", tariff: "none", from: day))
        try stage.live.take([Self.dayTurn, Self.dayTurn], recordedBy: "local", then: told.note)
        try stage.live.take([Self.dayTurn, stray], recordedBy: "local", then: told.note)
        try stage.live.take([], recordedBy: "local", then: told.note)
        try stage.take(readingLines("E-1", 3..<4), from: session)
        #expect(told.all == ["unknown-device", "0"])
        try stage.live.commit()
        #expect(told.all == ["unknown-device", "0", "5"])
        #expect(stage.log.items == ["E-1 0", "E-1 1", "E-1 2", "DayTurned", "DayTurned", "E-1 3"])
    }

    @Test func `Many names begin the table anew, and everything is still right`() throws {
        let stage = LiveStage(maximumStrayNameCount: 8)
        let sessions = (0..<2).map { _ in stage.session() }
        for (session, _) in sessions { try stage.take(acknowledging, from: session) }
        stage.options.format = .csv
        let (table, tabled) = stage.session()
        try stage.take("meterfold/1 {\"ack\":true,\"utility\":\"electricity\"}\ndevice,readAt,value\n", from: table)
        for k in 0..<50 {
            for (i, (session, _)) in sessions.enumerated() {
                // Names that are refused: a value that is none.
                let stray = (0..<3).map { "{\"device\":\"stray-\(k)-\($0)\",\"readAt\":1e9,\"value\":\"x\"}\n" }
                    .joined()
                let strangers = (0..<3).map { s in
                    "{\"device\":\"E-\(s)\",\"register\":\"s-\(k)-\(i)-\(s)\",\"readAt\":0,\"value\":1}\n"
                }.joined()
                try stage.take(stray + readingLines("E-\(i)", k..<k + 1) + strangers, from: session)
            }
            try stage.take("E-\(k % 3),\(1_767_225_600 + k * 60),\(k)\n", from: table)
            if k % 7 == 0 { try stage.live.commit() }
        }
        for (session, _) in sessions + [(table, tabled)] { try stage.take("", isLast: true, from: session) }
        try stage.live.commit()
        for i in 0..<2 {
            let own = stage.log.items.filter { $0.hasPrefix("E-\(i) ") }
            let byTable = (0..<50).filter { $0 % 3 == i }
            #expect(own.sorted() == ((0..<50) + byTable).map { "E-\(i) \($0)" }.sorted())
        }
        #expect(tabled.summary?.taken.accepted == 50 && tabled.replies.allSatisfy { $0.hasPrefix("ok ") })
    }

    @Test func `Of events that were refused together nothing is known`() throws {
        let stage = LiveStage()
        let told = Told()
        let day = try #require(LocalDate(year: 2026, month: 1, day: 1))
        let registered = MeterEvent.deviceRegistered(DeviceRegistered(device: "E-9", utility: .electricity))
        let assigned = MeterEvent.tariffAssigned(TariffAssigned(device: "E-9", tariff: "none", from: day))
        try stage.live.take([registered, assigned], recordedBy: "local", then: told.note)
        #expect(told.all.count == 1)
        #expect(stage.live.admission.directory.deviceCount == 0)
        // It is not registered, so that a line which leaves out its unit cannot be read.
        let follower = try stage.sent("meterfold/1 {\"ack\":true}\n" + readingLines("E-9", 0..<1))
        #expect(follower.replies.first?.hasPrefix("err 1 unknown-device ") == true, "\(follower.replies)")
        #expect(!stage.live.hasPending && stage.log.items.isEmpty)
    }

    @Test func `An append that fails is told to everybody, and nothing is acknowledged`() throws {
        let stage = LiveStage()
        let told = Told()
        let sessions = (0..<3).map { _ in stage.session() }
        for (i, (session, _)) in sessions.enumerated() {
            try stage.take(acknowledging + readingLines("E-\(i)", 0..<2), from: session)
        }
        try stage.live.take([Self.dayTurn], recordedBy: "local", then: told.note)
        stage.log.isBroken = true
        #expect(throws: StageFault.self) { try stage.live.commit() }
        stage.live.abandon(StageFault())
        for (_, follower) in sessions {
            #expect(follower.replies == ["err 0 unavailable the disk is gone"])
            #expect(follower.fault?.code == .unavailable && follower.endCount == 1)
        }
        #expect(told.all == ["the disk is gone"])
        #expect(stage.log.appended.isEmpty)
    }

    @Test func `A sender who goes leaves his whole lines`() throws {
        let stage = LiveStage()
        let (session, follower) = stage.session()
        try stage.take(acknowledging + readingLines("E-1", 0..<2) + "{\"device\"", from: session)
        try stage.live.end(session, SessionFault(.shuttingDown, "bye"))
        #expect(stage.log.items == ["E-1 0", "E-1 1"])
        #expect(follower.replies == ["ok 2 2", "err 0 shutting-down bye"])
        try stage.live.end(session, nil)
        #expect(follower.endCount == 1)
    }

    @Test func `A batch that is full is logged at once`() throws {
        let stage = LiveStage()
        let (session, follower) = stage.session()
        try stage.take(acknowledging, from: session)
        var sentCount = 0
        while stage.log.appended.isEmpty, sentCount < 2 * Intake.maximumBatchCount {
            try stage.take(readingLines("E-1", sentCount..<sentCount + 1000), from: session)
            sentCount += 1000
        }
        #expect(sentCount - 1000 < Intake.maximumBatchCount && sentCount >= Intake.maximumBatchCount)
        #expect(follower.replies == ["ok \(sentCount) \(sentCount)"])
    }

    @Test func `Who sends nothing but what is refused is ended, and nobody else`() throws {
        let stage = LiveStage()
        let (flooding, follower) = stage.session()
        let (other, otherFollower) = stage.session()
        let flood = String(repeating: "{}\n", count: LineSession.maximumRefusedRun)
        try stage.take(acknowledging + flood + readingLines("E-1", 0..<1) + flood, from: flooding)
        try stage.take(acknowledging + readingLines("E-2", 0..<1), from: other)
        try stage.live.commit()
        #expect(follower.endCount == 0)
        try stage.take(String(repeating: "{}\n", count: LineSession.maximumRefusedRun + 1), from: flooding)
        #expect(follower.fault?.code == .tooManyRefused && follower.endCount == 1)
        #expect(follower.replies.last?.hasPrefix("err 0 too-many-refused ") == true)
        try stage.take("{}\n", from: flooding)
        #expect(follower.endCount == 1)
        try stage.take(readingLines("E-2", 1..<2), from: other)
        try stage.live.commit()
        #expect(otherFollower.replies.suffix(1) == ["ok 3 2"])
    }

    @Test func `What nothing can read, and nobody is told of, is kept in quarantine`() throws {
        let stage = LiveStage()
        let (session, follower) = stage.session()
        try stage.take("hello there\nand more\n", isLast: true, from: session)
        try stage.live.commit()
        #expect(follower.replies.isEmpty && follower.fault?.code == .unreadableInput)
        #expect(stage.quarantine.lines.count == 1)
        #expect(stage.quarantine.lines.first?.contains("hello there") == true)
    }
}
