package import MeterModel

/// Single events as bytes, for who keeps some outside of the log: a kind byte and the payload, as blocks have them.
package enum EventPayload {
    /// An event's bytes.
    package static func bytes(of event: MeterEvent) -> [UInt8] {
        var out = ByteWriter()
        out.append(EventKind(event).rawValue)
        EventWriter.write(event, into: &out)
        return Array(out.bytes)
    }

    /// The event of bytes that may say anything.
    package static func event(_ bytes: UnsafeRawBufferPointer) throws(MalformedBytes) -> MeterEvent {
        guard let kind = bytes.first else { throw MalformedBytes(reason: "no event", byteOffset: 0) }
        return try EventReader.read(kind: kind, payload: UnsafeRawBufferPointer(rebasing: bytes.dropFirst()))
    }
}
