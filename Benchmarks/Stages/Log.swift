import Admission
import Benchmark
import EventStorage
import MeterModel
import RecordLog

// Into a log and out of it. It lies in memory, and nothing is synced: what a disk costs is measured elsewhere.

func measureLog(_ shape: FleetShape) {
    measureAppending(shape)
    measureBlocks(shape)
    measure("log.readings", shape, setUp: { try MadeLog($0) }) { benchmark, log in
        let reader = try log.makeReaderOfReadings()
        var count = 0
        benchmark.startMeasurement()
        try reader.forEachBlock(from: log.firstReading, through: log.head) { block in
            for case .readings(_, let readings) in block.runs { count += readings.count }
            return .proceed
        }
        benchmark.stopMeasurement()
        precondition(count == FleetShape.readingCount, "\(count) readings are read")
    }
    measure("log.verify", shape, setUp: { try MadeLog($0, withDeclarations: false) }) { benchmark, log in
        benchmark.startMeasurement()
        let report = try EventLogVerification.run(
            directory: MadeLog.path,
            fileSystem: log.files,
            expectedHead: log.head
        )
        benchmark.stopMeasurement()
        precondition(!report.hasDamage, "the log is damaged")
    }
}

/// Readings of many batches into blocks: ordered by device, encoded, digested, compressed, chained.
private func measureAppending(_ shape: FleetShape) {
    struct Accepted {
        let made: MadeFleet
        let declarations: EventBatch
        let batches: [EventBatch]
        let directory: SeriesDirectory

        init(_ shape: FleetShape) throws {
            made = MadeFleet(shape)
            var admission = made.makeAdmission()
            declarations = try made.declarations(&admission)
            batches = made.batches(&admission)
            directory = admission.directory
        }
    }
    measure("log.append", shape, setUp: { try Accepted($0) }) { benchmark, accepted in
        let writer = try MadeLog.openWriter(SimulatedFileSystem())
        var declarations = accepted.declarations
        try accepted.made.append(&declarations, to: writer, accepted.directory)
        // Appending puts them in order, each round anew.
        var batches = accepted.batches.map { batch in
            EventBatch(readings: batch.readings.withUnsafeBufferPointer { ContiguousArray($0) })
        }
        benchmark.startMeasurement()
        for i in batches.indices { try accepted.made.append(&batches[i], to: writer, accepted.directory) }
        benchmark.stopMeasurement()
        writer.close()
    }
}

/// Blocks whose content nobody looks at: compressed, chained and checksummed, and back.
private func measureBlocks(_ shape: FleetShape) {
    struct Body {
        let bytes: [UInt8]
        let recordCount: Int
        let digest: Digest32
    }
    func bodies(_ log: MadeLog) throws -> [Body] {
        var bodies: [Body] = []
        let reader = try RecordLogReader(directory: MadeLog.path, fileSystem: log.files)
        try reader.forEachBlock(from: log.firstReading.rawValue, through: log.head.rawValue) { view in
            bodies.append(Body(bytes: Array(view.body), recordCount: view.recordCount, digest: .sha256(view.body)))
            return .proceed
        }
        return bodies
    }
    measure("log.blocks.write", shape, setUp: { try bodies(MadeLog($0)) }) { benchmark, bodies in
        let (writer, _) = try RecordLogWriter.open(
            directory: MadeLog.path,
            fileSystem: SimulatedFileSystem(),
            configuration: MadeLog.configuration,
            lockDescription: "benchmark"
        )
        benchmark.startMeasurement()
        for body in bodies {
            _ = try writer.prepare(maximumBodyByteCount: body.bytes.count)
            try body.bytes.withUnsafeBytes { bytes in
                _ = try writer.append(body: bytes, recordCount: body.recordCount, contentDigest: body.digest)
            }
        }
        benchmark.stopMeasurement()
        precondition(writer.head == FleetShape.readingCount, "\(writer.head) records are written")
        writer.close()
    }
    measure("log.blocks.read", shape, setUp: { try MadeLog($0) }) { benchmark, log in
        let reader = try RecordLogReader(directory: MadeLog.path, fileSystem: log.files)
        var byteCount = 0
        benchmark.startMeasurement()
        try reader.forEachBlock(from: log.firstReading.rawValue, through: log.head.rawValue) { view in
            byteCount += view.body.count
            return .proceed
        }
        benchmark.stopMeasurement()
        blackHole(byteCount)
    }
}
