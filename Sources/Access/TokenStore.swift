import Glibc
package import MeterModel

/// The tokens of a data directory: made, listed, revoked.
///
/// Invariants: who changes the file holds the lock beside it from reading to renaming, so no change is lost, whatever
/// other processes do; a secret leaves `create` once and is kept nowhere.
package struct TokenStore: Sendable {
    /// Most tokens kept, those revoked or expired included.
    package static let maximumTokenCount = 10_000
    /// The longest note, in UTF-8 bytes.
    package static let maximumNoteByteCount = 256

    private let file: TokenFile
    private let lockPath: String
    private let clock: any WallClock

    /// - Parameters:
    ///   - directory: an existing data directory.
    ///   - clock: the time of day.
    package init(directory: String, clock: any WallClock) {
        file = TokenFile(path: TokenStore.path(in: directory))
        lockPath = "\(directory)/tokens.lock"
        self.clock = clock
    }

    /// Where the tokens of a data directory lie.
    package static func path(in directory: String) -> String { "\(directory)/tokens" }

    /// Makes a token, durably.
    ///
    /// - Parameters:
    ///   - rights: what it allows, one at least.
    ///   - devices: the devices it is about; nil: all.
    ///   - expiresAt: from when on it is refused; nil: never.
    ///   - note: what it is for.
    /// - Returns: what is kept of it, and its text, which can never be had again.
    /// - Throws: `TokenFault` where nothing was made.
    package func create(
        rights: Set<Right>,
        devices: NameGlob? = nil,
        expiresAt: Instant? = nil,
        note: String? = nil
    ) throws(TokenFault) -> (token: StoredToken, text: String) {
        let now = clock.now()
        guard !rights.isEmpty else {
            throw TokenFault("token", "it would allow nothing", hint: "say what it can do")
        }
        if let expiresAt, expiresAt <= now {
            throw TokenFault("token", "it would have expired already", hint: "let it expire later")
        }
        if let note, note.utf8.count > Self.maximumNoteByteCount {
            throw TokenFault("token", "its note is too long", hint: "at most \(Self.maximumNoteByteCount) bytes")
        }
        return try changing { (tokens: inout [StoredToken]) throws(TokenFault) in
            try makeRoom(&tokens, now)
            var text = TokenText.random()
            while tokens.contains(where: { $0.id == text.id }) { text = .random() }
            let token = StoredToken(
                id: text.id,
                digest: Array(StoredToken.digest(of: text.secret)),
                rights: rights,
                devices: devices,
                createdAt: now,
                expiresAt: expiresAt,
                note: note
            )
            tokens.append(token)
            return (token, text.text)
        }
    }

    /// All tokens in order of making.
    package func list() throws(TokenFault) -> [StoredToken] { try file.read() }

    /// Revokes a token for good; one that is revoked already stays as it is.
    ///
    /// - Parameter id: its id, or the token's whole text.
    /// - Returns: the token as it now stands.
    /// - Throws: `TokenFault` where there is none.
    @discardableResult
    package func revoke(_ id: String) throws(TokenFault) -> StoredToken {
        let id = TokenText(id)?.id ?? id
        let now = clock.now()
        return try changing { (tokens: inout [StoredToken]) throws(TokenFault) in
            guard let at = tokens.firstIndex(where: { $0.id == id }) else {
                throw TokenFault("token", "there is none with this id", hint: "'meterfold token list' shows all")
            }
            tokens[at].revokedAt = tokens[at].revokedAt ?? now
            return tokens[at]
        }
    }

    /// Those that let nobody in any more make room, the oldest first.
    private func makeRoom(_ tokens: inout [StoredToken], _ now: Instant) throws(TokenFault) {
        while tokens.count >= Self.maximumTokenCount {
            guard let at = tokens.firstIndex(where: { $0.standing(at: now) != .active }) else {
                throw TokenFault(
                    file.path,
                    "there are \(Self.maximumTokenCount) tokens, and all are in force",
                    hint: "revoke those that nobody needs"
                )
            }
            tokens.remove(at: at)
        }
    }

    private func changing<Result>(
        _ body: (inout [StoredToken]) throws(TokenFault) -> Result
    ) throws(TokenFault) -> Result {
        let lock = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw lockFault() }
        // Closing gives the lock back, as does the end of the process.
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0 { if errno != EINTR { throw lockFault() } }
        let before = try file.read()
        var tokens = before
        let result = try body(&tokens)
        if tokens != before { try file.replace(with: tokens) }
        return result
    }

    private func lockFault() -> TokenFault {
        TokenFault(
            lockPath,
            "cannot be locked: \(TokenFile.lastError)",
            hint: "check that this is a data directory and that you may write to it"
        )
    }
}
