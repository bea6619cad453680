/// What bounds the HTTP interface. At a limit a request is refused by name, or the socket pushes back; nothing grows.
package struct HTTPLimits: Sendable {
    /// Connections open at once; others wait to be accepted.
    package var connectionCount = 256
    /// Seconds without a byte after which a connection that waits for a request, or for the rest of one, is closed.
    package var idleSeconds: Int64 = 60
    /// Bytes a second that a body must come at, after its first `idleSeconds`; nil: however slowly it comes. Only the
    /// time counts during which the server waits for the sender.
    package var bodyBytesPerSecond: Int64? = 1024
    /// Seconds during which a reader may take nothing of an answer before he is cut off.
    package var stalledReaderSeconds: Int64 = 30
    /// Bytes of one header field, the request line's target too.
    package var headerFieldByteCount = 16 * 1024
    /// Bytes of all header fields together.
    package var headerByteCount = 32 * 1024
    /// Header fields.
    package var headerFieldCount = 100
    /// Bytes of a query string.
    package var queryByteCount = 8 * 1024
    /// Bytes of a body of readings or events on the wire, compressed or not.
    package var writeBodyByteCount = 32 * 1024 * 1024
    /// Bytes of a body that is one JSON object or one form.
    package var smallBodyByteCount = 64 * 1024
    /// Bodies of readings or events taken at once.
    package var concurrentWriteCount = 16
    /// Bytes of rows after which a page ends before it has its number of rows.
    package var pageByteCount = 2 * 1024 * 1024
    /// The longest wait for a position.
    package var waitSeconds: Int64 = 10
    /// Readers of the live feed at once.
    package var feedReaderCount = 64
    /// Items of the live feed handed on in one piece.
    package var feedPieceItemCount = 256
    /// Between two signs of life on a feed on which nothing happens.
    package var feedHeartbeat = Duration.seconds(15)
    /// Seconds after which a refused request asks to be made again.
    package var retryAfterSeconds = 1

    package init() {}
}
