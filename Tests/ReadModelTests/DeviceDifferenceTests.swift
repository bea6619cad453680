import MeterModel
import Testing

@testable import ReadModel

/// What of the views is otherwise in a later state of them.
@Suite struct DeviceDifferenceTests {
    private func store() throws -> ViewStore {
        let store = try ViewStore.inMemory(hours: false)
        try store.transaction { writer in
            try putTwoDevices(writer)
            try putDay(writer, "2026-01-01", 5)
            try putLedger(writer, "2026-01-01", "-0.5")
            try writer.replaceAnomalies(series: 0, [anomaly(.suspectedReset, open: true)])
            try writer.putEpisode(episode(1))
            try putBalance(writer, "1")
        }
        return store
    }

    private func putDay(_ writer: ViewWriter, _ day: String, _ quantity: Int128) throws {
        try writer.putDay(
            series: 0,
            day: date(day),
            start: milliseconds(day),
            end: milliseconds(day, 24),
            quantity: quantity,
            estimated: 0,
            complete: true
        )
    }

    private func putLedger(_ writer: ViewWriter, _ day: String, _ amount: String) throws {
        let line = LedgerLine(day: date(day), kind: .energy, period: "default", quantityMilli: 5, amount: money(amount))
        let next = LocalDate(dayNumber: date(day).dayNumber + 1)
        try writer.replaceLedgerDays(device: 0, from: date(day), to: next, lines: [line])
    }

    private func putBalance(_ writer: ViewWriter, _ charges: String) throws {
        try writer.putBalance(
            BalanceRow(deviceID: 0, currency: currency("EUR"), charges: money(charges), topUps: .zero, asOf: nil)
        )
    }

    private func anomaly(_ kind: AnomalyKind, open: Bool = false) -> AnomalyRow {
        AnomalyRow(kind: kind, at: instant("2026-01-01"), position: Position(3), detail: "text", open: open)
    }

    private func episode(_ number: Int64, cleared: EpisodeRow.Clearing? = nil) -> EpisodeRow {
        EpisodeRow(
            deviceID: 0,
            rule: "zero",
            episode: number,
            position: Position(2),
            crossedAt: nil,
            balanceBefore: .zero,
            balanceAfter: .zero,
            cleared: cleared
        )
    }

    private func differences(_ before: ViewStore, _ after: ViewStore) throws -> [DeviceDifference] {
        var found: [DeviceDifference] = []
        try DeviceDifference.forEach(from: before, to: after) { found.append($0) }
        return found
    }

    @Test func `a copy differs in nothing, and is changed by itself`() throws {
        let before = try store()
        let after = try before.copyInMemory()
        #expect(try differences(before, after).isEmpty)
        try after.transaction { try putDay($0, "2026-01-01", 6) }
        #expect(try select(before, "SELECT quantity_milli FROM consumption_day") == ["5"])
        #expect(try differences(before, after).count == 1)
    }

    @Test func `every kind of difference is told once, of the device that has it`() throws {
        let before = try store()
        let after = try before.copyInMemory()
        let clearing = EpisodeRow.Clearing(position: Position(9), at: instant("2026-01-02"))
        let job = PushJobRow(
            job: "E-1/zero/2/crossed",
            deviceID: 0,
            rule: "zero",
            episode: 2,
            kind: "crossed",
            requestedAt: instant("2026-01-03"),
            requestedPosition: Position(9),
            requestedEventTime: nil,
            staleAfterMilliseconds: 1
        )
        try after.transaction { writer in
            try putDay(writer, "2026-01-01", 7)
            try putDay(writer, "2026-01-02", 0)
            try putLedger(writer, "2026-01-01", "-0.7")
            try putBalance(writer, "1.25")
            try writer.replaceAnomalies(series: 0, [anomaly(.dip)])
            try writer.putEpisode(episode(1, cleared: clearing))
            try writer.putEpisode(episode(2))
            try writer.putEpisode(episode(3, cleared: clearing))
            try writer.putPushJob(job)
        }
        let difference = try #require(try differences(before, after).first)
        #expect(try differences(before, after).count == 1)
        #expect(difference.device == "E-1")
        #expect(difference.unit == "kWh")
        let register = "1-0:1.8.0"
        #expect(
            difference.days == [
                .init(register: register, day: "2026-01-01", before: 5, after: 7),
                .init(register: register, day: "2026-01-02", before: nil, after: 0),
            ]
        )
        #expect(difference.ledgerDays == [.init(day: "2026-01-01", before: money("-0.5"), after: money("-0.7"))])
        #expect(
            difference.balance == .init(currency: currency("EUR"), before: money("-1"), after: money("-1.25"))
        )
        #expect(difference.opened.map(\.episode) == [2, 3])
        #expect(difference.closed.map(\.episode) == [1, 3])
        #expect(difference.pushes == [job])
        #expect(difference.appeared.map(\.row) == [anomaly(.dip)])
        #expect(difference.vanished.map(\.row) == [anomaly(.suspectedReset, open: true)])
    }

    @Test func `lines that change within the same sum are a change of the day`() throws {
        let before = try store()
        let after = try before.copyInMemory()
        try execute(after, "UPDATE ledger SET period = 'peak'")
        let difference = try #require(try differences(before, after).first)
        #expect(difference.ledgerDays == [.init(day: "2026-01-01", before: money("-0.5"), after: money("-0.5"))])
        #expect(difference.balance == nil)
    }
}
