/// Takes a message to a channel and brings back what it answered: a seam between deciding and sending.
package protocol Courier: Sendable {
    /// One attempt, without any repetition of its own. Ends within the channel's timeout or soon after, and soon after
    /// its task was cancelled.
    func deliver(_ message: PushMessage, to channel: ChannelConfiguration) async -> Answer
}

/// What came of one attempt.
package enum Answer: Hashable, Sendable {
    /// The receiver's status, how long it wants to be left alone, and the beginning of what it said.
    case responded(status: Int, retryAfterMilliseconds: Int64?, snippet: String)
    /// No answer came in time.
    case timedOut
    /// No connection, or it broke before an answer came.
    case unreachable(String)
    /// It was not tried: the target may not be sent to.
    case forbidden(String)

    /// What an answer means for a job.
    enum Verdict: Hashable, Sendable {
        /// The receiver has it.
        case taken
        /// It is to be tried again as the schedule says.
        case again
        /// The receiver wants nothing any more.
        case gone
    }

    /// Success is 2xx alone. Every other status but 410 may be a receiver that is being set up or mended, so it is
    /// tried again, as Standard Webhooks asks; the schedule's end is what gives up.
    var verdict: Verdict {
        guard case .responded(let status, _, _) = self else { return .again }
        if (200...299).contains(status) { return .taken }
        return status == 410 ? .gone : .again
    }

    /// How long the whole channel is to be left alone, where the answer says so.
    var restMilliseconds: Int64? {
        guard case .responded(let status, let retryAfter?, _) = self, [429, 502, 503, 504].contains(status) else {
            return nil
        }
        return min(max(retryAfter, 0), Answer.maximumRestMilliseconds)
    }

    /// The longest rest a receiver can ask for: a day.
    static let maximumRestMilliseconds: Int64 = 86_400_000
    /// The longest text of an answer that goes into the log, in characters.
    static let maximumTextLength = 200

    /// For people, in one line.
    var text: String {
        let text: String
        switch self {
        case .responded(let status, _, let snippet): text = snippet.isEmpty ? "\(status)" : "\(status) \(snippet)"
        case .timedOut: text = "no answer in time"
        case .unreachable(let cause): text = "unreachable: \(cause)"
        case .forbidden(let cause): text = "not sent: \(cause)"
        }
        let isPlain = { (scalar: UnicodeScalar) in scalar.properties.generalCategory != .control }
        var plain = ""
        plain.unicodeScalars.append(contentsOf: text.unicodeScalars.map { isPlain($0) ? $0 : " " })
        return String(plain.prefix(Answer.maximumTextLength))
    }
}
