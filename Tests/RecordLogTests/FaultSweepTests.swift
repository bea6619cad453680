import Testing

@testable import RecordLog

/// One short history of a log, with a fault at every single operation in turn: once, and from there on for good.
@Suite struct FaultSweepTests {
    /// What goes wrong, and for how many operations.
    struct Weather: Sendable, CustomTestStringConvertible {
        let fault: SimulatedFileSystem.Fault
        let operationCount: Int

        var testDescription: String { "\(fault), \(operationCount == 1 ? "once" : "from there on")" }
    }

    private static let weathers = [SimulatedFileSystem.Fault.inputOutputError, .noSpace, .shortWrite, .powerCut]
        .flatMap { [Weather(fault: $0, operationCount: 1), Weather(fault: $0, operationCount: 200)] }

    /// What a history has come to.
    private struct Progress {
        var acknowledged: [TestBlock] = []
        /// The block whose append failed: it may be there or not.
        var uncertain: TestBlock?
    }

    private static let bodies: [[UInt8]] = {
        var generator = SeededGenerator(seed: 11)
        return (0..<14).map { _ in generator.body(maximumByteCount: 900) }
    }()

    /// Makes a log, appends, rolls, closes and opens again.
    private static func play(_ fileSystem: SimulatedFileSystem, _ progress: inout Progress) throws(RecordLogError) {
        var next = 0
        for lastOfLife in [5, 9, 14] {
            let (writer, _) = try TestLog.open(fileSystem)
            defer { writer.close() }
            while next < lastOfLife {
                var block = TestBlock(body: bodies[next], recordCount: 1 + next % 3)
                block.firstPosition = writer.head + 1
                progress.uncertain = block
                _ = try TestLog.append(block, to: writer)
                progress.acknowledged.append(block)
                progress.uncertain = nil
                next += 1
                if next % 4 == 0 { try writer.roll() }
            }
        }
    }

    @Test(arguments: weathers)
    func `a fault at any operation costs nothing that was acknowledged`(_ weather: Weather) throws {
        let calm = SimulatedFileSystem(seed: 3)
        var whole = Progress()
        try Self.play(calm, &whole)
        #expect(whole.acknowledged.count == Self.bodies.count)
        #expect(calm.operationCount > 60)
        for operation in 0..<calm.operationCount {
            for losesPower in [false, true] {
                let fileSystem = SimulatedFileSystem(seed: UInt64(operation))
                for i in 0..<weather.operationCount { fileSystem.inject(weather.fault, atOperation: operation + i) }
                var progress = Progress()
                do { try Self.play(fileSystem, &progress) } catch {
                    #expect(error.code != .corruption, "operation \(operation): \(error)")
                }
                fileSystem.clearFaults()
                if losesPower || weather.fault == .powerCut { fileSystem.restart() }
                try Self.check(fileSystem, progress, "operation \(operation), power lost: \(losesPower)")
            }
        }
    }

    /// The log opens, holds what was acknowledged, at most one block more, and goes on.
    private static func check(_ fileSystem: SimulatedFileSystem, _ progress: Progress, _ place: Comment) throws {
        let (writer, report) = try TestLog.open(fileSystem)
        var expected = progress.acknowledged
        let last = expected.last.map { $0.firstPosition + UInt64($0.recordCount) - 1 } ?? 0
        if let block = progress.uncertain, report.head == last + UInt64(block.recordCount) { expected.append(block) }
        var next = TestBlock(body: Array("next".utf8), recordCount: 1)
        next.firstPosition = try TestLog.append(next, to: writer).lowerBound
        writer.close()
        try #require(try TestLog.read(fileSystem) == expected + [next], place)
        try #require(try TestLog.verify(fileSystem, expectedHead: last).findings.isEmpty, place)
    }
}
