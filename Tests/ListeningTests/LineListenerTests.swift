import Access
import Foundation
import Ingest
import MeterModel
import NIOCore
import TestStage
import Testing

@testable import Listening

/// Real sockets, a real log: what is said over the one is true of the other.
@Suite struct LineListenerTests {
    static let greeting = "meterfold/1 {\"ack\":true,\"utility\":\"electricity\"}\n"

    private static let silentGreeting = "meterfold/1 {\"utility\":\"electricity\"}\n"

    /// Where nothing that comes tells the form.
    private static let jsonGreeting =
        "meterfold/1 {\"ack\":true,\"format\":\"ndjson\",\"utility\":\"electricity\"}\n"

    /// Lines that are refused, with one that is not before it is too many of them in a row: 8192 lines a block.
    private static func refusedLines(blockCount: Int) -> String {
        (0..<blockCount).map { String(repeating: "x\n", count: 8191) + lines("E-9", $0..<$0 + 1) }.joined()
    }

    /// Readings of a device, one a minute.
    static func lines(_ device: String, _ numbers: Range<Int>) -> String {
        numbers.map { "{\"device\":\"\(device)\",\"readAt\":\(1_704_067_200 + $0 * 60),\"value\":\($0)}\n" }.joined()
    }

    @Test func `What is acknowledged is in the log, at the position named`() async throws {
        try await LiveReceiver.running { receiver in
            let sender = try await RawSender(receiver.port)
            try await sender.send(Self.greeting + Self.lines("E-1", 0..<10))
            try await sender.wait(for: "ok 10 10")
            #expect(try receiver.logged().map(\.position) == Array(1...10))
            try await sender.send("nonsense\n\n# a comment\n" + Self.lines("E-1", 10..<12))
            try await sender.wait(for: "ok 12 15")
            let error = try #require(sender.lines.first { $0.hasPrefix("err ") })
            #expect(error.hasPrefix("err 11 bad-json "))
            #expect(try await sender.answers().last == "ok 12 15")
            let logged = try receiver.logged()
            #expect(logged.map(\.value) == (0..<12).map { $0 * 1_000_000 })
            #expect(Set(logged.map(\.recordedBy)) == ["local"])
            #expect(try receiver.quarantined() == [], "it was told")
        }
    }

    @Test func `Half a line before the end counts as a line`() async throws {
        try await LiveReceiver.running { receiver in
            let sender = try await RawSender(receiver.port)
            try await sender.send(Self.greeting + Self.lines("E-1", 0..<2).dropLast())
            #expect(try await sender.answers().last == "ok 2 2")
            let silent = try await RawSender(receiver.port)
            try await silent.send(Self.silentGreeting + Self.lines("E-2", 0..<3) + "{\"device\":\"E-2\",")
            #expect(try await silent.answers() == [])
            #expect(try receiver.logged().map(\.device) == ["E-1", "E-1", "E-2", "E-2", "E-2"])
            #expect(try receiver.quarantined().count == 1)
        }
    }

    @Test func `Of a sender who vanishes the whole lines are kept`() async throws {
        try await LiveReceiver.running { receiver in
            let sender = try await RawSender(receiver.port)
            try await sender.send(
                Self.silentGreeting + Self.lines("E-1", 0..<100) + "{\"device\":\"E-1\",\"readAt\":17"
            )
            try await waitUntil("the lines are durable") { try receiver.logged().count == 100 }
            try await sender.vanish()
            try await waitUntil("it is noticed") { receiver.listener?.figures.openCount == 0 }
            let other = try await RawSender(receiver.port)
            try await other.send(Self.greeting + Self.lines("E-2", 0..<1))
            #expect(try await other.answers() == ["ok 101 1"])
            #expect(try receiver.quarantined() == [])
        }
    }

