import MeterModel
import Testing

@testable import ReadModel

@Suite struct SchemaTests {
    @Test func `tables and columns are the contract of version 1`() throws {
        let store = try ViewStore.inMemory()
        let columns = try select(
            store,
            """
            SELECT t.name || ' ' || group_concat(
                c.name || ' ' || c.type || iif(c."notnull", '!', '') || iif(c.pk, '#', ''), ', ')
            FROM pragma_table_list AS t JOIN pragma_table_info(t.name) AS c
            WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.schema = 'main' AND t.strict
            GROUP BY t.name ORDER BY t.name
            """
        )
        #expect(Schema.version == 1)
        #expect(
            columns == [
                """
                anomaly series_id INTEGER!#, at INTEGER!#, kind TEXT!#, position INTEGER!#, ordinal INTEGER!#, \
                detail TEXT!, open INTEGER!
                """,
                """
                balance device_id INTEGER#, currency TEXT!, balance TEXT!, balance_minor ANY!, balance_exact TEXT!, \
                charges TEXT!, top_ups TEXT!, as_of INTEGER
                """,
                """
                consumption_day id INTEGER#, day TEXT!, seconds INTEGER!, quantity_milli ANY!, estimated_milli ANY!, \
                complete INTEGER!
                """,
                """
                consumption_hour id INTEGER#, seconds INTEGER!, quantity_milli ANY!, estimated_milli ANY!, \
                complete INTEGER!
                """,
                """
                consumption_month id INTEGER#, month TEXT!, seconds INTEGER!, quantity_milli ANY!, \
                estimated_milli ANY!, complete INTEGER!
                """,
                """
                device device_id INTEGER#, device TEXT!, utility TEXT, unit TEXT, quantity_unit TEXT, timezone TEXT!, \
                tariff TEXT, account TEXT, readings INTEGER!, duplicates INTEGER!, first_read_at INTEGER, \
                last_read_at INTEGER, last_value_milli INTEGER
                """,
                """
                episode device_id INTEGER!#, rule TEXT!#, episode INTEGER!#, position INTEGER!, crossed_at INTEGER, \
                balance_before TEXT!, balance_after TEXT!, cleared_at INTEGER, cleared_position INTEGER
                """,
                """
                ledger id INTEGER#, device_id INTEGER!, day TEXT!, kind TEXT!, period TEXT, quantity_milli ANY, \
                price TEXT, amount TEXT!
                """,
                "meta key TEXT!#, value ANY",
                """
                push_job job TEXT!#, device_id INTEGER!, rule TEXT!, episode INTEGER!, kind TEXT!, \
                requested_at INTEGER!, requested_position INTEGER!, requested_event_time INTEGER, \
                stale_after_ms INTEGER!, state TEXT!, attempts INTEGER!, last_outcome TEXT, outcome_at INTEGER, \
                outcome_position INTEGER
                """,
                "series series_id INTEGER#, device_id INTEGER!, register TEXT!",
            ]
        )
    }

    @Test func `SQL views for people, and their columns`() throws {
        let store = try ViewStore.inMemory()
        let views = try select(
            store,
            """
            SELECT t.name || ': ' || group_concat(c.name, ' ')
            FROM pragma_table_list AS t JOIN pragma_table_info(t.name) AS c
            WHERE t.type = 'view' GROUP BY t.name ORDER BY t.name
            """
        )
        #expect(
            views == [
                "anomaly_decimal: device register kind at position detail open",
                "arrears: device account balance currency since episode position",
                "balance_decimal: device account currency balance balance_exact charges top_ups as_of",
                "consumption_day_decimal: device register day start end quantity unit estimated complete",
                "consumption_hour_decimal: device register start end quantity unit estimated complete",
                "consumption_month_decimal: device register month start end quantity unit estimated complete",
                """
                device_decimal: device utility unit timezone tariff account readings duplicates first_read_at \
                last_read_at last_value quantity_unit
                """,
                """
                episode_decimal: device rule episode position crossed_at balance_before balance_after cleared_at \
                cleared_position
                """,
                "ledger_decimal: device day kind period quantity unit price amount",
                "push_decimal: job device rule episode kind state requested_at attempts last_outcome",
            ]
        )
    }

    @Test(arguments: ["consumption_hour_decimal", "consumption_day_decimal", "ledger_decimal"])
    func `a device's rows are found without reading those of the others`(view: String) throws {
        let store = try ViewStore.inMemory()
        let plan = try store.read { reader in
            let rows = try reader.statement("EXPLAIN QUERY PLAN SELECT * FROM \(view) WHERE device = 'E-1'")
            var steps: [String] = []
            while try rows.step() { steps.append(rows.text(3)) }
            return steps
        }
        #expect(plan.allSatisfy { $0.hasPrefix("SEARCH ") }, "\(plan)")
    }

    @Test func `decimals and times of the SQL views are exact`() throws {
        let store = try ViewStore.inMemory()
        let values: [(Int128, String)] = [
            (0, "0"), (1, "0.000001"), (-1, "-0.000001"), (999_999, "0.999999"), (1_000_000, "1"),
            (-12_500_000, "-12.5"), (100_000_000, "100"), (Int128(Int64.max) * 10, "92233720368547.75807"),
        ]
        try store.transaction { writer in
            try putTwoDevices(writer)
            for (hour, value) in values.enumerated() {
                try writer.putHour(
                    series: 0,
                    start: milliseconds("2025-01-01", Int64(hour)),
                    end: milliseconds("2025-01-01", Int64(hour) + 1),
                    quantity: value.0,
                    estimated: 0,
                    complete: true
                )
            }
            let row = AnomalyRow(
                kind: .dip,
                at: Instant(milliseconds: milliseconds("2025-01-01") + 5),
                position: Position(1),
                detail: "",
                open: true
            )
            try writer.replaceAnomalies(series: 0, [row])
        }
        #expect(try select(store, "SELECT quantity FROM consumption_hour_decimal ORDER BY start") == values.map(\.1))
        #expect(
            try select(store, "SELECT * FROM consumption_hour_decimal ORDER BY start LIMIT 1") == [
                "E-1|1-0:1.8.0|2025-01-01T00:00:00Z|2025-01-01T01:00:00Z|0|kWh|0|1"
            ]
        )
        #expect(try select(store, "SELECT at, open FROM anomaly_decimal") == ["2025-01-01T00:00:00.005Z|1"])
    }

    @Test func `starts before 2000 and up to 2106 have a key, and keys ascend`() {
        let starts = [milliseconds("1999-12-01"), milliseconds("2000-01-01"), milliseconds("2106-02-07")]
        let keys = [UInt32(0), 1, 1 << 31 - 1].flatMap { series in
            starts.map { BucketKey.id(series: series, startMilliseconds: $0) }
        }
        #expect(keys == keys.sorted())
        #expect(keys.allSatisfy { $0 >= 0 })
        #expect(BucketKey.range(series: 3, from: .min, to: .max) == 3 << 32..<4 << 32)
        #expect(BucketKey.range(series: 0, from: 1001, to: 2001) == 2..<3)
        #expect(BucketKey.range(series: 0, from: 5000, to: 1000).isEmpty)
    }
}
