package import MeterModel

/// How a channel is doing, for metrics and people.
package struct ChannelStatus: Hashable, Sendable {
    /// Whether deliveries begin.
    package enum State: String, Sendable {
        /// Deliveries begin freely.
        case ready
        /// It failed several times in a row and is left alone until `nextTry`.
        case failing
        /// After that one delivery is under way to see whether it is well again.
        case probing
        /// It answered 410 Gone: nothing is sent until the program starts again.
        case disabled
    }

    package var name: String
    package var state: State
    package var consecutiveFailures: Int
    /// What the last attempt brought, in one line.
    package var lastAnswer: String?
    package var lastAnswerAt: Instant?
    package var lastSuccessAt: Instant?
    /// When the next attempt may begin, where that is not at once.
    package var nextTry: Instant?
    /// Deliveries under way, and those at hand that wait.
    package var running: Int
    package var waiting: Int
    /// Attempts since the start, by how they ended.
    package var delivered: Int
    package var failed: Int
}
