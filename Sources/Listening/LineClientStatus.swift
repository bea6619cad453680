import Ingest

/// A line that the receiver did not take.
package struct SendRefusal: Equatable, Sendable {
    /// Counted from 1 in the source, whatever connection it went over.
    package var line: UInt64
    package var code: String
    package var text: String

    package init(line: UInt64, code: String, text: String) {
        self.line = line
        self.code = code
        self.text = text
    }
}

/// How far a client is.
package struct SendStatus: Equatable, Sendable {
    /// Lines and bytes taken from the source.
    package var lineCount: UInt64 = 0
    package var byteCount: UInt64 = 0
    /// The last line of the source that is durable or refused; without acknowledgements the last that was written out.
    package var ackedLine: UInt64 = 0
    /// The highest position that the receiver named.
    package var lastPosition: UInt64?
    package var refusedCount = 0
    /// How many were refused, by code; beyond `maximumCodeCount` codes under `other`.
    package var refusals: [String: Int] = [:]
    /// How often a connection was made again.
    package var reconnectCount = 0
    /// From when lines were due to their acknowledgement, where they were given with a time.
    package var latency = LineClientLatency()

    static let maximumCodeCount = 64

    /// Nothing yet.
    package init() {}

    mutating func count(_ refusal: SendRefusal) {
        refusedCount += 1
        let isKnown = refusals[refusal.code] != nil || refusals.count < SendStatus.maximumCodeCount
        refusals[isKnown ? refusal.code : "other", default: 0] += 1
    }
}

/// What happens to a client while it sends.
package enum SendEvent: Equatable, Sendable {
    case refused(SendRefusal)
    /// The connection was lost, or could not be made; the next attempt comes after so many milliseconds.
    case lost(reason: String, retryMilliseconds: Int64)
    /// A connection was made again; sending goes on behind that line of the source.
    case resumed(afterLine: UInt64)
}

/// Why sending ended before everything was acknowledged.
package enum SendFault: Error, Equatable, Sendable {
    /// The certificates cannot be used: why.
    case badTLS(String)
    /// Nothing got through for too long: why not.
    case unreachable(String)
    /// The receiver does not want this connection, and would not want it again.
    case rejected(code: String, text: String)
    /// What came back is not what a receiver of readings says.
    case notUnderstood(String)
    /// The time to wait for acknowledgements, after sending was to end, is over.
    case notDrained
}

/// Why a receiver closes a connection, as far as it matters to who sends.
enum ConnectionRefusals {
    /// Codes that no further attempt will change: the first line or the token is wrong.
    private static let final: Set<SessionFault.Code> = [
        .badFirstLine, .unauthorized, .notAllowed, .unreadableInput, .tooManyRefused,
    ]

    static func isFinal(_ code: String) -> Bool { SessionFault.Code(rawValue: code).map(final.contains) ?? false }
}
