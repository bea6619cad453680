package import MeterModel
package import RecordLog

/// Gives up records that are damaged beyond repair, so that a log can be read past them and gone on with.
///
/// Holds the log's lock from the beginning to `close`.
package final class EventLogHoles {
    private let holes: LogHoles

    /// - Parameters:
    ///   - directory: The data directory.
    ///   - fileSystem: Where it is.
    ///   - holder: What to tell whoever wants to write meanwhile.
    /// - Throws: `RecordLogError`: `locked`, `inputOutput`.
    package init(directory: String, fileSystem: any FileSystem = PosixFileSystem(), holder: String) throws {
        holes = try LogHoles(directory: directory, fileSystem: fileSystem, holder: holder)
    }

    /// Gives the lock back.
    package func close() { holes.close() }

    /// What is lost of the log, in order; writes nothing.
    ///
    /// - Parameter expectedHead: A position known to have been acknowledged, `.origin` for none.
    /// - Returns: As `LogHoles.losses`.
    /// - Throws: `RecordLogError`.
    package func losses(expectedHead: Position) throws -> [LogLoss] {
        try holes.losses(expectedHead: expectedHead.rawValue, contentDigest: EventContent.digest())
    }

    /// Gives up what is lost of a segment.
    ///
    /// Devices, registers and series keep the log's numbers: what the lost blocks defined is defined anew as later
    /// segments tell it, and what no segment tells, which therefore has no reading any more, under a name that no
    /// device can have.
    ///
    /// - Parameters:
    ///   - loss: As `losses` has it, while no loss before it is left.
    ///   - last: The last position of the hole; later than the loss has it only where its end is not known.
    ///   - recordedBy: Who gives up, at most 1024 bytes of UTF-8.
    ///   - now: When.
    ///   - time: Goes into the name under which the damaged file is kept.
    /// - Returns: Where that is; nil where there was none.
    /// - Throws: `RecordLogError`; `EventStorageError` if what is left of the log contradicts itself.
    package func giveUp(
        _ loss: LogLoss,
        through last: Position,
        recordedBy: String,
        now: Instant,
        keptAs time: String
    ) throws -> String? {
        var body = ByteWriter()
        let before = try BeforeLoss(loss, holes)
        if let positions = loss.positions {
            let lost = LostRecords(
                count: Int(last.rawValue - positions.lowerBound + 1),
                givenUpAt: now,
                reason: loss.text
            )
            let recordedAt = before.recordedAt ?? now
            try before.write(lost, recordedAt: recordedAt, recordedBy: recordedBy, behind: holes, into: &body)
        }
        return try holes.giveUp(loss, through: last.rawValue, body: body.bytes, at: time) { view in
            before.decoder.digest(try before.decoder.decode(view))
        }
    }
}

/// The log as it is up to a loss.
private struct BeforeLoss {
    /// Behind the last block that stays.
    let decoder = BlockBodyDecoder()
    /// When the last block before the loss was recorded; nil: there is none.
    private(set) var recordedAt: Instant?
    private let loss: LogLoss
    private var directory = SeriesDirectory()
    private var counts = DefinitionCounts()

    init(_ loss: LogLoss, _ holes: LogHoles) throws {
        self.loss = loss
        for first in try holes.segments() where first < loss.firstPosition {
            try holes.forEachSoundBlock(ofSegmentAt: first) { view in
                try take(view)
                return true
            }
        }
        try holes.forEachKeptBlock(of: loss) { try take($0) }
    }

    private mutating func take(_ view: BlockView) throws {
        let block = try decoder.decode(view, depth: .events)
        try RecordedBlock(block, decoder, wanted: 1...UInt64.max)?.extend(&directory)
        counts = block.after
        recordedAt = block.recordedAt
    }

    /// Writes the body of the block that stands for what is lost.
    func write(
        _ lost: LostRecords,
        recordedAt: Instant,
        recordedBy: String,
        behind holes: LogHoles,
        into out: inout ByteWriter
    ) throws {
        let positions = loss.positions ?? loss.firstPosition...loss.firstPosition
        var known = directory
        try LaterDefinitions(behind: loss, holes).complete(&known, positions: positions)
        let isFirst = loss.positions?.lowerBound == loss.firstPosition
        var devices = NumberSet()
        var registers = NumberSet()
        devices.begin(at: counts.devices)
        registers.begin(at: counts.registers)
        for number in counts.series..<known.seriesCount {
            let device = known.device(ofSeries: UInt32(number))
            let register = known.register(ofSeries: UInt32(number))
            if isFirst || !decoder.segment.devices.isDefined(device) { devices.insert(device) }
            if isFirst || !decoder.segment.registers.isDefined(register) { registers.insert(register) }
        }
        if known.deviceCount > counts.devices { devices.insert(UInt32(known.deviceCount - 1)) }
        if known.registers.count > counts.registers { registers.insert(UInt32(known.registers.count - 1)) }
        devices.close()
        registers.close()
        var segment = SegmentDictionary()
        out.append(LostRecords.bodyVersion)
        out.append(littleEndian: recordedAt.milliseconds)
        out.append(text: recordedBy)
        out.append(varint: UInt64(counts.devices))
        out.append(varint: UInt64(counts.registers))
        out.append(varint: UInt64(counts.series))
        DefinitionTables.writeNames(devices.sorted, from: known.devices, defining: &segment.devices, into: &out)
        DefinitionTables.writeNames(registers.sorted, from: known.registers, defining: &segment.registers, into: &out)
        let series = (counts.series..<known.seriesCount).map { UInt32($0) }
        DefinitionTables.writeSeries(series, from: known, defining: &segment, into: &out)
        var payload = ByteWriter()
        lost.write(into: &payload)
        out.append(varint: 1)
        out.append(LostRecords.kind)
        out.append(varint: UInt64(payload.count))
        out.append(contentsOf: payload.bytes)
    }
}

