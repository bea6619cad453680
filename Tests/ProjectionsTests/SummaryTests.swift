import EventStorage
import MeterModel
import ReadModel
import RecordLog
import Testing

@testable import Projections

/// The fast sums of a fleet against the rows of the view added up.
@Suite("A fleet's summary")
struct SummaryTests {
    @Test("is the sum of the view's rows, whatever happened", arguments: 0..<Seeds.shards)
    func agrees(shard: Int) throws {
        for seed in Seeds.ofShard(shard, count: 160) {
            var history = FleetHistory(seed: seed, isLawful: seed % 3 != 0)
            let lines = history.arrival().map(\.text)
            var random = TestRandom(seed: seed ^ 0x50)
            let (pipeline, _) = try Trial(lines: lines, seed: seed).ingested(&random)
            guard pipeline.head > .origin else { continue }
            let last = random.oneIn(3) ? Position(UInt64(random.int(1...Int64(pipeline.head.rawValue)))) : nil
            let expected = try SummedRows(pipeline.rebuilt(through: last))
            for threadCount in [1, 2, 4] {
                let run = SummaryRun(
                    zones: testZones,
                    threadCount: threadCount,
                    passes: random.oneIn(2) ? .one : .two,
                    redeclaredLimit: random.pick([0, 1, 8])
                ) {
                    try pipeline.makeReader()
                }
                let rows = try run.run(through: last).rows
                #expect(rows == expected.rows, "seed \(seed), \(threadCount) threads, through \(last?.rawValue ?? 0)")
                guard rows == expected.rows else { return }
            }
            let device = "device-\(seed % 3)"
            let alone = try SummaryRun(zones: testZones, threadCount: 1) { try pipeline.makeReader() }
                .run(through: last, device: device).rows
            #expect(alone == (try SummedRows(pipeline.rebuilt(through: last), device: device).rows), "seed \(seed)")
        }
    }

    @Test("is the sum of the view's rows of logs with holes", arguments: 0..<Seeds.shards)
    func agreesBehindHoles(shard: Int) throws {
        for seed in Seeds.ofShard(shard, count: 320) {
            var history = FleetHistory(seed: seed &+ 2_000_000, isLawful: false)
            var random = TestRandom(seed: seed)
            let (pipeline, _) = try Trial(lines: history.arrival().map(\.text), seed: seed).ingested(&random)
            guard pipeline.head > .origin else { continue }
            _ = try pipeline.loseSegments(&random)
            let expected = try SummedRows(pipeline.rebuilt()).rows
            let run = SummaryRun(
                zones: testZones,
                threadCount: random.pick([1, 2]),
                passes: random.oneIn(2) ? .one : .two,
                redeclaredLimit: random.pick([0, 1, 8])
            ) {
                try pipeline.makeReader()
            }
            let different = try Set(run.run().rows).symmetricDifference(expected)
            #expect(different.isEmpty, "seed \(seed): \(different)")
        }
    }

    @Test("has what exchanges alone tell of a register that nobody read")
    func exchangesAlone() throws {
        let pipeline = try Pipeline()
        _ = try pipeline.ingest([
            #"{"event":"DeviceRegistered","device":"w","utility":"water"}"#,
            #"{"event":"MeterExchanged","device":"w","at":"2024-03-30T12:00:00Z","finalValue":"18.4","initialValue":"3"}"#,
            #"{"event":"MeterExchanged","device":"w","at":"2024-04-05T12:00:00Z","finalValue":"34","initialValue":"3"}"#,
        ])
        let rows = try SummaryRun(zones: testZones, threadCount: 2) { try pipeline.makeReader() }.run().rows
        #expect(rows.count == 7 && rows.reduce(0) { $0 + $1.quantity } == 31_000_000)
        #expect(try rows == SummedRows(pipeline.rebuilt()).rows)
    }

