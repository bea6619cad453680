/// The text of a token, which its bearer sends: `mf_<id>_<secret>`.
///
/// The id finds the token and may be shown; the secret is known to its bearer alone. Neither contains `_`.
struct TokenText: Hashable, Sendable {
    var id: String
    var secret: String

    static let prefix = "mf"
    /// Characters of an id: 50 random bits, enough that ids do not meet by chance among `TokenStore.maximumTokenCount`.
    static let idLength = 10
    /// Characters of a secret: 260 random bits. Nobody guesses so many, which is why its plain SHA-256 is stored: a
    /// slow hash helps where people choose passwords, and would only slow each request down here.
    static let secretLength = 52

    /// RFC 4648 base32 in lower case: one case, no character that needs quoting anywhere.
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    init(id: String, secret: String) {
        self.id = id
        self.secret = secret
    }

    /// - Returns: nil of a text that cannot be a token.
    init?(_ text: String) {
        let parts = text.split(separator: "_", maxSplits: 3, omittingEmptySubsequences: false)
        guard text.utf8.count <= 128, parts.count == 3, parts[0] == Self.prefix, Self.isID(parts[1]),
            parts[2].utf8.count == Self.secretLength, parts[2].utf8.allSatisfy(Self.alphabet.contains)
        else { return nil }
        self.init(id: String(parts[1]), secret: String(parts[2]))
    }

    var text: String { "\(Self.prefix)_\(id)_\(secret)" }

    static func isID(_ text: some StringProtocol) -> Bool {
        text.utf8.count == idLength && text.utf8.allSatisfy(alphabet.contains)
    }

    /// A new token. The system's generator is made for secrets: on Linux it is the kernel's.
    static func random() -> TokenText { TokenText(id: characters(idLength), secret: characters(secretLength)) }

    private static func characters(_ count: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        // 32 divides 256, so no character is likelier than another.
        let bytes = (0..<count).map { _ in alphabet[Int(UInt8.random(in: 0...255, using: &generator) & 31)] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
