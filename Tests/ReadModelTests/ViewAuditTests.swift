import MeterModel
import Testing

@testable import ReadModel

/// The conservation laws that rows alone can tell.
struct ViewAuditTests {
    /// Two devices: E-1 prepaid, with one crossing that was told of and reminded of.
    private func store() throws -> ViewStore {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try putTwoDevices(writer)
            try writer.putBalance(
                BalanceRow(
                    deviceID: 0,
                    currency: currency("EUR"),
                    charges: money("12.345"),
                    topUps: money("10"),
                    asOf: instant("2025-01-02")
                )
            )
            try writer.replaceLedgerDays(
                device: 0,
                from: nil,
                to: nil,
                lines: [
                    LedgerLine(day: date("2025-01-01"), kind: .topUp, amount: money("10")),
                    LedgerLine(day: date("2025-01-01"), kind: .energy, period: "default", amount: money("-12")),
                    LedgerLine(day: date("2025-01-02"), kind: .tax, amount: money("-0.345")),
                ]
            )
            try writer.putEpisode(episode(1, position: 2, before: "0", after: "0", clearedAt: 3))
            try writer.putEpisode(episode(2, position: 5, before: "1", after: "-2.345", clearedAt: nil))
            try writer.putPushJob(job(2, "crossed", position: 5))
            try writer.putPushJob(job(2, "reminder-1", position: 6))
        }
        return store
    }

    private func episode(
        _ number: Int64,
        position: UInt64,
        before: String,
        after: String,
        clearedAt: UInt64?
    ) -> EpisodeRow {
        EpisodeRow(
            deviceID: 0,
            rule: "zero",
            episode: number,
            position: Position(position),
            crossedAt: nil,
            balanceBefore: money(before),
            balanceAfter: money(after),
            cleared: clearedAt.map { EpisodeRow.Clearing(position: Position($0), at: nil) }
        )
    }

    private func job(_ episode: Int64, _ kind: String, position: UInt64) -> PushJobRow {
        PushJobRow(
            job: "E-1/zero/\(episode)/\(kind)",
            deviceID: 0,
            rule: "zero",
            episode: episode,
            kind: kind,
            requestedAt: instant("2025-01-02"),
            requestedPosition: Position(position),
            requestedEventTime: nil,
            staleAfterMilliseconds: 1
        )
    }

    @Test func `Sound rows have no findings`() throws {
        let audit = try ViewAudit.run(store())
        #expect(audit.findings == [])
        #expect(audit.balances == [0: money("-2.345")])
        #expect(audit.openRules == [0: [ByteName("zero")]])
    }

    @Test(arguments: [
        ("DELETE FROM ledger WHERE kind = 'tax'", ["ledger-balance", "ledger-balance"]),
        ("UPDATE balance SET top_ups = '11'", ["ledger-balance", "ledger-balance"]),
        ("UPDATE balance SET device_id = 1", Array(repeating: "ledger-balance", count: 4)),
        ("UPDATE balance SET balance = '-2.35'", ["balance-rounding"]),
        ("UPDATE balance SET balance_minor = -235", ["balance-rounding"]),
        ("DELETE FROM push_job WHERE kind = 'crossed'", ["pushes-episodes", "pushes-episodes"]),
        ("UPDATE push_job SET job = 'other' WHERE kind = 'crossed'", ["pushes-episodes"]),
        ("UPDATE push_job SET requested_position = 5 WHERE kind <> 'crossed'", ["pushes-episodes"]),
        ("UPDATE push_job SET requested_position = 6 WHERE kind = 'crossed'", ["pushes-episodes"]),
        (
            "UPDATE push_job SET rule = 'low', job = replace(job, 'zero', 'low')",
            Array(repeating: "pushes-episodes", count: 3)
        ),
        ("DELETE FROM episode WHERE episode = 1", ["episodes-balance"]),
        ("UPDATE episode SET cleared_position = NULL", ["episodes-balance"]),
        ("UPDATE episode SET cleared_position = 6 WHERE episode = 1", ["episodes-balance"]),
        ("UPDATE episode SET cleared_position = 2 WHERE episode = 1", ["episodes-balance"]),
    ])
    func `A law that rows break is named`(_ sql: String, _ laws: [String]) throws {
        let store = try store()
        try execute(store, sql)
        let findings = try ViewAudit.run(store).findings
        #expect(findings.map(\.law.rawValue) == laws, "\(findings)")
        #expect(findings.allSatisfy { ["E-1", "W-1"].contains($0.device) })
    }

    @Test func `A push for a rule that began below its level is named`() throws {
        let store = try store()
        try store.transaction { try $0.putPushJob(job(1, "crossed", position: 2)) }
        #expect(try ViewAudit.run(store).findings.map(\.law) == [.pushes])
    }

    @Test func `A finding reads as a sentence`() throws {
        let store = try store()
        try execute(store, "UPDATE balance SET balance = '-2.35'")
        let texts = try ViewAudit.run(store).findings.map(\.description)
        #expect(texts == ["violation: device E-1: rounding of the balance: balance: expected -2.34, found -2.35"])
    }

    @Test func `Sums go beyond 64 bits, and no row can stop them`() throws {
        let store = try store()
        let wide = "9999999999999999999"
        let widest = String(Int128.max)
        try execute(store, "INSERT INTO consumption_day VALUES (1, '2025-01-01', 86400, '\(wide)', 0, 1)")
        try execute(store, "INSERT INTO consumption_day VALUES (2, '2025-01-02', 86400, '\(wide)', 7, 1)")
        #expect(try ViewAudit.run(store).series[0]?.days == .init(quantity: 19_999_999_999_999_999_998, estimated: 7))
        try execute(store, "INSERT INTO consumption_day VALUES (3, '2025-01-03', 86400, '\(widest)', 0, 1)")
        _ = try ViewAudit.run(store)
        try execute(store, "UPDATE ledger SET amount = 'much'")
        #expect(throws: ViewError.corrupt("no amount: much")) { try ViewAudit.run(store) }
    }
}
