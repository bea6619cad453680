import AsyncHTTPClient
import MeterModel
import NIOCore
import NIOHTTP1
import Testing

@testable import QueryAPI

@Suite struct FeedTests {
    private func item(_ position: UInt64, _ device: String = "E-1", _ kind: FeedItem.Kind = .crossed) -> FeedItem {
        FeedItem(position: Position(position), kind: kind, device: device, data: Array("{\"p\": \(position)}".utf8))
    }

    @Test func `a ring remembers so many and tells of gaps`() {
        let ring = FeedRing(capacity: 4, from: Position(10))
        var cursor = FeedCursor(after: Position(9))
        #expect(ring.read(&cursor, maximumCount: 9) == .gap(through: Position(10)))
        #expect(ring.read(&cursor, maximumCount: 9) == .items([], through: Position(10)))
        ring.publish([item(11), item(12), item(12), item(13)], through: Position(15))
        guard case .items(let entries, let through) = ring.read(&cursor, maximumCount: 3) else {
            Issue.record("a gap")
            return
        }
        #expect(entries.map(\.item.position.rawValue) == [11, 12, 12] && through == Position(12))
        #expect(entries.map(\.isLast) == [true, false, true])
        #expect(
            ring.read(&cursor, maximumCount: 3) == .items([.init(item: item(13), isLast: true)], through: Position(15))
        )
        #expect(ring.position == Position(15))
        // Who begins later finds what is remembered, and nothing of what was before his position.
        var later = FeedCursor(after: Position(12))
        #expect(
            ring.read(&later, maximumCount: 9) == .items([.init(item: item(13), isLast: true)], through: Position(15))
        )
        ring.publish([item(16), item(17), item(18), item(19), item(20)])
        #expect(ring.read(&cursor, maximumCount: 9) == .gap(through: Position(16)))
        var early = FeedCursor(after: Position(15))
        #expect(ring.read(&early, maximumCount: 9) == .gap(through: Position(16)))
        var exact = FeedCursor(after: Position(16))
        guard case .items(let last, _) = ring.read(&exact, maximumCount: 9) else {
            Issue.record("a gap")
            return
        }
        #expect(last.map(\.item.position.rawValue) == [17, 18, 19, 20])
    }

    @Test func `readers are woken, and let go when the ring closes`() async {
        let ring = FeedRing(from: .origin)
        var wakeups = ring.wakeups().makeAsyncIterator()
        ring.publish([item(1)])
        ring.publish([item(2)])
        #expect(await wakeups.next() != nil)
        ring.close()
        #expect(await wakeups.next() == nil)
        var late = ring.wakeups().makeAsyncIterator()
        #expect(await late.next() == nil)
    }

    @Test func `what happens is told while it is new, and from where a reader was`() async throws {
        let setup = try ServerSetup()
        try await setup.run { asker in
            let reader = try await FeedReader(asker, "/v1/feed")
            #expect(reader.head("Content-Type") == "text/event-stream" && reader.head("Meterfold-Position") == "42")
            setup.feed.publish([item(43), item(44, "W-2", .balance), item(44, "E-3", .cleared)])
            #expect(
                try await reader.events(3) == [
                    "event: crossed|id: 43|data: {\"p\": 43}", "event: balance|data: {\"p\": 44}",
                    "event: cleared|id: 44|data: {\"p\": 44}",
                ]
            )
            let resumed = try await FeedReader(asker, "/v1/feed?after=1", [("Last-Event-ID", "43")])
            #expect(try await resumed.events(2).count == 2)
            let asked = try await FeedReader(asker, "/v1/feed?after=42&device=W-2")
            // The last of a position is another's: its id is told alone.
            #expect(try await asked.events(2) == ["event: balance|data: {\"p\": 44}", "id: 44"])
            let east = try await FeedReader(asker.bearing("east"), "/v1/feed?after=42")
            #expect(try await east.events(2).map { $0.prefix(14) } == ["event: crossed", "event: cleared"])
            let old = try await FeedReader(asker, "/v1/feed?after=7")
            #expect(
                try await old.events(2) == [
                    "event: gap|id: 42|data: {\"after\": 7, \"through\": 42}",
                    "event: crossed|id: 43|data: {\"p\": 43}",
                ]
            )
            #expect(try await asker.get("/v1/feed?after=x").problem == "bad-parameter")
            #expect(try await asker.get("/v1/feed", [("Accept", "application/json")]).problem == "not-acceptable")
        }
    }

    @Test func `signs of life move a reader on, of whose devices nothing is told`() async throws {
        var setup = try ServerSetup()
        setup.limits.feedHeartbeat = .milliseconds(20)
        try await setup.run { asker in
            let reader = try await FeedReader(asker, "/v1/feed?device=W-2")
            #expect(try await reader.blocks(1) == [": heartbeat"])
            setup.feed.publish([item(50)])
            var blocks: [String] = []
            repeat { blocks = try await reader.blocks(1) } while blocks == [": heartbeat"]
            #expect(blocks == [": heartbeat|id: 50"])
        }
    }

    @Test func `a reader who takes nothing is let go, and nothing is kept for him`() async throws {
        let setup = try ServerSetup()
        let large = Array("\"\(String(repeating: "x", count: 100_000))\"".utf8)
        try await setup.run { asker in
            let reader = try await FeedReader(asker, "/v1/feed")
            for position in UInt64(43)..<643 {
                setup.feed.publish([
                    FeedItem(position: Position(position), kind: .balance, device: "E-1", data: large)
                ])
                if position.isMultiple(of: 20) { await Task.yield() }
            }
            var blocks: [String] = []
            while let block = try await reader.nextBlock() { blocks.append(block) }
            #expect(blocks.last?.hasPrefix("event: gap|id: ") == true)
            #expect(blocks.count < 600)
        }
    }

    @Test func `readers of the feed are counted`() async throws {
        var setup = try ServerSetup()
        setup.limits.feedReaderCount = 1
        try await setup.run { asker in
            let reader = try await FeedReader(asker, "/v1/feed")
            let second = try await asker.get("/v1/feed")
            #expect(second.status == 503 && second.problem == "busy")
            // A question about the feed takes no place for long.
            setup.feed.publish([item(43)])
            #expect(try await reader.events(1).count == 1)
        }
    }
}

