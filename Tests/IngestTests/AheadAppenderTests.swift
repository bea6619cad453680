import Admission
import EventStorage
import MeterModel
import Synchronization
import Telegrams
import Testing

@testable import Ingest

/// Batches appended on a thread of their own, against batches appended at once.
@Suite struct AheadAppenderTests {
    /// Takes texts in batch by batch; each text is a batch.
    private func take(_ texts: [String], over writer: any BatchAppending, _ logged: @escaping Intake.Logged) throws
        -> Intake
    {
        let intake = Intake(
            writer: writer,
            admission: Admission(zones: stageZones),
            clock: StandingClock(),
            quarantine: StagedQuarantine(),
            recordedBy: "cli",
            logged: logged
        )
        var names = TelegramNames()
        var decoder = NDJSONDecoder()
        for text in texts {
            let bytes = Array(text.utf8)
            var batch = DecodedBatch()
            _ = bytes.withUnsafeBytes { decoder.decode($0, isLast: false, names: &names, into: &batch) }
            try take(batch, of: bytes, names, into: intake)
            try intake.append()
        }
        return intake
    }

    private func take(_ batch: DecodedBatch, of bytes: [UInt8], _ names: TelegramNames, into intake: Intake) throws {
        try bytes.withUnsafeBytes { chunk in
            try intake.take(
                batch,
                chunk: chunk,
                names: names,
                defaults: AdmissionDefaults(utility: .electricity),
                source: "-"
            )
        }
    }

    private func texts(_ random: inout StageRandom) -> [String] {
        (0..<60).map { batch in
            (0..<Int.random(in: 1...20, using: &random)).map { k in
                let device = "E-\(Int.random(in: 0...batch, using: &random))"
                if Int.random(in: 0..<10, using: &random) == 0 {
                    return "{\"event\":\"DayTurned\",\"timezone\":\"UTC\",\"at\":1767225600}\n"
                }
                return readingLines(device, batch * 20 + k..<batch * 20 + k + 1)
            }
            .joined()
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `The log and what is told of it are the same`(seed: UInt64) throws {
        var random = StageRandom(seed: seed)
        let texts = texts(&random)
        func outcome(isAhead: Bool) throws -> (items: [String], told: [String], summary: IntakeSummary) {
            let log = StagedLog()
            let told = Mutex<[String]>([])
            let logged: Intake.Logged = { batch, first, _, directory in
                told.withLock {
                    $0.append("\(first.rawValue) \(batch.count) \(directory.deviceCount) \(directory.seriesCount)")
                }
            }
            guard isAhead else {
                let intake = try take(texts, over: log, logged)
                try intake.flush()
                return (log.items, told.withLock { $0 }, intake.summary)
            }
            let appender = AheadAppender.start(log, directory: SeriesDirectory(), logged: logged)
            let intake = try take(texts, over: appender) { _, _, _, _ in }
            try intake.flush()
            #expect(appender.head == log.head)
            appender.finish()
            return (log.items, told.withLock { $0 }, intake.summary)
        }
        let (ahead, direct) = (try outcome(isAhead: true), try outcome(isAhead: false))
        #expect(ahead.items == direct.items, "seed \(seed)")
        #expect(ahead.told == direct.told, "seed \(seed)")
        #expect(ahead.summary.accepted == direct.summary.accepted)
        #expect(ahead.summary.lastPosition == direct.summary.lastPosition)
    }

    @Test func `A failure is thrown to who hands in, and nothing is appended after it`() throws {
        let log = StagedLog()
        log.isBroken = true
        let appender = AheadAppender.start(log, directory: SeriesDirectory()) { _, _, _, _ in }
        #expect(throws: StageFault.self) {
            let texts = (0..<5).map { readingLines("E-1", $0..<$0 + 1) }
            try take(texts, over: appender) { _, _, _, _ in }.flush()
        }
        log.isBroken = false
        #expect(throws: StageFault.self) { try appender.settle() }
        appender.finish()
        #expect(log.items == [])
    }

    @Test func `What folds the batches ends the appending when it fails`() throws {
        let log = StagedLog()
        let appender = AheadAppender.start(log, directory: SeriesDirectory()) { _, _, _, _ in throw StageFault() }
        #expect(throws: StageFault.self) {
            try take([readingLines("E-1", 0..<1)], over: appender) { _, _, _, _ in }.flush()
        }
        appender.finish()
        #expect(log.items == ["E-1 0"])
    }

    /// A log that counts.
    private final class CountingLog: BatchAppending {
        private(set) var head = Position.origin
        private(set) var counts: [Int] = []

        func append(
            _ batch: inout EventBatch,
            recordedAt: Instant,
            recordedBy: String,
            directory: SeriesDirectory
        ) throws -> ClosedRange<UInt64> {
            counts.append(batch.count)
            let first = head.rawValue + 1
            head = head.advanced(by: batch.count)
            return first...head.rawValue
        }

        func settle() throws {}
    }

    @Test func `What is gathered grows with what came, up to the largest batch`() throws {
        let log = CountingLog()
        let largest = Intake.maximumBatchCount + 2 * EventStorageLimits.maximumReadingsPerBlock
        let intake = Intake(
            writer: log,
            admission: Admission(zones: stageZones),
            clock: StandingClock(),
            quarantine: StagedQuarantine(),
            recordedBy: "cli",
            largestBlockCount: 3,
            logged: { _, _, _, _ in }
        )
        let bytes = Array(readingLines("E-1", 0..<1000).utf8)
        var names = TelegramNames()
        var decoder = NDJSONDecoder()
        var batch = DecodedBatch()
        _ = bytes.withUnsafeBytes { decoder.decode($0, isLast: false, names: &names, into: &batch) }
        for _ in 0..<9_000 { try take(batch, of: bytes, names, into: intake) }
        try intake.flush()
        #expect(log.counts.reduce(0, +) == 9_000_000)
        // A chunk of 1000 readings fills it.
        #expect(log.counts[0] == 58_000)
        var before = log.counts[0]
        for count in log.counts.dropFirst().dropLast() {
            #expect(count >= before && count < largest + 1000)
            before = count
        }
        #expect(before >= largest)
        intake.giveBackMemory()
    }
}
