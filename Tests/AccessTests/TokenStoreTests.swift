import Foundation
import MeterModel
import Testing

@testable import Access

/// Tokens are kept by their digests, and no change of the file is lost.
struct TokenStoreTests {
    @Test func `What is made is listed, without its secret on disk`() throws {
        let room = try Room()
        let clock = SetClock()
        let store = TokenStore(directory: room.path, clock: clock)
        let expiry = Instant(milliseconds: clock.now().milliseconds + 1)
        let made = try store.create(
            rights: [.read, .topUp],
            devices: NameGlob("E-*"),
            expiresAt: expiry,
            note: "the \"shop\"\nnext door"
        )
        #expect(try store.list() == [made.token])
        #expect(made.token.rights == [.read, .topUp])
        #expect(made.token.expiresAt == expiry)
        let text = try #require(TokenText(made.text))
        #expect(text.id == made.token.id)
        let file = try String(contentsOfFile: room.tokens, encoding: .utf8)
        #expect(file.contains(text.id))
        #expect(!file.contains(text.secret))
        #expect(file.split(separator: "\n").count == 1)
        let mode = try FileManager.default.attributesOfItem(atPath: room.tokens)[.posixPermissions]
        #expect(mode as? NSNumber == NSNumber(value: 0o600))
    }

    @Test func `Tokens are long, of one case, and differ`() throws {
        let texts = (0..<200).map { _ in TokenText.random() }
        #expect(Set(texts.map(\.secret)).count == 200)
        #expect(texts.allSatisfy { TokenText($0.text) == $0 })
        #expect(Double(TokenText.secretLength) * 5 >= 256)
        // Each of the 32 characters turns up among 10,400: a generator that is stuck would show.
        #expect(Set(texts.flatMap { Array($0.secret) }).count == 32)
    }

    @Test(arguments: ["", "mf", "mf__", "mf_abc_def", "xx_abcdefghij_", "mf_abcdefghij_ABC", "_mf_abcdefghij"])
    func `What cannot be a token is none`(_ text: String) { #expect(TokenText(text) == nil) }

    @Test func `A revoked token stays revoked since when it first was`() throws {
        let room = try Room()
        let clock = SetClock()
        let store = TokenStore(directory: room.path, clock: clock)
        let made = try store.create(rights: [.read])
        let first = try store.revoke(made.token.id)
        clock.advance(5)
        #expect(try store.revoke(made.text) == first)
        #expect(first.revokedAt == made.token.createdAt)
        #expect(throws: TokenFault.self) { try store.revoke("aaaaaaaaaa") }
    }

    @Test func `Nothing is made of no rights, an expiry gone by, or a note beyond its limit`() throws {
        let room = try Room()
        let clock = SetClock()
        let store = TokenStore(directory: room.path, clock: clock)
        #expect(throws: TokenFault.self) { try store.create(rights: []) }
        #expect(throws: TokenFault.self) { try store.create(rights: [.read], expiresAt: clock.now()) }
        let note = String(repeating: "n", count: TokenStore.maximumNoteByteCount + 1)
        #expect(throws: TokenFault.self) { try store.create(rights: [.read], note: note) }
        #expect(!FileManager.default.fileExists(atPath: room.tokens))
    }

    @Test func `Many who create at once lose none`() async throws {
        let room = try Room()
        let path = room.path
        let ids = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    // A store each: the lock between them is the file's, as between processes.
                    try TokenStore(directory: path, clock: SetClock()).create(rights: [.ingest]).token.id
                }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        let listed = try TokenStore(directory: path, clock: SetClock()).list()
        #expect(ids.count == 40)
        #expect(Set(listed.map(\.id)) == ids)
    }

    @Test func `A full file makes room by what lets nobody in, else says so`() throws {
        let room = try Room()
        let clock = SetClock()
        let store = TokenStore(directory: room.path, clock: clock)
        let first = try store.create(rights: [.read]).token
        var tokens = [first]
        while tokens.count < TokenStore.maximumTokenCount {
            var token = first
            token.id = TokenText.random().id
            tokens.append(token)
        }
        try TokenFile(path: room.tokens).replace(with: tokens)
        #expect(throws: TokenFault.self) { try store.create(rights: [.read]) }
        try store.revoke(tokens[7].id)
        let made = try store.create(rights: [.read]).token
        let listed = try store.list()
        #expect(listed.count == TokenStore.maximumTokenCount)
        #expect(listed.last == made)
        #expect(!listed.contains { $0.id == tokens[7].id })
    }

    @Test(arguments: [
        "{", "{}", #"{"id":"short","sha256":"00","can":["read"],"createdAt":1}"#,
        #"{"id":"abcdefghij","sha256":"\#(String(repeating: "0", count: 64))","can":["everything"],"createdAt":1}"#,
        #"{"id":"abcdefghij","sha256":"\#(String(repeating: "0", count: 64))","can":[],"createdAt":1}"#,
        #"{"id":"abcdefghij","sha256":"\#(String(repeating: "0", count: 64))","can":["read"],"devices":"","createdAt":1}"#,
    ])
    func `A line that is not understood is named, and the file left alone`(_ line: String) throws {
        let room = try Room()
        let store = TokenStore(directory: room.path, clock: SetClock())
        _ = try store.create(rights: [.read])
        let damaged = try String(contentsOfFile: room.tokens, encoding: .utf8) + line + "\n"
        try damaged.write(toFile: room.tokens, atomically: true, encoding: .utf8)
        let fault = #expect(throws: TokenFault.self) { try store.create(rights: [.read]) }
        #expect(fault?.place == "\(room.tokens):2")
        #expect(try String(contentsOfFile: room.tokens, encoding: .utf8) == damaged)
    }
}
