import EventStorage
import MeterModel
import RecordLog

/// A part of the log that is read for itself, as what lies before it is damaged. Segments do not need each other: each
/// tells the names of what its readings are about.
struct PartReplay {
    let directory: DataDirectory
    let reader: EventLogReader
    let first: Position
    /// nil: as far as there is.
    let last: Position?

    /// Whether an error is damage of the log, and not of something else.
    static func isDamage(_ error: any Error) -> Bool {
        (error as? RecordLogError)?.code == .corruption || error is EventStorageError
    }

    /// Hands the part's blocks to `body`, with names for all that their readings refer to.
    ///
    /// - Throws: `RecordLogError`, `EventStorageError` where the part or its first segment is damaged too.
    func forEachBlock(_ body: (RecordedBlock, SeriesDirectory) throws -> BlockStep) throws {
        let names = try names()
        try reader.forEachBlock(from: first, through: last) { try body($0, names) }
    }

    /// What the part's segments define, under the log's numbers. Numbers that they do not tell of are those of readings
    /// elsewhere: something stands for them that is no name. So it cannot be extended by further blocks.
    private func names() throws -> SeriesDirectory {
        var devices: [UInt32: String] = [:]
        var registers: [UInt32: String] = [:]
        var series: [UInt32: (device: UInt32, register: UInt32)] = [:]
        try reader.forEachBlock(from: try segmentStart(), through: last) { block in
            for definition in block.definedSeries {
                devices[definition.device] = definition.deviceName
                registers[definition.register] = definition.registerName
                series[definition.series] = (definition.device, definition.register)
            }
            return .proceed
        }
        var names = SeriesDirectory()
        for number in 0..<(devices.keys.max().map { $0 + 1 } ?? 0) {
            _ = names.device(named: devices[number] ?? "\0\(number)")
        }
        for number in 0..<(registers.keys.max().map { $0 + 1 } ?? 0) {
            _ = names.register(named: registers[number] ?? "\0\(number)")
        }
        for number in 0..<(series.keys.max().map { $0 + 1 } ?? 0) {
            let (device, register) = series[number] ?? (.max - number, .max)
            _ = names.series(device: device, register: register)
        }
        return names
    }

    /// Where the segment begins that holds the first position: by its name, for the header of another may be damaged.
    private func segmentStart() throws -> Position {
        let starts = try PosixFileSystem().names(inDirectory: directory.log)
            .compactMap { $0.hasSuffix(".segment") ? UInt64($0.dropLast(".segment".count)) : nil }
        return Position(starts.filter { $0 <= first.rawValue }.max() ?? first.rawValue)
    }
}
