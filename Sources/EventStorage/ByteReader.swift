/// Bytes of a body, an index or a payload that say what they must not.
package struct MalformedBytes: Error, Hashable, CustomStringConvertible {
    /// What is wrong, in words.
    package var reason: String
    /// Where it was noticed, from the start of the bytes decoded.
    package var byteOffset: Int

    package var description: String { "\(reason) at byte \(byteOffset)" }
}

/// A cursor over bytes that may say anything: each read is checked against the end.
struct ByteReader {
    let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var remaining: Int { bytes.count - offset }
    var isAtEnd: Bool { offset == bytes.count }

    func malformed(_ reason: String) -> MalformedBytes { MalformedBytes(reason: reason, byteOffset: offset) }

    mutating func byte() throws(MalformedBytes) -> UInt8 {
        guard offset < bytes.count else { throw malformed("ends early") }
        defer { offset += 1 }
        return bytes[offset]
    }

    mutating func int64() throws(MalformedBytes) -> Int64 {
        guard remaining >= 8 else { throw malformed("ends early") }
        defer { offset += 8 }
        return Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self))
    }

    /// A varint of at most 64 bits in its shortest form.
    mutating func varint() throws(MalformedBytes) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try byte()
            if shift == 63, byte > 1 { throw malformed("varint outgrows 64 bits") }
            value |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 {
                if byte == 0, shift > 0 { throw malformed("varint is not in its shortest form") }
                return value
            }
            shift += 7
        }
    }

    mutating func zigzag() throws(MalformedBytes) -> Int64 { Varint.unzigzag(try varint()) }

    /// A varint that counts or numbers something and must not exceed `limit`.
    mutating func count(atMost limit: Int, _ what: String) throws(MalformedBytes) -> Int {
        let value = try varint()
        guard value <= UInt64(limit) else { throw malformed("\(what) \(value) exceeds \(limit)") }
        return Int(value)
    }

    /// Passes over bytes of 0, each a varint of 0, up to so many.
    ///
    /// - Returns: how many there were.
    mutating func zeros(atMost limit: Int) -> Int {
        let end = offset + min(limit, remaining)
        let start = offset
        while offset + 8 <= end, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) == 0 { offset += 8 }
        while offset < end, bytes[offset] == 0 { offset += 1 }
        return offset - start
    }

    /// The next `byteCount` bytes.
    mutating func slice(_ byteCount: Int) throws(MalformedBytes) -> UnsafeRawBufferPointer {
        guard byteCount >= 0, byteCount <= remaining else { throw malformed("ends early") }
        defer { offset += byteCount }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + byteCount])
    }

    mutating func text(atMost limit: Int) throws(MalformedBytes) -> String {
        let byteCount = try count(atMost: limit, "byte count of a text")
        let utf8 = try slice(byteCount)
        var union: UInt8 = 0
        for byte in utf8 { union |= byte }
        // Most are ASCII, which needs no other check.
        if union < 0x80 {
            return String(unsafeUninitializedCapacity: byteCount) { text in
                UnsafeMutableRawBufferPointer(text).copyMemory(from: utf8)
                return byteCount
            }
        }
        guard let text = String(validating: utf8, as: UTF8.self) else { throw malformed("text is not UTF-8") }
        return text
    }
}
