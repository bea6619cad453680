import Crypto
package import MeterModel
import Synchronization

/// The tokens of a data directory, at hand to answer whom one stands for.
///
/// Invariants: what it knows is one whole version of the file; a version that cannot be read lets nobody in; the file
/// is looked at when a token comes, `lookIntervalMilliseconds` after the last look at the earliest, so that a revoked
/// token is refused that soon without a restart. Safe to use from any thread.
package final class TokenRing: Authorizing {
    /// How long a change of the file may go unseen, in milliseconds.
    package static let lookIntervalMilliseconds: Int64 = 1000

    private struct State {
        var tokens: [String: StoredToken] = [:]
        var identity: TokenFile.Identity?
        var lookedAt: Instant?
        var fault: TokenFault?
    }

    private let file: TokenFile
    private let clock: any WallClock
    private let state = Mutex(State())
    /// What a secret is compared with where no token has the id, so that it takes the same path.
    private static let nobody = Array(SHA256.hash(data: Array("nobody".utf8)))

    /// - Parameters:
    ///   - directory: the data directory; without a file of tokens in it nobody is let in.
    ///   - clock: the time of day, by which tokens expire.
    package init(directory: String, clock: any WallClock) {
        file = TokenFile(path: TokenStore.path(in: directory))
        self.clock = clock
        reload()
    }

    /// Why nobody is let in, where the file cannot be read.
    package var fault: TokenFault? { state.withLock { $0.fault } }

    /// Looks at the file now, and reads it if it is another.
    package func reload() {
        let now = clock.now()
        state.withLock { look(&$0, now) }
    }

    package func principal(bearing token: String?) throws(AccessFault) -> Principal {
        guard let token else { throw .missing }
        let now = clock.now()
        let parsed = TokenText(token)
        let stored = state.withLock { state in
            // A clock that was set back must not put the next look off.
            let isFresh = state.lookedAt.map { (0..<Self.lookIntervalMilliseconds).contains(now - $0) } ?? false
            if !isFresh { look(&state, now) }
            return parsed.flatMap { state.tokens[$0.id] }
        }
        // The comparison takes the same time whichever byte differs.
        let isRight = StoredToken.digest(of: parsed?.secret ?? token) == (stored?.digest ?? Self.nobody)
        guard isRight, let stored, stored.standing(at: now) == .active else { throw .refused }
        return stored.principal
    }

    private func look(_ state: inout State, _ now: Instant) {
        state.lookedAt = now
        let identity = file.identity()
        if identity == state.identity, identity == nil || state.fault == nil { return }
        do throws(TokenFault) {
            let tokens = try file.read()
            state.tokens = Dictionary(tokens.map { ($0.id, $0) }) { $1 }
            state.fault = nil
        } catch {
            state.tokens = [:]
            state.fault = error
        }
        // Of a file replaced since, the identity is the older one's: the next look reads it again.
        state.identity = identity
    }
}

extension Instant {
    /// Milliseconds from one instant to another.
    fileprivate static func - (a: Instant, b: Instant) -> Int64 { a.milliseconds - b.milliseconds }
}