    @Test func `Who reads no replies is ended, and others go on`() async throws {
        try await LiveReceiver.running { receiver in
            receiver.limits.unreadReplyByteCount = 64 << 10
            receiver.limits.unreadReplySeconds = 1
        } _: { receiver in
            let deaf = try await RawSender(receiver.port, isReading: false)
            deaf.push(Self.jsonGreeting)
            // More replies than all buffers of the system hold.
            for _ in 0..<64 { deaf.push(Self.refusedLines(blockCount: 4)) }
            try await waitUntil("it is taken") { receiver.listener?.figures.acceptedCount == 1 }
            let other = try await RawSender(receiver.port)
            try await other.send(Self.greeting + Self.lines("E-1", 0..<10))
            try await other.wait(forAcknowledgementOf: 10)
            try await waitUntil("the deaf one is ended") { receiver.listener?.figures.openCount == 1 }
            #expect(receiver.listener?.figures.faultCount == 1)
            try await other.send(Self.lines("E-1", 10..<11))
            #expect(try await other.answers().last?.hasSuffix(" 11") == true)
            await deaf.close()
        }
    }

    @Test func `Who reads his replies is not ended, however many there are`() async throws {
        try await LiveReceiver.running { receiver in
            let blockCount = 40
            let sender = try await RawSender(receiver.port)
            sender.push(Self.jsonGreeting)
            sender.push(Self.refusedLines(blockCount: blockCount))
            let answers = try await sender.answers()
            #expect(answers.count { $0.hasPrefix("err ") && !$0.hasPrefix("err 0 ") } == 8191 * blockCount)
            #expect(answers.last == "ok \(blockCount) \(8192 * blockCount)")
        }
    }

    @Test func `There are as many connections as there may be`() async throws {
        try await LiveReceiver.running { receiver in
            receiver.limits.connectionCount = 2
        } _: { receiver in
            let senders = [try await RawSender(receiver.port), try await RawSender(receiver.port)]
            try await waitUntil("both are taken") { receiver.listener?.figures.openCount == 2 }
            let third = try await RawSender(receiver.port)
            #expect(try await third.end() == ["err 0 too-many-connections no more than 2 connections"])
            for sender in senders { _ = try await sender.answers() }
            try await waitUntil("there is room again") { receiver.listener?.figures.openCount == 0 }
            let fourth = try await RawSender(receiver.port)
            try await fourth.send(Self.greeting + Self.lines("E-1", 0..<1))
            #expect(try await fourth.answers() == ["ok 1 1"])
            #expect(receiver.listener?.figures.refusedCount == 1)
        }
    }

    @Test func `Loopback is not counted by address`() async throws {
        try await LiveReceiver.running { receiver in
            receiver.limits.connectionCountPerAddress = 1
        } _: { receiver in
            for i in 1...3 {
                let sender = try await RawSender(receiver.port)
                try await sender.send(Self.greeting + Self.lines("E-1", i..<i + 1))
                try await sender.wait(for: "ok \(i) 1")
            }
            #expect(receiver.listener?.figures.refusedCount == 0)
        }
    }

    @Test func `A silent connection is ended, and told so`() async throws {
        try await LiveReceiver.running { receiver in
            receiver.limits.idleSeconds = 1
        } _: { receiver in
            // On a busy machine the second may be over before the first line has come.
            var replies: [String] = []
            for _ in 0..<60 where replies.count < 2 {
                let sender = try await RawSender(receiver.port)
                sender.push(Self.greeting + Self.lines("E-1", 0..<1))
                replies = try await sender.end()
            }
            #expect(replies.first?.hasSuffix(" 1") == true)
            #expect(replies.last == "err 0 idle nothing came for 1 s")
            let mute = try await RawSender(receiver.port)
            #expect(try await mute.end() == [])
        }
    }

