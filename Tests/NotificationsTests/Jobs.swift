import MeterModel

@testable import Notifications

/// The time at which tests begin.
let start = Instant(milliseconds: 1_800_000_000_000)

func after(_ milliseconds: Int64) -> Instant { Instant(milliseconds: start.milliseconds + milliseconds) }

/// A job as the fold makes them.
func job(_ number: Int, kind: String = "crossed", attempts: Int = 0, lastAttemptAt: Instant? = nil) -> PushJob {
    PushJob(
        job: "E-\(number)/zero/1/\(kind)",
        device: "E-\(number)",
        rule: "zero",
        episode: 1,
        kind: kind,
        crossedAt: start,
        balanceBefore: "0.5",
        balanceAfter: "-0.25",
        currency: "EUR",
        position: Position(UInt64(number)),
        requestedAt: start,
        requestedEventTime: start,
        staleAfterMilliseconds: 24 * Milliseconds.hour,
        attempts: attempts,
        lastAttemptAt: lastAttemptAt
    )
}

let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

/// A channel on loopback, with short delays.
func channel(
    _ name: String = "shop",
    port: Int = 1,
    path: String = "/",
    concurrency: Int = 2,
    timeoutMilliseconds: Int64 = 60_000,
    retryDelays: [Int64] = [1000, 10_000]
) -> ChannelConfiguration {
    ChannelConfiguration(
        name: name,
        url: "http://127.0.0.1:\(port)\(path)",
        secrets: [secret],
        concurrency: concurrency,
        timeoutMilliseconds: timeoutMilliseconds,
        retryDelays: retryDelays,
        allowPrivate: true
    )
}

/// Always the same chance.
struct FixedChance: Chance {
    var value = 0.0

    func fraction() -> Double { value }
}

/// Numbers that a seed decides (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func answered(_ status: Int, retryAfter: Int64? = nil) -> Answer {
    .responded(status: status, retryAfterMilliseconds: retryAfter, snippet: "")
}
