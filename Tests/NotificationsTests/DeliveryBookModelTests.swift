import MeterModel
import Testing

@testable import Notifications

/// Whatever receivers answer and whenever: each job is settled once, and the limits hold.
struct DeliveryBookModelTests {
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func `Each job is settled exactly once within all limits`(_ seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let channels = (0..<3).map { channel("c\($0)", concurrency: $0 + 1, retryDelays: [100, 1000, 5000]) }
        var book = DeliveryBook(channels: channels, capacity: 12, chance: FixedChance(value: 0.5))
        var now = start
        var waiting = (1...120).map { job($0) }
        var running: [DeliveryBook.Attempt] = []
        var outcomes: [String: [PushOutcome.Kind]] = [:]
        var rounds = 0
        while outcomes.count < 120, rounds < 200_000 {
            rounds += 1
            if let next = waiting.first, Bool.random(using: &random) {
                switch book.take(next, at: now) {
                case .taken, .known: waiting.removeFirst()
                case .notDue, .full: break
                }
            }
            running += book.beginAttempts(at: now)
            for index in channels.indices {
                let count = running.count { $0.channel == index }
                #expect(count <= channels[index].concurrency, "seed \(seed)")
            }
            if !running.isEmpty, Int.random(in: 0..<3, using: &random) > 0 {
                let attempt = running.remove(at: Int.random(in: 0..<running.count, using: &random))
                let status = [200, 200, 500, 429, 404].randomElement(using: &random) ?? 200
                book.note(answered(status), of: attempt, at: now)
                book.conclude(attempt, answered(status), at: now)
            }
            for settlement in book.takeSettlements() {
                outcomes[settlement.job.job, default: []].append(settlement.outcome.kind)
                book.forget(settlement, at: now)
            }
            #expect(book.held.count <= 12, "seed \(seed)")
            now.milliseconds += Int64.random(in: 0..<400, using: &random)
            // What was left in the log is met again there.
            if waiting.isEmpty, book.leftBehind {
                book.leftBehind = false
                waiting = (1...120).map { job($0) }.filter { outcomes[$0.job] == nil && book.held[$0.key] == nil }
            }
        }
        #expect(outcomes.count == 120, "seed \(seed)")
        #expect(outcomes.values.allSatisfy { $0.count == 1 }, "seed \(seed)")
        #expect(outcomes.values.contains([.delivered]), "seed \(seed)")
    }
}