    @Test("is the sum of the view's rows of fleets that are read on and on", arguments: 0..<12 as Range<UInt64>)
    func agreesOnSteadyFleets(seed: UInt64) throws {
        let log = try SteadyLog(seed: seed)
        let store = try ViewStore.inMemory()
        let projector = ViewProjector(store: store, zones: testZones)
        _ = try projector.fold(log.makeReader())
        try projector.commit(chain: [])
        let expected = try SummedRows(store).rows
        #expect(expected.count > 10)
        for threadCount in [1, 2, 4] {
            for passes in [SummaryFold.Passes.one, .two] {
                let run = SummaryRun(zones: testZones, threadCount: threadCount, passes: passes) {
                    try log.makeReader()
                }
                #expect(try run.run().rows == expected, "seed \(seed), \(threadCount) threads, \(passes)")
            }
        }
        let (from, to) = (expected[3].day, expected[expected.count - 2].day)
        let some = try SummaryRun(zones: testZones, threadCount: 2) { try log.makeReader() }
            .run(from: .day(from), to: .day(to))
        #expect(some.rows == expected.filter { $0.day >= from && $0.day < to })
    }
}

/// The rows of the consumption view of days, added up over the devices.
private struct SummedRows {
    private(set) var rows: [FleetSummary.Row] = []

    init(_ store: ViewStore, device: String? = nil) throws {
        let devices = Cells()
        try store.read { try $0.run(ViewQuery(.devices, device: device), zones: testZones, into: devices) }
        var utilities: [String: Utility] = [:]
        for row in devices.rows { utilities[row["device"] ?? ""] = row["utility"].flatMap { Utility(name: $0) } }
        let days = Cells()
        try store.read {
            try $0.run(ViewQuery(.consumption(by: .day), device: device), zones: testZones, into: days)
        }
        struct Key: Hashable {
            var day: String
            var register: String
            var utility: UInt8
            var dimension: UInt8
        }
        var sums: [Key: FleetSummary.Row] = [:]
        for row in days.rows {
            guard let start = row["start"], let day = LocalDate(String(start.prefix(10))),
                let register = row["register"], let dimension = row["unit"].flatMap({ Unit(symbol: $0) })?.dimension
            else { throw Malformed() }
            let utility = utilities[row["device"] ?? ""]
            let key = Key(
                day: String(start.prefix(10)),
                register: register,
                utility: utility?.rawValue ?? 0,
                dimension: dimension.rawValue
            )
            var sum =
                sums[key]
                ?? FleetSummary.Row(day: day, register: register, utility: utility, dimension: dimension)
            sum.quantity += try SummedRows.milli(row["quantity"])
            sum.estimated += try SummedRows.milli(row["estimated"])
            sum.series += 1
            sum.complete += row["complete"] == "true" ? 1 : 0
            sums[key] = sum
        }
        rows = sums.sorted { a, b in
            if a.key.day != b.key.day { return a.key.day < b.key.day }
            if a.key.register != b.key.register {
                return a.key.register.utf8.lexicographicallyPrecedes(b.key.register.utf8)
            }
            return (a.key.utility, a.key.dimension) < (b.key.utility, b.key.dimension)
        }.map(\.value)
    }

    private struct Malformed: Error {}

    private static func milli(_ text: String?) throws -> Int128 {
        guard let text, let value = ExactDecimal(text), let milli = value.scaled(by: 6) else { throw Malformed() }
        return milli
    }

    /// Rows as texts by column.
    private final class Cells: RowSink {
        private var columns: [RowColumn] = []
        private(set) var rows: [[String: String]] = []

        func begin(_ columns: [RowColumn]) { self.columns = columns }

        func row(_ cells: RowCells) {
            var row: [String: String] = [:]
            for (i, column) in columns.enumerated() where cells.kind(i) == .text || cells.kind(i) == .literal {
                row[column.name] = String(decoding: cells.bytes(i), as: UTF8.self)
            }
            rows.append(row)
        }

        func end() {}
    }
}

/// The log of a fleet whose registers hardly ever fall, with late readings, repeated ones and gaps, in several
/// segments.
private final class SteadyLog {
    private let fileSystem = SimulatedFileSystem()
    private var directory = SeriesDirectory()
    private var random: TestRandom

    func makeReader() throws -> EventLogReader { try EventLogReader(directory: "data", fileSystem: fileSystem) }

    /// What a device is going to tell, and how.
    private struct Meter {
        var series: [UInt32]
        var at: Int64
        var values: [Int64]
        var step: Int64
        var isTroubled: Bool
        /// Whether it is read on the full hour or quarter.
        var isRound: Bool
        var waiting: [ReadingRecord] = []
        var told: [ReadingRecord] = []
    }

