/// The fixed bounds of the format, each with its unit.
package enum RecordLogLimits {
    /// The largest uncompressed body of a block, in bytes.
    package static let maximumBodyByteCount = 16 << 20
    /// The smallest full size of a segment, in bytes.
    package static let minimumSegmentByteCount = 4 << 10
    /// The largest full size of a segment, in bytes.
    package static let maximumSegmentByteCount = 1 << 30
    /// What a block takes beside its stored body, in bytes: header and trailer.
    package static let blockOverheadByteCount = BlockHeader.byteCount + BlockTrailer.byteCount
    /// The most bytes a block can take in a segment.
    static let maximumBlockByteCount = maximumBodyByteCount + blockOverheadByteCount
    /// The unit in which a device writes all or nothing, in bytes: the torn-tail rule counts in it.
    static let sectorByteCount = 512
}

/// How a log is written.
///
/// Readers need none: everything they must know is in the files.
package struct RecordLogConfiguration: Sendable {
    /// Full size of a new segment in bytes: `RecordLogLimits.minimumSegmentByteCount` to `maximumSegmentByteCount`.
    package var segmentByteCount: Int
    /// Room kept in each segment for the caller's sealed index, in bytes; a longer index is left out.
    package var sealedIndexByteCount: Int
    /// Prepares the next segment's file on another thread when the current one is half full.
    ///
    /// Off, it is prepared within the append that passes the middle: the same operations in the same order each run.
    package var preparesSpareInBackground: Bool
    /// A position known from elsewhere to have been acknowledged, such as a consumer's checkpoint; 0 = none.
    ///
    /// A log that ends before it is damaged, and opening it for writing throws.
    package var expectedHead: UInt64
    /// Written into the header of new segments: UTC milliseconds, 0 = not given.
    ///
    /// Called once a segment.
    package var createdAtMilliseconds: @Sendable () -> Int64

    /// A configuration with the defaults of the product.
    package init(
        segmentByteCount: Int = 32 << 20,
        sealedIndexByteCount: Int = 1 << 20,
        preparesSpareInBackground: Bool = true,
        expectedHead: UInt64 = 0,
        createdAtMilliseconds: @escaping @Sendable () -> Int64 = { 0 }
    ) {
        self.segmentByteCount = segmentByteCount
        self.sealedIndexByteCount = sealedIndexByteCount
        self.preparesSpareInBackground = preparesSpareInBackground
        self.expectedHead = expectedHead
        self.createdAtMilliseconds = createdAtMilliseconds
    }

    /// Throws `invalidConfiguration` where a value is outside its range.
    func validate() throws(RecordLogError) {
        let range = RecordLogLimits.minimumSegmentByteCount...RecordLogLimits.maximumSegmentByteCount
        guard range.contains(segmentByteCount) else {
            throw RecordLogError(
                .invalidConfiguration,
                "a segment of \(segmentByteCount) bytes is outside \(range.lowerBound) to \(range.upperBound)"
            )
        }
        guard sealedIndexByteCount >= 0, sealedIndexByteCount <= segmentByteCount / 2 else {
            throw RecordLogError(
                .invalidConfiguration,
                "an index reserve of \(sealedIndexByteCount) bytes does not fit half a segment of \(segmentByteCount)"
            )
        }
    }

    /// The largest body, in bytes, that a fresh segment takes whatever its content.
    package var maximumBodyByteCount: Int {
        let room =
            segmentByteCount - SegmentHeader.byteCount - RecordLogLimits.blockOverheadByteCount
            - SealedTail.byteCount(blockCount: 1, callerByteCount: sealedIndexByteCount)
        return min(RecordLogLimits.maximumBodyByteCount, max(0, room))
    }
}

/// The paths of a log within its data directory.
struct LogPaths: Sendable {
    let directory: String
    let log: String
    let spare: String
    let lock: String

    init(directory: String) {
        self.directory = directory
        log = directory + "/log"
        spare = directory + "/spare"
        lock = directory + "/lock"
    }

    var fillingSpare: String { spare + "/filling" }
    var readySpare: String { spare + "/ready" }
    var parity: String { directory + "/parity" }
    var parityLock: String { parity + "/lock" }
    var parityInMaking: String { parity + "/making" }
    var segmentInMending: String { parity + "/mending" }
    var damaged: String { directory + "/damaged" }
}
