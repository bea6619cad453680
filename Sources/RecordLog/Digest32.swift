import Crypto

/// A SHA-256 value: 32 bytes.
package struct Digest32: Sendable, Hashable, CustomStringConvertible {
    /// The number of bytes of a digest.
    package static let byteCount = 32

    private var words: (UInt64, UInt64, UInt64, UInt64)

    /// All zero: the chain value before the first block.
    package static let zero = Digest32()

    private init() { words = (0, 0, 0, 0) }

    /// Takes the first 32 bytes.
    ///
    /// - Precondition: `bytes` holds at least 32 bytes.
    package init(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count >= Self.byteCount, "a digest has 32 bytes")
        words = (0, 0, 0, 0)
        Swift.withUnsafeMutableBytes(of: &words) { target in
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<Self.byteCount]))
        }
    }

    /// Takes 32 bytes; `nil` if there are more or fewer.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self = bytes.withUnsafeBytes { Digest32($0) }
    }

    /// The SHA-256 of `content`.
    ///
    /// Linear in its length.
    package static func sha256(_ content: UnsafeRawBufferPointer) -> Digest32 {
        var hash = SHA256()
        hash.update(bufferPointer: content)
        return hash.finalize().withUnsafeBytes { Digest32($0) }
    }

    /// Lends the 32 bytes.
    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        Swift.withUnsafeBytes(of: words, body)
    }

    package static func == (left: Digest32, right: Digest32) -> Bool {
        left.words == right.words
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }

    /// 64 lower-case hexadecimal digits.
    package var description: String {
        let digits = Array("0123456789abcdef".utf8)
        return withUnsafeBytes { bytes in
            var text: [UInt8] = []
            text.reserveCapacity(2 * Self.byteCount)
            for byte in bytes {
                text.append(digits[Int(byte >> 4)])
                text.append(digits[Int(byte & 15)])
            }
            return String(decoding: text, as: UTF8.self)
        }
    }

    /// The chain value after a block: see "Chain" in `docs/record-log-format.md`.
    package func appending(firstPosition: UInt64, recordCount: UInt32, contentDigest: Digest32) -> Digest32 {
        withUnsafeTemporaryAllocation(byteCount: 76, alignment: 8) { buffer in
            buffer.storeDigest(self, at: 0)
            buffer.store(firstPosition, at: 32)
            buffer.store(recordCount, at: 40)
            buffer.storeDigest(contentDigest, at: 44)
            return Digest32.sha256(UnsafeRawBufferPointer(buffer))
        }
    }
}
