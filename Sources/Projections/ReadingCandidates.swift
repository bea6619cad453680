import MeterModel

/// The different values received for one instant (or one interval), and which of them stands (semantics, section 2).
///
/// Invariants: `values` are distinct and in order of first position, at most `maximumValueCount`.
struct ReadingCandidates {
    struct Candidate {
        var value: Int64
        var quality: Quality
        /// Of duplicates the first.
        var position: UInt64
    }

    /// Of further different values for one instant is kept no more than that they came.
    static let maximumValueCount = 16

    private(set) var values: [Candidate] = []

    /// Takes a received value in.
    ///
    /// - Returns: false for a duplicate.
    mutating func receive(value: Int64, quality: Quality, position: UInt64) -> Bool {
        if let i = values.firstIndex(where: { $0.value == value }) {
            values[i].quality = max(values[i].quality, quality)
            return false
        }
        guard values.count < ReadingCandidates.maximumValueCount else { return false }
        values.append(Candidate(value: value, quality: quality, position: position))
        return true
    }

    /// The highest quality, at equal quality the lowest value.
    var standing: Candidate? {
        values.min { a, b in a.quality != b.quality ? a.quality > b.quality : a.value < b.value }
    }
}

extension ReadingCandidates {
    func write(to out: SnapshotWriter) {
        out.count(values.count)
        for candidate in values {
            out.zigzag(candidate.value)
            out.byte(candidate.quality.rawValue)
            out.varint(candidate.position)
        }
    }

    init(from reader: SnapshotReader) throws(SnapshotFault) {
        for _ in 0..<(try reader.index(below: ReadingCandidates.maximumValueCount + 1)) {
            let value = try reader.zigzag()
            guard let quality = Quality(rawValue: try reader.byte()) else { throw reader.malformed("a quality") }
            _ = receive(value: value, quality: quality, position: try reader.varint())
        }
    }
}
