import EventStorage
import Foundation
import MeterModel
import RecordLog
import Testing

@testable import Admission
@testable import Ingest

/// What decides about acceptance, read from a log with the segments passed over that tell nothing new, against the
/// replay of every block.
struct AdmissionReplayTests {
    /// A log of random readings and events in many small segments, and its numbering.
    private struct RandomLog {
        var random: StageRandom
        var directory = SeriesDirectory()
        var references = 0
        let euro: Currency

        mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

        mutating func deviceName(_ limit: Int) -> String { "E-\(number(0...limit))" }

        mutating func reading(_ limit: Int) -> ReadingRecord {
            let device = directory.device(named: deviceName(limit))
            // A device keeps to one dimension, as what is accepted does.
            let unit: MeterModel.Unit = device % 3 == 0 ? .litre : .kilowattHour
            let register = directory.register(named: "r\(number(0...1))")
            return ReadingRecord(
                series: directory.series(device: device, register: register),
                traits: ReadingTraits(quality: .measured, isInterval: false, unit: unit),
                at: stageTime.milliseconds + Int64(number(0...100_000)),
                value: Int64(number(0...100_000)),
                span: 0,
                receivedAt: ReadingDraft.absentInstant
            )
        }

        mutating func event(_ limit: Int) -> MeterEvent {
            let device = deviceName(limit)
            references += 1
            switch number(0...4) {
            case 0:
                return .readingVoided(
                    ReadingVoided(device: device, register: "v\(number(0...2))", readAt: stageTime, reason: "")
                )
            case 1: return .tariffAssigned(TariffAssigned(device: device, tariff: "t", from: LocalDate(dayNumber: 0)))
            default:
                return .topUpReceived(
                    Payment(
                        device: device,
                        amount: ExactDecimal(Int128(references)),
                        currency: euro,
                        provider: "cash",
                        reference: "\(references % 50)",
                        at: stageTime
                    )
                )
            }
        }

        mutating func write(to writer: EventLogWriter) throws {
            for round in 0..<60 {
                // The fleet grows by leaps, so that many segments know all of it; few have events.
                let limit = 5 + round / 20 * 10
                var batch = EventBatch()
                for _ in 0..<number(1...80) { batch.readings.append(reading(limit)) }
                if number(0...5) == 0 {
                    let event = event(limit + 3)
                    directory.enter(event)
                    batch.events.append((batch.readings.count, event))
                }
                _ = try writer.append(&batch, recordedAt: stageTime, recordedBy: "test", directory: directory)
                if number(0...2) == 0 { try writer.roll() }
            }
        }
    }

    private func replayed(_ path: String) throws -> (admission: Admission, blockCount: Int) {
        var admission = Admission(zones: stageZones)
        var known = SeriesDirectory()
        var count = 0
        try EventLogReader(directory: path).forEachBlock(from: Position(1)) { block in
            try block.extend(&known)
            admission.replay(block, directory: known)
            count += 1
            return .proceed
        }
        admission.adopt(known)
        return (admission, count)
    }

    private func expectEqual(_ one: Admission, _ other: Admission) {
        #expect(one.devices.map(\.declaration) == other.devices.map(\.declaration))
        #expect(one.devices.map(\.currency) == other.devices.map(\.currency))
        #expect(one.references == other.references && one.tariffs.count == other.tariffs.count)
        let (a, b) = (one.directory, other.directory)
        #expect(DefinitionCounts(a) == DefinitionCounts(b))
        for series in 0..<UInt32(min(a.seriesCount, b.seriesCount)) {
            #expect(a.deviceName(ofSeries: series) == b.deviceName(ofSeries: series))
            #expect(a.registerName(ofSeries: series) == b.registerName(ofSeries: series))
        }
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func `passing over what tells nothing new changes nothing`(_ seed: UInt64) throws {
        let path = NSTemporaryDirectory() + "admission-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let configuration = RecordLogConfiguration(segmentByteCount: 64 << 10, sealedIndexByteCount: 4 << 10)
        func open(readsState: Bool) throws -> EventLogWriter {
            try EventLogWriter.open(
                directory: path,
                configuration: configuration,
                lockDescription: "test",
                readsState: readsState
            ).writer
        }
        var log = RandomLog(random: StageRandom(seed: seed), euro: try #require(Currency("EUR")))
        let first = try open(readsState: true)
        try log.write(to: first)
        first.close()

        let writer = try open(readsState: false)
        var blockCount = 0
        let quick = try Admission.replay(writer, zones: stageZones) { _ in blockCount += 1 }
        let slow = try replayed(path)
        expectEqual(quick, slow.admission)
        #expect(blockCount < slow.blockCount, "nothing was passed over")
        // The writer goes on as one that read its state when it was opened.
        log.directory = quick.directory
        try log.write(to: writer)
        writer.close()
        let again = try open(readsState: false)
        expectEqual(try Admission.replay(again, zones: stageZones), try replayed(path).admission)
        again.close()
    }
}
