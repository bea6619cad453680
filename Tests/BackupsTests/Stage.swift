import EventStorage
import MeterModel
import RecordLog
import Testing

@testable import Backups

/// A data directory on a disk in memory, and what it is known to hold.
final class Stage {
    static let source = "data/source"
    static let target = "data/backup"
    static let restored = "data/restored"

    let disk: SimulatedFileSystem
    private var writer: EventLogWriter
    private var directory = SeriesDirectory()
    /// The head after each append.
    private(set) var heads: [UInt64] = []

    static let configuration = RecordLogConfiguration(
        segmentByteCount: 4 << 10,
        sealedIndexByteCount: 256,
        preparesSpareInBackground: false
    )

    /// A log of some blocks of readings and events, by the minute, with settings and something refused.
    init(seed: UInt64 = 1, blockCount: Int = 30) throws {
        disk = SimulatedFileSystem(seed: seed)
        try disk.makeDirectory(Stage.source)
        try disk.makeDirectory(Stage.source + "/quarantine")
        writer = try EventLogWriter.open(
            directory: Stage.source,
            fileSystem: disk,
            configuration: Stage.configuration,
            lockDescription: "test"
        ).writer
        for _ in 0..<blockCount { try append() }
        disk.setContent(Array("views: { hours: off }\n".utf8), of: Stage.source + "/meterfold.yaml")
        disk.setContent(Array("{}\n".utf8), of: Stage.source + "/tokens")
        disk.setContent(Array("{\"line\":1}\n".utf8), of: Stage.source + "/quarantine/1.ndjson")
    }

    /// The instant of the nth block.
    static func instant(_ number: Int) -> Instant { Instant(milliseconds: 1_767_225_600_000 + Int64(number) * 60_000) }

    /// Appends a block: devices come and go, so that numbers are defined all along.
    func append() throws {
        let number = heads.count
        var batch = EventBatch()
        for i in 0..<40 {
            if i == 20 {
                let payment = Payment(
                    device: "E-\(number)",
                    amount: ExactDecimal(Int128(number + 1)),
                    currency: try #require(Currency("EUR")),
                    provider: "cash",
                    reference: "\(number)",
                    at: Stage.instant(number)
                )
                batch.events.append((batch.readings.count, .topUpReceived(payment)))
            }
            let device = directory.device(named: "E-\((number * 7 + i * 3) % 50)")
            let register = directory.register(named: i % 5 == 0 ? "1-0:2.8.0" : "1-0:1.8.0")
            batch.readings.append(
                ReadingRecord(
                    series: directory.series(device: device, register: register),
                    traits: ReadingTraits(quality: .measured, isInterval: false, unit: .kilowattHour),
                    at: Stage.instant(number).milliseconds + Int64(i),
                    value: Int64(number * 1_000_003 + i * i * 977),
                    span: 0,
                    receivedAt: ReadingDraft.absentInstant
                )
            )
        }
        let positions = try writer.append(
            &batch,
            recordedAt: Stage.instant(number),
            recordedBy: "test \(number)",
            directory: directory
        )
        heads.append(positions.upperBound)
    }

    func close() { writer.close() }

    var head: UInt64 { heads.last ?? 0 }

    @discardableResult
    func backUp(_ disk: SimulatedFileSystem? = nil) throws -> Backup.Report {
        try Backup(of: Stage.source, in: Stage.target, fileSystem: disk ?? self.disk)
            .run(now: Stage.instant(1000), lockDescription: "test")
    }

    @discardableResult
    static func restore(_ disk: SimulatedFileSystem, to point: Restore.Point = .end) throws -> Restore.Report {
        try Restore(of: target, into: restored, fileSystem: disk)
            .run(to: point, configuration: configuration, lockDescription: "test")
    }

    /// What a log holds, up to a position: a line for each event, with all that the log says of it.
    static func events(_ directory: String, _ disk: SimulatedFileSystem, through last: UInt64? = nil) throws -> [String]
    {
        var names = SeriesDirectory()
        var lines: [String] = []
        let reader = try EventLogReader(directory: directory, fileSystem: disk)
        try reader.forEachBlock(from: Position(1), through: last.map { Position($0) }) { block in
            try block.extend(&names)
            let recorded = "\(block.recordedAt.rfc3339) \(block.recordedBy)"
            for run in block.runs {
                switch run {
                case .readings(let first, let readings):
                    for (i, reading) in readings.enumerated() {
                        let name = names.deviceName(ofSeries: reading.series)
                        let register = names.registerName(ofSeries: reading.series)
                        let number = first.rawValue + UInt64(i)
                        lines.append("\(number) \(recorded) \(name) \(register) \(reading.at) \(reading.value)")
                    }
                case .event(let position, let event): lines.append("\(position.rawValue) \(recorded) \(event)")
                case .lost(let positions, _): lines.append("lost \(positions)")
                }
            }
            return .proceed
        }
        return lines
    }

    /// Checks that a log is sound and has just these events.
    static func expect(
        _ directory: String,
        _ disk: SimulatedFileSystem,
        holds events: [String],
        _ what: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let report = try EventLogVerification.run(directory: directory, fileSystem: disk)
        #expect(!report.hasDamage, "\(what): \(report.log.findings)", sourceLocation: sourceLocation)
        #expect(report.log.head == UInt64(events.count), "\(what)", sourceLocation: sourceLocation)
        let found = try Stage.events(directory, disk)
        #expect(found == events, "\(what)", sourceLocation: sourceLocation)
    }
}
