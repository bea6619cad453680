extension SimulatedRun {
    /// How much of what a run is about it met.
    struct Tally: Sendable, CustomStringConvertible {
        enum Kind: String, CaseIterable {
            case restarts
            /// Starts from a fold that was kept.
            case loadedFolds
            case powerCuts
            case failures
            case pushes
            case delivered
            case events
            case days
            case clockChanges
            case segments
            case damages
            /// Writes to a slow disk, and how long they were.
            case waits
            case waitedSeconds
            /// Lies of the disk that made durable bytes others.
            case lostWrites
            case misdirectedWrites
            /// A log that did not open for what a disk had lied about, and segments that parity brought back.
            case refusals
            case repairs
            /// A log that opened before what was acknowledged.
            case lostEnds
            /// What is false in the end, and is known to be.
            case shown
        }

        private var counts: [Kind: Int] = [:]

        subscript(_ kind: Kind) -> Int {
            get { counts[kind, default: 0] }
            set { counts[kind] = newValue }
        }

        var description: String { Kind.allCases.map { "\($0.rawValue) \(self[$0])" }.joined(separator: ", ") }

        static func + (a: Tally, b: Tally) -> Tally {
            var sum = a
            sum.counts.merge(b.counts) { $0 + $1 }
            return sum
        }
    }
}