    @Test func `Where a token is needed, who drips the first line is ended, and who has named one may be silent`()
        async throws
    {
        try await LiveReceiver.running { receiver in
            receiver.access = TokenTable(principals: ["t": Principal(recordedBy: "token:1", rights: [.ingest])])
            receiver.limits.firstLineSeconds = 1
        } _: { receiver in
            let dripping = try await RawSender(receiver.port)
            dripping.push("meterfold/1 {")
            let drip = Task {
                while !Task.isCancelled {
                    dripping.push(" ")
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            #expect(try await dripping.end() == ["err 0 bad-first-line it did not come within 1 s"])
            drip.cancel()
            // On a busy machine the second may be over before the first line was read.
            var isTaken = false
            for _ in 0..<20 where !isTaken {
                let silent = try await RawSender(receiver.port)
                silent.push("meterfold/1 {\"ack\":true,\"token\":\"t\",\"utility\":\"electricity\"}\n")
                try await Task.sleep(for: .milliseconds(1500))
                silent.push(Self.lines("E-1", 0..<1))
                isTaken = (try? await silent.wait(forAcknowledgementOf: 1)) != nil
                await silent.close()
            }
            #expect(isTaken)
        }
    }

    @Test func `A connection that is to end and takes no replies is ended all the same`() async throws {
        try await LiveReceiver.running { receiver in
            receiver.limits.idleSeconds = 1
            receiver.limits.unreadReplySeconds = 1
            receiver.limits.unreadReplyByteCount = 256 << 20
        } _: { receiver in
            let deaf = try await RawSender(receiver.port, isReading: false)
            deaf.push(Self.jsonGreeting)
            // Replies that fill the system's buffers, and do not reach the bound.
            for _ in 0..<32 { deaf.push(Self.refusedLines(blockCount: 4)) }
            try await waitUntil("it is taken") { receiver.listener?.figures.acceptedCount == 1 }
            try await waitUntil("it is ended") { receiver.listener?.figures.openCount == 0 }
            await deaf.close()
        }
    }

    @Test func `Each of many at once gets its own positions`() async throws {
        try await LiveReceiver.running { receiver in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for i in 0..<200 {
                    group.addTask {
                        let sender = try await RawSender(receiver.port)
                        try await sender.send(Self.greeting)
                        for k in 0..<4 { try await sender.send(Self.lines("E-\(i)", k * 5..<k * 5 + 5)) }
                        let last = try await sender.answers().last
                        let words = try #require(last).split(separator: " ").map(String.init)
                        try #require(words.count == 3 && words[0] == "ok" && words[2] == "20", "\(words)")
                        let own = try receiver.logged().filter { $0.device == "E-\(i)" }
                        #expect(own.map(\.value) == (0..<20).map { $0 * 1_000_000 })
                        #expect(own.last.map { String($0.position) } == words[1])
                    }
                }
                try await group.waitForAll()
            }
            #expect(try receiver.logged().map(\.position) == Array(1...4000))
        }
    }

    @Test func `Tokens say who sends, and what`() async throws {
        try await LiveReceiver.running { receiver in
            receiver.access = TokenTable(principals: [
                "east": Principal(recordedBy: "token:1", rights: [.ingest], devices: NameGlob("E-*")),
                "west": Principal(recordedBy: "token:2", rights: [.ingest], devices: NameGlob("W-*")),
            ])
        } _: { receiver in
            func greeting(_ token: String) -> String {
                "meterfold/1 {\"ack\":true,\"token\":\"\(token)\",\"utility\":\"electricity\"}\n"
            }
            let (east, west) = (try await RawSender(receiver.port), try await RawSender(receiver.port))
            try await east.send(greeting("east") + Self.lines("E-1", 0..<1) + Self.lines("W-1", 0..<1))
            try await west.send(greeting("west") + Self.lines("W-1", 0..<2))
            let answers = (try await east.answers(), try await west.answers())
            #expect(answers.0.count == 2 && answers.0[0].hasPrefix("err 2 not-allowed "))
            #expect(answers.1.last?.hasSuffix(" 2") == true)
            let logged = try receiver.logged().map { "\($0.device) \($0.recordedBy)" }.sorted()
            #expect(logged == ["E-1 token:1", "W-1 token:2", "W-1 token:2"])
            let stranger = try await RawSender(receiver.port)
            try await stranger.send(greeting("north") + Self.lines("E-1", 0..<1))
            #expect(try await stranger.end() == ["err 0 unauthorized the token is unknown, revoked or expired"])
        }
    }
}
