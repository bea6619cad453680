import ReadModel
import Threading

/// The lanes of one fold, whose rows are made side by side; one lane alone is written as it is.
///
/// What is written does not depend on the threads: pieces follow each other by number, and within one the lanes' rows
/// are put in the order of their keys.
struct FoldLanes {
    /// How many devices, how many series, and about how many rows at most are written before the lanes wait for each
    /// other; but one series' rows are written in one go.
    static let usualPieceCount = 2048
    private static let pieceRowCount = 1 << 16

    private let lanes: [Fold]
    private let threads: LaneThreads
    private let pieceCount: Int

    init(_ lanes: [Fold], pieceCount: Int) {
        self.lanes = lanes
        self.pieceCount = pieceCount
        threads = LaneThreads(count: lanes.count)
    }

    /// Writes every row that differs from what was written last (`Fold.writeRows`).
    func writeRows(to writer: ViewWriter, givesBackMemory: Bool) throws {
        guard lanes.count > 1 else { return try lanes[0].writeRows(to: writer, givesBackMemory: givesBackMemory) }
        let writers = lanes.map { _ in ViewWriter(gatheringFor: writer) }
        // However this ends, no lane is left under way.
        defer { try? threads.wait() }
        var pieces = try Pieces(of: lanes, threads, pieceCount)
        var begun = begin(&pieces, for: writers, givesBackMemory: givesBackMemory)
        while begun {
            try threads.wait()
            // The next rows are made while these go on their way.
            try writer.take(from: writers) {
                begun = begin(&pieces, for: writers, givesBackMemory: givesBackMemory)
            }
        }
        for lane in lanes { try lane.writeJobs(to: writer) }
    }

    /// Begins to make the rows of the next piece; false: there is none.
    private func begin(_ pieces: inout Pieces, for writers: [ViewWriter], givesBackMemory: Bool) -> Bool {
        guard let piece = pieces.next(hours: writers[0].hoursAreOn) else { return false }
        // Safety: each lane has a fold and a writer of its own, which nobody else touches before it is waited for.
        nonisolated(unsafe) let (lanes, writers) = (lanes, writers)
        threads.begin { lane in
            switch piece {
            case .changed(let devices, let series):
                try lanes[lane].writeDevices(devices[lane], to: writers[lane])
                try lanes[lane].writeSeries(series[lane], to: writers[lane], givesBackMemory: givesBackMemory)
            case .new(let series):
                try lanes[lane].writeNewSeries(series, to: writers[lane])
            }
        }
        return true
    }

    /// Forgets what was to be written, once it is (`Fold.markWritten`).
    func markWritten() {
        guard lanes.count > 1 else { return lanes[0].markWritten() }
        try? threads.each { lanes[$0].markWritten() }
    }

    /// What the lanes write side by side.
    private enum Piece {
        /// Devices and series of each lane.
        case changed(devices: [ArraySlice<UInt32>], series: [ArraySlice<UInt32>])
        /// What series are called that were never written; all lanes have the same numbers, each its own.
        case new(Range<Int>)
    }

    /// All that is to be written, to be taken piece by piece.
    private struct Pieces {
        private let lanes: [Fold]
        // Of both together: what SQLite takes longest for is a device, what we do, a series.
        private var devices: LaneNumbers
        private var series: LaneNumbers
        private var new: Range<Int>

        /// `pieceCount`: the most devices, and the most series, of one.
        init(of lanes: [Fold], _ threads: LaneThreads, _ pieceCount: Int) throws {
            self.lanes = lanes
            var queued = lanes.map { _ in Fold.QueuedRows() }
            try queued.withUnsafeMutableBufferPointer { queued in
                // Safety: each lane has an element of its own, and all have ended on return.
                nonisolated(unsafe) let queued = queued
                try threads.each { queued[$0] = lanes[$0].queuedRows() }
            }
            devices = LaneNumbers(queued.map(\.devices), pieceCount)
            series = LaneNumbers(queued.map(\.series), pieceCount)
            new = lanes[0].writtenSeriesCount..<lanes[0].series.count
        }

        mutating func next(hours: Bool) -> Piece? {
            if !devices.isEmpty || !series.isEmpty {
                let someDevices = devices.next { _, _ in 1 }
                return .changed(
                    devices: someDevices,
                    series: series.next { lanes[$0].rowCountBound(ofSeries: $1, hours: hours) }
                )
            }
            guard !new.isEmpty else { return nil }
            defer { new = new.dropFirst(FoldLanes.pieceRowCount) }
            return .new(new.prefix(FoldLanes.pieceRowCount))
        }
    }

    /// The numbers of each lane, which ascend, to be taken piece by piece.
    private struct LaneNumbers {
        private var rest: [ArraySlice<UInt32>]
        private let pieceCount: Int

        init(_ numbers: [[UInt32]], _ pieceCount: Int) {
            rest = numbers.map { $0[...] }
            self.pieceCount = pieceCount
        }

        var isEmpty: Bool { rest.allSatisfy(\.isEmpty) }

        /// The next numbers of all lanes, up to the same one.
        ///
        /// `rowCount`: about how many rows a lane's number has.
        mutating func next(_ rowCount: (Int, UInt32) -> Int) -> [ArraySlice<UInt32>] {
            var ends = rest.map(\.startIndex)
            var (count, rows) = (0, 0)
            while count < pieceCount, rows < FoldLanes.pieceRowCount, let lane = lowest(at: ends) {
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
}