    init(seed: UInt64) throws {
        random = TestRandom(seed: seed &* 31 &+ 7)
        let configuration = RecordLogConfiguration(
            segmentByteCount: 48 << 10,
            sealedIndexByteCount: 8 << 10,
            preparesSpareInBackground: false
        )
        let writer = try EventLogWriter.open(
            directory: "data",
            fileSystem: fileSystem,
            configuration: configuration,
            lockDescription: "test"
        ).writer
        let count = Int(random.pick([7, 40, 200]))
        // A fleet that was declared has its devices in another order than its series.
        if seed % 2 == 1 { for i in 0..<count { _ = directory.device(named: "m\((i * 3 + 1) % count)") } }
        var meters = (0..<count).map { meter($0, seed) }
        var batch = EventBatch()
        if seed % 3 == 0 { batch.events = declarations(meters.count).map { (0, $0) } }
        let rounds = 24_000 / meters.count
        let batchSize = random.pick([900, 6000])
        for round in 0..<rounds {
            for i in meters.indices where !random.oneIn(40) { tell(&meters[i], into: &batch.readings) }
            guard batch.readings.count > batchSize || round == rounds - 1 else { continue }
            _ = try writer.append(&batch, recordedAt: testRecordedAt, recordedBy: "test", directory: directory)
            batch = EventBatch()
        }
        writer.close()
    }

    private func meter(_ i: Int, _ seed: UInt64) -> Meter {
        let device = directory.device(named: "m\(i)")
        let registers = seed % 4 == 1 && i % 5 == 0 ? ["1-0:1.8.0", "1-0:2.8.0"] : ["1-0:1.8.0"]
        let series = registers.map { directory.series(device: device, register: directory.register(named: $0)) }
        return Meter(
            series: series,
            at: 1_767_225_600_000 + random.int(0...80_000) * 1000,
            values: series.map { _ in random.int(0...90_000_000) * 1000 },
            step: random.pick([900_000, 900_000, 3_600_000, 86_400_000]),
            isTroubled: random.oneIn(9),
            isRound: random.oneIn(3)
        )
    }

    private func declarations(_ count: Int) -> [MeterEvent] {
        (0..<count).filter { $0 % 2 == 0 }.map { i in
            var event = DeviceRegistered(device: "m\(i)", utility: .electricity)
            event.timezone = ["Europe/Berlin", "Asia/Kolkata", "Pacific/Apia"][i / 2 % 3]
            if i % 8 == 0 { event.multiplier = ExactDecimal(25, fractionDigits: 1) }
            if i % 6 == 0 { event.maxRate = ExactDecimal(i % 12 == 0 ? 10_000 : 1) }
            if i % 10 == 0 { event.gapAfterMilliseconds = 1_800_000 }
            return .deviceRegistered(event)
        }
    }

    private func tell(_ meter: inout Meter, into readings: inout ContiguousArray<ReadingRecord>) {
        meter.at += meter.step + (random.oneIn(60) ? random.int(1...90) * 3_600_000 : 0)
        for (i, series) in meter.series.enumerated() {
            meter.values[i] += random.oneIn(4) ? 0 : random.int(0...900) * 1000
            var value = meter.values[i]
            if meter.isTroubled, random.oneIn(50) { value -= random.int(0...4_000_000) }
            let reading = ReadingRecord(
                series: series,
                traits: ReadingTraits(quality: .measured, isInterval: false, unit: .wattHour),
                at: meter.isRound
                    ? meter.at - meter.at % min(meter.step, 3_600_000) : meter.at + random.int(0...8) * 1000,
                value: value,
                span: 0,
                receivedAt: ReadingDraft.absentInstant
            )
            if random.oneIn(30) {
                meter.waiting.append(reading)
            } else {
                readings.append(reading)
                meter.told.append(reading)
            }
        }
        if let late = meter.waiting.first, random.oneIn(12) {
            readings.append(late)
            meter.waiting.removeFirst()
        }
        if random.oneIn(70), let again = meter.told.dropLast(Int(random.int(0...5))).last { readings.append(again) }
    }
}
