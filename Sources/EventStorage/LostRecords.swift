package import MeterModel

/// What the log keeps of records that were given up: how many there were, and when and why they were given up.
///
/// The payload is a varint count, a zigzag instant in milliseconds and a text (`docs/event-format.md`).
package struct LostRecords: Hashable, Sendable {
    /// How many records there were, at least 1.
    package let count: Int
    /// The clock when they were given up.
    package let givenUpAt: Instant
    /// What was wrong with them.
    package let reason: String

    /// The kind of its run.
    static let kind: UInt8 = 255
    /// The first version of a block body that may have such a run.
    static let bodyVersion: UInt8 = 3
    /// The longest reason, in bytes of UTF-8.
    package static let maximumReasonByteCount = 1024

    init(count: Int, givenUpAt: Instant, reason: String) {
        precondition(count > 0 && reason.utf8.count <= LostRecords.maximumReasonByteCount, "no such loss")
        self.count = count
        self.givenUpAt = givenUpAt
        self.reason = reason
    }

    init(_ payload: UnsafeRawBufferPointer) throws(MalformedBytes) {
        var reader = ByteReader(payload)
        count = try reader.count(atMost: Int(UInt32.max), "lost records")
        givenUpAt = Instant(milliseconds: try reader.zigzag())
        reason = try reader.text(atMost: LostRecords.maximumReasonByteCount)
        guard count > 0, reader.isAtEnd else { throw reader.malformed("a count of lost records that is none") }
    }

    func write(into out: inout ByteWriter) {
        out.append(varint: UInt64(count))
        out.append(zigzag: givenUpAt.milliseconds)
        out.append(text: reason)
    }
}