/// What segments behind a loss define.
private struct LaterDefinitions {
    private var devices: [UInt32: String] = [:]
    private var registers: [UInt32: String] = [:]
    private var series: [UInt32: SeriesDefinition] = [:]
    private var pairs: Set<UInt64> = []
    private var counts = DefinitionCounts()

    init(behind loss: LogLoss, _ holes: LogHoles) throws {
        for first in try holes.segments() where first > loss.firstPosition {
            let decoder = BlockBodyDecoder()
            try holes.forEachSoundBlock(ofSegmentAt: first) { view in
                // What follows may be damaged too: as far as it can be read.
                guard let block = try? decoder.decode(view, depth: .definitions) else { return false }
                take(block, decoder)
                return true
            }
        }
    }

    private mutating func take(_ block: BlockBodyDecoder.Block, _ decoder: BlockBodyDecoder) {
        for i in block.devices.first..<block.devices.first + block.devices.count {
            let number = decoder.segment.devices.numbers[i]
            devices[number] = decoder.segment.devices.name(number)
        }
        for i in block.registers.first..<block.registers.first + block.registers.count {
            let number = decoder.segment.registers.numbers[i]
            registers[number] = decoder.segment.registers.name(number)
        }
        for i in block.series.first..<block.series.first + block.series.count {
            let definition = decoder.seriesDefinition(i, of: block)
            series[definition.series] = definition
            pairs.insert(LaterDefinitions.pair(definition.device, definition.register))
        }
        counts.devices = max(counts.devices, block.after.devices)
        counts.registers = max(counts.registers, block.after.registers)
        counts.series = max(counts.series, block.after.series)
    }

    private static func pair(_ device: UInt32, _ register: UInt32) -> UInt64 { UInt64(device) << 32 | UInt64(register) }

    /// Gives every number that later blocks take for known to its name, or to one that says it is lost.
    ///
    /// - Throws: `EventStorageError` if a number is another's.
    func complete(_ known: inout SeriesDirectory, positions: ClosedRange<UInt64>) throws {
        func require(_ isRight: Bool) throws {
            if !isRight { throw EventStorageError.definitionsMissing(positions: positions) }
        }
        for number in known.deviceCount..<max(known.deviceCount, counts.devices) {
            let number = UInt32(number)
            try require(known.device(named: devices[number] ?? LaterDefinitions.lostName(number)) == number)
        }
        for number in known.registers.count..<max(known.registers.count, counts.registers) {
            let number = UInt32(number)
            try require(known.register(named: registers[number] ?? LaterDefinitions.lostName(number)) == number)
        }
        var unused = UnusedPairs(known)
        for number in known.seriesCount..<max(known.seriesCount, counts.series) {
            let number = UInt32(number)
            let pair = series[number].map { ($0.device, $0.register) } ?? unused.next(in: known) { pairs.contains($0) }
            guard let (device, register) = pair, device < known.deviceCount, register < known.registers.count else {
                throw EventStorageError.definitionsMissing(positions: positions)
            }
            try require(known.series(device: device, register: register) == number)
        }
    }

    /// A name that no device or register can have: it begins with a control character.
    private static func lostName(_ number: UInt32) -> String { "\u{1}lost-\(number)" }

    /// Pairs of a device and a register that are no series, from the last device on: those whose names are lost come
    /// before those that are somebody's.
    private struct UnusedPairs {
        private var device: Int
        private var register = 0

        init(_ known: SeriesDirectory) { device = known.deviceCount - 1 }

        mutating func next(in known: SeriesDirectory, isTaken: (UInt64) -> Bool) -> (UInt32, UInt32)? {
            while device >= 0 {
                let found = (UInt32(device), UInt32(register))
                register += 1
                if register >= known.registers.count {
                    register = 0
                    device -= 1
                }
                if found.1 < known.registers.count, known.existingSeries(device: found.0, register: found.1) == nil,
                    !isTaken(LaterDefinitions.pair(found.0, found.1))
                {
                    return found
                }
            }
            return nil
        }
    }
}
