import MeterModel
import Testing

@testable import ReadModel

@Suite struct MoneyQueryTests {
    @Test func `balance shows minor digits and the exact amount, at the checkpoint`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try putTwoDevices(writer)
            let one = BalanceRow(
                deviceID: 0,
                currency: currency("EUR"),
                charges: money("0.1250000000000001"),
                topUps: money("12.5"),
                asOf: Instant(milliseconds: milliseconds("2025-01-01") + 7)
            )
            try writer.putBalance(one)
            let other = BalanceRow(
                deviceID: 1,
                currency: currency("JPY"),
                charges: money("2.5"),
                topUps: .zero,
                asOf: nil
            )
            try writer.putBalance(other)
            try writer.setCheckpoint(Position(42), chainHead: [0xAB, 0x01])
        }
        let expected = """
            [
            {"device": "E-1", "currency": "EUR", "balance": "12.37", "balanceExact": "12.3749999999999999", \
            "charges": "0.1250000000000001", "topUps": "12.5", "asOf": "2025-01-01T00:00:00.007Z", "position": 42},
            {"device": "W-1", "currency": "JPY", "balance": "-2", "balanceExact": "-2.5", "charges": "2.5", \
            "topUps": "0", "asOf": null, "position": 42}
            ]

            """
        #expect(try output(store, ViewQuery(.balance)) == expected)
        #expect(try select(store, "SELECT balance_minor FROM balance ORDER BY device_id") == ["1237", "-2"])
        let row = try #require(try store.read { try $0.balance(device: 0) })
        #expect(row.balance == money("12.3749999999999999"))
        try store.transaction { try $0.removeBalance(device: 0) }
        #expect(try output(store, ViewQuery(.balance, device: "E-1")) == "[]\n")
        #expect(try store.read { try $0.balance(device: 0) } == nil)
    }

    private let lines = [
        LedgerLine(day: date("2025-01-02"), kind: .topUp, amount: money("10")),
        LedgerLine(day: date("2025-01-02"), kind: .energy, period: "peak", quantityMilli: 1, amount: .zero),
        LedgerLine(day: date("2025-01-02"), kind: .energy, period: "off", quantityMilli: 0, amount: .zero),
        LedgerLine(
            day: date("2025-01-02"),
            kind: .energy,
            period: "default",
            quantityMilli: 2_500_000,
            price: ExactDecimal(4, fractionDigits: 1),
            amount: money("-1")
        ),
        LedgerLine(day: date("2025-01-01"), kind: .tax, amount: money("-0.0000000000000001")),
        LedgerLine(day: date("2025-01-01"), kind: .standing, amount: .zero),
        LedgerLine(day: date("2025-01-03"), kind: .adjustment, amount: money("-12345678901234567.89")),
    ]

    @Test func `ledger lines come by day, kind and period, and lines of nothing are left out`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try putTwoDevices(writer)
            try writer.replaceLedgerDays(device: 0, from: nil, to: nil, lines: lines)
        }
        let expected = """
            [
            {"device": "E-1", "day": "2025-01-01", "kind": "tax", "amount": "-0.0000000000000001"},
            {"device": "E-1", "day": "2025-01-02", "kind": "energy", "period": "default", "quantity": "2.5", \
            "price": "0.4", "amount": "-1"},
            {"device": "E-1", "day": "2025-01-02", "kind": "energy", "period": "peak", "quantity": "0.000001", \
            "amount": "0"},
            {"device": "E-1", "day": "2025-01-02", "kind": "topUp", "amount": "10"},
            {"device": "E-1", "day": "2025-01-03", "kind": "adjustment", "amount": "-12345678901234567.89"}
            ]

            """
        #expect(try output(store, ViewQuery(.ledger)) == expected)
        #expect(try output(store, ViewQuery(.ledger, device: "W-1")) == "[]\n")
    }

    @Test func `replacing days leaves the others alone`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try putTwoDevices(writer)
            try writer.replaceLedgerDays(device: 0, from: nil, to: nil, lines: lines)
            try writer.replaceLedgerDays(device: 1, from: nil, to: nil, lines: lines)
            let line = LedgerLine(day: date("2025-01-02"), kind: .refund, amount: money("-3"))
            try writer.replaceLedgerDays(device: 0, from: date("2025-01-02"), to: date("2025-01-03"), lines: [line])
            try writer.replaceLedgerDays(device: 1, from: date("2025-01-03"), to: nil, lines: [])
        }
        #expect(
            try select(store, "SELECT device_id, day, kind FROM ledger ORDER BY id") == [
                "0|2025-01-01|tax", "0|2025-01-02|refund", "0|2025-01-03|adjustment", "1|2025-01-01|tax",
                "1|2025-01-02|energy", "1|2025-01-02|energy", "1|2025-01-02|topUp",
            ]
        )
    }

    @Test func `a span selects ledger days by their start in the device's zone`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try putTwoDevices(writer)
            try writer.replaceLedgerDays(device: 1, from: nil, to: nil, lines: lines)
        }
        func days(_ from: ViewQuery.Bound?, _ to: ViewQuery.Bound?) throws -> [String] {
            try output(store, ViewQuery(.ledger, from: from, to: to), .csv).split(separator: "\n").dropFirst()
                .map { String($0.split(separator: ",")[1]) }
        }
        #expect(try days(.day(date("2025-01-03")), nil) == ["2025-01-03"])
        #expect(try days(nil, .day(date("2025-01-02"))) == ["2025-01-01"])
        // 2025-01-02 begins at 18:30Z of the day before.
        #expect(try days(.instant(instant("2025-01-01", 18, 31)), nil) == ["2025-01-03"])
        #expect(try days(nil, .instant(instant("2025-01-01", 18, 30))) == ["2025-01-01"])
    }

    @Test func `ledger days far from now have their place`() throws {
        let store = try ViewStore.inMemory()
        let days = ["0001-01-01", "1969-12-31", "2000-01-01", "9999-12-31"]
        try store.transaction { writer in
            try putTwoDevices(writer)
            let far = days.reversed().map { LedgerLine(day: date($0), kind: .standing, amount: money("-1")) }
            try writer.replaceLedgerDays(device: 1, from: nil, to: nil, lines: far)
        }
        #expect(try select(store, "SELECT day FROM ledger ORDER BY id") == days)
    }

    @Test func `too many lines for a day are refused`() throws {
        let store = try ViewStore.inMemory()
        let many = (0...4096).map { index in
            LedgerLine(day: date("2025-01-01"), kind: .energy, period: "p\(index)", quantityMilli: 1, amount: .zero)
        }
        #expect(throws: ViewError.tooManyLedgerLines(device: 3, day: date("2025-01-01"))) {
            try store.transaction { try $0.replaceLedgerDays(device: 3, from: nil, to: nil, lines: many) }
        }
        #expect(try select(store, "SELECT count(*) FROM ledger") == ["0"])
    }

    @Test func `devices show null for what is unknown and leave out a missing account`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try writer.putDevice(DeviceRow(deviceID: 1, device: "A"))
            var row = DeviceRow(deviceID: 0, device: "B", utility: .gas, unit: .cubicMetre, dimension: .volume)
            try writer.putDevice(row)
            row.tariff = "home"
            row.account = "flat 3"
            row.readings = 3
            row.duplicates = 1
            row.firstReadAt = instant("2025-01-01")
            row.lastReadAt = instant("2025-01-02", 3, 4)
            row.lastValueMilli = -3_500_000
            try writer.putDevice(row)
        }
        let expected = """
            [
            {"device": "A", "utility": null, "unit": null, "tariff": null, "readings": 0, "duplicates": 0, \
            "firstReadAt": null, "lastReadAt": null, "lastValue": null},
            {"device": "B", "utility": "gas", "unit": "m3", "tariff": "home", "readings": 3, "duplicates": 1, \
            "firstReadAt": "2025-01-01T00:00:00Z", "lastReadAt": "2025-01-02T03:04:00Z", "lastValue": "-3.5", \
            "account": "flat 3"}
            ]

            """
        #expect(try output(store, ViewQuery(.devices)) == expected)
        #expect(
            try select(store, "SELECT device, last_value, first_read_at FROM device_decimal ORDER BY 1") == [
                "A||", "B|-3.5|2025-01-01T00:00:00Z",
            ]
        )
    }
}
