package import MeterModel

/// A block of the log as it is handed to a reader's closure: good for the duration of that call.
package struct RecordedBlock {
    /// The first and last position delivered: of the block's, those asked for.
    package let firstPosition: Position
    package let lastPosition: Position
    /// The log's clock when the block was appended.
    package let recordedAt: Instant
    /// Who appended it.
    package let recordedBy: String
    /// What is delivered, in position order.
    package private(set) var runs: [RecordedRun]
    private let block: BlockBodyDecoder.Block
    private let decoder: BlockBodyDecoder

    /// The part of a decoded block that lies in `wanted`; nil if none does.
    init?(_ block: BlockBodyDecoder.Block, _ decoder: BlockBodyDecoder, wanted: ClosedRange<UInt64>) {
        let last = block.firstPosition + UInt64(block.recordCount) - 1
        guard wanted.lowerBound <= last, wanted.upperBound >= block.firstPosition else { return nil }
        firstPosition = Position(max(block.firstPosition, wanted.lowerBound))
        lastPosition = Position(min(last, wanted.upperBound))
        recordedAt = block.recordedAt
        recordedBy = block.recordedBy
        self.block = block
        self.decoder = decoder
        var runs: [RecordedRun] = []
        runs.reserveCapacity(block.runs.count)
        var position = block.firstPosition
        for run in block.runs {
            switch run {
            case .readings(let range):
                let end = position + UInt64(range.count)
                let lower = max(position, wanted.lowerBound)
                let upper = wanted.upperBound < end - 1 ? wanted.upperBound + 1 : end
                if lower < upper {
                    let start = range.lowerBound + Int(lower - position)
                    let cut = decoder.records(start..<start + Int(upper - lower))
                    runs.append(.readings(Position(lower), cut))
                }
                position = end
            case .passedOver(let count): position += UInt64(count)
            case .event(_, _, let event):
                if wanted.contains(position) { runs.append(.event(Position(position), event)) }
                position += 1
            case .lost(_, let lost):
                let end = position + UInt64(lost.count)
                let lower = max(position, wanted.lowerBound)
                let upper = min(end - 1, wanted.upperBound)
                if lower <= upper { runs.append(.lost(Position(lower)...Position(upper), lost)) }
                position = end
            }
        }
        self.runs = runs
    }

    /// Whether it defines what no block before it did.
    var definesSomethingNew: Bool { block.after != block.before }

    /// The same with its readings copied, so that they outlast the decoder's next block. What it defines does not: of a
    /// block that defines something new `extend` would be wrong then, and `definedSeries` of any.
    func copied(into arena: inout ColumnArena) -> RecordedBlock {
        var copy = self
        for (i, run) in runs.enumerated() {
            guard case .readings(let first, let readings) = run else { continue }
            let bytes = arena.copy(UnsafeRawBufferPointer(readings))
            copy.runs[i] = .readings(first, bytes.bindMemory(to: ReadingRecord.self))
        }
        return copy
    }

    /// Extends a directory that knows the log up to this block by the block's definitions, then by what its delivered
    /// events name, as whoever accepted them did (`SeriesDirectory.enter`). Knowing more is no fault.
    ///
    /// - Throws: `EventStorageError.definitionsMissing` if the directory does not reach up to the block, or disagrees.
    package func extend(_ directory: inout SeriesDirectory) throws {
        try decoder.extend(&directory, by: block)
        for case .event(_, let event) in runs { directory.enter(event) }
    }

    /// The series that this block defines in its segment, those an earlier segment told too included.
    package var definedSeries: [SeriesDefinition] {
        (block.series.first..<block.series.first + block.series.count).map { decoder.seriesDefinition($0, of: block) }
    }
}

/// Records of one sort that follow each other.
package enum RecordedRun {
    /// Readings in consecutive positions, the first given.
    case readings(Position, UnsafeBufferPointer<ReadingRecord>)
    case event(Position, MeterEvent)
    /// What was recorded there is lost, and was given up; nobody knows what it said.
    case lost(ClosedRange<Position>, LostRecords)
}

/// A series as a segment defines it.
package struct SeriesDefinition: Hashable, Sendable {
    /// The log's numbers.
    package var series: UInt32
    package var device: UInt32
    package var register: UInt32
    package var deviceName: String
    package var registerName: String
    /// Whether no earlier segment told it.
    package var isFirstInLog: Bool
}

extension BlockBodyDecoder {
    /// The ith series that the segment defined.
    func seriesDefinition(_ i: Int, of block: Block) -> SeriesDefinition {
        let state = segment.series.states[i]
        let register = segment.registerOfSeries[i]
        return SeriesDefinition(
            series: state.series,
            device: state.device,
            register: register,
            deviceName: segment.devices.name(state.device) ?? "",
            registerName: segment.registers.name(register) ?? "",
            isFirstInLog: block.series.newOrdinals.contains(i)
        )
    }

    /// Extends a directory by the definitions of the block decoded last that are first in the log.
    func extend(_ directory: inout SeriesDirectory, by block: Block) throws {
        let known = DefinitionCounts(directory)
        let positions = block.firstPosition...block.firstPosition + UInt64(block.recordCount) - 1
        let error = EventStorageError.definitionsMissing(positions: positions)
        let before = block.before
        guard known.devices >= before.devices, known.registers >= before.registers, known.series >= before.series
        else { throw error }
        for i in block.devices.newOrdinals {
            let number = segment.devices.withBytes(ofDefinition: i) { directory.device(named: $0) }
            guard number == segment.devices.numbers[i] else { throw error }
        }
        for i in block.registers.newOrdinals {
            let number = segment.registers.withBytes(ofDefinition: i) { directory.register(named: $0) }
            guard number == segment.registers.numbers[i] else { throw error }
        }
        for i in block.series.newOrdinals {
            let state = segment.series.states[i]
            let number = directory.series(device: state.device, register: segment.registerOfSeries[i])
            guard number == state.series else { throw error }
        }
    }

    /// Whether the block's definitions, those repeated included, are the directory's.
    func agrees(_ directory: SeriesDirectory, with block: Block) -> Bool {
        let devices = block.devices.first..<block.devices.first + block.devices.count
        let registers = block.registers.first..<block.registers.first + block.registers.count
        let series = block.series.first..<block.series.first + block.series.count
        for i in devices {
            let number = segment.devices.withBytes(ofDefinition: i) { directory.devices.index(of: $0) }
            if number != segment.devices.numbers[i] { return false }
        }
        for i in registers {
            let number = segment.registers.withBytes(ofDefinition: i) { directory.registers.index(of: $0) }
            if number != segment.registers.numbers[i] { return false }
        }
        for i in series {
            let state = segment.series.states[i]
            let number = directory.existingSeries(device: state.device, register: segment.registerOfSeries[i])
            if number != state.series { return false }
        }
        return true
    }
}
