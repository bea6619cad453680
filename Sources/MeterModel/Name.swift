/// The rule for names of devices, registers, tariffs, rules, accounts and references.
package enum Name {
    /// The longest name, in UTF-8 bytes.
    package static let maximumByteCount = 128

    /// Whether valid UTF-8 bytes are a name: 1 to 128 bytes, no control characters (C0, DEL, C1).
    @inlinable
    package static func isValid(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard bytes.count >= 1, bytes.count <= maximumByteCount else { return false }
        for i in 0..<bytes.count {
            let byte = bytes[i]
            if byte < 0x20 || byte == 0x7F { return false }
            if byte == 0xC2, i + 1 < bytes.count, bytes[i + 1] < 0xA0 { return false }
        }
        return true
    }

    package static func isValid(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { isValid($0) }
    }
}
