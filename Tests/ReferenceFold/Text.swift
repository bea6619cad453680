/// A text compared, sorted and hashed by its UTF-8 bytes, never normalised (section 1).
///
/// `String` compares by canonical equivalence, which would merge names the text keeps apart.
struct Text: Hashable, Comparable, Sendable, ExpressibleByStringLiteral {
    let bytes: [UInt8]

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    init(_ string: String) {
        bytes = Array(string.utf8)
    }

    init(stringLiteral value: String) {
        self.init(value)
    }

    var string: String {
        String(decoding: bytes, as: UTF8.self)
    }

    static func < (left: Text, right: Text) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// Section 1: a name has 1 to 128 bytes and no control characters (U+0000 to U+001F, U+007F to U+009F).
    var isName: Bool {
        let hasControl = string.unicodeScalars.contains { scalar in
            scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        }
        return (1...128).contains(bytes.count) && !hasControl
    }
}
