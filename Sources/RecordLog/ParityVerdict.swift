/// What is to be said of a sealed segment and its parity.
package struct ParityVerdict: Sendable, Equatable {
    /// How it stands.
    package enum State: String, Sendable {
        /// Segment and parity agree, to the byte.
        case sound
        /// There is no parity; the segment was not judged.
        case parityMissing = "parity-missing"
        /// The parity file is damaged; the segment was not judged, or is sound.
        case parityDamaged = "parity-damaged"
        /// The segment is sound, and not what the parity was made of.
        case parityStale = "parity-stale"
        /// A later version of the program made the parity.
        case parityNewer = "parity-newer"
        /// The segment is damaged; it was rebuilt in memory, and proved.
        case repairable
        /// The segment is damaged, and parity does not reach that far.
        case beyondRepair = "beyond-repair"
        /// The segment is sound, and parity was made.
        case parityMade = "parity-made"
        /// The segment was damaged, and is what it was again.
        case repaired
    }

    /// The segment's name.
    package var segment: String
    /// How it stands.
    package var state: State
    /// What is wrong or was done, where the state does not say it all.
    package var text = ""
    /// The number of damaged chunks.
    package var chunkCount = 0
    /// The byte ranges of the segment that are damaged, or were.
    package var ranges: [Range<Int>] = []
    /// The positions of the blocks in these ranges, where they are known; none where index, footer or header are hit.
    package var positions: [ClosedRange<UInt64>] = []
    /// Where the damaged file is kept.
    package var keptAs: String?

    /// Whether the segment is damaged now.
    package var isDamaged: Bool { state == .repairable || state == .beyondRepair }

    package init(segment: String, state: State, text: String = "") {
        self.segment = segment
        self.state = state
        self.text = text
    }

    /// Byte ranges and positions in words; empty where none are known.
    package var placeWords: String {
        guard chunkCount > 0 else { return "" }
        var words = "\(chunkCount) chunks of \(ParityLayout.chunkByteCount) bytes, bytes "
        words += ranges.prefix(Self.shownCount).map { "\($0.lowerBound) to \($0.upperBound - 1)" }
            .joined(separator: ", ")
        if ranges.count > Self.shownCount { words += " and \(ranges.count - Self.shownCount) more ranges" }
        if !positions.isEmpty {
            words += ", positions "
            words += positions.prefix(Self.shownCount).map { "\($0.lowerBound) to \($0.upperBound)" }
                .joined(separator: ", ")
            if positions.count > Self.shownCount { words += " and \(positions.count - Self.shownCount) more ranges" }
        }
        return words
    }

    /// How many ranges are told one by one.
    private static let shownCount = 8
}
