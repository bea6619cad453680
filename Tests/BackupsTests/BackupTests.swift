import EventStorage
import MeterModel
import RecordLog
import TamperEvidence
import Testing

@testable import Backups

struct BackupTests {
    @Test func `A backup is a log that is sound and has all events, and says up to where`() throws {
        let stage = try Stage()
        let report = try stage.backUp()
        #expect(report.manifest.document.head.position == stage.head)
        #expect(report.copiedSegmentCount > 2 && report.keptSegmentCount == 0)
        #expect(report.copiedFileCount == 3)
        try Stage.expect(Stage.target, stage.disk, holds: Stage.events(Stage.source, stage.disk))
        let read = try #require(try BackupManifest.read(backup: Stage.target, fileSystem: stage.disk))
        #expect(read == report.manifest)
        for file in ["meterfold.yaml", "tokens", "quarantine/1.ndjson"] {
            let (ours, theirs) = (stage.disk.content(of: "\(Stage.source)/\(file)"), "\(Stage.target)/\(file)")
            #expect(ours != nil && ours == stage.disk.content(of: theirs))
        }
        #expect(try stage.disk.names(inDirectory: Stage.target + "/incoming").isEmpty)
    }

    @Test func `A second run copies what is new, beside the writer`() throws {
        let stage = try Stage()
        let first = try stage.backUp()
        let again = try stage.backUp()
        #expect(again.copiedSegmentCount == 0 && again.copiedByteCount == 0 && again.copiedFileCount == 0)
        #expect(again.keptSegmentCount == first.copiedSegmentCount)
        for _ in 0..<6 { try stage.append() }
        stage.disk.setContent(Array("{}\n{}\n".utf8), of: Stage.source + "/quarantine/1.ndjson")
        try stage.disk.remove(Stage.source + "/tokens")
        let second = try stage.backUp()
        #expect(second.manifest.document.head.position == stage.head)
        #expect(second.keptSegmentCount >= first.copiedSegmentCount - 1)
        #expect(second.copiedSegmentCount >= 1 && second.copiedFileCount == 1)
        #expect(stage.disk.content(of: Stage.target + "/tokens") == nil, "a token that is gone lets nobody in again")
        try Stage.expect(Stage.target, stage.disk, holds: Stage.events(Stage.source, stage.disk))
    }

    @Test func `Bytes that rotted in the backup are copied anew`() throws {
        let stage = try Stage()
        try stage.backUp()
        let name = try stage.disk.names(inDirectory: Stage.target + "/log")[1]
        let path = "\(Stage.target)/log/\(name)"
        var bytes = try #require(stage.disk.content(of: path))
        bytes[700] ^= 4
        stage.disk.setContent(bytes, of: path)
        let report = try stage.backUp()
        #expect(report.copiedSegmentCount == 1)
        try Stage.expect(Stage.target, stage.disk, holds: Stage.events(Stage.source, stage.disk))
    }

