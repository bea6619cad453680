import MeterModel
import Testing

@testable import ReadModel

@Suite struct PageTests {
    private static let views: [ViewQuery.View] =
        ViewQuery.Bucket.allCases.map { .consumption(by: $0) } + [
            .balance, .ledger, .arrears, .episodes, .pushes, .anomalies, .devices,
        ]

    @Test func `pages put together are the query's rows, each once and in order`() throws {
        var random = Randomness(seed: UInt64.random(in: .min ... .max))
        let seed = random.seed
        let store = try ViewStore.inMemory()
        try store.transaction { try putManyDevices($0, &random) }
        var pageCount = 0
        for view in PageTests.views {
            for _ in 0..<12 {
                var query = ViewQuery(view)
                if random.chance(1, of: 4) { query.device = random.element(names) }
                if random.chance(1, of: 3) { query.from = .day(day(random.below(6))) }
                if random.chance(1, of: 3) { query.to = .instant(instant("2025-01-05", Int64(random.below(24)))) }
                let glob =
                    random.chance(1, of: 3) ? NameGlob(random.element(["E-*", "*1*", "é*", "?-2?", "none"])) : nil
                let whole = try rows(store, query, ViewPage(limit: ViewPage.rowCountMaximum, devices: glob)).rows
                let expected = try all(store, query).filter { row in glob?.matches(deviceName(row, view)) ?? true }
                #expect(whole == expected, "seed \(seed), \(query)")
                var page = ViewPage(limit: 1 + random.below(7), devices: glob)
                var found: [String] = []
                repeat {
                    let (rows, next) = try rows(store, query, page)
                    #expect(rows.count <= page.limit)
                    found += rows
                    page.after = try next.map { try #require(ViewCursor(text: $0.text)) }
                    pageCount += 1
                } while page.after != nil && found.count <= expected.count
                #expect(found == expected, "seed \(seed), \(query), pages of \(page.limit)")
            }
        }
        #expect(pageCount > 500)
    }

    @Test func `a page goes on where the last ended though rows came and went meanwhile`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { writer in
            for (index, name) in ["b", "d", "f"].enumerated() {
                try writer.putDevice(DeviceRow(deviceID: UInt32(index), device: name))
            }
        }
        let (first, next) = try rows(store, ViewQuery(.devices), ViewPage(limit: 2))
        #expect(first.map { deviceName($0, .devices) } == ["b", "d"])
        try store.transaction { writer in
            for (index, name) in ["a", "e"].enumerated() {
                try writer.putDevice(DeviceRow(deviceID: UInt32(index + 3), device: name))
            }
        }
        let (second, end) = try rows(store, ViewQuery(.devices), ViewPage(limit: 9, after: next))
        #expect(second.map { deviceName($0, .devices) } == ["e", "f"])
        #expect(end == nil)
    }

