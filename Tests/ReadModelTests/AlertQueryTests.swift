import MeterModel
import Testing

@testable import ReadModel

@Suite struct AlertQueryTests {
    private func episode(
        _ device: UInt32,
        _ rule: String,
        _ number: Int64,
        _ position: UInt64,
        crossedAt: Instant?,
        cleared: EpisodeRow.Clearing? = nil
    ) -> EpisodeRow {
        EpisodeRow(
            deviceID: device,
            rule: rule,
            episode: number,
            position: Position(position),
            crossedAt: crossedAt,
            balanceBefore: money("1.5"),
            balanceAfter: money("-0.25"),
            cleared: cleared
        )
    }

    private func job(_ device: UInt32, _ name: String, _ kind: String, _ position: UInt64) -> PushJobRow {
        PushJobRow(
            job: "\(name)/zero/1/\(kind)",
            deviceID: device,
            rule: "zero",
            episode: 1,
            kind: kind,
            requestedAt: instant("2025-01-02", 3, 4),
            requestedPosition: Position(position),
            requestedEventTime: nil,
            staleAfterMilliseconds: Milliseconds.day
        )
    }

    @Test func `episodes come by position, and what is not cleared leaves the fields out`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try putTwoDevices(writer)
            let clearing = EpisodeRow.Clearing(position: Position(9), at: nil)
            try writer.putEpisode(episode(1, "zero", 1, 7, crossedAt: nil, cleared: clearing))
            try writer.putEpisode(episode(0, "zero", 1, 7, crossedAt: instant("2025-01-01", 1)))
            try writer.putEpisode(episode(0, "low", 1, 7, crossedAt: instant("2025-01-01")))
            try writer.putEpisode(episode(1, "low", 1, 3, crossedAt: instant("2025-01-02")))
            let cleared = EpisodeRow.Clearing(position: Position(8), at: instant("2025-01-03"))
            #expect(try writer.clearEpisode(device: 1, rule: "low", episode: 1, cleared))
            #expect(try writer.clearEpisode(device: 1, rule: "low", episode: 1, cleared) == false)
            #expect(try writer.clearEpisode(device: 1, rule: "none", episode: 1, cleared) == false)
        }
        let tail = "\"balanceBefore\": \"1.5\", \"balanceAfter\": \"-0.25\""
        let expected = """
            [
            {"device": "W-1", "rule": "low", "episode": 1, "position": 3, "crossedAt": "2025-01-02T00:00:00Z", \
            \(tail), "clearedAt": "2025-01-03T00:00:00Z", "clearedPosition": 8},
            {"device": "E-1", "rule": "low", "episode": 1, "position": 7, "crossedAt": "2025-01-01T00:00:00Z", \(tail)},
            {"device": "E-1", "rule": "zero", "episode": 1, "position": 7, "crossedAt": "2025-01-01T01:00:00Z", \(tail)},
            {"device": "W-1", "rule": "zero", "episode": 1, "position": 7, "crossedAt": null, \(tail), \
            "clearedPosition": 9}
            ]

            """
        #expect(try output(store, ViewQuery(.episodes)) == expected)
        let bounded = ViewQuery(.episodes, from: .day(date("2025-01-01")), to: .day(date("2025-01-02")))
        let rows = try output(store, bounded, .csv).split(separator: "\n").dropFirst()
        #expect(rows.map { $0.split(separator: ",")[1] } == ["low", "zero"])
    }

    @Test func `arrears are the open episodes of rule zero, null first`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            try putTwoDevices(writer)
            try writer.putDevice(DeviceRow(deviceID: 2, device: "A"))
            try writer.putDevice(DeviceRow(deviceID: 3, device: "paid"))
            for device: UInt32 in 0...3 {
                let row = BalanceRow(
                    deviceID: device,
                    currency: currency("EUR"),
                    charges: money("8.2"),
                    topUps: .zero,
                    asOf: nil
                )
                try writer.putBalance(row)
            }
            try writer.putEpisode(episode(0, "zero", 2, 7, crossedAt: instant("2025-01-01")))
            try writer.putEpisode(episode(1, "zero", 1, 6, crossedAt: nil))
            try writer.putEpisode(episode(2, "zero", 1, 5, crossedAt: instant("2025-01-01")))
            try writer.putEpisode(episode(2, "low", 1, 5, crossedAt: instant("2025-01-01")))
            let clearing = EpisodeRow.Clearing(position: Position(9), at: nil)
            try writer.putEpisode(episode(3, "zero", 1, 4, crossedAt: nil, cleared: clearing))
        }
        let expected = """
            [
            {"device": "W-1", "balance": "-8.20", "currency": "EUR", "since": null, "episode": 1, "position": 6},
            {"device": "A", "balance": "-8.20", "currency": "EUR", "since": "2025-01-01T00:00:00Z", "episode": 1, \
            "position": 5},
            {"device": "E-1", "balance": "-8.20", "currency": "EUR", "since": "2025-01-01T00:00:00Z", "episode": 2, \
            "position": 7}
            ]

            """
        #expect(try output(store, ViewQuery(.arrears)) == expected)
        #expect(
            try select(store, "SELECT device, since FROM arrears ORDER BY device") == [
                "A|2025-01-01T00:00:00Z", "E-1|2025-01-01T00:00:00Z", "W-1|",
            ]
        )
    }

    @Test func `pushes follow the outcomes of the log`() throws {
        let store = try ViewStore.inMemory()
        var row = job(0, "E-1", "crossed", 5)
        try store.transaction { writer in
            try putTwoDevices(writer)
            try writer.putPushJob(job(1, "W-1", "crossed", 5))
            try writer.putPushJob(job(0, "E-1", "reminder-1", 9))
            try writer.putPushJob(job(0, "E-1", "crossed", 5))
            for (kind, response) in [(PushOutcome.Kind.failed, "503"), (.delivered, nil), (.stale, "late")] {
                let outcome = PushOutcome(
                    kind: kind,
                    job: row.job,
                    at: instant("2025-01-03"),
                    channel: nil,
                    attempt: nil,
                    response: response
                )
                #expect(try writer.updatePushJob(outcome, at: Position(11)))
                row.apply(outcome, at: Position(11))
            }
            var unknown = PushOutcome(
                kind: .died,
                job: "W-1/zero/1/crossed",
                at: instant("2025-01-03"),
                channel: nil,
                attempt: nil,
                response: nil
            )
            #expect(try writer.updatePushJob(unknown, at: Position(12)))
            unknown.job = "nobody/zero/1/crossed"
            #expect(try writer.updatePushJob(unknown, at: Position(12)) == false)
        }
        let expected = """
            [
            {"job": "E-1/zero/1/crossed", "device": "E-1", "rule": "zero", "episode": 1, "kind": "crossed", \
            "state": "stale", "requestedAt": "2025-01-02T03:04:00Z", "attempts": 2, "lastOutcome": "late"},
            {"job": "W-1/zero/1/crossed", "device": "W-1", "rule": "zero", "episode": 1, "kind": "crossed", \
            "state": "dead", "requestedAt": "2025-01-02T03:04:00Z", "attempts": 0},
            {"job": "E-1/zero/1/reminder-1", "device": "E-1", "rule": "zero", "episode": 1, "kind": "reminder-1", \
            "state": "pending", "requestedAt": "2025-01-02T03:04:00Z", "attempts": 0}
            ]

            """
        #expect(try output(store, ViewQuery(.pushes)) == expected)
        #expect(try store.read { try $0.pushJob("E-1/zero/1/crossed") } == row)
        #expect(try store.read { try $0.unsettledPushJobs(limit: 9).map(\.job) } == ["E-1/zero/1/reminder-1"])
    }

    @Test func `anomalies come by device, time and kind, and are replaced by span`() throws {
        let store = try ViewStore.inMemory()
        func row(_ kind: AnomalyKind, _ day: String, _ position: UInt64, open: Bool = false) -> AnomalyRow {
            AnomalyRow(
                kind: kind,
                at: instant(day),
                position: Position(position),
                detail: "why \(position)",
                open: open
            )
        }
        try store.transaction { writer in
            try putTwoDevices(writer)
            try writer.putSeries(2, device: 0, register: "0-0:0")
            let rows = [row(.wrap, "2025-01-02", 4), row(.conflict, "2025-01-02", 6), row(.conflict, "2025-01-02", 5)]
            try writer.replaceAnomalies(series: 0, rows)
            try writer.replaceAnomalies(series: 2, [row(.conflict, "2025-01-02", 9), row(.dip, "2025-01-01", 3)])
            try writer.replaceAnomalies(series: 1, [row(.wrap, "2025-01-02", 1), row(.reset, "2025-01-03", 2)])
            try writer.replaceAnomalies(
                series: 1,
                from: milliseconds("2025-01-03"),
                to: milliseconds("2025-01-04"),
                [row(.suspectedReset, "2025-01-03", 2, open: true)]
            )
        }
        let all = try output(store, ViewQuery(.anomalies), .csv)
        #expect(
            all
                == """
                device,register,kind,at,position,detail,open
                E-1,0-0:0,dip,2025-01-01T00:00:00Z,3,why 3,false
                E-1,0-0:0,conflict,2025-01-02T00:00:00Z,9,why 9,false
                E-1,1-0:1.8.0,conflict,2025-01-02T00:00:00Z,5,why 5,false
                E-1,1-0:1.8.0,conflict,2025-01-02T00:00:00Z,6,why 6,false
                E-1,1-0:1.8.0,wrap,2025-01-02T00:00:00Z,4,why 4,false
                W-1,8-0:1.0.0,wrap,2025-01-02T00:00:00Z,1,why 1,false
                W-1,8-0:1.0.0,suspected-reset,2025-01-03T00:00:00Z,2,why 2,true

                """.replacing("\n", with: "\n")
        )
        let query = ViewQuery(.anomalies, device: "W-1", from: .instant(instant("2025-01-03")))
        let expected = """
            {"device": "W-1", "register": "8-0:1.0.0", "kind": "suspected-reset", "at": "2025-01-03T00:00:00Z", \
            "position": 2, "detail": "why 2", "open": true}

            """
        #expect(try output(store, query, .ndjson) == expected)
    }

    @Test func `rule states are read back`() throws {
        let store = try ViewStore.inMemory()
        let open = episode(0, "zero", 3, 30, crossedAt: nil)
        try store.transaction { writer in
            let clearing = EpisodeRow.Clearing(position: Position(9), at: instant("2025-01-01"))
            for number: Int64 in 1...2 {
                try writer.putEpisode(episode(0, "zero", number, 7, crossedAt: nil, cleared: clearing))
            }
            try writer.putEpisode(open)
            try writer.putEpisode(episode(0, "low", 1, 7, crossedAt: nil, cleared: clearing))
            try writer.putEpisode(episode(1, "zero", 1, 7, crossedAt: nil, cleared: clearing))
        }
        var states: [RuleState] = []
        try store.read { try $0.forEachRuleState { states.append($0) } }
        #expect(
            states == [
                RuleState(deviceID: 0, rule: "low", episodeCount: 1, open: nil),
                RuleState(deviceID: 0, rule: "zero", episodeCount: 3, open: open),
                RuleState(deviceID: 1, rule: "zero", episodeCount: 1, open: nil),
            ]
        )
        #expect(try store.read { try $0.episode(device: 0, rule: "zero", episode: 3) } == open)
        #expect(try store.read { try $0.episode(device: 0, rule: "zero", episode: 4) } == nil)
    }
}
