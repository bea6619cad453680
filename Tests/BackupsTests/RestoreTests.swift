import EventStorage
import MeterModel
import RecordLog
import Testing

@testable import Backups

struct RestoreTests {
    @Test func `Every position can be restored, and the log goes on from there`() throws {
        let stage = try Stage(blockCount: 5)
        try stage.backUp()
        let all = try Stage.events(Stage.source, stage.disk)
        let reader = try RecordLogReader(directory: Stage.source, fileSystem: stage.disk)
        for position in 1...all.count {
            let disk = stage.disk.copy()
            let report = try Stage.restore(disk, to: .position(UInt64(position)))
            #expect(report.position == UInt64(position))
            let block = try #require(try reader.block(holding: UInt64(position)))
            let isEnd = block.upperBound == UInt64(position)
            #expect(report.rewrittenCount == (isEnd ? 0 : UInt64(position) - block.lowerBound + 1))
            try Stage.expect(Stage.restored, disk, holds: Array(all[..<position]), "position \(position)")
            #expect(
                try RecordLogReader(directory: Stage.restored, fileSystem: disk).durableHead()?.chain == report.chain
            )
            guard position % 7 == 0 || position == all.count else { continue }
            try goOn(disk, from: Array(all[..<position]))
        }
    }

    /// Appends to a restored log, over a roll, and checks that all of it is sound.
    private func goOn(_ disk: SimulatedFileSystem, from events: [String]) throws {
        let (writer, report) = try EventLogWriter.open(
            directory: Stage.restored,
            fileSystem: disk,
            configuration: Stage.configuration,
            lockDescription: "test"
        )
        #expect(report.findings.isEmpty, "\(report.findings)")
        var names = try EventLogReader(directory: Stage.restored, fileSystem: disk).directory()
        for number in 0..<3 {
            var batch = EventBatch()
            for i in 0..<100 {
                let device = names.device(named: "N-\(i)")
                let register = names.register(named: "1-0:1.8.0")
                batch.readings.append(
                    ReadingRecord(
                        series: names.series(device: device, register: register),
                        traits: ReadingTraits(quality: .measured, isInterval: false, unit: .kilowattHour),
                        at: Stage.instant(number).milliseconds,
                        value: Int64(i * i * i),
                        span: 0,
                        receivedAt: ReadingDraft.absentInstant
                    )
                )
            }
            _ = try writer.append(&batch, recordedAt: Stage.instant(500), recordedBy: "later", directory: names)
        }
        writer.close()
        let verified = try EventLogVerification.run(directory: Stage.restored, fileSystem: disk)
        #expect(!verified.hasDamage, "\(verified.log.findings)")
        #expect(try Array(Stage.events(Stage.restored, disk).prefix(events.count)) == events)
    }

    @Test func `An instant is the last event recorded at or before it`() throws {
        let stage = try Stage()
        try stage.backUp()
        for number in [0, 3, 8, 11] {
            for (lead, expected) in [
                (Int64(0), stage.heads[number]), (1, stage.heads[number]),
                (-1, number == 0 ? 0 : stage.heads[number - 1]),
            ] {
                let disk = stage.disk.copy()
                let instant = Instant(milliseconds: Stage.instant(number).milliseconds + lead)
                if expected == 0 {
                    let fault = #expect(throws: BackupFault.self) { try Stage.restore(disk, to: .instant(instant)) }
                    #expect(fault?.cause.contains("nothing was recorded") == true)
                } else {
                    #expect(try Stage.restore(disk, to: .instant(instant)).position == expected)
                }
            }
        }
    }

    @Test func `What is not there, not empty or no backup is refused`() throws {
        let stage = try Stage(blockCount: 2)
        #expect(throws: BackupFault.self) { try Stage.restore(stage.disk) }
        try stage.backUp()
        let beyond = #expect(throws: BackupFault.self) {
            try Stage.restore(stage.disk, to: .position(stage.head + 1))
        }
        #expect(beyond?.cause.contains("from 1 to \(stage.head)") == true)
        #expect(try !stage.disk.names(inDirectory: "data").contains("restored"), "nothing was begun")
        try stage.disk.makeDirectory(Stage.restored)
        _ = try stage.disk.open(Stage.restored + "/something", mode: .create)
        let fault = #expect(throws: BackupFault.self) { try Stage.restore(stage.disk) }
        #expect(fault?.cause.contains("not empty") == true)
    }

    @Test func `A backup with a damaged byte is not restored`() throws {
        let stage = try Stage()
        try stage.backUp()
        let names = try stage.disk.names(inDirectory: Stage.target + "/log")
        let segments = try RecordLogReader(directory: Stage.target, fileSystem: stage.disk).segments()
        let liveByteCount = segments[segments.count - 1].liveByteCount
        #expect(segments.count > 2)
        var generator = SplitMix(state: 11)
        for round in 0..<60 {
            let disk = stage.disk.copy()
            let path = "\(Stage.target)/log/\(names[Int(generator.next() % UInt64(names.count))])"
            var bytes = try #require(disk.content(of: path))
            let offset = Int(generator.next() % UInt64(bytes.count))
            bytes[offset] ^= UInt8(1 << (generator.next() % 8))
            disk.setContent(bytes, of: path)
            let isPrewritten = path.hasSuffix(segments[segments.count - 1].file) && offset >= liveByteCount
            do {
                try Stage.restore(disk)
                // What is behind the last block is not copied.
                #expect(isPrewritten, "round \(round): \(path) at \(offset)")
            } catch {
                // Whatever was begun is marked.
                let names = (try? disk.names(inDirectory: Stage.restored)) ?? []
                #expect(names.isEmpty || names.contains("restoring"), "round \(round): \(names)")
            }
        }
    }
}

/// SplitMix64: the same sequence on every machine.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
