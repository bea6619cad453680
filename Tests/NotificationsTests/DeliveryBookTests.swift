import MeterModel
import Testing

@testable import Notifications

/// What is decided about deliveries, without any waiting.
struct DeliveryBookTests {
    private func book(_ channels: [ChannelConfiguration], capacity: Int = 100, chance: Double = 0) -> DeliveryBook {
        DeliveryBook(channels: channels, capacity: capacity, chance: FixedChance(value: chance))
    }

    /// Begins what is due and answers all of it.
    private func answer(_ book: inout DeliveryBook, _ answer: Answer, at now: Instant) -> [DeliveryBook.Attempt] {
        let attempts = book.beginAttempts(at: now)
        for attempt in attempts {
            book.note(answer, of: attempt, at: now)
            book.conclude(attempt, answer, at: now)
        }
        return attempts
    }

    @Test func `A job is begun once at once, and delivered`() throws {
        var book = book([channel()])
        #expect(book.take(job(1), at: start) == .taken)
        #expect(book.take(job(1), at: start) == .known)
        let attempts = answer(&book, answered(204), at: start)
        #expect(attempts.map(\.number) == [1])
        let settlements = book.takeSettlements()
        let settlement = try #require(settlements.first)
        #expect(settlement.outcome.kind == .delivered)
        #expect(settlement.outcome.channel == "shop")
        #expect(settlement.outcome.attempt == 1)
        #expect(settlement.outcome.response == "204")
        book.forget(settlement, at: start)
        #expect(book.held.isEmpty)
        #expect(book.take(job(1), at: start) == .known, "a read that lags behind brings nothing up again")
    }

    @Test func `Failures follow the schedule, and its end is death`() throws {
        var book = book([channel(retryDelays: [1000, 10_000])])
        #expect(book.take(job(1), at: start) == .taken)
        #expect(answer(&book, answered(500), at: start).count == 1)
        #expect(book.nextDue() == after(1000))
        #expect(answer(&book, answered(500), at: after(999)).isEmpty)
        #expect(answer(&book, .timedOut, at: after(1000)).map(\.number) == [2])
        #expect(book.nextDue() == after(11_000))
        #expect(book.takeSettlements().isEmpty)
        #expect(answer(&book, answered(404), at: after(11_000)).map(\.number) == [3])
        let settlements = book.takeSettlements()
        let settlement = try #require(settlements.first)
        #expect(settlement.outcome.kind == .died)
        #expect(settlement.outcome.response == "gave up after 3 attempts: 404")
        #expect(book.nextDue() == nil)
    }

    @Test func `What the log knows of attempts counts, and of when the last was`() {
        var book = book([channel(retryDelays: [1000, 10_000])])
        #expect(book.take(job(1, attempts: 2, lastAttemptAt: after(500)), at: after(600)) == .taken)
        #expect(book.nextDue() == after(10_500))
        #expect(answer(&book, answered(500), at: after(10_500)).map(\.number) == [3])
        #expect(book.takeSettlements().map(\.outcome.kind) == [.died])
    }

    @Test(arguments: [0.0, 0.5, 0.999])
    func `Jitter draws delays out by a fifth at most, and never shortens them`(_ chance: Double) {
        var book = book([channel(retryDelays: [10_000])], chance: chance)
        #expect(book.take(job(1), at: start) == .taken)
        #expect(answer(&book, answered(500), at: start).count == 1)
        let due = book.nextDue()
        #expect(due == after(10_000 + Int64(2000 * chance)))
    }

