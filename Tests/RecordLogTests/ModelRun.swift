import RecordLog

/// A seeded history of a log under faults and crashes, held against an array of what was acknowledged.
///
/// Invariant: `acknowledged` is what the log must hold; `inFlight` is the one block whose append failed, which may or may not be there.
struct ModelRun {
    /// What the log did that it must not.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let simulated: SimulatedFileSystem
    private let fileSystem: any FileSystem
    private var generator: SeededGenerator
    private var acknowledged: [TestBlock] = []
    private var inFlight: TestBlock?
    private var nextPosition: UInt64 = 1
    private let segmentByteCount: Int
    /// How many acknowledged blocks the run ended with, crashes it went through, torn tails it met.
    private(set) var tally = (blocks: 0, restarts: 0, tornTails: 0, failures: 0)

    /// A history that its seed determines; `wrap` puts something around the file system: a planted bug.
    init(seed: UInt64, wrap: (SimulatedFileSystem) -> any FileSystem = { $0 }) {
        simulated = SimulatedFileSystem(seed: seed)
        fileSystem = wrap(simulated)
        generator = SeededGenerator(seed: seed &* 31 &+ 7)
        segmentByteCount = [4096, 5000, 8192].randomElement(using: &generator) ?? 4096
    }

    mutating func run(stepCount: Int = 40) throws {
        var writer = try reopen()
        for _ in 0..<stepCount {
            switch Int.random(in: 0..<20, using: &generator) {
            case 0:
                writer.close()
                writer = try reopen()
            case 1:
                if !attempt({ () throws(RecordLogError) in try writer.roll() }) { writer = try restart(writer) }
            case 2: injectFault()
            case 3: writer = try restart(writer)
            case 4: try checkReader(mayBeUnfinished: true)
            default:
                if try !append(to: writer) { writer = try restart(writer) }
            }
        }
        simulated.restart()
        writer.close()
        writer = try reopen(injectingFaults: false)
        writer.close()
        try checkReader(mayBeUnfinished: false)
        try checkVerification()
        tally.blocks = acknowledged.count
    }

    private mutating func injectFault() {
        let faults: [SimulatedFileSystem.Fault] = [.inputOutputError, .noSpace, .shortWrite, .powerCut, .powerCut]
        let fault = faults.randomElement(using: &generator) ?? .powerCut
        let distance = Int.random(in: 0..<12, using: &generator)
        simulated.inject(fault, atOperation: simulated.operationCount + distance)
    }

    private mutating func append(to writer: RecordLogWriter) throws -> Bool {
        var block = TestBlock(
            body: generator.body(maximumByteCount: 1400),
            recordCount: Int.random(in: 1...5, using: &generator),
            firstPosition: nextPosition
        )
        do throws(RecordLogError) {
            _ = try writer.prepare(maximumBodyByteCount: block.body.count)
        } catch {
            tally.failures += 1
            return error.code == .noSpace && attempt({ () throws(RecordLogError) in try writer.roll() })
        }
        do throws(RecordLogError) {
            let positions = try TestLog.appendUnprepared(block, to: writer)
            block.firstPosition = positions.lowerBound
            guard positions.lowerBound == nextPosition else {
                throw RecordLogError(.corruption, "acknowledged \(positions), expected \(nextPosition)")
            }
            acknowledged.append(block)
            nextPosition = positions.upperBound + 1
            return true
        } catch {
            guard error.code != .corruption else { throw Failure(description: "\(error)") }
            tally.failures += 1
            inFlight = block
            // A stopped log never appends again, whatever the device does.
            simulated.clearFaults()
            if attempt({ () throws(RecordLogError) in _ = try TestLog.appendUnprepared(block, to: writer) }) {
                throw Failure(description: "an append succeeded after a failed one")
            }
            return false
        }
    }

    private func attempt(_ work: () throws(RecordLogError) -> Void) -> Bool {
        do throws(RecordLogError) {
            try work()
            return true
        } catch {
            return false
        }
    }

    private mutating func restart(_ writer: RecordLogWriter) throws -> RecordLogWriter {
        // Sometimes only the process dies: then what was written stays visible.
        let losesPower = Int.random(in: 0..<4, using: &generator) > 0
        if losesPower { simulated.restart() }
        writer.close()
        tally.restarts += 1
        return try reopen()
    }

    /// Opens the log, through crashes of the opening itself, and checks what it holds.
    private mutating func reopen(injectingFaults: Bool = true) throws -> RecordLogWriter {
        if injectingFaults, Int.random(in: 0..<5, using: &generator) == 0 { injectFault() }
        for _ in 0..<20 {
            do throws(RecordLogError) {
                let (writer, report) = try TestLog.open(
                    fileSystem,
                    configuration: TestLog.configuration(segmentByteCount: segmentByteCount)
                )
                tally.tornTails += report.findings.count { $0.kind == .tornTail }
                try settle(head: report.head)
                return writer
            } catch {
                guard error.code == .inputOutput || error.code == .noSpace else {
                    throw Failure(description: "opening: \(error)")
                }
                simulated.restart()
            }
        }
        throw Failure(description: "the log does not open any more")
    }

    /// Takes the failed append into the model if it turned out to be whole, and compares.
    private mutating func settle(head: UInt64) throws(RecordLogError) {
        if let block = inFlight, head == nextPosition + UInt64(block.recordCount) - 1 {
            acknowledged.append(block)
            nextPosition = head + 1
        }
        inFlight = nil
        guard head == nextPosition - 1 else {
            throw RecordLogError(.corruption, "the log opened at \(head), acknowledged was \(nextPosition - 1)")
        }
        do {
            try checkReader(mayBeUnfinished: true)
        } catch {
            throw RecordLogError(.corruption, "reading after opening: \(error)")
        }
    }

    private func checkReader(mayBeUnfinished: Bool) throws {
        let blocks: [TestBlock]
        do {
            blocks = try TestLog.read(fileSystem)
        } catch let error as RecordLogError where error.code == .inputOutput && mayBeUnfinished {
            return
        }
        guard blocks == acknowledged || (inFlight.map { acknowledged + [$0] } == blocks) else {
            throw Failure(description: "read \(blocks.count) blocks, acknowledged are \(acknowledged.count)")
        }
    }

    private func checkVerification() throws {
        let report = try TestLog.verify(fileSystem, expectedHead: nextPosition - 1)
        guard !report.hasDamage, report.blockCount == acknowledged.count else {
            throw Failure(description: "verify: \(report.findings), \(report.blockCount) blocks")
        }
    }
}