/// Reads server-sent events, block by block, the lines of each joined by `|`.
// Safety: each belongs to one test, which asks it one thing after the other.
private final class FeedReader: @unchecked Sendable {
    private let response: HTTPClientResponse
    private var bytes: HTTPClientResponse.Body.AsyncIterator
    private var pending: [UInt8] = []

    init(_ asker: Asker, _ path: String, _ headers: [(String, String)] = []) async throws {
        let request = asker.request(.GET, path, headers)
        response = try await asker.client.execute(request, timeout: .minutes(10))
        bytes = response.body.makeAsyncIterator()
        #expect(response.status == .ok)
        // The greeting.
        _ = try await nextBlock()
    }

    func head(_ name: String) -> String? { response.headers.first(name: name) }

    @concurrent
    func nextBlock() async throws -> String? {
        while true {
            if let end = pending.firstRange(of: Array("\n\n".utf8)) {
                let block = String(decoding: pending[..<end.lowerBound], as: UTF8.self)
                pending.removeSubrange(..<end.upperBound)
                return block.replacing("\n", with: "|")
            }
            guard let piece = try await bytes.next() else { return nil }
            pending.append(contentsOf: piece.readableBytesView)
        }
    }

    func blocks(_ count: Int) async throws -> [String] {
        var blocks: [String] = []
        while blocks.count < count, let block = try await nextBlock() { blocks.append(block) }
        return blocks
    }

    func events(_ count: Int) async throws -> [String] {
        var events: [String] = []
        while events.count < count, let block = try await nextBlock() {
            if !block.hasPrefix(":") { events.append(block) }
        }
        return events
    }
}
