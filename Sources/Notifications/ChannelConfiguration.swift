import Foundation
import MeterModel

/// A receiver of pushes.
package struct ChannelConfiguration: Hashable, Sendable {
    /// What the log, metrics and people call it: a name, without commas.
    package var name: String
    /// `https://…`; `http://…` where `insecure` allows it, or for loopback where `allowPrivate` allows that.
    package var url: String
    /// `whsec_…`, one at least; several while they are being exchanged, each signing.
    package var secrets: [String]
    /// How many deliveries run at the same time, 1 to 64.
    package var concurrency: Int
    /// How long an answer may take, 100 ms to 60 s.
    package var timeoutMilliseconds: Int64
    /// What passes between a failed attempt and the next; one attempt more than delays is made. 32 at most, ascending
    /// or not, each up to 7 days.
    package var retryDelays: [Int64]
    /// Whether it may be in a private network, or on this machine.
    package var allowPrivate: Bool
    /// Whether clear text will do.
    package var insecure: Bool

    /// Together 75 h 35 min, as Standard Webhooks suggests.
    package static let defaultRetryDelays: [Int64] = [
        5 * Milliseconds.second, 5 * Milliseconds.minute, 30 * Milliseconds.minute, 2 * Milliseconds.hour,
        5 * Milliseconds.hour, 10 * Milliseconds.hour, 14 * Milliseconds.hour, 20 * Milliseconds.hour,
        24 * Milliseconds.hour,
    ]
    package static let defaultConcurrency = 4
    package static let defaultTimeoutMilliseconds: Int64 = 15_000

    package init(
        name: String,
        url: String,
        secrets: [String],
        concurrency: Int = ChannelConfiguration.defaultConcurrency,
        timeoutMilliseconds: Int64 = ChannelConfiguration.defaultTimeoutMilliseconds,
        retryDelays: [Int64] = ChannelConfiguration.defaultRetryDelays,
        allowPrivate: Bool = false,
        insecure: Bool = false
    ) {
        self.name = name
        self.url = url
        self.secrets = secrets
        self.concurrency = concurrency
        self.timeoutMilliseconds = timeoutMilliseconds
        self.retryDelays = retryDelays
        self.allowPrivate = allowPrivate
        self.insecure = insecure
    }

    /// Most channels there are.
    package static let maximumChannelCount = 16

    /// Checks all channels of an installation.
    ///
    /// - Throws: `ChannelFault` of the first that cannot be used.
    package static func validate(_ channels: [ChannelConfiguration]) throws(ChannelFault) {
        guard channels.count <= maximumChannelCount else {
            throw ChannelFault("channels", "there are \(channels.count)", hint: "at most \(maximumChannelCount)")
        }
        var names: Set<String> = []
        for channel in channels {
            try channel.validate()
            guard names.insert(channel.name).inserted else {
                throw ChannelFault(channel.name, "two channels have this name", hint: "give each its own")
            }
        }
    }

    private func validate() throws(ChannelFault) {
        func require(_ isRight: Bool, _ cause: String, _ hint: String) throws(ChannelFault) {
            if !isRight { throw ChannelFault(name.isEmpty ? "channel" : name, cause, hint: hint) }
        }
        try require(
            Name.isValid(name) && !name.contains(","),
            "its name cannot be used",
            "1 to 128 bytes without control characters and commas"
        )
        _ = try ChannelTarget(self)
        try require(!secrets.isEmpty, "it has no secret", "give one of 'whsec_' and base64 of 24 to 64 random bytes")
        for secret in secrets {
            try require(
                WebhookSigner.key(secret) != nil,
                "a secret of it cannot be used",
                "a secret is 'whsec_' and base64 of 24 to 64 random bytes"
            )
        }
        try require(secrets.count <= 4, "it has \(secrets.count) secrets", "at most 4: the new and those going")
        try require((1...64).contains(concurrency), "concurrency \(concurrency)", "1 to 64")
        try require((100...60_000).contains(timeoutMilliseconds), "timeout \(timeoutMilliseconds) ms", "100 ms to 60 s")
        try require(
            retryDelays.count <= 32 && retryDelays.allSatisfy { (0...7 * Milliseconds.day).contains($0) },
            "its retry schedule cannot be used",
            "at most 32 delays, each up to 7 days"
        )
    }
}

/// What is wrong with a channel: place, cause and a hint.
package struct ChannelFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The channel's name.
    package var place: String
    package var cause: String
    package var hint: String

    init(_ place: String, _ cause: String, hint: String) {
        self.place = place
        self.cause = cause
        self.hint = hint
    }

    package var description: String { "\(place): \(cause)\n  hint: \(hint)" }
}
