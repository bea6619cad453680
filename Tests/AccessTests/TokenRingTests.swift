import Foundation
import MeterModel
import Testing

@testable import Access

/// Whom a token stands for, and how soon it stands for nobody.
struct TokenRingTests {
    let room: Room
    let clock = SetClock()
    let store: TokenStore

    init() throws {
        room = try Room()
        store = TokenStore(directory: room.path, clock: clock)
    }

    private func ring() -> TokenRing { TokenRing(directory: room.path, clock: clock) }

    @Test func `A token stands for its id, its rights and its devices`() throws {
        let made = try store.create(rights: [.ingest], devices: NameGlob("W-?"))
        let principal = try ring().principal(bearing: made.text)
        #expect(principal.recordedBy == "token:\(made.token.id)")
        #expect(principal.may(.ingest))
        #expect(!principal.may(.read) && !principal.may(.topUp) && !principal.may(.admin))
        #expect(principal.covers("W-1"))
        #expect(!principal.covers("E-1"))
    }

    @Test func `No token is missing, a wrong one refused`() throws {
        let made = try store.create(rights: [.read])
        let ring = ring()
        #expect(throws: AccessFault.missing) { try ring.principal(bearing: nil) }
        let id = made.token.id
        let otherSecret = TokenText(id: id, secret: TokenText.random().secret).text
        let right = try #require(TokenText(made.text))
        let otherID = TokenText(id: TokenText.random().id, secret: right.secret).text
        for wrong in ["", id, otherSecret, otherID, made.text.uppercased(), made.text + " ", "mf_\(id)_"] {
            #expect(throws: AccessFault.refused) { try ring.principal(bearing: wrong) }
        }
        #expect(throws: Never.self) { try ring.principal(bearing: made.text) }
    }

    @Test func `The secret that stands in for an unknown id opens nothing`() throws {
        #expect(throws: AccessFault.refused) { try ring().principal(bearing: "nobody") }
    }

    @Test func `A token is refused from its expiry on`() throws {
        let expiry = Instant(milliseconds: clock.now().milliseconds + 100)
        let made = try store.create(rights: [.read], expiresAt: expiry)
        let ring = ring()
        clock.advance(99)
        #expect(throws: Never.self) { try ring.principal(bearing: made.text) }
        clock.advance(1)
        #expect(throws: AccessFault.refused) { try ring.principal(bearing: made.text) }
    }

    @Test func `What another process makes or revokes is known within the interval`() throws {
        let ring = ring()
        let made = try store.create(rights: [.read])
        #expect(throws: AccessFault.refused) { try ring.principal(bearing: made.text) }
        clock.advance(TokenRing.lookIntervalMilliseconds)
        #expect(throws: Never.self) { try ring.principal(bearing: made.text) }
        try store.revoke(made.token.id)
        clock.advance(TokenRing.lookIntervalMilliseconds - 1)
        #expect(throws: Never.self) { try ring.principal(bearing: made.text) }
        clock.advance(1)
        #expect(throws: AccessFault.refused) { try ring.principal(bearing: made.text) }
    }

    @Test func `A clock set back does not keep a revoked token alive`() throws {
        let made = try store.create(rights: [.read])
        let ring = ring()
        try store.revoke(made.token.id)
        clock.advance(-3_600_000)
        #expect(throws: AccessFault.refused) { try ring.principal(bearing: made.text) }
    }

    @Test func `A file that cannot be read lets nobody in until it is mended`() throws {
        let made = try store.create(rights: [.read])
        let ring = ring()
        #expect(ring.fault == nil)
        let good = try String(contentsOfFile: room.tokens, encoding: .utf8)
        try (good + "rubbish\n").write(toFile: room.tokens, atomically: true, encoding: .utf8)
        ring.reload()
        #expect(ring.fault?.place == "\(room.tokens):2")
        #expect(throws: AccessFault.refused) { try ring.principal(bearing: made.text) }
        try good.write(toFile: room.tokens, atomically: true, encoding: .utf8)
        ring.reload()
        #expect(ring.fault == nil)
        #expect(throws: Never.self) { try ring.principal(bearing: made.text) }
    }

    @Test func `A file that goes takes its tokens with it`() throws {
        let made = try store.create(rights: [.read])
        let ring = ring()
        try FileManager.default.removeItem(atPath: room.tokens)
        ring.reload()
        #expect(throws: AccessFault.refused) { try ring.principal(bearing: made.text) }
    }

    @Test func `Many threads may ask while tokens change`() async throws {
        let made = try store.create(rights: [.read])
        let ring = ring()
        let answers = await withTaskGroup(of: Bool.self) { group in
            for i in 0..<64 {
                group.addTask {
                    if i % 8 == 0 { ring.reload() }
                    return (try? ring.principal(bearing: made.text)) != nil
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(answers == 64)
    }
}

/// What is taken for a token in a header.
struct BearerHeaderTests {
    @Test(arguments: ["Bearer mf_a_b", "bearer  mf_a_b", "Token mf_a_b", "TOKEN mf_a_b", " Bearer mf_a_b "])
    func `Both schemes carry a token`(_ value: String) { #expect(BearerHeader.token(value) == "mf_a_b") }

    @Test(arguments: ["", "Bearer", "mf_a_b", "Basic bWY6", "Bearer a b", "Bearer\tmf_a_b"])
    func `Anything else carries none`(_ value: String) { #expect(BearerHeader.token(value) == nil) }
}