    @Test func `A receiver that asks for rest gets it, for all jobs`() {
        var book = book([channel(concurrency: 1)])
        for number in 1...2 { #expect(book.take(job(number), at: start) == .taken) }
        #expect(answer(&book, answered(429, retryAfter: 60_000), at: start).count == 1)
        #expect(book.nextDue() == after(60_000))
        #expect(book.statuses(at: start).first?.nextTry == after(60_000))
        #expect(answer(&book, answered(200), at: after(59_999)).isEmpty)
        #expect(!answer(&book, answered(200), at: after(60_000)).isEmpty)
    }

    @Test func `A circuit opens, probes with one, and closes`() {
        var book = book([channel(concurrency: 8, retryDelays: [1])])
        for number in 1...20 { #expect(book.take(job(number), at: start) == .taken) }
        #expect(answer(&book, answered(500), at: start).count == 8)
        #expect(book.statuses(at: start).first?.state == .failing)
        #expect(book.beginAttempts(at: after(9999)).isEmpty)
        let probe = book.beginAttempts(at: after(10_000))
        #expect(probe.count == 1)
        #expect(book.statuses(at: after(10_000)).first?.state == .probing)
        #expect(book.nextDue() == nil)
        book.note(.timedOut, of: probe[0], at: after(11_000))
        book.conclude(probe[0], .timedOut, at: after(11_000))
        #expect(book.statuses(at: start).first?.nextTry == after(31_000), "twice as long")
        #expect(answer(&book, answered(200), at: after(31_000)).count == 1)
        #expect(book.statuses(at: start).first?.state == .ready)
        #expect(book.beginAttempts(at: after(31_000)).count == 8)
    }

    @Test func `A probe that turns out to be none lets the next one through`() {
        var book = book([channel(concurrency: 8, retryDelays: [1])])
        for number in 1...9 { #expect(book.take(job(number), at: start) == .taken) }
        #expect(answer(&book, answered(500), at: start).count == 8)
        let probe = book.beginAttempts(at: after(10_000))
        book.drop(probe[0], as: .stale, at: after(10_000))
        #expect(book.takeSettlements().map(\.outcome.kind) == [.stale])
        #expect(book.beginAttempts(at: after(10_000)).count == 1)
    }

    @Test func `Of several channels each gets the job, and one outcome tells of all`() throws {
        var book = book([channel("a"), channel("b", retryDelays: [])])
        #expect(book.take(job(1), at: start) == .taken)
        let attempts = book.beginAttempts(at: start)
        #expect(attempts.map(\.channel) == [0, 1])
        book.note(answered(200), of: attempts[0], at: start)
        book.conclude(attempts[0], answered(200), at: start)
        #expect(book.takeSettlements().isEmpty)
        book.note(answered(503), of: attempts[1], at: start)
        book.conclude(attempts[1], answered(503), at: start)
        let outcomes = book.takeSettlements()
        let outcome = try #require(outcomes.first?.outcome)
        #expect(outcome.kind == .delivered)
        #expect(outcome.channel == "a")
        #expect(outcome.response == "a: 200; b: gave up after 1 attempts: 503")
    }

    @Test func `Gone disables a channel; the others go on`() {
        var book = book([channel("a", concurrency: 1), channel("b")])
        for number in 1...3 { #expect(book.take(job(number), at: start) == .taken) }
        let attempts = book.beginAttempts(at: start)
        book.note(answered(410), of: attempts[0], at: start)
        book.conclude(attempts[0], answered(410), at: start)
        #expect(book.statuses(at: start).map(\.state) == [.disabled, .ready])
        for attempt in attempts.dropFirst() {
            book.note(answered(200), of: attempt, at: start)
            book.conclude(attempt, answered(200), at: start)
        }
        #expect(answer(&book, answered(200), at: start).map(\.channel) == [1])
        #expect(book.takeSettlements().map(\.outcome.kind) == [.delivered, .delivered, .delivered])
    }

    @Test func `Gone by the last channel leaves jobs to the log`() {
        var book = book([channel()])
        for number in 1...5 { #expect(book.take(job(number), at: start) == .taken) }
        #expect(answer(&book, answered(410), at: start).count == 2)
        #expect(book.takeSettlements().isEmpty)
        #expect(book.beginAttempts(at: after(1_000_000)).isEmpty)
        #expect(book.take(job(6), at: start) == .full)
    }

    @Test func `A cleared job waits for its crossed job, which is not tried again`() throws {
        var book = book([channel()])
        #expect(book.take(job(1), at: start) == .taken)
        let attempts = book.beginAttempts(at: start)
        let attempt = try #require(attempts.first)
        #expect(book.take(job(1, kind: "cleared"), at: start) == .taken)
        #expect(book.take(job(1, kind: "cleared"), at: start) == .known)
        #expect(book.beginAttempts(at: start).isEmpty)
        book.note(answered(500), of: attempt, at: start)
        book.conclude(attempt, answered(500), at: start)
        let settlements = book.takeSettlements()
        let settlement = try #require(settlements.first)
        #expect(settlement.outcome.kind == .superseded)
        book.forget(settlement, at: start)
        #expect(book.wasDelivered(job(1).key) == false)
        #expect(book.beginAttempts(at: start).map(\.job.kind) == ["cleared"])
    }

    @Test func `A cleared job ends what its crossed job still waits for, and keeps what was delivered`() throws {
        var book = book([channel("a"), channel("b")])
        #expect(book.take(job(1), at: start) == .taken)
        let attempts = book.beginAttempts(at: start)
        for (attempt, answer) in zip(attempts, [answered(200), answered(500)]) {
            book.note(answer, of: attempt, at: start)
            book.conclude(attempt, answer, at: start)
        }
        #expect(book.take(job(1, kind: "cleared"), at: start) == .taken)
        let settlements = book.takeSettlements()
        let settlement = try #require(settlements.first)
        #expect(settlement.outcome.kind == .delivered)
        #expect(settlement.outcome.response == "a: 200; b: superseded")
        book.forget(settlement, at: start)
        #expect(book.wasDelivered(job(1).key) == true)
    }

    @Test func `A dead channel's jobs make room for new ones`() {
        var book = book([channel("well", concurrency: 8), channel("dead", concurrency: 8)], capacity: 16)
        var now = start
        var settled = 0
        for number in 1...200 {
            now.milliseconds += 1
            #expect(book.take(job(number), at: now) == .taken)
            for attempt in book.beginAttempts(at: now) {
                let answer = answered(attempt.channel == 0 ? 200 : 500)
                book.note(answer, of: attempt, at: now)
                book.conclude(attempt, answer, at: now)
            }
            for settlement in book.takeSettlements() {
                #expect(settlement.outcome.kind == .delivered)
                settled += 1
                book.forget(settlement, at: now)
            }
            // Room is made when it is asked for, and free once the outcome is recorded.
            if book.held.count >= 16 {
                _ = book.take(job(1000 + number), at: now)
                for settlement in book.takeSettlements() {
                    settled += 1
                    book.forget(settlement, at: now)
                }
            }
            #expect(book.held.count <= 16)
        }
        #expect(settled > 150)
        #expect(book.statuses(at: now).map(\.delivered)[0] >= 200)
    }
}
