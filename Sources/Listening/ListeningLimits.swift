/// The bounds of the listener: at each it pushes back or ends the connection that is at it, and nobody else.
package struct ListeningLimits: Sendable {
    /// Connections at a time; further ones are told so and closed.
    package var connectionCount = 16_384
    /// Connections of one address at a time; loopback has no such bound.
    package var connectionCountPerAddress = 1024
    /// Bytes of one connection that were read and are not taken in yet; it is not read from while there are more.
    package var unconsumedByteCount = 1 << 20
    /// Bytes of replies that a connection has not read; it is not read from while a sixteenth waits, and ended where
    /// there are more for `unreadReplySeconds`. What was read before is answered, so there may be as many more as the
    /// replies to `unconsumedByteCount` bytes.
    package var unreadReplyByteCount = 4 << 20
    /// How long replies may wait above that bound, or where the connection is to end, in seconds.
    package var unreadReplySeconds: Int64 = 30
    /// How long a connection may take until its first line has named a token, in seconds; nil: nobody needs one.
    package var firstLineSeconds: Int64?
    /// How long a connection may be silent, in seconds.
    package var idleSeconds: Int64 = 3600

    package init() {}
}
