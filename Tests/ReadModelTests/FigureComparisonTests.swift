import MeterModel
import Testing

@testable import ReadModel

/// Two databases side by side.
@Suite struct FigureComparisonTests {
    private typealias Device = (id: UInt32, name: String, currency: String?, charges: String)

    private func store(_ devices: [Device]) throws -> ViewStore {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            for device in devices {
                try writer.putDevice(DeviceRow(deviceID: device.id, device: device.name))
                guard let code = device.currency else { continue }
                let balance = BalanceRow(
                    deviceID: device.id,
                    currency: currency(code),
                    charges: money(device.charges),
                    topUps: money("10"),
                    asOf: nil
                )
                try writer.putBalance(balance)
            }
        }
        return store
    }

    /// An open episode of `zero` with its push for the device numbered 0.
    private func owe(_ store: ViewStore) throws {
        try store.transaction { writer in
            try writer.putEpisode(
                EpisodeRow(
                    deviceID: 0,
                    rule: "zero",
                    episode: 1,
                    position: Position(5),
                    crossedAt: instant("2026-01-02", 6),
                    balanceBefore: money("1"),
                    balanceAfter: money("-1")
                )
            )
            try writer.putPushJob(
                PushJobRow(
                    job: "E-1/zero/1/crossed",
                    deviceID: 0,
                    rule: "zero",
                    episode: 1,
                    kind: "crossed",
                    requestedAt: instant("2026-01-03"),
                    requestedPosition: Position(5),
                    requestedEventTime: nil,
                    staleAfterMilliseconds: 1
                )
            )
        }
    }

    private func text(_ comparison: FigureComparison) throws -> [String] {
        var bytes: [UInt8] = []
        try comparison.write(to: RowFormat.csv.makeSink { bytes.append(contentsOf: $0) })
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test func `devices are matched by name, whatever their numbers, and summed by currency`() throws {
        let a = try store([(0, "E-2", "EUR", "4"), (1, "E-1", "EUR", "3.5"), (2, "J-1", "JPY", "2")])
        let b = try store([(0, "E-1", "EUR", "12.25"), (1, "E-2", "EUR", "4"), (2, "J-1", "JPY", "2.5")])
        try owe(b)
        let comparison = try FigureComparison.compare(a, b)
        #expect(
            try text(comparison).dropFirst() == [
                "device,E-1,EUR,3.5,12.25,8.75,6.50,-2.25,-8.75,0,1,,2026-01-02T06:00:00Z,0,1,1,0,1,1",
                "device,E-2,EUR,4,4,0,6.00,6.00,0.00,0,0,,,0,0,0,0,0,0",
                "device,J-1,JPY,2,2.5,0.5,8,8,0,0,0,,,0,0,0,0,0,0",
                "total,,EUR,7.5,16.25,8.75,12.50,3.75,-8.75,0,1,,,0,1,1,0,1,1",
                "total,,JPY,2,2.5,0.5,8,8,0,0,0,,,0,0,0,0,0,0",
            ]
        )
    }

    @Test func `those that agree may be left out, but count in the totals`() throws {
        let a = try store([(0, "E-1", "EUR", "1"), (1, "E-2", "EUR", "2")])
        let b = try store([(0, "E-1", "EUR", "1"), (1, "E-2", "EUR", "3")])
        let comparison = try FigureComparison.compare(a, b, onlyDifferent: true)
        #expect(comparison.lines.map(\.device) == ["E-2"])
        #expect(comparison.totals.map(\.a.charges) == [money("3")])
        #expect(comparison.totals.map(\.b.charges) == [money("4")])
        let same = try FigureComparison.compare(a, a.copyInMemory(), onlyDifferent: true)
        #expect(same.lines.isEmpty)
        #expect(same.totals.map(\.a) == same.totals.map(\.b))
    }

    @Test func `a device of one side alone, without a balance, and with money in two currencies`() throws {
        let a = try store([(0, "A", "EUR", "1"), (1, "B", nil, ""), (2, "C", "EUR", "2"), (3, "D", nil, "")])
        let b = try store([(0, "B", "EUR", "5"), (1, "C", "USD", "7"), (2, "D", nil, ""), (3, "E", "EUR", "1")])
        #expect(
            try text(FigureComparison.compare(a, b)).dropFirst().prefix(6) == [
                "device,A,EUR,1,,-1,9.00,,-9.00,0,,,,0,,0,0,,0",
                "device,B,EUR,,5,5,,5.00,5.00,0,0,,,0,0,0,0,0,0",
                "device,C,EUR,2,,-2,8.00,,-8.00,0,,,,0,,0,0,,0",
                "device,C,USD,,7,7,,3.00,3.00,,0,,,,0,0,,0,0",
                "device,D,,,,,,,,0,0,,,0,0,0,0,0,0",
                "device,E,EUR,,1,1,,9.00,9.00,,0,,,,0,0,,0,0",
            ]
        )
    }

    @Test func `views without a device have no rows`() throws {
        let empty = try ViewStore.inMemory()
        #expect(try text(FigureComparison.compare(empty, empty.copyInMemory())).count == 1)
    }
}
