import Access
import EventStorage
import MeterModel
import Telegrams
import Testing

@testable import Ingest

/// One sender's lines: the first line, acknowledgements, and what ends a session.
@Suite struct LineSessionTests {
    /// Lines of every sort: accepted, refused, blank, comments, an event, the last one without an end.
    private static let mixed =
        acknowledging + readingLines("E-2", 0..<2) + "nonsense\n\n# a comment\r\n" + readingLines("E-1", 0..<3)
        + "{\"event\":\"DayTurned\",\"timezone\":\"UTC\",\"at\":1767225600}\n"
        + "{\"device\":\"E-1\",\"readAt\":1767225600,\"value\":\"x\"}\r\n" + readingLines("E-2", 2..<3).dropLast()

    @Test func `Split anywhere, lines are the same`() throws {
        let bytes = Array(Self.mixed.utf8)
        func outcome(_ cuts: [Int]) throws -> (errors: [String], last: String?, items: [String], summary: [Int]) {
            let stage = LiveStage()
            let (session, follower) = stage.session()
            var start = 0
            for cut in cuts + [bytes.count] {
                try stage.live.take(Array(bytes[start..<cut]), isLast: cut == bytes.count, from: session)
                start = cut
            }
            try stage.live.commit()
            let summary = try #require(follower.summary)
            #expect(follower.fault == nil && follower.endCount == 1)
            #expect(follower.consumedByteCount == bytes.count)
            let errors = follower.replies.filter { $0.hasPrefix("err ") }
            let figures = [Int(summary.lineCount), summary.taken.accepted, summary.taken.rejected]
            return (errors, follower.replies.last, stage.log.items, figures)
        }
        let whole = try outcome([])
        #expect(whole.items == ["E-2 0", "E-2 1", "E-1 0", "E-1 1", "E-1 2", "DayTurned", "E-2 2"])
        #expect(
            whole.errors.map { $0.split(separator: " ").prefix(3).joined(separator: " ") } == [
                "err 3 bad-json", "err 10 value-syntax",
            ]
        )
        #expect(whole.last == "ok 7 11")
        #expect(whole.summary == [11, 7, 2])
        for cut in 1..<bytes.count {
            let split = try outcome([cut])
            #expect(split == whole, "cut at \(cut)")
        }
        let bytewise = try outcome(Array(1..<bytes.count))
        #expect(bytewise == whole)
    }

    @Test func `Refusals come before the acknowledgement that covers them, which names the position before`() throws {
        let stage = LiveStage()
        let (session, follower) = stage.session()
        try stage.take(acknowledging + readingLines("E-1", 0..<2), from: session)
        #expect(follower.replies == [], "nothing is durable yet")
        try stage.live.commit()
        #expect(follower.replies == ["ok 2 2"])
        try stage.take("x\ny\n", from: session)
        try stage.live.commit()
        let codes = follower.replies.dropFirst().map { $0.split(separator: " ").prefix(3).joined(separator: " ") }
        #expect(codes == ["err 3 bad-json", "err 4 bad-json", "ok 2 4"])
        try stage.take("\n# comment\n", from: session)
        try stage.live.commit()
        #expect(follower.replies.last == "ok 2 6")
        try stage.live.commit()
        #expect(follower.replies.count == 5, "nothing new, nothing said")
        try stage.take("{\"device\":", from: session)
        try stage.live.commit()
        #expect(follower.replies.count == 5, "half a line is no line")
    }

    @Test func `Where nothing was ever accepted the position is 0`() throws {
        let stage = LiveStage()
        #expect(try stage.sent(acknowledging + readingLines("E-1", 0..<1)).replies == ["ok 1 1"])
        let follower = try stage.sent(acknowledging + "{}\n")
        #expect(follower.replies.last == "ok 0 1")
        #expect(try stage.sent(acknowledging).replies == [])
        #expect(try stage.sent("").replies == [])
    }

    @Test func `Without being asked it answers nothing, and what is refused is kept`() throws {
        let stage = LiveStage()
        stage.options.utility = .electricity
        let (session, follower) = stage.session("here")
        try stage.take(readingLines("E-1", 0..<1) + "x\n", from: session)
        try stage.take("y", isLast: true, from: session)
        try stage.live.commit()
        #expect(follower.replies == [] && follower.fault == nil)
        #expect(stage.log.items == ["E-1 0"])
        #expect(stage.quarantine.lines == ["here 2 bad-json x", "here 3 bad-json y"])
        #expect(stage.quarantine.syncedCount == 2)
    }

    @Test func `What is answered is kept too where that is wanted`() throws {
        let stage = LiveStage()
        for keepsRefused in [false, true] {
            let (session, _) = stage.session("k\(keepsRefused)", keepsRefused: keepsRefused)
            try stage.take(acknowledging + "\n{\n", isLast: true, from: session)
        }
        try stage.live.commit()
        #expect(stage.quarantine.lines == ["ktrue 2 bad-json {"])
    }

    @Test(arguments: [
        ("meterfold/1 {\"akc\":true}\n", "akc"), ("meterfold/1 {\"ack\":1}\n", "ack"), ("meterfold/1 nothing\n", ""),
        ("meterfold/1 {\"format\":\"xml\"}\n", "format: 'xml' is none of those it can be"),
        ("meterfold/1 {\"unit\":\"furlong\"}\n", "unit"), ("meterfold/1 {\"utility\":\"heat\"}\n", "utility"),
        ("meterfold/1 {\"precision\":\"day\"}\n", "precision"), ("meterfold/1 {\"register\":\"\"}\n", "register"),
        ("meterfold/1 {\"profile\":\"nobody's\"}\n", "profile: no profile is called so here"),
        ("meterfold/1 {\"ack\":true", "does not end"),
        ("meterfold/1 {" + String(repeating: " ", count: 5000), "does not end"),
    ])
    func `A first line that is wrong ends it, and is told`(_ line: String, _ word: String) throws {
        let stage = LiveStage()
        let follower = try stage.sent(line)
        #expect(follower.fault?.code == .badFirstLine)
        #expect(follower.replies.count == 1 && follower.endCount == 1)
        let reply = try #require(follower.replies.first)
        #expect(reply.hasPrefix("err 0 bad-first-line ") && reply.contains(word))
        #expect(stage.log.items == [] && follower.consumedByteCount == line.utf8.count)
    }

    /// A sender can put what he likes into a refusal's text, but not a line of its own.
    @Test func `An answer is one line, whatever it quotes`() throws {
        let stage = LiveStage()
        let replies = try stage.sent(
            acknowledging + "{\"device\":\"a\\nok 99 99\",\"readAt\":0,\"value\":1}\n{\"a\\nok 99 99\\r\":1}\n"
        ).replies
        #expect(replies.count == 3 && replies.last == "ok 0 2")
        #expect(replies.allSatisfy { !$0.hasPrefix("ok 99") && !$0.contains("\r") })
        let greeted = try stage.sent("meterfold/1 {\"ack\":true,\"a\\nok 99 99\":1}\n").replies
        #expect(greeted.count == 1)
    }

    @Test func `Tokens: none, a wrong one, one that allows no sending`() throws {
        let stage = LiveStage()
        stage.access = StagedAccess(
            nobody: nil,
            principals: [
                "reader": Principal(recordedBy: "token:1", rights: [.read]),
                "sender": Principal(recordedBy: "token:2", rights: [.ingest], devices: NameGlob("E-*")),
            ]
        )
        let payment = """
            {"event":"TopUpReceived","device":"E-1","amount":"5","currency":"EUR","provider":"p","reference":"1",\
            "at":1767225600}

            """
        func sent(_ token: String?) throws -> StagedFollower {
            let key = token.map { ",\"token\":\"\($0)\"" } ?? ""
            let greeting = "meterfold/1 {\"ack\":true,\"utility\":\"electricity\"\(key)}\n"
            return try stage.sent(greeting + readingLines("E-1", 0..<1) + readingLines("W-1", 0..<1) + payment)
        }
        #expect(try sent(nil).replies == ["err 0 unauthorized name a token in the first line"])
        #expect(try sent("x").replies == ["err 0 unauthorized the token is unknown, revoked or expired"])
        #expect(try sent("reader").replies == ["err 0 not-allowed the token allows no sending"])
        #expect(stage.log.items == [])
        let replies = try sent("sender").replies
        #expect(
            replies.map { $0.split(separator: " ").prefix(3).joined(separator: " ") } == [
                "err 2 not-allowed", "err 3 not-allowed", "ok 1 3",
            ]
        )
        #expect(stage.log.items == ["E-1 0"])
        #expect(stage.log.appended.map(\.recordedBy) == ["token:2"])
        // Who does not say that he wants answers gets none.
        #expect(try stage.sent(readingLines("E-1", 0..<1)).replies == [])
    }

    @Test func `What readings lack comes from the first line`() throws {
        let stage = LiveStage()
        let line = "{\"device\":\"W-1\",\"readAt\":1767225600,\"value\":3}\n"
        #expect(try stage.sent("meterfold/1 {\"ack\":true}\n" + line).replies.last == "ok 0 1")
        let greeting = "meterfold/1 {\"ack\":true,\"utility\":\"water\",\"unit\":\"L\",\"register\":\"cold\"}\n"
        #expect(try stage.sent(greeting + line).replies == ["ok 1 1"])
        let appended = try #require(stage.log.appended.first)
        let reading = appended.batch.readings[0]
        #expect(reading.value == 3000 && reading.traits.unit == .litre)
        #expect(appended.directory.registerName(ofSeries: reading.series) == "cold")
    }

    @Test func `A profile and a format by name`() throws {
        let stage = LiveStage()
        let greeting =
            "meterfold/1 {\"ack\":true,\"format\":\"line-protocol\",\"precision\":\"s\",\"utility\":\"gas\"}\n"
        #expect(try stage.sent(greeting + "reading,device=G-1 value=7 1767225600\n").replies == ["ok 1 1"])
        #expect(stage.log.appended.first?.batch.readings.first?.at == 1_767_225_600_000)
        let profiled = try stage.sent("meterfold/1 {\"ack\":true,\"profile\":\"p1mon\"}\nx\n")
        #expect(profiled.fault?.code != .badFirstLine)
    }

    @Test func `A CSV header that does not fit, and a form that nothing tells, end it`() throws {
        let stage = LiveStage()
        let header = "meterfold/1 {\"ack\":true,\"format\":\"csv\",\"utility\":\"electricity\"}\n"
        let follower = try stage.sent(header + "device,colour\nE-1,red\nE-2,blue\n")
        #expect(
            follower.replies.map { $0.split(separator: " ").prefix(3).joined(separator: " ") } == [
                "err 1 unknown-field", "ok 0 1", "err 0 unreadable-input",
            ]
        )
        let (session, other) = stage.session()
        let whats = String(repeating: "what?\n", count: maximumLineByteCount / 6 + 1)
        try stage.take(acknowledging + whats, from: session)
        #expect(other.replies.count == 1 && other.fault?.code == .unreadableInput)
        try stage.take(readingLines("E-1", 0..<1), isLast: true, from: session)
        try stage.live.commit()
        #expect(other.endCount == 1 && stage.log.items == [])
        #expect(other.consumedByteCount == (acknowledging + whats + readingLines("E-1", 0..<1)).utf8.count)
        let fine = try stage.sent(header + "device,readAt,value\nE-1,1767225600,5\n\nE-1,1767225660,6\n")
        #expect(fine.replies == ["ok 2 4"])
    }

    @Test func `Who is known already sends no first line`() throws {
        let stage = LiveStage()
        stage.options.utility = .electricity
        let follower = StagedFollower()
        let principal = Principal(recordedBy: "token:7", rights: [.ingest])
        let session = LineSession(stage.terms(takesGreeting: false), principal: principal, follower: follower)
        try stage.take(readingLines("E-1", 0..<2) + acknowledging, isLast: true, from: session)
        try stage.live.commit()
        let summary = try #require(follower.summary)
        #expect(summary.taken.accepted == 2 && summary.taken.reasons == [.badJSON: 1] && summary.lineCount == 3)
        #expect(summary.refused.map(\.line) == [3])
        #expect(summary.taken.firstPosition == Position(1) && summary.taken.lastPosition == Position(2))
        #expect(follower.replies == [] && stage.log.appended.map(\.recordedBy) == ["token:7"])
    }
}