    @Test func `a page ends where the sink has enough`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { try putTwoDevices($0) }
        var bytes: [UInt8] = []
        let sink = RowFormat.ndjson.makeSink { bytes.append(contentsOf: $0) }
        let next = try store.read {
            try $0.run(ViewQuery(.devices), page: ViewPage(), zones: HandMadeZones(), into: sink) { true }
        }
        #expect(String(decoding: bytes, as: UTF8.self).split(separator: "\n").count == 1)
        #expect(next != nil)
    }

    @Test func `where few rows are wanted of many, a page ends after so many were looked at`() throws {
        let store = try ViewStore.inMemory()
        let count = ViewPage.examinedRowCountMaximum + 10
        try store.transaction { writer in
            for index in 0..<count {
                let name = index == count - 1 ? "z-last" : "a\(index)"
                try writer.putDevice(DeviceRow(deviceID: UInt32(index), device: name))
            }
        }
        var page = ViewPage(devices: NameGlob("*-last"))
        let (first, next) = try rows(store, ViewQuery(.devices), page)
        #expect(first.isEmpty)
        page.after = next
        #expect(next != nil)
        let (second, end) = try rows(store, ViewQuery(.devices), page)
        #expect(second.count == 1 && end == nil)
        // What a pattern begins with leads straight there.
        page = ViewPage(devices: NameGlob("z-*"))
        #expect(try rows(store, ViewQuery(.devices), page).rows.count == 1)
    }

    @Test func `a cursor of another query is refused, and a forged one does no harm`() throws {
        let store = try ViewStore.inMemory()
        try store.transaction { try putTwoDevices($0) }
        let (_, next) = try rows(store, ViewQuery(.devices), ViewPage(limit: 1))
        let cursor = try #require(next)
        #expect(ViewQuery(.devices).goesWith(cursor))
        #expect(throws: ViewError.otherCursor) {
            try rows(store, ViewQuery(.balance), ViewPage(after: cursor))
        }
        #expect(!ViewQuery(.devices, device: "E-1").goesWith(cursor))
        let consumption = ViewQuery(.consumption(by: .day))
        for seconds in [Int64.min, -1, Int64.max] {
            let forged = ViewCursor(
                fingerprint: consumption.fingerprint,
                key: [.text("E-1"), .text("1-0:1.8.0"), .integer(seconds)]
            )
            #expect(try rows(store, consumption, ViewPage(after: forged)).rows.isEmpty)
        }
        for text in ["", "!", "AQ", String(cursor.text.dropLast(3)), cursor.text + "AAAA"] {
            let read = ViewCursor(text: text)
            #expect(read.map { !ViewQuery(.devices).goesWith($0) } ?? true)
        }
        #expect(ViewCursor(text: cursor.text) == cursor)
    }

    // MARK: -

    private let names = (0..<30).map { "\(["E", "W", "é", "e\u{301}"][$0 % 4])-\($0)" }

    private func day(_ offset: Int) -> LocalDate { LocalDate(dayNumber: date("2025-01-01").dayNumber + Int32(offset)) }

    private func deviceName(_ row: String, _ view: ViewQuery.View) -> String {
        let field = view == .pushes ? 2 : 1
        return String(row.split(separator: "\": \"")[field].split(separator: "\"")[0])
    }

    private func all(_ store: ViewStore, _ query: ViewQuery) throws -> [String] {
        try output(store, query, .ndjson).split(separator: "\n").map(String.init)
    }

    private func rows(_ store: ViewStore, _ query: ViewQuery, _ page: ViewPage) throws
        -> (rows: [String], next: ViewCursor?)
    {
        var bytes: [UInt8] = []
        let sink = RowFormat.ndjson.makeSink { bytes.append(contentsOf: $0) }
        let next = try store.read { try $0.run(query, page: page, zones: HandMadeZones(), into: sink) }
        return (String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init), next)
    }

    private func putManyDevices(_ writer: ViewWriter, _ random: inout Randomness) throws {
        var series: UInt32 = 0
        for (index, name) in names.enumerated() {
            let device = UInt32(index)
            let zone = random.element(["UTC", "Europe/Berlin", "Asia/Kolkata"])
            try writer.putDevice(DeviceRow(deviceID: device, device: name, dimension: .energy, timezone: zone))
            for register in 0..<random.below(3) {
                try writer.putSeries(series, device: device, register: "r\(2 - register)")
                try putBuckets(writer, series, &random)
                series += 1
            }
            let lines = (0..<random.below(6)).map { _ in
                LedgerLine(
                    day: day(random.below(6)),
                    kind: .energy,
                    period: "p\(random.below(1000))",
                    quantityMilli: 1,
                    amount: money("-1")
                )
            }
            try writer.replaceLedgerDays(device: device, from: nil, to: nil, lines: lines)
            if random.chance(4, of: 5) {
                try writer.putBalance(
                    BalanceRow(
                        deviceID: device,
                        currency: currency("EUR"),
                        charges: money("1"),
                        topUps: .zero,
                        asOf: nil
                    )
                )
            }
            try putAlerts(writer, device, name, &random)
        }
    }

    private func putBuckets(_ writer: ViewWriter, _ series: UInt32, _ random: inout Randomness) throws {
        for offset in 0..<6 where random.chance(2, of: 3) {
            let start = Int64(day(offset).dayNumber) * Milliseconds.day
            try writer.putDay(
                series: series,
                day: day(offset),
                start: start,
                end: start + Milliseconds.day,
                quantity: 1,
                estimated: 0,
                complete: true
            )
            try writer.putHour(
                series: series,
                start: start,
                end: start + Milliseconds.hour,
                quantity: 1,
                estimated: 0,
                complete: true
            )
        }
        try writer.putMonth(
            series: series,
            month: day(0),
            start: milliseconds("2025-01-01"),
            end: milliseconds("2025-02-01"),
            quantity: 1,
            estimated: 0,
            complete: false
        )
        let anomalies = (0..<random.below(5)).map { _ in
            AnomalyRow(
                kind: random.element(Array(AnomalyKind.allCases)),
                at: instant("2025-01-0\(1 + random.below(6))", Int64(random.below(2))),
                position: Position(UInt64(1 + random.below(3))),
                detail: "d",
                open: false
            )
        }
        try writer.replaceAnomalies(series: series, anomalies)
    }

    private func putAlerts(_ writer: ViewWriter, _ device: UInt32, _ name: String, _ random: inout Randomness) throws {
        for rule in ["zero", "low"] {
            for episode in 0..<random.below(4) {
                let crossedAt = random.chance(1, of: 4) ? nil : instant("2025-01-0\(1 + random.below(6))")
                let clearing = EpisodeRow.Clearing(position: Position(99), at: nil)
                let row = EpisodeRow(
                    deviceID: device,
                    rule: rule,
                    episode: Int64(episode + 1),
                    position: Position(UInt64(1 + random.below(5))),
                    crossedAt: crossedAt,
                    balanceBefore: money("1"),
                    balanceAfter: money("-1"),
                    cleared: episode == 0 ? nil : clearing
                )
                try writer.putEpisode(row)
                let job = PushJobRow(
                    job: "\(name)/\(rule)/\(episode + 1)/crossed",
                    deviceID: device,
                    rule: rule,
                    episode: Int64(episode + 1),
                    kind: "crossed",
                    requestedAt: instant("2025-01-0\(1 + random.below(6))"),
                    requestedPosition: row.position,
                    requestedEventTime: nil,
                    staleAfterMilliseconds: Milliseconds.day
                )
                try writer.putPushJob(job)
            }
        }
    }
}

/// Random choices that a seed repeats (SplitMix64).
struct Randomness: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    mutating func below(_ end: Int) -> Int { Int.random(in: 0..<end, using: &self) }

    mutating func chance(_ part: Int, of whole: Int) -> Bool { below(whole) < part }

    mutating func element<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}
