import ReadModel
import Threading

/// The lanes of one fold, whose rows are made side by side; one lane alone is written as it is.
///
/// What is written does not depend on the threads: pieces follow each other by number, and within one the lanes' rows
/// are put in the order of their keys.
struct FoldLanes {
    /// How many devices, how many series, and about how many rows at most are written before the lanes wait for each
    /// other; but one series' rows are written in one go.
    private static let pieceCount = 2048
    private static let pieceRowCount = 1 << 16

    private let lanes: [Fold]
    private let threads: [SideThread]

    init(_ lanes: [Fold]) {
        self.lanes = lanes
        threads = lanes.dropFirst().map { _ in SideThread(name: "lane") }
    }

    /// Writes every row that differs from what was written last (`Fold.writeRows`).
    func writeRows(to writer: ViewWriter) throws {
        guard lanes.count > 1 else { return try lanes[0].writeRows(to: writer) }
        let writers = lanes.map { _ in ViewWriter(gatheringFor: writer) }
        var queued = lanes.map { _ in Fold.QueuedRows() }
        try queued.withUnsafeMutableBufferPointer { queued in
            // Safety: each lane has an element of its own, and all have ended on return.
            nonisolated(unsafe) let queued = queued
            try inEach { queued[$0] = lanes[$0].queuedRows() }
        }
        // Pieces of both together: what SQLite takes longest for is a device, what we do, a series.
        var (devices, series) = (Pieces(queued.map(\.devices)), Pieces(queued.map(\.series)))
        while !devices.isEmpty || !series.isEmpty {
            let someDevices = devices.next { _, _ in 1 }
            let someSeries = series.next { lanes[$0].rowCountBound(ofSeries: $1, hours: writer.hoursAreOn) }
            try inEach { lane in
                try lanes[lane].writeDevices(someDevices[lane], to: writers[lane])
                try lanes[lane].writeSeries(someSeries[lane], to: writers[lane])
            }
            try writer.take(from: writers)
        }
        // All lanes have the same numbers of series, each its own.
        let new = lanes[0].writtenSeriesCount..<lanes[0].series.count
        for first in stride(from: new.lowerBound, to: new.upperBound, by: FoldLanes.pieceRowCount) {
            let some = first..<min(first + FoldLanes.pieceRowCount, new.upperBound)
            try inEach { try lanes[$0].writeNewSeries(some, to: writers[$0]) }
            try writer.take(from: writers)
        }
        for lane in lanes { try lane.writeJobs(to: writer) }
    }

    /// Forgets what was to be written, once it is.
    func markWritten() { try? inEach { lanes[$0].markWritten() } }

    /// The numbers of each lane, which ascend, to be taken piece by piece.
    private struct Pieces {
        private var rest: [ArraySlice<UInt32>]

        init(_ numbers: [[UInt32]]) { rest = numbers.map { $0[...] } }

        var isEmpty: Bool { rest.allSatisfy(\.isEmpty) }

        /// The next numbers of all lanes, up to the same one.
        ///
        /// `rowCount`: about how many rows a lane's number has.
        mutating func next(_ rowCount: (Int, UInt32) -> Int) -> [ArraySlice<UInt32>] {
            var ends = rest.map(\.startIndex)
            var (count, rows) = (0, 0)
            while count < FoldLanes.pieceCount, rows < FoldLanes.pieceRowCount, let lane = lowest(at: ends) {
                rows += rowCount(lane, rest[lane][ends[lane]])
                ends[lane] += 1
                count += 1
            }
            return rest.indices.map { lane in
                defer { rest[lane] = rest[lane][ends[lane]...] }
                return rest[lane][..<ends[lane]]
            }
        }

        /// The lane whose number at its place is the lowest; nil: all are through.
        private func lowest(at places: [Int]) -> Int? {
            var lowest: (lane: Int, number: UInt32)?
            for (lane, place) in places.enumerated() where place < rest[lane].endIndex {
                let number = rest[lane][place]
                if lowest.map({ number < $0.number }) ?? true { lowest = (lane, number) }
            }
            return lowest?.lane
        }
    }

    /// Does something for each lane, side by side.
    ///
    /// - Throws: what it throws for the first lane that does.
    private func inEach(_ body: (Int) throws -> Void) throws {
        var failures = [(any Error)?](repeating: nil, count: lanes.count)
        failures.withUnsafeMutableBufferPointer { failures in
            withoutActuallyEscaping(body) { body in
                // Safety: each lane has an element of its own, and all have ended on return.
                nonisolated(unsafe) let (work, failures) = (body, failures)
                func run(_ lane: Int) { do { try work(lane) } catch { failures[lane] = error } }
                for (i, thread) in threads.enumerated() {
                    thread.hold()
                    thread.perform { run(i + 1) }
                }
                run(0)
                for thread in threads { thread.wait() }
            }
        }
        if let failure = failures.compactMap({ $0 }).first { throw failure }
    }
}
