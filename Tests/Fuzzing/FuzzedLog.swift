import EventStorage
import MeterModel
import RecordLog
import TamperEvidence

/// Bytes of a disk, and documents about a log.
enum FuzzedLog {
    private static let directory = "data"
    private static let configuration = RecordLogConfiguration(
        segmentByteCount: 16 << 10,
        sealedIndexByteCount: 1 << 10,
        preparesSpareInBackground: false
    )

    /// Any bytes as the body of a block whose checksums are right.
    static func readBlock(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let fileSystem = SimulatedFileSystem(seed: 1)
        do throws(RecordLogError) {
            let (writer, _) = try RecordLogWriter.open(
                directory: directory,
                fileSystem: fileSystem,
                configuration: configuration,
                lockDescription: "fuzz"
            )
            defer { writer.close() }
            let body = Array(bytes.dropFirst().prefix(configuration.maximumBodyByteCount))
            _ = try writer.prepare(maximumBodyByteCount: body.count)
            let digest = body.withUnsafeBytes { Digest32.sha256($0) }
            _ = try append(body, recordCount: 1 + Int(first), digest, to: writer)
        } catch {
            fatalError("the log cannot be made: \(error)")
        }
        // What is no block of events is told, and what is one can be read to its end.
        _ = try? EventLogVerification.run(directory: directory, fileSystem: fileSystem)
        _ = try? read(fileSystem)
    }

    private static func append(
        _ body: [UInt8],
        recordCount: Int,
        _ digest: Digest32,
        to writer: RecordLogWriter
    ) throws(RecordLogError) -> ClosedRange<UInt64> {
        let result = body.withUnsafeBytes { bytes -> Result<ClosedRange<UInt64>, RecordLogError> in
            do throws(RecordLogError) {
                return .success(try writer.append(body: bytes, recordCount: recordCount, contentDigest: digest))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// The events of a log, in words.
    private static func read(_ fileSystem: SimulatedFileSystem) throws -> [String] {
        var found: [String] = []
        var known = SeriesDirectory()
        let reader = try EventLogReader(directory: directory, fileSystem: fileSystem)
        do {
            try reader.forEachBlock(from: .origin) { block in
                try block.extend(&known)
                for run in block.runs {
                    switch run {
                    case .event(let position, let event): found.append("\(position.rawValue) \(event)")
                    case .lost(let positions, let lost): found.append("\(positions) \(lost)")
                    case .readings(let first, let readings):
                        for (i, reading) in readings.enumerated() {
                            let name = known.deviceName(ofSeries: reading.series)
                            found.append("\(first.rawValue + UInt64(i)) \(name) \(reading.at) \(reading.value)")
                        }
                    }
                }
                return .proceed
            }
        } catch {
            found.append("damaged")
        }
        return found
    }

    private struct Sound {
        var fileSystem: SimulatedFileSystem
        var events: [String]
        var paths: [String]
    }

    /// Two segments with a few hundred readings.
    private static let sound: Sound = {
        let fileSystem = SimulatedFileSystem(seed: 1)
        do {
            let (writer, _) = try EventLogWriter.open(
                directory: directory,
                fileSystem: fileSystem,
                configuration: configuration,
                lockDescription: "fuzz"
            )
            var known = SeriesDirectory()
            for block in 0..<24 {
                var batch = EventBatch()
                for i in 0..<30 {
                    let device = known.device(named: "meter \(i % 5)")
                    let series = known.series(device: device, register: known.register(named: "1-0:1.8.0"))
                    batch.readings.append(
                        ReadingRecord(
                            series: series,
                            traits: ReadingTraits(quality: .measured, isInterval: false, unit: .wattHour),
                            at: 1_772_323_200_000 + Int64(block * 30 + i) * 900_000,
                            value: Int64(block * 7919 + i * 104_729),
                            span: 0,
                            receivedAt: ReadingDraft.absentInstant
                        )
                    )
                }
                _ = try writer.append(
                    &batch,
                    recordedAt: Instant(milliseconds: 1_772_400_000_000),
                    recordedBy: "fuzz",
                    directory: known
                )
                if block == 12 { try writer.roll() }
            }
            writer.close()
            let names = try fileSystem.names(inDirectory: directory + "/log")
            return Sound(
                fileSystem: fileSystem,
                events: try read(fileSystem),
                paths: names.map { directory + "/log/" + $0 }
            )
        } catch {
            fatalError("the log cannot be made: \(error)")
        }
    }()

    /// Damages a sound log, three bytes an edit: where, and what is laid over it.
    static func readDamaged(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let path = sound.paths[Int(first) % sound.paths.count]
        guard let whole = sound.fileSystem.content(of: path) else { fatalError("no segment at \(path)") }
        var content = whole
        var i = 1
        while i + 2 < bytes.count {
            let place = (Int(bytes[i]) | Int(bytes[i + 1]) << 8) % content.count
            content[place] ^= bytes[i + 2]
            i += 3
        }
        let fileSystem = sound.fileSystem.copy()
        fileSystem.setContent(content, of: path)
        let head = Position(UInt64(sound.events.count))
        let report = try? EventLogVerification.run(directory: directory, fileSystem: fileSystem, expectedHead: head)
        let isTold = report.map { !$0.log.findings.isEmpty || !$0.wrongIndexes.isEmpty } ?? true
        precondition(isTold || content == whole, "damage was not found")
        let events = (try? read(fileSystem)) ?? ["damaged"]
        let isTrue = sound.events.starts(with: events.last == "damaged" ? events.dropLast() : events[...])
        precondition(isTrue, "damage was read as events")
        let opened = try? EventLogWriter.open(
            directory: directory,
            fileSystem: fileSystem,
            configuration: RecordLogConfiguration(
                segmentByteCount: 16 << 10,
                sealedIndexByteCount: 1 << 10,
                preparesSpareInBackground: false,
                expectedHead: head.rawValue
            ),
            lockDescription: "fuzz",
            readsState: false
        )
        if let writer = opened?.writer {
            precondition(writer.head == head, "it opened at \(writer.head.rawValue)")
            writer.close()
        }
    }

    static func readHead(_ bytes: [UInt8]) {
        _ = try? HeadDocument(text: String(decoding: bytes, as: UTF8.self), place: "fuzz")
    }
}
