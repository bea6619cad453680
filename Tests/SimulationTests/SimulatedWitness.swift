import EventStorage
import Ingest
import MeterModel
import RecordLog
import Synchronization

/// A record of the log, however it is stored.
struct SimulatedRecord: Equatable {
    var position: UInt64
    var recordedAt: Instant
    var fact: Fact

    /// What a block says; `directory` is extended by it already.
    static func of(_ block: RecordedBlock, _ directory: SeriesDirectory) -> [SimulatedRecord] {
        block.runs.flatMap { run -> [SimulatedRecord] in
            switch run {
            case .lost: preconditionFailure("nothing is given up here")
            case .event(let position, let event):
                return [SimulatedRecord(position.rawValue, block.recordedAt, .event(event))]
            case .readings(let first, let readings):
                return readings.enumerated().map { i, reading in
                    let device = directory.deviceName(ofSeries: reading.series)
                    let fact = Fact.reading(device: device, at: reading.at, value: reading.value)
                    return SimulatedRecord(first.rawValue + UInt64(i), block.recordedAt, fact)
                }
            }
        }
    }

    /// What a log says.
    static func all(of fileSystem: any FileSystem) throws -> [SimulatedRecord] {
        var records: [SimulatedRecord] = []
        var directory = SeriesDirectory()
        let reader = try EventLogReader(directory: SimulatedServer.directory, fileSystem: fileSystem)
        try reader.forEachBlock(from: .origin) { block in
            try block.extend(&directory)
            records += of(block, directory)
            return .proceed
        }
        return records
    }

    init(_ position: UInt64, _ recordedAt: Instant, _ fact: Fact) {
        self.position = position
        self.recordedAt = recordedAt
        self.fact = fact
    }
}

/// Knows what the log must hold, from what was handed to it rather than from what it says.
///
/// Invariants: `records` are what was told to be durable, or found so by a process that began, by position; `lost` is
/// what had been and was forgotten.
// Safety: one thread moves the simulation.
final class SimulatedWitness: @unchecked Sendable {
    private(set) var records: [SimulatedRecord] = []
    private(set) var lost: Set<Fact> = []
    private var counts: [Fact: Int] = [:]
    private var outcomes: [String: Int] = [:]

    /// Whether the log holds a fact durably.
    func holds(_ fact: Fact) -> Bool { counts[fact] != nil }

    /// Whether the log holds the last outcome of a push.
    func isSettled(_ job: String) -> Bool { outcomes[job] != nil }

    /// A batch was told to be durable.
    func note(_ batch: EventBatch, first: Position, recordedAt: Instant, _ directory: SeriesDirectory) {
        batch.forEachRun(
            readings: { offset, range in
                for (i, reading) in batch.readings[range].enumerated() {
                    let device = directory.deviceName(ofSeries: reading.series)
                    let fact = Fact.reading(device: device, at: reading.at, value: reading.value)
                    add(SimulatedRecord(first.rawValue + UInt64(offset + i), recordedAt, fact))
                }
            },
            event: { offset, i in
                let fact = Fact.event(batch.events[i].event)
                add(SimulatedRecord(first.rawValue + UInt64(offset), recordedAt, fact))
            }
        )
    }

    /// A process began at a head: what is behind those known was written and never told.
    func goOn(to head: Position, _ all: () throws -> [SimulatedRecord]) throws {
        guard head.rawValue > UInt64(records.count) else { return }
        for record in try all()[records.count...] where record.position <= head.rawValue { add(record) }
    }

    /// What lies behind a position is lost.
    func forget(behind head: Position) {
        while UInt64(records.count) > head.rawValue {
            let fact = records.removeLast().fact
            lost.insert(fact)
            counts[fact] = counts[fact].flatMap { $0 > 1 ? $0 - 1 : nil }
            if let job = SimulatedWitness.settledJob(fact) {
                outcomes[job] = outcomes[job].flatMap { $0 > 1 ? $0 - 1 : nil }
            }
        }
    }

    private func add(_ record: SimulatedRecord) {
        precondition(record.position == UInt64(records.count + 1), "positions follow each other")
        records.append(record)
        counts[record.fact, default: 0] += 1
        if let job = SimulatedWitness.settledJob(record.fact) { outcomes[job, default: 0] += 1 }
    }

    private static func settledJob(_ fact: Fact) -> String? {
        guard case .event(.pushSettled(let outcome)) = fact, outcome.kind != .failed else { return nil }
        return outcome.job
    }
}

/// The log, and who sees what is handed to it.
final class WitnessedLog: BatchAppending {
    private let writer: EventLogWriter
    private let witness: SimulatedWitness

    init(_ writer: EventLogWriter, _ witness: SimulatedWitness) {
        self.writer = writer
        self.witness = witness
    }

    var head: Position { writer.head }

    func append(
        _ batch: inout EventBatch,
        recordedAt: Instant,
        recordedBy: String,
        directory: SeriesDirectory
    ) throws -> ClosedRange<UInt64> {
        let positions = try writer.append(
            &batch,
            recordedAt: recordedAt,
            recordedBy: recordedBy,
            directory: directory
        )
        witness.note(batch, first: Position(positions.lowerBound), recordedAt: recordedAt, directory)
        return positions
    }
}