    @Test(arguments: [false, true])
    func `A damaged source stops the backup by its positions and leaves the good one`(_ isSealed: Bool) throws {
        let stage = try Stage()
        try stage.backUp()
        let before = try Stage.events(Stage.source, stage.disk)
        for _ in 0..<6 { try stage.append() }
        let segments = try RecordLogReader(directory: Stage.source, fileSystem: stage.disk).segments()
        // One that the backup has not, or has differently: the first sealed behind it, or the one in use.
        let number = isSealed ? try #require(segments.lastIndex { $0.isSealed }) : segments.count - 1
        let path = "\(Stage.source)/log/\(segments[number].file)"
        var bytes = try #require(stage.disk.content(of: path))
        bytes[80 + 84 + 20] ^= 1
        stage.disk.setContent(bytes, of: path)
        let error = #expect(throws: RecordLogError.self) { try stage.backUp() }
        #expect(error?.code == .corruption)
        let positions = try #require(error?.place?.positions)
        #expect(positions.lowerBound == segments[number].firstPosition, "\(positions)")
        #expect(error?.place?.file.contains(segments[number].file) == true)
        // The log's very end cannot be told while it is damaged there.
        if isSealed { #expect(error?.hint.contains("as good as it was") == true) }
        try Stage.restore(stage.disk)
        try Stage.expect(Stage.restored, stage.disk, holds: before)
    }

    @Test func `A kept segment that was damaged in the source stops the backup, and the good copy stays`() throws {
        let stage = try Stage()
        try stage.backUp()
        let name = try stage.disk.names(inDirectory: Stage.source + "/log")[0]
        let good = stage.disk.content(of: "\(Stage.target)/log/\(name)")
        var bytes = try #require(good)
        bytes[300] ^= 1
        stage.disk.setContent(bytes, of: "\(Stage.source)/log/\(name)")
        let error = #expect(throws: RecordLogError.self) { try stage.backUp() }
        #expect(error?.code == .corruption && error?.place?.positions != nil)
        #expect(stage.disk.content(of: "\(Stage.target)/log/\(name)") == good)
        try Stage.restore(stage.disk)
    }

    @Test func `A log that lost its end, or went on differently, does not go over its backup`() throws {
        let stage = try Stage()
        try stage.backUp()
        let before = try Stage.events(Stage.source, stage.disk)
        stage.close()
        // The source is put back to an earlier point, then goes on.
        try Stage.restore(stage.disk, to: .position(250))
        let forked = Backup(of: Stage.restored, in: Stage.target, fileSystem: stage.disk)
        let short = #expect(throws: BackupFault.self) {
            try forked.run(now: Stage.instant(2000), lockDescription: "test")
        }
        #expect(short?.cause.contains("ends at position 250") == true)
        let (writer, _) = try EventLogWriter.open(
            directory: Stage.restored,
            fileSystem: stage.disk,
            configuration: Stage.configuration,
            lockDescription: "test"
        )
        let names = try EventLogReader(directory: Stage.restored, fileSystem: stage.disk).directory()
        for number in 0..<25 {
            var batch = EventBatch()
            for i in 0..<50 {
                batch.readings.append(
                    ReadingRecord(
                        series: 0,
                        traits: ReadingTraits(quality: .measured, isInterval: false, unit: .kilowattHour),
                        at: Stage.instant(100 + number).milliseconds + Int64(i),
                        value: Int64(i),
                        span: 0,
                        receivedAt: ReadingDraft.absentInstant
                    )
                )
            }
            _ = try writer.append(&batch, recordedAt: Stage.instant(100), recordedBy: "t", directory: names)
        }
        writer.close()
        let other = #expect(throws: BackupFault.self) {
            try forked.run(now: Stage.instant(2000), lockDescription: "test")
        }
        #expect(other?.cause.contains("its chain is another") == true, "\(other?.cause ?? "")")
        #expect(try Stage.events(Stage.target, stage.disk) == before)
    }

    @Test func `Another log does not go over a backup`() throws {
        let stage = try Stage()
        try stage.backUp()
        let other = "data/other"
        try stage.disk.makeDirectory(other)
        let (writer, _) = try EventLogWriter.open(
            directory: other,
            fileSystem: stage.disk,
            configuration: Stage.configuration,
            lockDescription: "test"
        )
        var batch = EventBatch(events: [(0, .dayTurned(DayTurned(timezone: "Europe/Berlin", at: Stage.instant(1))))])
        _ = try writer.append(
            &batch,
            recordedAt: Stage.instant(1),
            recordedBy: "test",
            directory: SeriesDirectory()
        )
        writer.close()
        let fault = #expect(throws: BackupFault.self) {
            try Backup(of: other, in: Stage.target, fileSystem: stage.disk)
                .run(now: Stage.instant(0), lockDescription: "test")
        }
        #expect(fault?.cause.contains("another log") == true)
    }

    @Test func `What is no backup is refused as a target, and two runs at once`() throws {
        let stage = try Stage()
        for target in [Stage.source, "data"] {
            let fault = #expect(throws: BackupFault.self) {
                try Backup(of: Stage.source, in: target, fileSystem: stage.disk)
                    .run(now: Stage.instant(0), lockDescription: "test")
            }
            #expect(fault?.hint.isEmpty == false)
        }
        try stage.backUp()
        let lock = try stage.disk.lock(Stage.target + "/lock", holder: "another")
        let error = #expect(throws: RecordLogError.self) { try stage.backUp() }
        #expect(error?.code == .locked)
        lock.release()
        try stage.backUp()
    }
}
