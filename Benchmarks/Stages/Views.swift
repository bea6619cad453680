import Benchmark
import EventStorage
import Glibc
import MeterModel
import Projections
import ReadModel
import RecordLog

// From the log to rows. Two of five devices are prepaid, so that a share of the readings is charged.

func measureFolding(_ shape: FleetShape) {
    // As a server folds what was just logged.
    measure("fold.batches", shape, setUp: { try MadeLog($0) }) { benchmark, log in
        let projector = log.projector(into: try .inMemory())
        benchmark.startMeasurement()
        log.fold(into: projector)
        benchmark.stopMeasurement()
        precondition(projector.position == log.head, "folded up to \(projector.position.rawValue)")
    }
    // As views are made anew: blocks are read by one thread and folded, device by device, by another.
    measure("fold.log", shape, setUp: { try MadeLog($0) }) { benchmark, log in
        let projector = log.projector(into: try .inMemory())
        var directory = log.directory
        let reader = try log.makeReaderOfReadings()
        benchmark.startMeasurement()
        try projector.goOn(reader, through: log.head, directory: &directory)
        benchmark.stopMeasurement()
        precondition(projector.position == log.head, "folded up to \(projector.position.rawValue)")
    }
}

func measureCommit(_ shape: FleetShape) {
    measure("commit.memory", shape, setUp: { try MadeLog($0) }) { benchmark, log in
        try log.commit(into: try .inMemory(), benchmark)
    }
    measure("commit.file", shape, setUp: { try MadeLog($0) }) { benchmark, log in
        let path = temporaryFolder() + "/meterfold-stages-\(getpid()).sqlite"
        defer { for end in ["", "-wal", "-shm"] { unlink(path + end) } }
        let store = try ViewStore.open(path: path)
        try log.commit(into: store, benchmark)
        try store.close()
    }
}

private func temporaryFolder() -> String { getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }

extension MadeLog {
    /// A projector that knows what is declared.
    fileprivate func projector(into store: ViewStore) -> ViewProjector {
        let projector = ViewProjector(store: store, zones: made.zones)
        projector.apply(
            declarations,
            firstPosition: Position(1),
            recordedAt: made.recordedAt,
            directory: directory
        )
        return projector
    }

    fileprivate func fold(into projector: ViewProjector) {
        var next = firstReading
        for batch in batches {
            projector.apply(batch, firstPosition: next, recordedAt: made.recordedAt, directory: directory)
            next = next.advanced(by: batch.count)
        }
    }

    /// The rows of all readings at once, into views that know the devices.
    fileprivate func commit(into store: ViewStore, _ benchmark: Benchmark) throws {
        let projector = projector(into: store)
        try projector.commit(chain: chain.bytes)
        fold(into: projector)
        benchmark.startMeasurement()
        try projector.commit(chain: chain.bytes)
        benchmark.stopMeasurement()
    }
}
